//===- Applier.cpp - what a plan asks for, checked and laid out -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Applier.h"
#include "allot/Dialect/Plan/Transforms/Convert.h"

using namespace mlir;
using namespace allot;
using namespace allot::plan;

std::string plan::positionsName(StringRef site) {
  return (site + ".positions").str();
}

std::string plan::factorName(StringRef site, StringRef kind, StringRef which) {
  return (site + "." + kind + "_" + which).str();
}

LogicalResult Applier::prepare() {
  auto found = analysis::collectSites(module);
  if (failed(found))
    return failure();
  sites = std::move(*found);
  bytesIndex = problem.findResource("bytes");
  auto data = plan::toAllocation(problem);
  if (failed(data))
    return failure();
  auto choice = plan::toAllocation(solution, problem, *data);
  if (failed(choice))
    return failure();
  struct Chosen {
    SmallVector<plan::ItemOp, 1> items;
    SmallVector<plan::OptionOp, 1> options;
  };
  llvm::StringMap<Chosen> chosen;
  for (auto [i, item] :
       llvm::enumerate(problem.getBody().getOps<plan::ItemOp>())) {
    Chosen &of = chosen[item.getSite()];
    of.items.push_back(item);
    of.options.push_back(*std::next(
        item.getBody().getOps<plan::OptionOp>().begin(), choice->choice[i]));
  }
  for (const analysis::Site &site : sites) {
    Chosen of = chosen.lookup(site.name);
    if (of.items.empty())
      return emitError(solution.getLoc())
             << "the plan chooses nothing for '" << site.name
             << "', a matrix of the model";
    chosen.erase(site.name);
    if (failed(addPieces(site, of.items, of.options)))
      return failure();
  }
  for (auto item : problem.getBody().getOps<plan::ItemOp>())
    if (chosen.contains(item.getSite()))
      return emitError(item.getLoc()) << "the plan is about '" << item.getSite()
                                      << "', which the model has not";
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (auto type = dyn_cast<RankedTensorType>(global.getType());
        !type || !format::getFormat(type))
      return emitError(global.getLoc())
             << "weight @" << global.getSymName() << " has no storage format";
  plan();
  return success();
}

/// Some formats want whole blocks: a plan that was edited may ask for what a
/// matrix or a factor cannot have.
static LogicalResult checkFormats(const analysis::Site &site,
                                  analysis::RowPart rows,
                                  plan::OptionOp option) {
  auto check = [&](Attribute format, ArrayRef<int64_t> shape) {
    return format ? cast<FormatAttrInterface>(format).verifyShape(
                        shape,
                        [&] {
                          InFlightDiagnostic diagnostic = option.emitError();
                          diagnostic << "'" << site.name
                                     << "' cannot be stored so: ";
                          return diagnostic;
                        })
                  : success();
  };
  if (failed(check(option.getFormatAttr(), {rows.count(), site.columns})))
    return failure();
  if (int64_t rank = option.getRank().value_or(0))
    if (failed(check(option.getFactorFormatAttr(), {site.rows, rank})) ||
        failed(check(option.getFactorFormatAttr(), {rank, site.columns})))
      return failure();
  if (int64_t rank = option.getAdapterRank().value_or(0))
    return success(
        succeeded(check(option.getAdapterFormatAttr(), {site.rows, rank})) &&
        succeeded(check(option.getAdapterFormatAttr(), {rank, site.columns})));
  for (ml_program::GlobalOp global : site.adapterWeights)
    if (failed(check(option.getAdapterFormatAttr(),
                     cast<RankedTensorType>(global.getType()).getShape())))
      return failure();
  return success();
}

/// Checks what the plan says about a matrix, and joins neighbouring ranges that
/// are stored in the same way.
LogicalResult Applier::addPieces(const analysis::Site &site,
                                 ArrayRef<plan::ItemOp> items,
                                 ArrayRef<plan::OptionOp> chosen) {
  SmallVector<Piece, 1> found;
  costs.push_back(0);
  for (size_t i = 0; i < items.size(); ++i) {
    plan::ItemOp item = items[i];
    plan::OptionOp option = chosen[i];
    analysis::RowPart rows{0, site.rows};
    if (std::optional<ArrayRef<int64_t>> range = item.getRows())
      rows = {(*range)[0], (*range)[1]};
    found.push_back({&site, rows, option});
    int64_t rank = option.getRank().value_or(0);
    int64_t adapterRank = option.getAdapterRank().value_or(0);
    if (std::max(rank, adapterRank) > std::min(site.rows, site.columns))
      return option.emitError("has a rank above the size of the matrix ")
             << site.rows << "x" << site.columns;
    if (option.getAdapterRank() && site.adapters.empty())
      return option.emitError("has an adapter_rank, but '")
             << site.name << "' has no adapters";
    if (item.getRows() && (rank > 0 || !site.adapters.empty()))
      return option.emitError("is for a range of rows of '")
             << site.name
             << "', which can have neither compensation nor adapters";
    if (failed(checkFormats(site, rows, option)))
      return failure();
    if (bytesIndex)
      costs.back() += static_cast<uint64_t>(option.getCosts()[*bytesIndex]);
  }
  llvm::sort(found, [](const Piece &a, const Piece &b) {
    return a.rows.first < b.rows.first;
  });
  SmallVector<Piece, 1> joined;
  int64_t covered = 0;
  for (const Piece &piece : found) {
    if (piece.rows.first != covered || piece.rows.end > site.rows)
      return piece.option->getParentOp()->emitError("is about rows ")
             << piece.rows.first << " to " << piece.rows.end
             << ": items about '" << site.name << "' cover each of its "
             << site.rows << " rows once";
    covered = piece.rows.end;
    if (!joined.empty() &&
        joined.back().option.getName() == piece.option.getName() &&
        joined.back().option.getFormatAttr() == piece.option.getFormatAttr())
      joined.back().rows.end = piece.rows.end;
    else
      joined.push_back(piece);
  }
  if (covered != site.rows)
    return found.back().option->getParentOp()->emitError("is the last about '")
           << site.name << "', but the plan chooses nothing for rows "
           << covered << " to " << site.rows;
  if (found.size() > 1) {
    auto order = plan::rowOrder(statistics, site);
    if (!order)
      return emitError(site.weight.getLoc())
             << llvm::toString(order.takeError());
    orders[site.name] = std::move(*order);
  }
  pieces.push_back(std::move(joined));
  return success();
}

LogicalResult Applier::checkCosts() {
  if (!bytesIndex)
    return emitError(problem.getLoc(),
                     "the plan has no resource 'bytes': whether the archive "
                     "takes what the plan says cannot be checked; "
                     "--force applies it all the same");
  llvm::StringMap<uint64_t> bytes;
  for (const Output &output : outputs)
    bytes[output.name] = format::getStoredBytes(output.type);
  for (auto [site, of, cost] : llvm::zip(sites, pieces, costs)) {
    uint64_t total = 0;
    for (const Piece &piece : of) {
      total += bytes.lookup(piece.name());
    }
    for (StringRef kind : {kCompensation, kAdapter})
      for (StringRef which : {"B", "A"})
        total += bytes.lookup(factorName(site.name, kind, which));
    for (ml_program::GlobalOp global : site.adapterWeights)
      total += bytes.lookup(global.getSymName());
    if (total != cost)
      return of.front().option.emitError("costs ")
             << cost << " bytes in the plan, but '" << site.name << "' takes "
             << total << " so; --force applies it all the same";
  }
  // What no choice changes may have been counted otherwise too.
  uint64_t all = 0;
  for (const Output &output : outputs)
    all += format::getStoredBytes(output.type);
  if (auto stated = static_cast<uint64_t>(solution.getCosts()[*bytesIndex]);
      all != stated)
    return solution.emitError("costs ")
           << stated << " bytes in the plan, but all weights take " << all
           << " so; --force applies it all the same";
  return success();
}

RankedTensorType Applier::packed(RankedTensorType type, Attribute format) {
  return format::withFormat(
      type, cast<FormatAttrInterface>(format).getPackedFormat(tileRows));
}

/// Decides the tensors of the archive, in the order of the module's globals.
void Applier::plan() {
  llvm::DenseMap<Operation *, RankedTensorType> types;
  llvm::DenseMap<Operation *, unsigned> siteOf;
  llvm::SmallPtrSet<Operation *, 16> dropped;
  for (auto [i, site] : llvm::enumerate(sites)) {
    plan::OptionOp option = pieces[i].front().option;
    siteOf[site.weight] = i;
    for (ml_program::GlobalOp global : site.adapterWeights) {
      auto factor = cast<RankedTensorType>(global.getType());
      if (option.getMerged() || option.getAdapterRank())
        dropped.insert(global);
      else
        types[global] = packed(factor, option.getAdapterFormatAttr()
                                           ? option.getAdapterFormatAttr()
                                           : factor.getEncoding());
    }
  }
  llvm::SmallPtrSet<Operation *, 32> decoded = plan::decodedWhole(module);
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    auto type = dyn_cast<RankedTensorType>(global.getType());
    if (!type || dropped.contains(global))
      continue;
    if (auto site = siteOf.find(global); site != siteOf.end()) {
      for (const Piece &piece : pieces[site->second])
        addOutputs(piece, isPlain(pieces[site->second]), type);
      const analysis::Site &whole = sites[site->second];
      if (isOrdered(whole))
        outputs.push_back({positionsName(whole.name),
                           plan::positionsType(module.getContext(), whole.rows),
                           [this, &whole](archive::SafetensorsWriter &writer) {
                             return writePositions(whole, writer);
                           }});
      continue;
    }
    if (auto it = types.find(global); it != types.end())
      type = it->second;
    else if (decoded.contains(global))
      type = plan::wideType(type);
    outputs.push_back(
        {global.getSymName().str(), type,
         [this, global, type](archive::SafetensorsWriter &writer) {
           return copy(global, type, writer);
         }});
  }
}

/// The tensors of a piece of a matrix whose type is `whole` now.
void Applier::addOutputs(const Piece &piece, bool plain,
                         RankedTensorType whole) {
  plan::OptionOp option = piece.option;
  Attribute format =
      option.getFormatAttr() ? option.getFormatAttr() : whole.getEncoding();
  RankedTensorType type = whole;
  if (!plain)
    type = RankedTensorType::get({piece.rows.count(), piece.site->columns},
                                 whole.getElementType(), whole.getEncoding());
  type = packed(type, format);
  Output output{piece.name(), type, {}};
  if (option.getFormatAttr())
    output.write = [this, &piece, type](archive::SafetensorsWriter &writer) {
      return encode(piece, type, writer);
    };
  else if (plain)
    output.write = [this, &piece, type](archive::SafetensorsWriter &writer) {
      return copy(piece.site->weight, type, writer);
    };
  else
    output.write = [this, &piece, type](archive::SafetensorsWriter &writer) {
      return copyRows(piece, type, writer);
    };
  outputs.push_back(std::move(output));
  if (int64_t rank = option.getRank().value_or(0))
    addFactorOutputs(*piece.site, kCompensation, rank,
                     option.getFactorFormatAttr(), type.getElementType());
  if (int64_t rank = option.getAdapterRank().value_or(0)) {
    size_t first = outputs.size();
    addFactorOutputs(*piece.site, kAdapter, rank, option.getAdapterFormatAttr(),
                     type.getElementType());
    outputs[first].write = [this, &piece](archive::SafetensorsWriter &writer) {
      return writeAdapter(piece, writer);
    };
  }
}

/// The factors of a low-rank term; who computes them writes both.
void Applier::addFactorOutputs(const analysis::Site &site, StringRef kind,
                               int64_t rank, Attribute format, Type element) {
  auto add = [&](StringRef which, ArrayRef<int64_t> shape) {
    outputs.push_back({factorName(site.name, kind, which),
                       packed(RankedTensorType::get(shape, element), format),
                       {}});
  };
  add("B", {site.rows, rank});
  add("A", {rank, site.columns});
}
