//===- Contract.cpp - evaluation of tensor networks -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The vectors meet one core after the other, each time one that has a mode in
// common with what there is, in double precision.
//
//===----------------------------------------------------------------------===//

#include "Maps.h"
#include "Values.h"
#include "allot/Dialect/Adapter/IR/Leaf.h"
#include "allot/Dialect/Adapter/IR/NetworkNumbers.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;
using namespace allot::reference;

namespace {

struct NetworkMap : RefValue::Map {
  NetworkMap(Network n, std::vector<std::vector<float>> numbers)
      : network(std::move(n)), sizes(network.sizes) {
    for (auto [modes, values] : llvm::zip_equal(network.cores, numbers))
      cores.push_back({modes, {values.begin(), values.end()}});
    out = count(network.out);
    in = count(network.in);
  }

  int64_t count(ArrayRef<unsigned> modes) const {
    int64_t size = 1;
    for (unsigned mode : modes)
      size *= sizes[mode];
    return size;
  }

  void run(const double *from, int64_t n, ArrayRef<unsigned> modes,
           ArrayRef<unsigned> wanted, double *to) const {
    if (n == 0)
      return;
    // The vectors are a mode, too.
    unsigned rows = sizes.size();
    SmallVector<int64_t> allSizes(sizes);
    allSizes.push_back(n);
    ModeTensor state{{rows}, {from, from + n * count(modes)}};
    llvm::append_range(state.modes, modes);
    std::vector<const ModeTensor *> left;
    for (const ModeTensor &core : cores)
      left.push_back(&core);
    while (!left.empty()) {
      auto next = llvm::find_if(left, [&](const ModeTensor *core) {
        return llvm::any_of(core->modes, [&](unsigned mode) {
          return llvm::is_contained(state.modes, mode);
        });
      });
      if (next == left.end())
        next = left.begin();
      const ModeTensor &core = **next;
      left.erase(next);
      Modes kept(wanted);
      kept.push_back(rows);
      for (const ModeTensor *other : left)
        llvm::append_range(kept, other->modes);
      state = contractNumbers(state, core, kept, allSizes);
    }
    Modes order{rows};
    llvm::append_range(order, wanted);
    llvm::copy(reorderNumbers(state, order, allSizes).values, to);
  }

  void apply(const double *x, int64_t n, double *y) const override {
    run(x, n, network.in, network.out, y);
  }
  void applyTransposed(const double *y, int64_t n, double *x) const override {
    run(y, n, network.out, network.in, x);
  }
  void readRows(ArrayRef<int64_t> ids, double *values) const override {
    std::vector<double> units(ids.size() * out, 0.0);
    for (auto [row, id] : llvm::enumerate(ids))
      units[row * out + id] = 1.0;
    applyTransposed(units.data(), ids.size(), values);
  }

  Network network;
  ArrayRef<int64_t> sizes;
  std::vector<ModeTensor> cores;
};

LogicalResult contract(ContractOp op, Values values, Results &results) {
  Operands operands(op, values);
  std::vector<std::vector<float>> cores;
  for (Value core : op.getCores())
    if (failed(operands.decode(core, "a core", cores.emplace_back())))
      return failure();
  RefValue value;
  value.shape.assign(op.getResult().getType().getShape());
  value.map = std::make_shared<NetworkMap>(op.getModes(), std::move(cores));
  results.push_back(value);
  return success();
}

} // namespace

void reference::registerNetworkModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AdapterDialect *) {
    ContractOp::attachInterface<Model<ContractOp, contract>>(*context);
  });
}
