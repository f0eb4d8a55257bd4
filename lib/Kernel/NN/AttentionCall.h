//===- AttentionCall.h - what the nests of attention share ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The queries that read one key head are rows: row t * G + g is query t of the
// g-th head of the group, so that grouped queries share every load of keys and
// values. A unit of work is a block of rows of one or several key heads of one
// batch row and a part of the keys they see. Units are handed out by a counter,
// the longest first; where keys are split between units, partial results are
// combined after a barrier.
//
// Source of the running softmax: Milakov and Gimelshein 2018; of blocks over
// keys: Dao et al. 2022 (FlashAttention).
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_KERNEL_NN_ATTENTIONCALL_H
#define ALLOT_LIB_KERNEL_NN_ATTENTIONCALL_H

#include "NNEmitter.h"
#include "allot/Kernel/NN.h"

namespace allot::kernel {

/// Rows of a register tile.
constexpr int64_t kAttentionTile = 4;
/// Keys, or columns of values, of a register tile.
constexpr int64_t kAttentionPanel = 16;
/// Keys of a block: between two of them the running softmax is corrected.
constexpr int64_t kAttentionBlock = 32;
/// Rows of a unit at most, all heads together.
constexpr int64_t kAttentionRows = 64;
/// Where a key head meets fewer rows than this, packing keys and values costs
/// more than it saves.
constexpr int64_t kAttentionFewRows = 16;

/// Which keys a query sees and what becomes of its scores, for the kernels of
/// attention and of its gradients.
struct AttentionRules {
  bool causal = false;
  Value past, window, keys; // keys: how many there are
  Value total;              // null: all of them count
  Value scale, softcap;     // softcap null: scores are not capped
  Value mask, distances;    // null: there are none
  Value sinks;              // one more score per query head; null: none
  Value group;              // query heads of a key head

  /// Of the row that scores belong to: its batch row and, with `distances`, its
  /// query head and position (i32).
  struct Row {
    Value b, head, position;
  };
  /// Takes the arguments that only some variants have.
  void take(const AttentionVariant &kernel, mlir::Block::BlockArgListType args,
            unsigned &next);
  /// Scores of 8 keys (i32), raised by distance and -inf where the mask hides
  /// the key.
  Value adjust(NNEmitter &e, Value score, Value key, const Row &row) const;
  /// The position of the query of row `row` of batch row `b`.
  Value position(NNEmitter &e, Value b, Value row) const;
  /// One behind the last key that a query at `position` sees.
  Value limit(NNEmitter &e, Value b, Value position) const;
  Value firstSeen(NNEmitter &e, Value position) const;
  /// Scaled and capped. `slope`, where it is not null, gets the derivative by
  /// the scaled score, null without a cap.
  Value bend(NNEmitter &e, Value score, Value *slope = nullptr) const;
  /// -inf where `key` is not in [lower, upper), which are vectors of i32 as
  /// `key` is.
  static Value hide(NNEmitter &e, Value score, Value key, Value lower,
                    Value upper);
};

/// Arguments, sizes and the cutting into units of one call of the kernel.
class AttentionCall {
public:
  AttentionCall(NNEmitter &e, const AttentionKernel &kernel,
                mlir::Block::BlockArgListType args);

  struct Unit {
    Value b, h0, heads; // batch row, first key head, number of key heads
    Value r0, rows;     // first row of the block, number of rows; state row n *
                        // blockRows + r belongs to row r of head h0 + n
    Value first, last;  // keys [first, last) of this unit
    Value slot;         // where partial results go: slot * unitRows + state row
  };

  Unit decompose(Value unit);
  Value position(const Unit &u, Value r);
  Value limit(const Unit &u, Value position);
  Value firstSeen(Value position);
  /// Query index and query head of row `row` of key head `head`.
  std::pair<Value, Value> query(Value head, Value row);
  /// Scaled, capped and masked: -inf where `key` is not in [lower, upper),
  /// which are vectors of i32 as `key` is.
  Value finishScore(Value score, Value key, Value lower, Value upper,
                    const AttentionRules::Row &row);
  Value finiteOrZero(Value x);
  Value inf();
  Value exp(Value x);

  /// `body` gets each state row of a unit, its key head and its row.
  void stateRows(const Unit &u,
                 llvm::function_ref<void(Value, Value, Value)> body);
  /// What a unit has got to: `result` [row][columns] over `rowSum`, relative to
  /// exp(`rowMax`); into `out` where the unit saw all keys, else kept for
  /// `combine`.
  void finish(const Unit &u, Value result, Value rowMax, Value rowSum);
  /// Rows of all items, each put together from the parts of its keys.
  void combine();

  NNEmitter &e;
  const AttentionKernel &kernel;
  AttentionRules rules;
  Value q, k, v, out;
  Value T, D, S, Hkv, Dv, group, rowsAll, pairs, columns;
  Value blockRows, rowBlocks, unitHeads, unitRows, headGroups, groups, items,
      splits;
  /// Of the whole call: what units leave for `combine`.
  Value partial, partialMax, partialSum;

private:
  void writeRow(Value b, Value h, Value row,
                llvm::function_ref<Value(Value)> columnsAt);
  Value normalizer(Value h, Value row, Value rowMax, Value sum);
};

/// The body of one unit where blocks have many rows; memory of a thread is
/// given by `allocate`.
class ManyRowsAttention {
public:
  explicit ManyRowsAttention(AttentionCall &call) : c(call), e(call.e) {}
  void allocate();
  void release();
  void emitUnit(Value unit);

private:
  using Unit = AttentionCall::Unit;
  void prepareRows(const Unit &u);
  void packKeys(const Unit &u, Value head, Value j0, Value panels);
  void packValues(const Unit &u, Value head, Value j0, Value keys);
  Values scores(const Unit &u, Value tile, Value j0, Value panels);
  void weights(Value panels);
  void accumulate(Value tile, Value correction, Value keys);
  void tileStep(const Unit &u, Value tile, Value j0, Value panels, Value keys);

  AttentionCall &c;
  NNEmitter &e;
  // queries [tile][d][4], panels [2][d][16], values [32][columns], result
  // [row][columns].
  Value queries, keyPanels, values, result;
  Value scoreRows, rowMax, rowSum, lower, upper, tileMax, tileSum;
  Value headOf, positionOf; // with distances
};

/// The same where there are fewer than kAttentionFewRows rows: a new token.
class FewRowsAttention {
public:
  explicit FewRowsAttention(AttentionCall &call) : c(call), e(call.e) {}
  void allocate();
  void release();
  void emitUnit(Value unit);

private:
  using Unit = AttentionCall::Unit;
  void prepareRows(const Unit &u);
  void touchBlock(const Unit &u, Value j0);
  /// For each group of 8 keys of the block at `j0`, all heads: `body` gets the
  /// first key and the state row of the head.
  void keyGroups(const Unit &u, Value j0, Value keys,
                 llvm::function_ref<void(Value, Value, Value)> body);
  void scores(const Unit &u, Value j0, Value keys);
  void weights(const Unit &u, Value keys);
  void accumulate(const Unit &u, Value j0, Value keys);

  AttentionCall &c;
  NNEmitter &e;
  Scratch memory;
  // result [row][columns] and a row more, scoreRows [row][32], blockMax
  // [row][8].
  Value result, scoreRows, blockMax, rowMax, rowSum, lower, upper, queryOf,
      headOf;
  Value positionOf; // with distances
};

} // namespace allot::kernel

#endif // ALLOT_LIB_KERNEL_NN_ATTENTIONCALL_H
