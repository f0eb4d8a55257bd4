//===- Applier.h - a plan becomes an archive --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_APPLIER_H
#define ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_APPLIER_H

#include "Encode.h"
#include "allot/Analysis/RowParts.h"
#include "allot/Archive/Safetensors.h"
#include "allot/Dialect/Plan/IR/Plan.h"
#include "allot/Support/AtomicFile.h"
#include "allot/Support/Progress.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

namespace allot::plan {

using namespace mlir;

/// Rows encoded at a time where nothing asks for the whole matrix.
inline constexpr int64_t kRowsAtOnce = 4096;

/// Rows of a matrix that are stored in one way: all, or ranges of rows for
/// which the plan chooses apart.
struct Piece {
  const analysis::Site *site;
  analysis::RowPart rows;
  /// A handle: mutable, since op accessors are not const.
  mutable plan::OptionOp option;
  /// The tensor in the archive, and the global.
  std::string name() const {
    bool all = rows.first == 0 && rows.end == site->rows;
    return all ? site->name : analysis::rowPartName(site->name, rows);
  }
};

/// A tensor of the archive.
struct Output {
  std::string name;
  RankedTensorType type;
  /// Writes it; empty for factors that come with their matrix.
  std::function<llvm::Error(archive::SafetensorsWriter &)> write;
};

class Applier {
public:
  Applier(ModuleOp module, plan::ProblemOp problem, plan::SolutionOp solution,
          const analysis::Statistics *statistics, StringRef folder,
          plan::Encoder encoder, int64_t tileRows)
      : module(module), problem(problem), solution(solution),
        statistics(statistics), weights(folder), symbols(module),
        encoder(encoder), tileRows(tileRows) {}

  /// Pairs sites with chosen options; checks that the plan is about this model.
  LogicalResult prepare();
  /// The costs in the plan are the bytes that will be written.
  LogicalResult checkCosts();
  /// Encodes and writes everything.
  llvm::Expected<std::unique_ptr<support::AtomicFile>>
  write(StringRef path, support::Progress *progress);
  /// Makes the module read the archive.
  void rewrite(StringRef archiveName, StringRef digest,
               ArrayRef<archive::TensorEntry> entries);

  /// The finished entries, in the order of the file.
  std::vector<archive::TensorEntry> entries;

private:
  LogicalResult addPieces(const analysis::Site &site,
                          ArrayRef<plan::ItemOp> items,
                          ArrayRef<plan::OptionOp> chosen);
  void plan();
  void addOutputs(const Piece &piece, bool plain, RankedTensorType type);
  void addFactorOutputs(const analysis::Site &site, StringRef kind,
                        int64_t rank, Attribute format, Type element);
  void addLowRank(StringRef site, StringRef kind, Operation *base);
  void concatenate(ArrayRef<Piece> pieces, Operation *base);
  RankedTensorType packed(RankedTensorType type, Attribute format);
  llvm::Error copy(ml_program::GlobalOp global, RankedTensorType type,
                   archive::SafetensorsWriter &writer);
  /// Whether the rows of a site are stored in an order of their own.
  bool isOrdered(const analysis::Site &site) const {
    auto order = orders.find(site.name);
    return order != orders.end() && !order->second.empty();
  }
  /// Whether a site is one tensor, its rows in their places.
  bool isPlain(ArrayRef<Piece> of) const {
    return of.size() == 1 && !isOrdered(*of.front().site);
  }
  /// The row of the matrix that is row `rank` in the order of its pieces.
  int64_t rowAt(const Piece &piece, int64_t rank) const {
    return isOrdered(*piece.site) ? orders.find(piece.site->name)->second[rank]
                                  : rank;
  }
  llvm::Error readRows(const Piece &piece, int64_t first, int64_t count,
                       MutableArrayRef<float> values);
  llvm::Error writePositions(const analysis::Site &site,
                             archive::SafetensorsWriter &writer);
  llvm::Error copyRows(const Piece &piece, RankedTensorType type,
                       archive::SafetensorsWriter &writer);
  llvm::Error encode(const Piece &piece, RankedTensorType type,
                     archive::SafetensorsWriter &writer);
  llvm::Error writeFactors(const analysis::Site &site, StringRef kind,
                           const plan::Factors &factors, int64_t rank,
                           Attribute format,
                           archive::SafetensorsWriter &writer);
  llvm::Error writeAdapter(const Piece &piece,
                           archive::SafetensorsWriter &writer);

  ModuleOp module;
  plan::ProblemOp problem;
  plan::SolutionOp solution;
  const analysis::Statistics *statistics;
  archive::StoredWeights weights;
  SymbolTable symbols;
  plan::Encoder encoder;
  int64_t tileRows;

  std::vector<analysis::Site> sites;
  /// One or more per site, in the order of rows.
  std::vector<SmallVector<Piece, 1>> pieces;
  /// Per site that is planned in ranges, the rows in the order in which they
  /// are stored; empty where that is their own.
  llvm::StringMap<std::vector<int64_t>> orders;
  /// The resource that is checked: `bytes`.
  std::optional<unsigned> bytesIndex;
  /// What the plan says a site costs of it.
  std::vector<uint64_t> costs;
  std::vector<Output> outputs;
};

std::string positionsName(StringRef site);
/// Low-rank terms that a plan adds to a site.
inline constexpr StringLiteral kCompensation = "compensation",
                               kAdapter = "adapter";
/// Factor B or A of such a term.
std::string factorName(StringRef site, StringRef kind, StringRef which);

} // namespace allot::plan

#endif // ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_APPLIER_H
