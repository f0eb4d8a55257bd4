//===- ApplierWrite.cpp - encoding into the archive -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Applier.h"
#include "allot/Codec/Codec.h"

using namespace mlir;
using namespace allot;
using namespace allot::plan;

llvm::Error Applier::copy(ml_program::GlobalOp global, RankedTensorType type,
                          archive::SafetensorsWriter &writer) {
  auto bytes = weights.bytes(global);
  if (!bytes)
    return bytes.takeError();
  auto from = cast<RankedTensorType>(global.getType());
  auto rounded = cast<FormatAttrInterface>(type.getEncoding());
  // An adapter in an integer format: its numbers have no codes yet.
  if (rounded.getCodeGrid().bits > 0 &&
      cast<FormatAttrInterface>(from.getEncoding()).getCodeGrid().bits == 0) {
    auto values = weights.read(global);
    if (!values)
      return values.takeError();
    auto encoded =
        codec::encodeRoundToNearest(rounded, *values, type.getShape());
    if (!encoded)
      return encoded.takeError();
    return writer.write(global.getSymName(), *encoded);
  }
  std::vector<uint8_t> out(format::getStoredBytes(type));
  if (llvm::Error error = codec::convert(
          format::getFormat(from), *bytes, format::getFormat(type),
          type.getShape(),
          cast<format::StoredAttr>(*global.getValue()).getRowInterleave(), out))
    return error;
  return writer.write(global.getSymName(), out);
}

/// Rows `[first, first + count)` of a piece, decoded.
llvm::Error Applier::readRows(const Piece &piece, int64_t first, int64_t count,
                              MutableArrayRef<float> values) {
  int64_t columns = piece.site->columns;
  if (!isOrdered(*piece.site))
    return weights.readRows(piece.site->weight, piece.rows.first + first, count,
                            values);
  for (int64_t i = 0; i < count; ++i)
    if (llvm::Error error = weights.readRows(
            piece.site->weight, rowAt(piece, piece.rows.first + first + i), 1,
            values.slice(i * columns, columns)))
      return error;
  return llvm::Error::success();
}

llvm::Error Applier::writePositions(const analysis::Site &site,
                                    archive::SafetensorsWriter &writer) {
  std::vector<float> positions(site.rows);
  for (auto [rank, row] : llvm::enumerate(orders.find(site.name)->second))
    positions[row] = static_cast<float>(rank);
  auto type = plan::positionsType(module.getContext(), site.rows);
  auto bytes = codec::encodeRoundToNearest(format::getFormat(type), positions,
                                           type.getShape());
  if (!bytes)
    return bytes.takeError();
  return writer.write(positionsName(site.name), *bytes);
}

/// A range of rows as it is stored, in the packed layout.
llvm::Error Applier::copyRows(const Piece &piece, RankedTensorType type,
                              archive::SafetensorsWriter &writer) {
  ml_program::GlobalOp global = piece.site->weight;
  auto bytes = weights.bytes(global);
  if (!bytes)
    return bytes.takeError();
  int64_t columns = piece.site->columns, count = piece.rows.count();
  auto from = cast<FormatCodecInterface>(
      cast<RankedTensorType>(global.getType()).getEncoding());
  auto to = cast<FormatCodecInterface>(type.getEncoding());
  bool isInteger =
      cast<FormatAttrInterface>(type.getEncoding()).getCodeGrid().bits > 0;
  int64_t interleave =
      cast<format::StoredAttr>(*global.getValue()).getRowInterleave();
  std::vector<uint8_t> out(format::getStoredBytes(type));
  std::vector<float> values;
  CodeBlocks blocks;
  values.resize(columns);
  for (int64_t i = 0; i < count; ++i) {
    if (isInteger) {
      blocks.rows = 1;
      from.readCodes(
          *bytes, piece.site->rows, columns,
          codec::interleavedRow(rowAt(piece, piece.rows.first + i), interleave),
          blocks);
      to.writeCodes(blocks, count, columns, i, out);
      continue;
    }
    if (llvm::Error error = readRows(piece, i, 1, values))
      return error;
    to.writeFloats(values, count, columns, i, 1, out);
  }
  return writer.write(piece.name(), out);
}

llvm::Error Applier::writeFactors(const analysis::Site &site, StringRef kind,
                                  const plan::Factors &factors, int64_t rank,
                                  Attribute format,
                                  archive::SafetensorsWriter &writer) {
  auto packedFormat = cast<FormatAttrInterface>(
      cast<FormatAttrInterface>(format).getPackedFormat(tileRows));
  auto emit = [&](StringRef which, ArrayRef<float> numbers,
                  ArrayRef<int64_t> shape) -> llvm::Error {
    auto bytes = codec::encodeRoundToNearest(packedFormat, numbers, shape);
    if (!bytes)
      return bytes.takeError();
    return writer.write(factorName(site.name, kind, which), *bytes);
  };
  if (llvm::Error error = emit("B", factors.b, {site.rows, rank}))
    return error;
  return emit("A", factors.a, {rank, site.columns});
}

llvm::Error Applier::writeAdapter(const Piece &piece,
                                  archive::SafetensorsWriter &writer) {
  const analysis::Site &site = *piece.site;
  auto moment = plan::inputMomentOf(statistics, site);
  if (!moment)
    return moment.takeError();
  auto sum = plan::adapterMatrix(site, weights, symbols);
  if (!sum)
    return sum.takeError();
  int64_t rank = *piece.option.getAdapterRank();
  return writeFactors(
      site, kAdapter,
      plan::firstRanks(plan::shortenAdapters(*sum, **moment, rank), rank,
                       site.rows, site.columns),
      rank, *piece.option.getAdapterFormat(), writer);
}

llvm::Error Applier::encode(const Piece &piece, RankedTensorType type,
                            archive::SafetensorsWriter &writer) {
  const analysis::Site &site = *piece.site;
  plan::OptionOp option = piece.option;
  auto moment = plan::inputMomentOf(statistics, site);
  if (!moment)
    return moment.takeError();
  auto format = cast<FormatAttrInterface>(option.getFormatAttr());
  auto codec = cast<FormatCodecInterface>(type.getEncoding());
  bool isInteger = format.getCodeGrid().bits > 0;
  DenseMatrix delta;
  if (option.getMerged()) {
    auto sum = plan::adapterMatrix(site, weights, symbols);
    if (!sum)
      return sum.takeError();
    delta = std::move(*sum);
  }
  int64_t rank = option.getRank().value_or(0), rows = piece.rows.count();
  int64_t step = rank > 0 ? rows : std::min(rows, kRowsAtOnce);
  std::vector<uint8_t> bytes(format::getStoredBytes(type));
  std::vector<float> values;
  for (int64_t first = 0; first < rows; first += step) {
    int64_t count = std::min(step, rows - first);
    values.resize(count * site.columns);
    if (llvm::Error error = readRows(piece, first, count, values))
      return error;
    if (option.getMerged())
      for (size_t i = 0; i < values.size(); ++i)
        values[i] += static_cast<float>(delta.values[first * site.columns + i]);
    auto encoded = plan::encodeMatrix(format, values, count, site.columns,
                                      **moment, encoder);
    if (!encoded)
      return encoded.takeError();
    if (isInteger)
      codec.writeCodes(encoded->blocks, rows, site.columns, first, bytes);
    else
      codec.writeFloats(encoded->decoded, rows, site.columns, first, count,
                        bytes);
    if (rank == 0)
      continue;
    analysis::Compensation factors =
        plan::compensateMatrix(*encoded, values, site.rows, site.columns,
                               **moment, {rank})
            .factors;
    if (llvm::Error error = writeFactors(
            site, kCompensation,
            plan::firstRanks(factors, rank, site.rows, site.columns), rank,
            *option.getFactorFormat(), writer))
      return error;
  }
  return writer.write(piece.name(), bytes);
}

llvm::Expected<std::unique_ptr<support::AtomicFile>>
Applier::write(StringRef path, support::Progress *progress) {
  std::vector<archive::TensorSpec> specs;
  for (const Output &output : outputs)
    specs.push_back(
        {output.name,
         archive::DType::U8,
         {static_cast<int64_t>(format::getStoredBytes(output.type))}});
  auto writer = archive::SafetensorsWriter::create(
      path, specs, {{"producer", "allot"}, {"layout", "packed"}});
  if (!writer)
    return writer.takeError();
  support::ProgressStep step(progress, "encoding weights", outputs.size());
  for (const Output &output : outputs) {
    if (output.write)
      if (llvm::Error error = output.write(**writer))
        return std::move(error);
    weights.dropPages();
    step.advance(1, output.name);
  }
  entries.assign((*writer)->tensors().begin(), (*writer)->tensors().end());
  return (*writer)->finish();
}
