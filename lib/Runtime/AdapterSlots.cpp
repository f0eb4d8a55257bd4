//===- AdapterSlots.cpp - other adapters in a loaded program ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/AdapterSlots.h"
#include "allot/Codec/Codec.h"
#include "allot/Dialect/Adapter/IR/Bank.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Support/Error.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace allot;
using namespace allot::runtime;
using ml_program::GlobalOp;
using support::quoted;

namespace {

/// A pair of factors that an adapter has at a site.
struct Pair {
  GlobalOp b, a;
  double scale = 1;
};
using Sites = llvm::MapVector<StringAttr, SmallVector<Pair>>;

llvm::Error siteError(StringAttr site, const Twine &what) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 "site " + quoted(site.getValue()) + ": " +
                                     what);
}

/// The number of the adapter in the bank of a module.
llvm::Expected<int64_t> memberOf(ModuleOp module, StringRef name) {
  auto names = module->getAttrOfType<ArrayAttr>("allot.adapters");
  if (!names)
    return llvm::createStringError("the program has no bank of adapters");
  for (auto [i, attribute] : llvm::enumerate(names))
    if (auto known = dyn_cast<StringAttr>(attribute);
        known && known.getValue() == name)
      return int64_t(i);
  return llvm::createStringError("the bank has no adapter called " +
                                 quoted(name));
}

/// The pairs of the adapter of a module by site, or of member `member` of a
/// bank (-1: no bank).
llvm::Expected<Sites> collectPairs(ModuleOp module, int64_t member) {
  SymbolTable symbols(module);
  Sites sites;
  llvm::Error error = llvm::Error::success();
  auto global = [&](Value tensor) -> GlobalOp {
    auto load = tensor.getDefiningOp<ml_program::GlobalLoadConstOp>();
    return load ? symbols.lookup<GlobalOp>(load.getGlobal().getLeafReference())
                : GlobalOp();
  };
  module.walk([&](adapter::ApplyOp apply) {
    StringAttr site = apply.getSiteAttr();
    if (!site || error || (member >= 0 && !apply.getIds()))
      return;
    Value map = apply.getMap();
    if (apply.getIds()) {
      auto bank = map.getDefiningOp<adapter::BankOp>();
      if (!bank || member < 0 || member >= int64_t(bank.getMaps().size())) {
        error = siteError(site, "its bank is none of adapters");
        return;
      }
      map = bank.getMaps()[member];
    }
    auto op = map.getDefiningOp<LinearMapOpInterface>();
    MapTerms terms;
    if (op)
      op.collectTerms(1.0, terms);
    bool plain = op && terms.others.empty() && terms.matrices.size() <= 1;
    SmallVector<Pair> pairs;
    for (const MapTerms::Factors &factors : terms.factors) {
      pairs.push_back({global(factors.b), global(factors.a), factors.scale});
      plain &= pairs.back().b && pairs.back().a && !factors.gate;
    }
    if (!plain) {
      error = siteError(site, "the adapter is more than pairs of stored "
                              "factors, which alone can be exchanged");
      return;
    }
    // The same in every function that reads the site.
    sites[site] = std::move(pairs);
  });
  if (error)
    return std::move(error);
  return sites;
}

/// Fails where a module with one adapter differs from another one in more than
/// the pairs of it: what else the adapter changes would be lost.
llvm::Error checkSameModel(ModuleOp of, ModuleOp with, const Sites &pairs) {
  llvm::DenseSet<Operation *> factors;
  for (auto &[site, list] : pairs)
    for (Pair pair : list)
      for (GlobalOp factor : {pair.b, pair.a})
        factors.insert(factor);
  SymbolTable symbols(of);
  auto stored = [](GlobalOp global) {
    return global ? dyn_cast_or_null<format::StoredAttr>(global.getValueAttr())
                  : format::StoredAttr();
  };
  for (auto global : with.getOps<GlobalOp>()) {
    if (factors.contains(global))
      continue;
    format::StoredAttr mine = stored(global),
                       other = stored(
                           symbols.lookup<GlobalOp>(global.getSymName()));
    if (!mine || !other ||
        mine.getTensor().getValue() != other.getTensor().getValue() ||
        mine.getDigest().getValue() != other.getDigest().getValue())
      return llvm::createStringError(
          "weight @" + global.getSymName() +
          " is not that of the program: the adapter is on another model, or "
          "changes more than it adds pairs of factors to linear layers");
  }
  return llvm::Error::success();
}

RankedTensorType typeOf(GlobalOp global) {
  return cast<RankedTensorType>(global.getType());
}

class Replacement {
public:
  Replacement(WeightStore &store, StringRef folder)
      : store(store), files(folder) {}

  /// Prepares what stands for a pair; `from` null: zeros.
  llvm::Error add(StringAttr site, const Pair &slot, const Pair *from) {
    int64_t rank = typeOf(slot.b).getDimSize(1);
    if (from && typeOf(from->b).getDimSize(1) > rank)
      return siteError(site, "the rank of the adapter is " +
                                 Twine(typeOf(from->b).getDimSize(1)) +
                                 ", that of the slot " + Twine(rank));
    double factor = from ? from->scale / slot.scale : 1;
    if (!std::isfinite(factor))
      return siteError(site,
                       "the slot has a scale of " + Twine(int64_t(slot.scale)));
    if (llvm::Error error =
            add(site, slot.b, from ? from->b : GlobalOp(), factor))
      return error;
    return add(site, slot.a, from ? from->a : GlobalOp(), 1);
  }

  llvm::Error commit() {
    for (auto &[index, bytes] : writes) {
      auto target = store.writable(index);
      if (!target)
        return target.takeError();
      llvm::copy(bytes, target->begin());
    }
    return llvm::Error::success();
  }

private:
  llvm::Error add(StringAttr site, GlobalOp slot, GlobalOp from,
                  double factor) {
    RankedTensorType type = typeOf(slot);
    std::vector<float> values(type.getNumElements(), 0.0f);
    if (from) {
      RankedTensorType given = typeOf(from);
      // The side of the rank may be shorter.
      int64_t rows = given.getDimSize(0), columns = given.getDimSize(1),
              width = type.getDimSize(1);
      if (rows > type.getDimSize(0) || columns > width)
        return siteError(site, "factor @" + from.getSymName() + " is " +
                                   support::shapeString(given.getShape()) +
                                   ", that of the slot " +
                                   support::shapeString(type.getShape()));
      auto numbers = files.read(from);
      if (!numbers)
        return numbers.takeError();
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c)
          values[r * width + c] =
              float(factor * double((*numbers)[r * columns + c]));
    }
    bool isRead = false;
    for (auto [index, weight] : llvm::enumerate(store.weights())) {
      if (weight.global != slot.getSymName())
        continue;
      FormatAttrInterface format = format::getFormat(weight.type);
      auto plain = cast<FormatAttrInterface>(format.getUnpackedFormat());
      ArrayRef<int64_t> shape = weight.type.getShape();
      auto encoded = codec::encodeRoundToNearest(plain, values, shape);
      if (!encoded)
        return siteError(site, llvm::toString(encoded.takeError()));
      std::vector<uint8_t> bytes(format::getStoredBytes(weight.type));
      if (llvm::Error error = codec::convert(plain, *encoded, format, shape,
                                             /*rowInterleave=*/0, bytes))
        return siteError(site, llvm::toString(std::move(error)));
      writes.push_back({unsigned(index), std::move(bytes)});
      isRead = true;
    }
    if (!isRead)
      return siteError(site, "factor @" + slot.getSymName() +
                                 " was computed into other weights when the "
                                 "program was loaded");
    return llvm::Error::success();
  }

  WeightStore &store;
  archive::StoredWeights files;
  std::vector<std::pair<unsigned, std::vector<uint8_t>>> writes;
};

} // namespace

llvm::Error runtime::replaceAdapter(Program &program, ModuleOp of,
                                    StringRef name, ModuleOp with,
                                    StringRef folder) {
  if (!program.weights())
    return support::fileError(program.path(),
                              "adapters are exchanged in compiled programs "
                              "alone, not in the reference evaluation");
  auto member = memberOf(of, name);
  if (!member)
    return member.takeError();
  auto slots = collectPairs(of, *member);
  if (!slots)
    return slots.takeError();
  Sites given;
  if (with) {
    if (with->hasAttr("allot.adapters"))
      return llvm::createStringError("the module with the adapter for slot " +
                                     quoted(name) +
                                     " has a bank, wanted one adapter alone");
    auto pairs = collectPairs(with, /*member=*/-1);
    if (!pairs)
      return pairs.takeError();
    given = std::move(*pairs);
    if (llvm::Error error = checkSameModel(of, with, given))
      return error;
  }
  Replacement replacement(*program.weights(), folder);
  for (auto &[site, pairs] : given) {
    // Attributes of two contexts: by their text.
    auto known = llvm::find_if(*slots, [&, site = site](const auto &slot) {
      return slot.first.getValue() == site.getValue();
    });
    size_t room = known == slots->end() ? 0 : known->second.size();
    if (pairs.size() > room)
      return siteError(site, "the adapter has " + Twine(pairs.size()) +
                                 " pairs of factors, the slot " + Twine(room));
  }
  for (auto &[site, pairs] : *slots) {
    auto found = llvm::find_if(given, [&, site = site](const auto &one) {
      return one.first.getValue() == site.getValue();
    });
    for (auto [i, slot] : llvm::enumerate(pairs)) {
      const Pair *from = found != given.end() && i < found->second.size()
                             ? &found->second[i]
                             : nullptr;
      if (llvm::Error error = replacement.add(site, slot, from))
        return error;
    }
  }
  return replacement.commit();
}
