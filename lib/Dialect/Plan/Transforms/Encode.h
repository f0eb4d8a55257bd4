//===- Encode.h - encoding one matrix as an option says ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What plan-extract tries and plan-apply does, so that a prediction is about
// the very encoder that is used.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_ENCODE_H
#define ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_ENCODE_H

#include "allot/Analysis/ErrorFeedback.h"
#include "allot/Analysis/Sites.h"
#include "allot/Analysis/Statistics.h"
#include "mlir/IR/BuiltinOps.h"

namespace allot::plan {

enum class Encoder { Feedback, Nearest };

/// `feedback` or `nearest`; nothing for another name.
std::optional<Encoder> parseEncoder(llvm::StringRef name);
llvm::StringRef stringifyEncoder(Encoder encoder);

/// Numbers as `format` would store them, each rounded to the nearest.
llvm::Expected<std::vector<float>> roundedTo(FormatAttrInterface format,
                                             llvm::ArrayRef<float> values,
                                             llvm::ArrayRef<int64_t> shape);

/// A matrix in a new format.
struct EncodedMatrix {
  /// Integer formats.
  CodeBlocks blocks;
  /// What is stored stands for (rows x columns).
  std::vector<float> decoded;
  /// d H d^T of each row d of the difference to what was asked for.
  std::vector<double> errors;
};

/// Encodes `values` (rows x columns) in `format` (not packed).
llvm::Expected<EncodedMatrix> encodeMatrix(FormatAttrInterface format,
                                           llvm::ArrayRef<float> values,
                                           int64_t rows, int64_t columns,
                                           const analysis::InputMoment &moment,
                                           Encoder encoder);

/// Low-rank compensation of `encoded` against `values`. Tells which part of the
/// weighted error remains for each rank asked for (1 for rank 0).
struct CompensatedErrors {
  analysis::Compensation factors;
  std::vector<double> remaining;
};
CompensatedErrors compensateMatrix(const EncodedMatrix &encoded,
                                   llvm::ArrayRef<float> values, int64_t rows,
                                   int64_t columns,
                                   const analysis::InputMoment &moment,
                                   llvm::ArrayRef<int64_t> ranks);

/// Opens a statistics file for `module`. Fails, with an error at the module,
/// where it was measured on another model, unless `force` is set.
mlir::FailureOr<std::shared_ptr<const analysis::Statistics>>
openStatistics(mlir::ModuleOp module, llvm::StringRef path, bool force);

/// The name under which `statistics` know a site: its own, or what one of its
/// uses calls it.
std::string statisticsName(const analysis::Statistics &statistics,
                           const analysis::Site &site);

/// The rows of a site by falling importance, which ranges of a plan count in;
/// empty where the statistics say nothing: rows stay in their own order.
llvm::Expected<std::vector<int64_t>>
rowOrder(const analysis::Statistics *statistics, const analysis::Site &site);

/// What a program keeps to find rows that are stored by importance: the place
/// of each row.
mlir::RankedTensorType positionsType(mlir::MLIRContext *context, int64_t rows);

/// The globals of encoded numbers that functions decode whole and compute with,
/// such as norms and biases: programs keep them as f32.
llvm::SmallPtrSet<mlir::Operation *, 32> decodedWhole(mlir::ModuleOp module);

/// How such a global is stored, by what it has now: as f32, so that what was
/// counted is what a program keeps.
mlir::RankedTensorType wideType(mlir::RankedTensorType type);

/// The second moment of a site's input, or an even one where there are no
/// statistics.
llvm::Expected<std::shared_ptr<const analysis::InputMoment>>
inputMomentOf(const analysis::Statistics *statistics,
              const analysis::Site &site);

/// The sum of a site's adapters, rows x columns. With `formatOf`, each weight
/// is rounded to the format it returns first (null: as stored).
llvm::Expected<DenseMatrix> adapterMatrix(
    const analysis::Site &site, archive::StoredWeights &weights,
    mlir::SymbolTable &symbols,
    llvm::function_ref<FormatAttrInterface(mlir::ml_program::GlobalOp)>
        formatOf = {});

/// The sum of a site's adapters as one pair of factors B A, of which the first
/// k ranks are what is nearest to it under `moment` with rank k.
analysis::Compensation shortenAdapters(const DenseMatrix &adapters,
                                       const analysis::InputMoment &moment,
                                       int64_t rank);

/// A pair of factors, B `[rows, rank]` and A `[rank, columns]`.
struct Factors {
  std::vector<float> b, a;
};
/// The first `rank` ranks.
Factors firstRanks(const analysis::Compensation &factors, int64_t rank,
                   int64_t rows, int64_t columns);

/// Bytes of a tensor of `shape` in the packed layout of `format`.
uint64_t packedBytes(FormatAttrInterface format, llvm::ArrayRef<int64_t> shape,
                     int64_t tileRows);

} // namespace allot::plan

#endif // ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_ENCODE_H
