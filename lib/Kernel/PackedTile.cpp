//===- PackedTile.cpp - code of the packed layout ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How kernels read `#format.packed`. Everything follows from the CodeGrid of
// the inner format. A step of a block reads, from the plane of p bits, p / pmin
// vectors, where pmin is the narrowest plane: then all planes together give
// 8 / pmin whole groups of four columns.
//
//===----------------------------------------------------------------------===//

#include "allot/Kernel/PackedTile.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Kernel/Emitter.h"
#include "mlir/IR/DialectRegistry.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;

namespace {

/// What follows from a packed attribute.
struct PackedLayout {
  explicit PackedLayout(Attribute attr)
      : packed(cast<format::PackedAttr>(attr)), grid(packed.getCodeGrid()),
        planes(format::getCodePlanes(grid.bits)) {}

  format::PackedAttr packed;
  CodeGrid grid;
  SmallVector<unsigned, 3> planes;

  unsigned narrowest() const { return planes.back(); }
  int64_t steps() const { return grid.block * narrowest() / 32; }
  /// Bytes of the codes of a (tile, block).
  int64_t recordBytes() const {
    return packed.getRows() * grid.block * grid.bits / 8;
  }
  bool hasOffset() const {
    return grid.offset != CodeGrid::OffsetKind::Constant;
  }
  bool hasRowScale() const { return grid.scale == CodeGrid::ScaleKind::U8; }

  Type scaleType(Builder &b) const {
    switch (grid.scale) {
    case CodeGrid::ScaleKind::F32:
      return b.getF32Type();
    case CodeGrid::ScaleKind::F16:
      return b.getF16Type();
    case CodeGrid::ScaleKind::U8:
    case CodeGrid::ScaleKind::PowerOfTwo:
      return b.getI8Type();
    }
    llvm_unreachable("all scales have a type");
  }
  Type offsetType(Builder &b) const {
    if (grid.offset == CodeGrid::OffsetKind::Minimum)
      return b.getF16Type();
    return b.getI8Type();
  }
  /// bf16 is read as its bits: they are the upper half of an f32.
  Type valueType(Builder &b) const {
    return grid.elementType.isBF16() ? Type(b.getI16Type()) : grid.elementType;
  }
};

/// Places in TileState::values.
enum StateValue { Bytes, Blocks, Scales, Offsets, RowScales, NumStateValues };
/// The same for float formats.
enum FloatStateValue { Elements, Columns };

/// Numbers of one tile as floats.
Value toFloats(Emitter &e, Value v) {
  Type element = cast<VectorType>(v.getType()).getElementType();
  if (element.isF32())
    return v;
  if (element.isF16())
    return e.extend(v);
  int64_t lanes = cast<VectorType>(v.getType()).getNumElements();
  Value wide = arith::ExtUIOp::create(e.builder, e.loc, e.i32Vector(lanes), v);
  if (element.isInteger(8))
    return e.toFloat(wide);
  return e.bitcast(e.shl(wide, 16), e.f32Vector(lanes));
}

/// 2^(e - 128) of bytes e: two of them are no normal numbers.
Value toPowersOfTwo(Emitter &e, Value v) {
  int64_t lanes = cast<VectorType>(v.getType()).getNumElements();
  VectorType words = e.i32Vector(lanes);
  Value exponent = arith::ExtUIOp::create(e.builder, e.loc, words, v);
  Value small = arith::ShLIOp::create(
      e.builder, e.loc, e.splatInt(int64_t(1) << 21, words), exponent);
  Value normal = e.shl(e.sub(exponent, e.splatInt(1, words)), 23);
  Value bits = e.select(e.less(exponent, e.splatInt(2, words)), small, normal);
  return e.bitcast(bits, e.f32Vector(lanes));
}

/// A function of small whole numbers as a sum of ramps: values[0] + the first
/// step * x + the changes of the steps * max(x - t, 0). Bytes, modulo 256.
Value sumOfRamps(Emitter &e, Value x, ArrayRef<int> values) {
  auto type = cast<VectorType>(x.getType());
  auto times = [&](Value v, int factor) {
    return factor == 1 ? v : e.mul(v, e.splatInt(factor & 255, type));
  };
  int64_t constant = values.front();
  Value sum = times(x, values[1] - values[0]);
  for (size_t t = 1; t + 1 < values.size(); ++t) {
    int bend = values[t + 1] - 2 * values[t] + values[t - 1];
    if (!bend)
      continue;
    // max(x, t) - t, with the constants together at the end.
    Value ramp =
        arith::MaxUIOp::create(e.builder, e.loc, x, e.splatInt(t, type));
    sum = e.add(sum, times(ramp, bend));
    constant -= int64_t(bend) * int64_t(t);
  }
  return (constant & 255) ? e.add(sum, e.splatInt(constant & 255, type)) : sum;
}

/// codebook[x] of bytes. Instructions that look a byte up differ from target to
/// target; books are regular.
Value lookUp(Emitter &e, Value x, ArrayRef<uint8_t> codebook) {
  auto type = cast<VectorType>(x.getType());
  size_t half = codebook.size() / 2;
  int middle = codebook[0];
  bool mirrored = true;
  for (size_t i = 0; i < half; ++i)
    mirrored &= codebook[i] + codebook[half + i] == 2 * middle;
  if (!mirrored)
    return sumOfRamps(e, x, SmallVector<int>(codebook.begin(), codebook.end()));
  SmallVector<int> sizes;
  for (uint8_t code : codebook.take_front(half))
    sizes.push_back(code - middle);
  Value size = sumOfRamps(e, e.bitAnd(x, half - 1), sizes);
  Value zero = e.splatInt(middle, type);
  return e.select(e.less(x, e.splatInt(half, type)), e.add(zero, size),
                  e.sub(zero, size));
}

struct PackedTileModel
    : FormatTileInterface::ExternalModel<PackedTileModel, format::PackedAttr> {

  TileFacts getTileFacts(Attribute attr) const {
    PackedLayout layout(attr);
    TileFacts facts;
    facts.tileRows = layout.packed.getRows();
    facts.codeBits = layout.grid.bits;
    if (!facts.codeBits)
      return facts;
    facts.maxCode = layout.grid.maxCode;
    facts.block = layout.grid.block;
    facts.stepsPerBlock = layout.steps();
    facts.groupsPerStep = 8 / layout.narrowest();
    facts.hasOffset = layout.hasOffset();
    facts.zeroPoint = layout.grid.zeroPoint;
    return facts;
  }

  TileState emitPrologue(Attribute attr, OpBuilder &builder, Location loc,
                         Value bytes, Value rows, Value columns) const {
    PackedLayout layout(attr);
    Emitter e(builder, loc);
    TileState state;
    int64_t tileRows = layout.packed.getRows();
    Value paddedRows = e.alignTo(rows, tileRows);
    Arena arena(e);
    if (!layout.grid.bits) {
      unsigned values =
          arena.reserve(layout.valueType(builder), e.mul(paddedRows, columns));
      state.values = {arena.get(bytes, values), columns};
      return state;
    }
    Value blocks = e.ceilDiv(columns, layout.grid.block);
    Value numScales = e.mul(paddedRows, blocks);
    int64_t blockBytes = layout.recordBytes() / tileRows;
    arena.reserve(builder.getI8Type(), e.mul(numScales, blockBytes));
    unsigned scales = arena.reserve(layout.scaleType(builder), numScales);
    state.values.resize(NumStateValues);
    state.values[Bytes] = bytes;
    state.values[Blocks] = blocks;
    state.values[Scales] = arena.get(bytes, scales);
    if (layout.hasOffset()) {
      unsigned part = arena.reserve(layout.offsetType(builder), numScales);
      state.values[Offsets] = arena.get(bytes, part);
    }
    if (layout.hasRowScale()) {
      unsigned part = arena.reserve(builder.getF16Type(), paddedRows);
      state.values[RowScales] = arena.get(bytes, part);
    }
    return state;
  }

  static Value record(Emitter &e, const TileState &state, Value tile,
                      Value block) {
    return e.add(e.mul(tile, state.values[Blocks]), block);
  }

  SmallVector<Value> emitLoadStep(Attribute attr, OpBuilder &builder,
                                  Location loc, const TileState &state,
                                  Value tile, Value block, Value step) const {
    PackedLayout layout(attr);
    Emitter e(builder, loc);
    int64_t rows = layout.packed.getRows();
    Value base = e.mul(record(e, state, tile, block), layout.recordBytes());
    base = e.add(base, e.mul(step, 4 * rows));
    SmallVector<Value> raw;
    int64_t planeOffset = 0;
    for (unsigned plane : layout.planes) {
      for (unsigned i = 0; i < plane / layout.narrowest(); ++i) {
        int64_t offset = planeOffset + i * layout.steps() * 4 * rows;
        raw.push_back(e.loadVector(e.i8Vector(4 * rows), state.values[Bytes],
                                   e.add(base, offset)));
      }
      planeOffset += rows * layout.grid.block * plane / 8;
    }
    return raw;
  }

  Value emitUnpack(Attribute attr, OpBuilder &builder, Location loc,
                   ArrayRef<Value> raw, int64_t part) const {
    PackedLayout layout(attr);
    Emitter e(builder, loc);
    int64_t lanes = 4 * layout.packed.getRows();
    VectorType bytes = e.i8Vector(lanes), words = e.i16Vector(lanes / 2);
    Value codes;
    unsigned first = 0, lowBits = 0;
    for (unsigned plane : layout.planes) {
      unsigned vectors = plane / layout.narrowest();
      Value v = raw[first + part % vectors];
      first += vectors;
      if (plane != 8) {
        // Shifted in words, where there is an instruction; what crosses into
        // the other byte is masked away.
        int64_t shift = int64_t(plane * (part / vectors)) - lowBits;
        if (shift) {
          v = e.bitcast(v, words);
          v = shift > 0 ? e.shr(v, shift) : e.shl(v, -shift);
          v = e.bitcast(v, bytes);
        }
        v = e.bitAnd(v, ((1 << plane) - 1) << lowBits);
      }
      codes = codes ? e.bitOr(codes, v) : v;
      lowBits += plane;
    }
    if (!layout.grid.codebook.empty())
      return lookUp(e, codes, layout.grid.codebook);
    return codes;
  }

  ScaleOffset emitScales(Attribute attr, OpBuilder &builder, Location loc,
                         const TileState &state, Value tile,
                         Value block) const {
    PackedLayout layout(attr);
    Emitter e(builder, loc);
    int64_t rows = layout.packed.getRows();
    Value at = e.mul(record(e, state, tile, block), rows);
    auto load = [&](Value memref) {
      Type element = cast<MemRefType>(memref.getType()).getElementType();
      return e.loadVector(VectorType::get(rows, element), memref, at);
    };
    auto read = [&](Value memref) { return toFloats(e, load(memref)); };
    ScaleOffset result;
    result.scale = layout.grid.scale == CodeGrid::ScaleKind::PowerOfTwo
                       ? toPowersOfTwo(e, load(state.values[Scales]))
                       : read(state.values[Scales]);
    if (!layout.hasOffset())
      return result;
    result.offset = read(state.values[Offsets]);
    if (layout.grid.offset == CodeGrid::OffsetKind::ZeroPoint) {
      Value unit =
          e.splat(-double(layout.grid.maxCode) / 255.0, e.f32Vector(rows));
      result.offset = e.mulf(e.mulf(result.offset, unit), result.scale);
    }
    return result;
  }

  Value emitRowScale(Attribute attr, OpBuilder &builder, Location loc,
                     const TileState &state, Value tile) const {
    PackedLayout layout(attr);
    if (!layout.hasRowScale())
      return {};
    Emitter e(builder, loc);
    int64_t rows = layout.packed.getRows();
    Value scale = e.loadVector(VectorType::get(rows, builder.getF16Type()),
                               state.values[RowScales], e.mul(tile, rows));
    return e.mulf(e.extend(scale), e.splat(1.0 / 255.0, e.f32Vector(rows)));
  }

  Value emitLoadFloat(Attribute attr, OpBuilder &builder, Location loc,
                      const TileState &state, Value tile, Value k) const {
    PackedLayout layout(attr);
    Emitter e(builder, loc);
    int64_t rows = layout.packed.getRows();
    Value at = element(e, state, tile, k, rows);
    auto type = VectorType::get(rows, layout.valueType(builder));
    return toFloats(e, e.loadVector(type, state.values[Elements], at));
  }

  void emitPrefetch(Attribute attr, OpBuilder &builder, Location loc,
                    const TileState &state, Value tile, Value block,
                    int64_t distance) const {
    PackedLayout layout(attr);
    Emitter e(builder, loc);
    Value at = record(e, state, tile, block);
    Value codes = e.mul(at, layout.recordBytes());
    for (int64_t line = 0; line < layout.recordBytes(); line += 64)
      e.prefetch(state.values[Bytes], e.add(codes, distance + line));
    int64_t ahead = distance / layout.recordBytes() * layout.packed.getRows();
    e.prefetch(state.values[Scales],
               e.add(e.mul(at, layout.packed.getRows()), ahead));
  }

  void emitPrefetchFloats(Attribute attr, OpBuilder &builder, Location loc,
                          const TileState &state, Value tile, Value k,
                          int64_t columns, int64_t distance) const {
    PackedLayout layout(attr);
    Emitter e(builder, loc);
    int64_t rows = layout.packed.getRows();
    int64_t bytes = layout.valueType(builder).getIntOrFloatBitWidth() / 8;
    Value at = element(e, state, tile, k, rows);
    for (int64_t line = 0; line < columns * rows * bytes; line += 64)
      e.prefetch(state.values[Elements], e.add(at, (distance + line) / bytes));
  }

private:
  /// Place of the first number of column k of a tile of a float format.
  static Value element(Emitter &e, const TileState &state, Value tile, Value k,
                       int64_t rows) {
    return e.mul(e.add(e.mul(tile, state.values[Columns]), k), rows);
  }
};

} // namespace

void allot::kernel::registerTileExternalModels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, format::FormatDialect *dialect) {
        format::PackedAttr::attachInterface<PackedTileModel>(*context);
      });
}
