//===- ModuleOutputs.cpp - outputs that are no linear maps ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FormBuilder.h"
#include "ModuleBuilder.h"
#include "allot/Import/Merge.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace allot;
using namespace allot::importer;
using mlir::Value;

/// Rows of a matrix in the shape of `like`, whose leading dimensions they were.
/// No `tensor.expand_shape`: of two dimensions of unknown sizes that come of
/// one upstream loses the strides.
static Value unfoldRows(mlir::OpBuilder &b, mlir::Location loc, Value matrix,
                        Value like) {
  auto type = mlir::cast<mlir::RankedTensorType>(like.getType());
  llvm::SmallVector<mlir::OpFoldResult> sizes =
      mlir::tensor::getMixedSizes(b, loc, like);
  Value init =
      mlir::tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  llvm::SmallVector<Value> leading;
  for (mlir::OpFoldResult size : llvm::ArrayRef(sizes).drop_back())
    leading.push_back(mlir::getValueOrCreateConstantIndexOp(b, loc, size));
  llvm::SmallVector<mlir::utils::IteratorType> loops(
      type.getRank(), mlir::utils::IteratorType::parallel);
  return mlir::linalg::GenericOp::create(
             b, loc, type, mlir::ValueRange{}, init,
             llvm::ArrayRef{b.getMultiDimIdentityMap(type.getRank())}, loops,
             [&](mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange) {
               auto index = [&](int64_t dim) -> Value {
                 return mlir::linalg::IndexOp::create(b, loc, dim);
               };
               Value row = index(0);
               for (size_t i = 1; i < leading.size(); ++i) {
                 row = mlir::arith::MulIOp::create(b, loc, row, leading[i]);
                 row = mlir::arith::AddIOp::create(b, loc, row, index(i));
               }
               Value value = mlir::tensor::ExtractOp::create(
                   b, loc, matrix,
                   mlir::ValueRange{row, index(type.getRank() - 1)});
               mlir::linalg::YieldOp::create(b, loc, value);
             })
      .getResult(0);
}

/// The output y as the adapters change it that are no linear maps.
Value ModuleBuilder::withApplied(const Site &site, Value x, Value y,
                                 const llvm::StringMap<Value> &arguments) {
  mlir::Location at = loc(site.info.path);
  int64_t rank = mlir::cast<mlir::RankedTensorType>(y.getType()).getRank();
  auto flat = [&](Value tensor) -> Value {
    if (rank == 2)
      return tensor;
    llvm::SmallVector<mlir::ReassociationIndices> rows(2);
    llvm::append_range(rows[0], llvm::seq<int64_t>(0, rank - 1));
    rows[1].push_back(rank - 1);
    return mlir::tensor::CollapseShapeOp::create(b, at, tensor, rows);
  };
  for (const AdapterForm &form : site.adaptation->forms) {
    if (!form.apply)
      continue;
    markBeyondMap(y, form.adapter);
    llvm::SmallVector<Value> values;
    for (const std::string &name : form.arguments)
      values.push_back(arguments.lookup(name));
    Value changed = withForm(site, form, Value(), [&](FormBuilder &builder) {
      return form.apply(builder, flat(x), flat(y), values);
    });
    y = rank == 2 ? changed : unfoldRows(b, at, changed, y);
  }
  return y;
}

void ModuleBuilder::markBeyondMap(Value y, llvm::StringRef adapter) {
  if (mlir::Operation *op = y.getDefiningOp();
      mlir::isa_and_present<adapter::ApplyOp, adapter::GatherOp>(op))
    op->setAttr(beyondMapAttr, b.getStringAttr(adapter));
}

llvm::SmallVector<ModuleBuilder::Prompt>
ModuleBuilder::prompts(llvm::StringRef path) {
  llvm::SmallVector<Prompt> result;
  // Not every attention block is a module that adapters can be put on.
  auto found = sites.find(path);
  if (found == sites.end() || !found->second.adaptation)
    return result;
  const Site &site = found->second;
  for (const AdapterForm &form : site.adaptation->forms)
    if (form.attends) {
      Prompt prompt;
      prompt.adapter = form.adapter;
      (void)withForm(site, form, Value(), [&](FormBuilder &f) {
        Value tokens = f.numbers("prompt");
        prompt.tokens = f.reshape(tokens, shapeOf(tokens).drop_front());
        return prompt.gate = f.numbers("gate");
      });
      result.push_back(prompt);
    }
  return result;
}

Value ModuleBuilder::prepended(llvm::StringRef path) {
  auto found = sites.find(path);
  if (found == sites.end() || !found->second.adaptation)
    return Value();
  const Site &site = found->second;
  for (const AdapterForm &form : site.adaptation->forms)
    if (!form.prepends.empty())
      return withForm(site, form, Value(),
                      [&](FormBuilder &f) { return f.numbers(form.prepends); });
  return Value();
}
