//===- Encode.cpp - encoding one matrix as an option says -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Encode.h"
#include "allot/Analysis/RowParts.h"
#include "allot/Codec/Codec.h"
#include "allot/Codec/Grid.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace allot;
using namespace allot::plan;

std::optional<Encoder> plan::parseEncoder(StringRef name) {
  return llvm::StringSwitch<std::optional<Encoder>>(name)
      .Case("feedback", Encoder::Feedback)
      .Case("nearest", Encoder::Nearest)
      .Default(std::nullopt);
}

StringRef plan::stringifyEncoder(Encoder encoder) {
  return encoder == Encoder::Feedback ? "feedback" : "nearest";
}

static std::vector<float> difference(ArrayRef<float> a, ArrayRef<float> b) {
  std::vector<float> result(a.size());
  for (size_t i = 0; i < a.size(); ++i)
    result[i] = a[i] - b[i];
  return result;
}

llvm::Expected<std::vector<float>> plan::roundedTo(FormatAttrInterface format,
                                                   ArrayRef<float> values,
                                                   ArrayRef<int64_t> shape) {
  auto bytes = codec::encodeRoundToNearest(format, values, shape);
  if (!bytes)
    return bytes.takeError();
  return codec::decode(format, *bytes, shape);
}

llvm::Expected<EncodedMatrix>
plan::encodeMatrix(FormatAttrInterface format, ArrayRef<float> values,
                   int64_t rows, int64_t columns,
                   const analysis::InputMoment &moment, Encoder encoder) {
  EncodedMatrix result;
  CodeGrid grid = format.getCodeGrid();
  if (grid.bits == 0) {
    auto decoded = roundedTo(format, values, {rows, columns});
    if (!decoded)
      return decoded.takeError();
    result.decoded = std::move(*decoded);
    result.errors = analysis::weightedRowErrors(
        difference(values, result.decoded), rows, columns, moment);
    return result;
  }
  result.decoded.resize(values.size());
  if (encoder == Encoder::Feedback) {
    result.errors = analysis::encodeWithFeedback(grid, values, rows, columns,
                                                 moment, result.blocks);
    codec::decodeBlocks(grid, result.blocks, result.decoded);
    return result;
  }
  codec::chooseScales(grid, values, rows, columns, result.blocks);
  codec::roundToCodes(grid, values, result.blocks);
  codec::decodeBlocks(grid, result.blocks, result.decoded);
  result.errors = analysis::weightedRowErrors(
      difference(values, result.decoded), rows, columns, moment);
  return result;
}

CompensatedErrors plan::compensateMatrix(const EncodedMatrix &encoded,
                                         ArrayRef<float> values, int64_t rows,
                                         int64_t columns,
                                         const analysis::InputMoment &moment,
                                         ArrayRef<int64_t> ranks) {
  CompensatedErrors result;
  int64_t largest = 0;
  for (int64_t rank : ranks)
    largest = std::max(largest, rank);
  result.factors = analysis::compensateError(
      difference(values, encoded.decoded), rows, columns, moment, largest);
  double total = 0.0;
  for (double error : encoded.errors)
    total += error;
  for (int64_t rank : ranks) {
    double error = total;
    for (int64_t i = 0; i < std::min(rank, result.factors.rank); ++i)
      error -= result.factors.gain[i];
    result.remaining.push_back(total > 0.0 ? std::max(error / total, 0.0)
                                           : 0.0);
  }
  return result;
}

FailureOr<std::shared_ptr<const analysis::Statistics>>
plan::openStatistics(ModuleOp module, StringRef path, bool force) {
  auto statistics = analysis::Statistics::open(path);
  if (!statistics)
    return emitError(module.getLoc()) << llvm::toString(statistics.takeError());
  auto digest = module->getAttrOfType<StringAttr>("allot.model_digest");
  std::string measured = (*statistics)->model();
  if (!force && digest && !measured.empty() && measured != digest.getValue())
    return emitError(module.getLoc())
           << "statistics " << path << " belong to model " << measured
           << ", this is " << digest << "; --force takes them all the same";
  return *statistics;
}

std::string plan::statisticsName(const analysis::Statistics &statistics,
                                 const analysis::Site &site) {
  if (!statistics.hasInput(site.name))
    for (StringRef alias : site.aliases)
      if (statistics.hasInput(alias))
        return alias.str();
  return site.name;
}

llvm::Expected<std::vector<int64_t>>
plan::rowOrder(const analysis::Statistics *statistics,
               const analysis::Site &site) {
  if (!statistics)
    return std::vector<int64_t>();
  auto importance =
      statistics->rowImportance(statisticsName(*statistics, site), site.rows);
  if (!importance)
    return importance.takeError();
  return analysis::rowsByImportance(*importance);
}

RankedTensorType plan::wideType(RankedTensorType type) {
  auto f32 = Float32Type::get(type.getContext());
  return format::withFormat(type,
                            format::FloatAttr::get(type.getContext(), f32));
}

RankedTensorType plan::positionsType(MLIRContext *context, int64_t rows) {
  return wideType(RankedTensorType::get({rows}, Float32Type::get(context)));
}

llvm::SmallPtrSet<Operation *, 32> plan::decodedWhole(ModuleOp module) {
  llvm::SmallPtrSet<Operation *, 32> result;
  SymbolTable symbols(module);
  module.walk([&](format::DecodeOp decode) {
    auto load =
        decode.getSource().getDefiningOp<ml_program::GlobalLoadConstOp>();
    if (!load)
      return;
    if (Operation *global = symbols.lookup(load.getGlobal().getLeafReference()))
      result.insert(global);
  });
  return result;
}

llvm::Expected<std::shared_ptr<const analysis::InputMoment>>
plan::inputMomentOf(const analysis::Statistics *statistics,
                    const analysis::Site &site) {
  if (statistics)
    return statistics->inputMoment(statisticsName(*statistics, site),
                                   site.columns);
  auto even = analysis::InputMoment::fromDiagonal(
      std::vector<float>(site.columns, 1.0f));
  if (!even)
    return even.takeError();
  return std::make_shared<const analysis::InputMoment>(std::move(*even));
}

llvm::Expected<DenseMatrix> plan::adapterMatrix(
    const analysis::Site &site, archive::StoredWeights &weights,
    SymbolTable &symbols,
    llvm::function_ref<FormatAttrInterface(ml_program::GlobalOp)> formatOf) {
  auto read =
      [&](ml_program::GlobalOp global) -> llvm::Expected<std::vector<float>> {
    auto values = weights.read(global);
    FormatAttrInterface format = formatOf ? formatOf(global) : nullptr;
    if (!values || !format)
      return values;
    return roundedTo(format, *values,
                     cast<RankedTensorType>(global.getType()).getShape());
  };
  DenseMatrix sum(site.rows, site.columns);
  for (Value adapter : site.adapters) {
    auto term = analysis::evaluateMap(adapter, read, symbols);
    if (!term)
      return term.takeError();
    for (size_t i = 0; i < sum.values.size(); ++i)
      sum.values[i] += term->values[i];
  }
  return sum;
}

analysis::Compensation
plan::shortenAdapters(const DenseMatrix &adapters,
                      const analysis::InputMoment &moment, int64_t rank) {
  std::vector<float> values(adapters.values.begin(), adapters.values.end());
  return analysis::compensateError(values, adapters.rows, adapters.columns,
                                   moment, rank);
}

plan::Factors plan::firstRanks(const analysis::Compensation &factors,
                               int64_t rank, int64_t rows, int64_t columns) {
  Factors result;
  result.b.reserve(rows * rank);
  for (int64_t row = 0; row < rows; ++row) {
    const float *first = factors.b.data() + row * factors.rank;
    result.b.insert(result.b.end(), first, first + rank);
  }
  result.a.assign(factors.a.begin(), factors.a.begin() + rank * columns);
  return result;
}

uint64_t plan::packedBytes(FormatAttrInterface format, ArrayRef<int64_t> shape,
                           int64_t tileRows) {
  return cast<FormatAttrInterface>(format.getPackedFormat(tileRows))
      .getStorageBytes(shape);
}
