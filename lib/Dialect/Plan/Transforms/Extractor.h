//===- Extractor.h - options of a site and what they lose -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_EXTRACTOR_H
#define ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_EXTRACTOR_H

#include "Candidates.h"
#include "allot/Analysis/Importance.h"
#include "mlir/IR/SymbolTable.h"

namespace allot::plan {

using namespace mlir;

/// Runs the encoder on the matrices of a model, to predict what each option
/// loses.
class Extractor {
public:
  Extractor(ModuleOp module, const Choices &choices, plan::Encoder encoder,
            int64_t estimateRows, const analysis::Statistics *statistics,
            StringRef folder)
      : choices(choices), encoder(encoder), estimateRows(estimateRows),
        statistics(statistics), weights(folder), symbols(module) {}

  struct Result {
    /// The rows that the options are about; absent: all.
    std::optional<analysis::RowPart> part;
    std::vector<Candidate> options;
    std::string origin;
  };
  /// The ranges of rows of a site that are planned apart; one that is absent
  /// for all rows together.
  llvm::Expected<SmallVector<std::optional<analysis::RowPart>>>
  partsOf(const analysis::Site &site);
  /// The allowed options of a site or a part of it, with predicted losses.
  llvm::Expected<Result> extract(const analysis::Site &site,
                                 std::optional<analysis::RowPart> part);

private:
  /// Everything about a site that losses depend on.
  struct Context {
    const analysis::Site &site;
    /// The rows that are encoded, in `order` where it is not empty.
    analysis::RowPart part;
    std::vector<int64_t> order;
    std::shared_ptr<const analysis::InputMoment> moment;
    std::unique_ptr<analysis::ImportanceModel> loss;
    /// Sum of the adapters, where some option needs it; else empty.
    DenseMatrix adapters;
    /// Their best factors, once an option has asked for a rank.
    std::optional<analysis::Compensation> factors;
  };
  llvm::Error predict(Context &context, std::vector<Candidate> &options);
  llvm::Error predictFormat(Context &context, FormatAttrInterface format,
                            bool merged, ArrayRef<Candidate *> options,
                            ArrayRef<double> adapterErrors);
  llvm::Expected<double> adapterError(Context &context,
                                      const AdapterTreatment &treatment);
  llvm::Expected<std::vector<float>> rowsOf(Context &context, int64_t count,
                                            bool merged);

  const Choices &choices;
  plan::Encoder encoder;
  int64_t estimateRows;
  const analysis::Statistics *statistics;
  archive::StoredWeights weights;
  SymbolTable symbols;
};

} // namespace allot::plan

#endif // ALLOT_LIB_DIALECT_PLAN_TRANSFORMS_EXTRACTOR_H
