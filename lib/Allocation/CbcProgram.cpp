//===- CbcProgram.cpp - integer programs of choices, through CBC -*- C++ -*-==//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "CbcProgram.h"
#include "Classes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include <CbcHeuristic.hpp>
#include <CbcModel.hpp>
#include <CglKnapsackCover.hpp>
#include <CglMixedIntegerRounding2.hpp>
#include <CoinError.hpp>
#include <OsiClpSolverInterface.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace allot::allocation;
using namespace allot::allocation::detail;

/// Losses are scaled so that they range over about this much: CBC's tolerances
/// are absolute, and this keeps a dozen digits above them.
static constexpr int kLossBits = 20;
/// Reduced costs are right to this (the dual tolerance of the simplex method),
/// and smaller improvements are not looked for.
static constexpr double kTolerance = 1e-7;
/// Costs of a row are scaled to this size where they are larger.
static constexpr int kCostBits = 20;

/// The largest double that is not above `value`.
static double floorToDouble(int64_t value) {
  double rounded = static_cast<double>(value);
  // 2^63 does not convert back; sums stay below 2^62.
  if (static_cast<int64_t>(rounded) > value)
    rounded = std::nextafter(rounded, -std::numeric_limits<double>::infinity());
  return rounded;
}

static double ceilToDouble(int64_t value) { return -floorToDouble(-value); }

namespace {

/// A set of choices of different classes of which not all can be taken: the
/// choices that a class lists, one class after the other.
using Cover = std::vector<std::vector<unsigned>>;

/// The program as CBC sees it: shifted, scaled, and without what cannot be part
/// of a solution that is better than a known one.
class Relaxation {
public:
  /// `most` bounds the loss of what is looked for.
  Relaxation(const Program &program, double most);

  /// Some class has nothing left that could be taken.
  bool isEmpty() const { return empty; }
  void load(OsiClpSolverInterface &solver, llvm::ArrayRef<Cover> covers) const;
  /// The choices of a solution that is whole, or nearly.
  std::vector<unsigned> picksOf(const double *values) const;
  /// The solution of choices; `values` has numColumns() numbers.
  void write(llvm::ArrayRef<unsigned> picks, double *values) const;
  unsigned numColumns() const { return columns.size() + bonuses.size(); }
  double scaled(double loss) const { return std::ldexp(loss - base, exponent); }
  double unscaled(double loss) const {
    return base + std::ldexp(loss, -exponent);
  }
  /// What the losses of CBC may be off in all.
  double tolerance() const {
    return kTolerance * double(program.classes.size() + bonuses.size() + 1);
  }

private:
  struct Column {
    unsigned ofClass, choice;
    double loss;
    Costs costs; ///< less the least of its class
  };
  void addRow(OsiClpSolverInterface &solver, unsigned r) const;

  const Program &program;
  std::vector<Column> columns;
  /// Where the columns of a class begin, and their end.
  std::vector<unsigned> first;
  /// By class and choice; -1 where that is no column.
  std::vector<std::vector<int>> columnOf;
  std::vector<unsigned> bonuses;
  Costs left; ///< limits less the least of all classes
  double base = 0;
  int exponent = 0;
  bool empty = false;
};

Relaxation::Relaxation(const Program &program, double most)
    : program(program), left(program.limits) {
  Costs room(program.limits.size());
  double savedLoss = 0;
  for (const Program::Bonus &bonus : program.bonuses)
    savedLoss -= std::min(bonus.loss, 0.0);
  std::vector<Costs> least;
  for (const auto &choices : program.classes) {
    Costs cheapest = choices.front().costs;
    double loss = choices.front().loss;
    for (const Program::Choice &choice : choices) {
      loss = std::min(loss, choice.loss);
      for (auto [cost, other] : llvm::zip_equal(cheapest, choice.costs))
        cost = std::min(cost, other);
    }
    base += loss;
    for (auto [total, cost] : llvm::zip_equal(left, cheapest))
      total -= cost;
    least.push_back(std::move(cheapest));
  }
  room = left;
  for (const Program::Bonus &bonus : program.bonuses)
    for (auto [total, cost] : llvm::zip_equal(room, bonus.costs))
      total -= std::min<int64_t>(cost, 0);
  // The sums above are rounded.
  double range = std::max(0.0, most - base + savedLoss);
  range += 1e-12 * (std::fabs(most) + std::fabs(base) + savedLoss);
  if (range > 0) {
    int bits = 0;
    std::frexp(range, &bits);
    exponent = kLossBits - bits;
  }
  for (auto [c, choices] : llvm::enumerate(program.classes)) {
    first.push_back(columns.size());
    columnOf.emplace_back(choices.size(), -1);
    double lowest =
        llvm::min_element(choices, [](const auto &a, const auto &b) {
          return a.loss < b.loss;
        })->loss;
    for (auto [o, choice] : llvm::enumerate(choices)) {
      Column column{unsigned(c), unsigned(o), choice.loss - lowest,
                    choice.costs};
      bool possible = column.loss <= range;
      for (auto [cost, cheapest, most] :
           llvm::zip_equal(column.costs, least[c], room)) {
        cost -= cheapest;
        possible &= cost <= most;
      }
      if (!possible)
        continue;
      columnOf[c][o] = columns.size();
      columns.push_back(std::move(column));
    }
    empty |= first.back() == columns.size();
  }
  first.push_back(columns.size());
  for (auto [b, bonus] : llvm::enumerate(program.bonuses))
    if (llvm::all_of(bonus.when, [&](auto when) {
          return columnOf[when.first][when.second] >= 0;
        }))
      bonuses.push_back(b);
}

/// The limit of resource `r`: whole multiples of what all costs share, rounded
/// down on the left and up on the right where they are too long for a double.
void Relaxation::addRow(OsiClpSolverInterface &solver, unsigned r) const {
  int64_t divisor = 0, largest = 0;
  auto look = [&](int64_t cost) {
    divisor = std::gcd(divisor, cost);
    largest = std::max(largest, std::abs(cost));
  };
  for (const Column &column : columns)
    look(column.costs[r]);
  for (unsigned b : bonuses)
    look(program.bonuses[b].costs[r]);
  if (divisor == 0)
    divisor = 1;
  int64_t limit = left[r] / divisor;
  if (left[r] % divisor < 0)
    --limit;
  int shift = 0;
  while ((largest / divisor) >> shift > (int64_t(1) << kCostBits))
    ++shift;
  std::vector<int> indices;
  std::vector<double> values;
  auto add = [&](int index, int64_t cost) {
    if (cost == 0)
      return;
    indices.push_back(index);
    values.push_back(std::ldexp(floorToDouble(cost / divisor), -shift));
  };
  for (auto [i, column] : llvm::enumerate(columns))
    add(i, column.costs[r]);
  for (auto [i, b] : llvm::enumerate(bonuses))
    add(columns.size() + i, program.bonuses[b].costs[r]);
  solver.addRow(int(indices.size()), indices.data(), values.data(),
                -solver.getInfinity(), std::ldexp(ceilToDouble(limit), -shift));
}

void Relaxation::load(OsiClpSolverInterface &solver,
                      llvm::ArrayRef<Cover> covers) const {
  unsigned n = numColumns();
  for (const Column &column : columns)
    solver.addCol(0, nullptr, nullptr, 0, 1, std::ldexp(column.loss, exponent));
  for (unsigned b : bonuses)
    solver.addCol(0, nullptr, nullptr, 0, 1,
                  std::ldexp(program.bonuses[b].loss, exponent));
  std::vector<int> indices;
  std::vector<double> values;
  auto addRow = [&](double low, double high) {
    solver.addRow(int(indices.size()), indices.data(), values.data(), low,
                  high);
    indices.clear();
    values.clear();
  };
  auto add = [&](int index, double value) {
    indices.push_back(index);
    values.push_back(value);
  };
  for (unsigned c = 0, e = program.classes.size(); c != e; ++c) {
    for (unsigned i = first[c]; i != first[c + 1]; ++i)
      add(int(i), 1);
    addRow(1, 1);
  }
  // A bonus is there where all of its choices are, and nowhere else.
  for (auto [i, b] : llvm::enumerate(bonuses)) {
    const auto &when = program.bonuses[b].when;
    int index = int(columns.size() + i);
    for (auto [c, o] : when) {
      add(index, 1);
      add(columnOf[c][o], -1);
      addRow(-solver.getInfinity(), 0);
    }
    add(index, 1);
    for (auto [c, o] : when)
      add(columnOf[c][o], -1);
    addRow(1 - double(when.size()), solver.getInfinity());
  }
  for (unsigned r = 0, e = program.limits.size(); r != e; ++r)
    this->addRow(solver, r);
  for (const Cover &cover : covers) {
    unsigned parts = 0;
    bool possible = true;
    for (auto [c, choices] : llvm::enumerate(cover)) {
      if (choices.empty())
        continue;
      ++parts;
      size_t before = indices.size();
      for (unsigned o : choices)
        if (columnOf[c][o] >= 0)
          add(columnOf[c][o], 1);
      possible &= indices.size() != before;
    }
    if (possible)
      addRow(-solver.getInfinity(), double(parts) - 1);
    indices.clear();
    values.clear();
  }
  for (unsigned i = 0; i != columns.size(); ++i)
    solver.setInteger(int(i));
  assert(solver.getNumCols() == int(n));
  (void)n;
}

std::vector<unsigned> Relaxation::picksOf(const double *values) const {
  std::vector<unsigned> picks;
  for (unsigned c = 0, e = program.classes.size(); c != e; ++c) {
    const double *most =
        std::max_element(values + first[c], values + first[c + 1]);
    picks.push_back(columns[size_t(most - values)].choice);
  }
  return picks;
}

void Relaxation::write(llvm::ArrayRef<unsigned> picks, double *values) const {
  std::fill(values, values + numColumns(), 0.0);
  for (auto [c, pick] : llvm::enumerate(picks))
    if (columnOf[c][pick] >= 0)
      values[columnOf[c][pick]] = 1;
  for (auto [i, b] : llvm::enumerate(bonuses))
    values[columns.size() + i] =
        llvm::all_of(program.bonuses[b].when, [&](auto when) {
          return picks[when.first] == when.second;
        });
}

/// Rounds the solution of a node's relaxation and repairs it in integers.
class Rounding : public CbcHeuristic {
public:
  Rounding(CbcModel &model, const Program &program,
           const Relaxation &relaxation)
      : CbcHeuristic(model), program(program), relaxation(relaxation) {
    setHeuristicName("rounding in integers");
  }
  CbcHeuristic *clone() const override { return new Rounding(*this); }
  void resetModel(CbcModel *model) override { setModel(model); }
  bool shouldHeurRun(int) override { return true; }
  int solution(double &objective, double *values) override {
    Taken taken(program,
                relaxation.picksOf(model_->solver()->getColSolution()));
    if (!taken.repair())
      return 0;
    double found = relaxation.scaled(taken.getLoss());
    if (found >= objective - kTolerance)
      return 0;
    // What is no column cannot be better than what is known.
    relaxation.write(taken.getPicks(), values);
    if (relaxation.picksOf(values) != taken.getPicks().vec())
      return 0;
    objective = found;
    return 1;
  }

private:
  const Program &program;
  const Relaxation &relaxation;
};

/// One program through as many runs of CBC as it takes.
class Search {
public:
  Search(const Program &program, uint64_t maxNodes, double relativeGap)
      : program(program), maxNodes(maxNodes), relativeGap(relativeGap) {}

  llvm::Expected<ProgramAnswer> run();

private:
  /// What came of a run.
  enum class End { Finished, Stopped, Exceeded, Failed };
  End runOnce(const Relaxation &relaxation, double gap);
  void offer(const Taken &taken);
  void exclude(const Taken &taken);

  const Program &program;
  uint64_t maxNodes;
  double relativeGap;
  std::vector<Cover> covers;
  ProgramAnswer answer;
};

void Search::offer(const Taken &taken) {
  if (!taken.fits() || (answer.picks && taken.getLoss() >= answer.loss))
    return;
  answer.picks = taken.getPicks().vec();
  answer.loss = taken.getLoss();
}

/// Cuts off a choice that exceeds a limit by less than CBC can see, and with it
/// whatever costs no less of that resource in every class.
void Search::exclude(const Taken &taken) {
  size_t r = 0;
  while (taken.getCosts()[r] <= program.limits[r])
    ++r;
  Cover cover(program.classes.size());
  for (auto [c, choices] : llvm::enumerate(program.classes)) {
    unsigned pick = taken.getPicks()[c];
    cover[c].push_back(pick);
    // Where something is shared, other choices may cost less together.
    if (!program.bonuses.empty())
      continue;
    for (unsigned o = 0; o != choices.size(); ++o)
      if (o != pick && choices[o].costs[r] >= choices[pick].costs[r])
        cover[c].push_back(o);
  }
  covers.push_back(std::move(cover));
}

Search::End Search::runOnce(const Relaxation &relaxation, double gap) {
  OsiClpSolverInterface solver;
  solver.messageHandler()->setLogLevel(0);
  solver.setHintParam(OsiDoReducePrint, true, OsiHintTry);
  relaxation.load(solver, covers);
  solver.setDblParam(OsiDualTolerance, kTolerance);
  solver.getModelPtr()->setRandomSeed(1);
  solver.initialSolve();
  if (solver.isProvenPrimalInfeasible()) {
    if (answer.picks)
      answer.bound = answer.loss;
    else
      answer.infeasible = true;
    return End::Finished;
  }
  if (!solver.isProvenOptimal())
    return End::Failed;

  CbcModel model(solver);
  model.setLogLevel(0);
  model.solver()->messageHandler()->setLogLevel(0);
  // Nothing that depends on the time or on chance.
  model.setRandomSeed(1);
  model.setMaximumSeconds(COIN_DBL_MAX);
  model.setMaximumNodes(
      int(std::min<uint64_t>(maxNodes - answer.nodes, INT32_MAX / 2)));
  model.setAllowableGap(kTolerance);
  model.setAllowableFractionGap(gap);
  model.setCutoffIncrement(kTolerance);
  model.setIntegerTolerance(1e-7);
  CglKnapsackCover cover;
  model.addCutGenerator(&cover, -1, "covers");
  CglMixedIntegerRounding2 rounding;
  model.addCutGenerator(&rounding, -1, "mixed integer rounding");
  Rounding heuristic(model, program, relaxation);
  model.addHeuristic(&heuristic);
  if (answer.picks) {
    std::vector<double> values(relaxation.numColumns());
    relaxation.write(*answer.picks, values.data());
    model.setBestSolution(values.data(), int(values.size()),
                          relaxation.scaled(answer.loss));
  }
  model.branchAndBound();
  answer.nodes += std::max(model.getNodeCount(), 1);
  if (model.status() != 0 && model.status() != 1)
    return End::Failed;
  bool finished = model.status() == 0 && model.secondaryStatus() < 2;
  if (const double *best = model.bestSolution()) {
    Taken taken(program, relaxation.picksOf(best));
    if (!taken.fits()) {
      exclude(taken);
      taken.repair();
      offer(taken);
      return answer.nodes < maxNodes ? End::Exceeded : End::Stopped;
    }
    offer(taken);
  }
  if (finished && !answer.picks) {
    answer.infeasible = true;
    return End::Finished;
  }
  double proven = model.getBestPossibleObjValue();
  if (answer.picks) {
    double found = relaxation.scaled(answer.loss);
    proven = finished ? found : std::min(proven, found);
  }
  answer.bound = std::max(answer.bound,
                          relaxation.unscaled(proven - relaxation.tolerance()));
  if (answer.picks)
    answer.bound = std::min(answer.bound, answer.loss);
  return finished ? End::Finished : End::Stopped;
}

llvm::Expected<ProgramAnswer> Search::run() {
  // The best of every class: if that fits, there is nothing to search. What is
  // repaired from it bounds the losses.
  std::vector<unsigned> picks;
  double most = 0;
  answer.bound = 0;
  for (const auto &choices : program.classes) {
    auto less = [](const Program::Choice &a, const Program::Choice &b) {
      return a.loss < b.loss;
    };
    auto best = llvm::min_element(choices, less);
    picks.push_back(unsigned(best - choices.begin()));
    answer.bound += best->loss;
    most += llvm::max_element(choices, less)->loss;
  }
  for (const Program::Bonus &bonus : program.bonuses) {
    answer.bound += std::min(bonus.loss, 0.0);
    most += std::max(bonus.loss, 0.0);
  }
  Taken taken(program, std::move(picks));
  if (taken.repair())
    offer(taken);
  if (answer.picks && answer.loss <= answer.bound) {
    answer.bound = answer.loss;
    return answer;
  }
  double limit = answer.picks ? answer.loss : most;
  while (true) {
    Relaxation relaxation(program, limit);
    if (relaxation.isEmpty()) {
      answer.infeasible = !answer.picks;
      return answer;
    }
    // Far from the optimum the scale is too coarse: what is found first bounds
    // the losses anew.
    bool coarse = !answer.picks;
    End end = runOnce(relaxation, coarse ? 0.25 : relativeGap);
    if (end == End::Failed)
      return makeError("CBC gave up on the problem: numerical difficulties");
    if (end == End::Exceeded)
      continue;
    if (answer.infeasible || answer.nodes >= maxNodes)
      return answer;
    bool fine = relaxation.scaled(answer.picks ? answer.loss : limit) >=
                double(1 << (kLossBits - 3));
    if (!coarse && (fine || answer.loss >= limit))
      return answer;
    if (coarse && !answer.picks)
      return answer;
    limit = answer.loss;
  }
}

} // namespace

llvm::Expected<ProgramAnswer> detail::solveProgram(const Program &program,
                                                   uint64_t maxNodes,
                                                   double relativeGap) {
  try {
    return Search(program, maxNodes, relativeGap).run();
  } catch (CoinError &error) {
    return makeError("CBC gave up on the problem: " + error.message() + " (" +
                     error.className() + "::" + error.methodName() + ")");
  }
}
