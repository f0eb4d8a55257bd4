//===- Blocks.cpp - what programs of all kinds of models are made of ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Blocks.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace allot;
using namespace allot::importer;
using mlir::OpFoldResult;
using mlir::RankedTensorType;
using mlir::Value;
namespace arith = mlir::arith;
namespace tensor = mlir::tensor;

llvm::Error
importer::declareModules(ModuleBuilder &m, llvm::ArrayRef<ModuleInfo> modules,
                         WeightSource &weights,
                         llvm::ArrayRef<AdapterSource> adapters,
                         Adaptations &adaptations, llvm::StringRef expectedBy,
                         llvm::function_ref<bool(llvm::StringRef)> ignored) {
  if (m.hasBank())
    return support::fileError(
        expectedBy, "a bank of adapters belongs to a decoder, which this model "
                    "is not");
  auto read = readAdapters(adapters, modules);
  if (!read)
    return read.takeError();
  adaptations = std::move(*read);
  for (auto &[path, adaptation] : adaptations)
    for (const AdapterForm &form : adaptation.forms) {
      if (form.attends || !form.prepends.empty())
        return support::fileError(expectedBy,
                                  "adapter '" + form.adapter +
                                      "' puts a prompt before or beside the "
                                      "tokens, which needs a decoder");
      if (llvm::Error e = refuseArguments(form, expectedBy))
        return e;
    }
  return addModules(m, modules, weights, adaptations, expectedBy, ignored);
}

llvm::Error importer::refuseArguments(const AdapterForm &form,
                                      llvm::StringRef expectedBy) {
  if (form.arguments.empty())
    return llvm::Error::success();
  return support::fileError(
      expectedBy, "adapter '" + form.adapter + "' takes an argument '" +
                      form.arguments.front() +
                      "', which whole models do not have");
}

llvm::Error
importer::addModules(ModuleBuilder &m, llvm::ArrayRef<ModuleInfo> modules,
                     WeightSource &weights, const Adaptations &adaptations,
                     llvm::StringRef expectedBy,
                     llvm::function_ref<bool(llvm::StringRef)> ignored) {
  for (const ModuleInfo &module : modules)
    if (llvm::Error e = m.addModule(module, weights, adaptations, expectedBy))
      return e;
  // Parameters that an adapter replaces were not asked for.
  return weights.checkAllUsed([&](llvm::StringRef name) {
    auto [path, parameter] = name.rsplit('.');
    auto adaptation = adaptations.find(path.str());
    bool replaced = adaptation != adaptations.end() &&
                    ((parameter == "weight" && adaptation->second.weight) ||
                     (parameter == "bias" && adaptation->second.bias));
    return replaced || ignored(name);
  });
}

void importer::setFacts(
    ModuleBuilder &m, llvm::StringRef family,
    llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> facts) {
  mlir::OpBuilder &b = m.builder();
  llvm::SmallVector<mlir::NamedAttribute> list{
      b.getNamedAttr("family", b.getStringAttr(family))};
  for (auto [name, value] : facts) {
    list.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(value)));
    if (name == "vocab")
      m.module()->setAttr("allot.vocab", b.getI64IntegerAttr(value));
  }
  m.module()->setAttr("allot.config", b.getDictionaryAttr(list));
}

Value Blocks::size(Value x, int64_t dimension) {
  return mlir::getValueOrCreateConstantIndexOp(
      b, m.loc(), tensor::getMixedSize(b, m.loc(), x, dimension));
}

Value Blocks::emptyLike(RankedTensorType type, Value x) {
  llvm::SmallVector<Value> sizes;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (type.isDynamicDim(d))
      sizes.push_back(size(x, d));
  return tensor::EmptyOp::create(b, m.loc(), type.getShape(),
                                 type.getElementType(), sizes);
}

Value Blocks::tap(Value x, const llvm::Twine &name) {
  return nn::TapOp::create(b, m.loc(), x, name.str());
}

Value Blocks::add(llvm::StringRef path, Value x, Value y) {
  return arith::AddFOp::create(b, m.loc(path), x, y);
}

Value Blocks::activation(llvm::StringRef path, nn::ActivationKind kind,
                         Value x) {
  return nn::ActivationOp::create(b, m.loc(path), x.getType(), kind, x);
}

Value Blocks::layerNorm(llvm::StringRef path, Value x, double epsilon) {
  auto type = mlir::cast<RankedTensorType>(x.getType());
  return nn::NormOp::create(b, m.loc(path), type, nn::NormKind::Layer, x,
                            m.norm(path), m.bias(path), llvm::APFloat(epsilon),
                            emptyLike(type, x))
      .getResult();
}

Value Blocks::rmsNorm(llvm::StringRef path, Value x, double epsilon) {
  auto type = mlir::cast<RankedTensorType>(x.getType());
  return nn::NormOp::create(b, m.loc(path), type, nn::NormKind::RMS, x,
                            m.norm(path), Value(), llvm::APFloat(epsilon),
                            emptyLike(type, x))
      .getResult();
}

Value Blocks::positions(Value tokens, Value past, int64_t most) {
  auto body = [&](mlir::OpBuilder &inner, mlir::Location loc,
                  mlir::ValueRange at) {
    Value place =
        arith::IndexCastOp::create(inner, loc, inner.getI32Type(), at[1]);
    if (past)
      place = arith::AddIOp::create(
          inner, loc, place,
          tensor::ExtractOp::create(inner, loc, past, mlir::ValueRange{at[0]}));
    Value last = arith::ConstantIntOp::create(inner, loc, most, 32);
    tensor::YieldOp::create(inner, loc,
                            arith::MinSIOp::create(inner, loc, place, last));
  };
  return tensor::GenerateOp::create(
      b, m.loc(), ints({any, any}),
      mlir::ValueRange{size(tokens, 0), size(tokens, 1)}, body);
}

Value Blocks::perRow(Value batch, int64_t number) {
  Value scalar = arith::ConstantIntOp::create(b, m.loc(), number, 32);
  return tensor::SplatOp::create(b, m.loc(), ints({any}), scalar,
                                 mlir::ValueRange{batch});
}

Value Blocks::onEveryRow(Value x, Value batch) {
  llvm::SmallVector<int64_t> shape{any};
  llvm::append_range(shape,
                     mlir::cast<RankedTensorType>(x.getType()).getShape());
  Value init = tensor::EmptyOp::create(b, m.loc(), shape, b.getF32Type(),
                                       mlir::ValueRange{batch});
  return mlir::linalg::BroadcastOp::create(b, m.loc(), x, init,
                                           llvm::ArrayRef<int64_t>{0})
      ->getResult(0);
}

Value Blocks::heads(Value x, int64_t count) {
  auto type = mlir::cast<RankedTensorType>(x.getType());
  llvm::SmallVector<int64_t> shape(type.getShape().drop_back());
  int64_t each = type.getShape().back() / count;
  shape.append({count, each});
  llvm::SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, m.loc(), x);
  sizes.back() = b.getIndexAttr(count);
  sizes.push_back(b.getIndexAttr(each));
  return tensor::ExpandShapeOp::create(
      b, m.loc(), floats(shape), x,
      llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1}, {2, 3}}, sizes);
}

Value Blocks::joined(Value heads) {
  llvm::ArrayRef<int64_t> shape =
      mlir::cast<RankedTensorType>(heads.getType()).getShape();
  return tensor::CollapseShapeOp::create(
      b, m.loc(), floats({shape[0], shape[1], shape[2] * shape[3]}), heads,
      llvm::ArrayRef<mlir::ReassociationIndices>{{0}, {1}, {2, 3}});
}

Value Blocks::attend(llvm::StringRef path, Value q, Value k, Value v,
                     const Attention &how) {
  auto type = mlir::cast<RankedTensorType>(q.getType());
  return joined(nn::AttentionOp::create(b, m.loc(path), type, q, k, v, how.past,
                                        how.total, how.mask, how.distances,
                                        /*sinks=*/Value(), emptyLike(type, q),
                                        how.causal, llvm::APFloat(how.scale),
                                        nullptr, nullptr)
                    .getResult());
}

Value Blocks::columns(Value x, int64_t first, int64_t count) {
  auto type = mlir::cast<RankedTensorType>(x.getType());
  llvm::SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, m.loc(), x);
  sizes[2] = b.getIndexAttr(count);
  llvm::SmallVector<OpFoldResult> offsets(3, b.getIndexAttr(0)),
      strides(3, b.getIndexAttr(1));
  offsets[2] = b.getIndexAttr(first);
  return tensor::ExtractSliceOp::create(
      b, m.loc(), floats({type.getDimSize(0), type.getDimSize(1), count}), x,
      offsets, sizes, strides);
}

Value Blocks::atPlace(Value x, int64_t at) {
  auto type = mlir::cast<RankedTensorType>(x.getType());
  llvm::SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, m.loc(), x);
  sizes[1] = b.getIndexAttr(1);
  llvm::SmallVector<OpFoldResult> offsets(3, b.getIndexAttr(0)),
      strides(3, b.getIndexAttr(1));
  offsets[1] = b.getIndexAttr(at);
  return tensor::ExtractSliceOp::create(
      b, m.loc(), floats({type.getDimSize(0), type.getDimSize(2)}), x, offsets,
      sizes, strides);
}

Value Blocks::atLast(Value x, Value count) {
  auto body = [&](mlir::OpBuilder &inner, mlir::Location loc,
                  mlir::ValueRange at) {
    Value number = tensor::ExtractOp::create(inner, loc, count, at[0]);
    Value tokens =
        arith::IndexCastOp::create(inner, loc, inner.getIndexType(), number);
    Value zero = arith::ConstantIndexOp::create(inner, loc, 0);
    Value one = arith::ConstantIndexOp::create(inner, loc, 1);
    Value last = arith::MaxSIOp::create(
        inner, loc, arith::SubIOp::create(inner, loc, tokens, one), zero);
    tensor::YieldOp::create(
        inner, loc,
        tensor::ExtractOp::create(inner, loc, x,
                                  mlir::ValueRange{at[0], last, at[1]}));
  };
  int64_t width = mlir::cast<RankedTensorType>(x.getType()).getShape().back();
  return tensor::GenerateOp::create(b, m.loc(), floats({any, width}),
                                    mlir::ValueRange{size(x, 0)}, body);
}

Value Blocks::ofCache(Value cache, int64_t layer, int64_t slot) {
  auto type = mlir::cast<RankedTensorType>(cache.getType());
  llvm::SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, m.loc(), cache);
  llvm::SmallVector<OpFoldResult> offsets(6, b.getIndexAttr(0)),
      strides(6, b.getIndexAttr(1));
  offsets[0] = b.getIndexAttr(layer), offsets[1] = b.getIndexAttr(slot);
  sizes[0] = sizes[1] = b.getIndexAttr(1);
  return tensor::ExtractSliceOp::create(b, m.loc(),
                                        floats(type.getShape().drop_front(2)),
                                        cache, offsets, sizes, strides);
}
