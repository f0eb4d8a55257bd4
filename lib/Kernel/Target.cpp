//===- Target.cpp - what a processor answers to a kernel --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Kernel/Target.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace allot::kernel;

llvm::Expected<KernelTarget> KernelTarget::parse(StringRef features) {
  if (features == "generic")
    return KernelTarget(Class::Generic);
  if (features == "avx2")
    return KernelTarget(Class::AVX2);
  if (features == "avx512vnni")
    return KernelTarget(Class::AVX512VNNI);
  llvm::StringSet<> on;
  SmallVector<StringRef> names;
  features.split(names, ',', -1, /*KeepEmpty=*/false);
  for (StringRef name : names) {
    name = name.trim();
    if (name.consume_front("+"))
      on.insert(name);
    else if (!name.consume_front("-"))
      return llvm::createStringError("unknown kernel target '" + name +
                                     "': expected generic, avx2, avx512vnni "
                                     "or a list of features such as +avx2");
  }
  if (!on.contains("avx2") || !on.contains("fma") || !on.contains("f16c"))
    return KernelTarget(Class::Generic);
  if (on.contains("avx512vnni") && on.contains("avx512vl"))
    return KernelTarget(Class::AVX512VNNI);
  return KernelTarget(Class::AVX2);
}

StringRef KernelTarget::getName() const {
  switch (targetClass) {
  case Class::Generic:
    return "generic";
  case Class::AVX2:
    return "avx2";
  case Class::AVX512VNNI:
    return "avx512vnni";
  }
  llvm_unreachable("all classes have a name");
}

static Value callIntrinsic(Emitter &e, StringRef name, Type result,
                           ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(e.builder, e.loc, result,
                                       e.builder.getStringAttr(name), operands)
      .getResult(0);
}

/// Even and odd lanes of an integer vector, widened.
static std::pair<Value, Value> widenPairs(Emitter &e, Value v, Type element,
                                          bool isSigned) {
  auto halves = vector::DeinterleaveOp::create(e.builder, e.loc, v);
  auto widen = [&](Value half) -> Value {
    auto type = cast<VectorType>(half.getType()).clone(element);
    if (isSigned)
      return arith::ExtSIOp::create(e.builder, e.loc, type, half);
    return arith::ExtUIOp::create(e.builder, e.loc, type, half);
  };
  return {widen(halves.getRes1()), widen(halves.getRes2())};
}

Value KernelTarget::dotBytes(Emitter &e, Value codes, Value x) const {
  if (targetClass != Class::Generic)
    return callIntrinsic(e, "llvm.x86.avx2.pmadd.ub.sw", e.i16Vector(),
                         {codes, x});
  Type i16 = e.builder.getI16Type();
  auto [c0, c1] = widenPairs(e, codes, i16, /*isSigned=*/false);
  auto [x0, x1] = widenPairs(e, x, i16, /*isSigned=*/true);
  return e.add(e.mul(c0, x0), e.mul(c1, x1));
}

Value KernelTarget::dotPairs(Emitter &e, Value a, Value b) const {
  if (targetClass != Class::Generic)
    return callIntrinsic(e, "llvm.x86.avx2.pmadd.wd", e.i32Vector(), {a, b});
  Type i32 = e.builder.getI32Type();
  auto [a0, a1] = widenPairs(e, a, i32, /*isSigned=*/true);
  auto [b0, b1] = widenPairs(e, b, i32, /*isSigned=*/true);
  return e.add(e.mul(a0, b0), e.mul(a1, b1));
}

Value KernelTarget::dotBytesInto(Emitter &e, Value accumulator, Value codes,
                                 Value x) const {
  return callIntrinsic(e, "llvm.x86.avx512.vpdpbusd.256", e.i32Vector(),
                       {accumulator, codes, x});
}
