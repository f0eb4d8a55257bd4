//===- RoutingPolicies.cpp - code of the choosing of policies ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Experts are few and are chosen one after the other, the best of those that
// are left. Marks in `chosen`: 0 may be chosen, 1 is, 2 may not.
//
//===----------------------------------------------------------------------===//

#include "GroupedParts.h"
#include "allot/Kernel/Routing.h"
#include "mlir/IR/DialectRegistry.h"

using namespace mlir;
using namespace allot;
using namespace allot::kernel;
using namespace allot::routed;
using Values = Emitter::Values;

namespace {

/// Places of candidates: `first + i * stride` for i < count.
struct Candidates {
  Value first, count, stride;
};

/// A policy at work on one sequence.
struct Chooser {
  Chooser(Emitter &e, Value scores, Value chosen, Value first, Value rows,
          Value experts)
      : e(e), scores(scores), chosen(chosen), first(first), rows(rows),
        experts(experts) {}

  Value isMarked(Value at, int64_t mark) {
    return e.cmp(arith::CmpIPredicate::eq, e.load(chosen, at),
                 e.integer(mark, 8));
  }
  void mark(Value at, int64_t mark) { e.store(e.integer(mark, 8), chosen, at); }
  Value greater(Value a, Value b) {
    return arith::CmpFOp::create(e.builder, e.loc, arith::CmpFPredicate::OGT, a,
                                 b);
  }
  /// The place of the largest score among candidates with mark 0, of equals the
  /// first, and the score; NaN is less than anything but nothing.
  Values best(const Candidates &c) {
    Value none = e.index(-1);
    return e.forLoop(e.index(0), c.count, 1, Values{none, e.f32(0)},
                     [&](Value i, ValueRange so) {
                       Value at = e.add(c.first, e.mul(i, c.stride));
                       Value isFirst =
                           e.cmp(arith::CmpIPredicate::eq, so[0], none);
                       Value score = e.load(scores, at);
                       Value better = arith::OrIOp::create(
                           e.builder, e.loc, isFirst, greater(score, so[1]));
                       better = arith::AndIOp::create(e.builder, e.loc, better,
                                                      isMarked(at, 0));
                       return Values{e.select(better, at, so[0]),
                                     e.select(better, score, so[1])};
                     });
  }
  /// Marks the best `count` candidates.
  void take(const Candidates &c, Value count) {
    e.forLoop(e.index(0), e.min(count, c.count), 1,
              [&](Value) { mark(best(c)[0], 1); });
  }
  void forRows(function_ref<void(Value)> body) {
    e.forLoop(e.index(0), rows, 1,
              [&](Value row) { body(e.add(first, e.mul(row, experts))); });
  }
  Candidates ofRow(Value start) { return {start, experts, e.index(1)}; }
  /// `perRow` (a constant) times the rows, rounded down, at least 1.
  Value partOfRows(double perRow) {
    Type f64 = e.builder.getF64Type(), i64 = e.builder.getI64Type();
    Value number =
        arith::SIToFPOp::create(e.builder, e.loc, f64, fromIndex(e, rows, 64));
    Value factor = arith::ConstantOp::create(e.builder, e.loc,
                                             e.builder.getF64FloatAttr(perRow));
    Value product = arith::MulFOp::create(e.builder, e.loc, number, factor);
    return e.max(
        toIndex(e, arith::FPToSIOp::create(e.builder, e.loc, i64, product)),
        e.index(1));
  }

  Emitter &e;
  Value scores, chosen, first, rows, experts;
};

template <typename Model, typename Policy>
struct PolicyModel
    : RoutingKernelInterface::ExternalModel<PolicyModel<Model, Policy>,
                                            Policy> {
  void emitChoose(Attribute attribute, Emitter &e, Value scores, Value chosen,
                  Value first, Value rows, Value experts) const {
    Chooser chooser(e, scores, chosen, first, rows, experts);
    Model::emit(cast<Policy>(attribute), chooser);
  }
};

struct TokenChoiceCode {
  /// Marks the experts of groups that are not kept.
  static void keepGroups(TokenChoiceAttr policy, Chooser &c, Value start) {
    Emitter &e = c.e;
    Value zero = e.index(0), one = e.index(1);
    Value size = e.div(c.experts, policy.getGroups());
    auto ofGroup = [&](Value group) {
      return Candidates{e.add(start, e.mul(group, size)), size, one};
    };
    auto markGroup = [&](Value group, int64_t mark) {
      Candidates experts = ofGroup(group);
      e.forLoop(zero, size, 1,
                [&](Value i) { c.mark(e.add(experts.first, i), mark); });
    };
    auto judge = [&](Value group) {
      Candidates experts = ofGroup(group);
      Values largest = c.best(experts);
      if (policy.getBy() == GroupScore::Largest)
        return largest[1];
      c.mark(largest[0], 2);
      Value second = c.best(experts)[1];
      c.mark(largest[0], 0);
      return e.addf(largest[1], second);
    };
    // A group that is kept has mark 1 while others are looked for.
    Value groups = e.index(policy.getGroups()), none = e.index(-1);
    e.forLoop(zero, e.index(policy.getKept()), 1, [&](Value) {
      Value found =
          e.forLoop(zero, groups, 1, Values{none, e.f32(0)},
                    [&](Value group, ValueRange so) {
                      Value left = c.isMarked(ofGroup(group).first, 0);
                      return e.ifElse(
                          left, so.getTypes(),
                          [&] {
                            Value score = judge(group);
                            Value better = arith::OrIOp::create(
                                e.builder, e.loc,
                                e.cmp(arith::CmpIPredicate::eq, so[0], none),
                                c.greater(score, so[1]));
                            return Values{e.select(better, group, so[0]),
                                          e.select(better, score, so[1])};
                          },
                          [&] { return Values(so); });
                    })[0];
      markGroup(found, 1);
    });
    e.forLoop(zero, c.experts, 1, [&](Value i) {
      Value at = e.add(start, i);
      Value kept = c.isMarked(at, 1);
      e.store(e.select(kept, e.integer(0, 8), e.integer(2, 8)), c.chosen, at);
    });
  }

  static void emit(TokenChoiceAttr policy, Chooser &c) {
    c.forRows([&](Value start) {
      if (policy.getKept() < policy.getGroups())
        keepGroups(policy, c, start);
      c.take(c.ofRow(start), c.e.index(policy.getK()));
    });
  }
};

struct ExpertChoiceCode {
  static void emit(ExpertChoiceAttr policy, Chooser &c) {
    Emitter &e = c.e;
    Value count = policy.getFraction()
                      ? c.partOfRows(policy.getFraction().getValueAsDouble())
                      : e.index(policy.getRows());
    e.forLoop(e.index(0), c.experts, 1, [&](Value expert) {
      c.take({e.add(c.first, expert), c.rows, c.experts}, count);
    });
  }
};

struct GlobalChoiceCode {
  static void emit(GlobalChoiceAttr policy, Chooser &c) {
    Emitter &e = c.e;
    Value all = e.mul(c.rows, c.experts), none = e.index(-1);
    Value count =
        e.min(c.partOfRows(policy.getPerRow().getValueAsDouble()), all);
    e.forLoop(e.index(0), count, 1, [&](Value) {
      // The best of the best rows of each expert: the order of ties.
      Values found = e.forLoop(
          e.index(0), c.experts, 1, Values{none, e.f32(0)},
          [&](Value expert, ValueRange so) {
            Values own = c.best({e.add(c.first, expert), c.rows, c.experts});
            Value exists = e.cmp(arith::CmpIPredicate::ne, own[0], none);
            Value better = arith::OrIOp::create(
                e.builder, e.loc, e.cmp(arith::CmpIPredicate::eq, so[0], none),
                c.greater(own[1], so[1]));
            better = arith::AndIOp::create(e.builder, e.loc, better, exists);
            return Values{e.select(better, own[0], so[0]),
                          e.select(better, own[1], so[1])};
          });
      c.mark(found[0], 1);
    });
  }
};

struct TopPCode {
  static void emit(TopPAttr policy, Chooser &c) {
    Emitter &e = c.e;
    Type f64 = e.builder.getF64Type();
    auto number = [&](double value) -> Value {
      return arith::ConstantOp::create(e.builder, e.loc,
                                       e.builder.getF64FloatAttr(value));
    };
    Value p = number(policy.getP().getValueAsDouble());
    c.forRows([&](Value start) {
      Value open = e.integer(1, 1);
      e.forLoop(
          e.index(0), c.experts, 1, Values{open, number(0)},
          [&](Value, ValueRange so) {
            return e.ifElse(
                so[0], so.getTypes(),
                [&] {
                  Values next = c.best(c.ofRow(start));
                  c.mark(next[0], 1);
                  Value score =
                      arith::ExtFOp::create(e.builder, e.loc, f64, next[1]);
                  Value sum =
                      arith::AddFOp::create(e.builder, e.loc, so[1], score);
                  Value less = arith::CmpFOp::create(
                      e.builder, e.loc, arith::CmpFPredicate::OLT, sum, p);
                  return Values{less, sum};
                },
                [&] { return Values(so); });
          });
    });
  }
};

struct ThresholdCode {
  static void emit(ThresholdAttr policy, Chooser &c) {
    Emitter &e = c.e;
    Type f64 = e.builder.getF64Type(), i8 = e.builder.getI8Type();
    Value least = arith::ConstantOp::create(
        e.builder, e.loc,
        e.builder.getF64FloatAttr(policy.getLeast().getValueAsDouble()));
    e.forLoop(e.index(0), e.mul(c.rows, c.experts), 1, [&](Value i) {
      Value at = e.add(c.first, i);
      Value score =
          arith::ExtFOp::create(e.builder, e.loc, f64, e.load(c.scores, at));
      Value enough = arith::CmpFOp::create(
          e.builder, e.loc, arith::CmpFPredicate::OGE, score, least);
      e.store(arith::ExtUIOp::create(e.builder, e.loc, i8, enough), c.chosen,
              at);
    });
  }
};

} // namespace

void kernel::registerRoutingExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, RoutedDialect *) {
    TokenChoiceAttr::attachInterface<
        PolicyModel<TokenChoiceCode, TokenChoiceAttr>>(*context);
    ExpertChoiceAttr::attachInterface<
        PolicyModel<ExpertChoiceCode, ExpertChoiceAttr>>(*context);
    GlobalChoiceAttr::attachInterface<
        PolicyModel<GlobalChoiceCode, GlobalChoiceAttr>>(*context);
    TopPAttr::attachInterface<PolicyModel<TopPCode, TopPAttr>>(*context);
    ThresholdAttr::attachInterface<PolicyModel<ThresholdCode, ThresholdAttr>>(
        *context);
  });
}
