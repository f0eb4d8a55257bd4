//===- Budget.cpp - budgets as people write them ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Plan/Transforms/Budget.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace allot;

static llvm::Error bad(llvm::StringRef text, const llvm::Twine &why) {
  return llvm::createStringError(
      llvm::inconvertibleErrorCode(),
      ("budget " + support::quoted(text) + ": " + why).str().c_str());
}

bool plan::isInBytes(llvm::StringRef resource) {
  return resource == "bytes" || resource.starts_with("bytes_");
}

llvm::Expected<int64_t> plan::parseBudget(llvm::StringRef text,
                                          llvm::StringRef resource,
                                          int64_t weights) {
  constexpr const char *form =
      "expected a number with bpw, B, kB, MB, GB, KiB, MiB, GiB or no unit";
  // digits / divisor, at most 18 digits, and 18 behind the point: products
  // below fit 128 bits.
  llvm::StringRef rest = text;
  unsigned __int128 digits = 0, divisor = 1;
  unsigned count = 0, behind = 0;
  bool point = false;
  while (!rest.empty() &&
         (llvm::isDigit(rest.front()) || (rest.front() == '.' && !point))) {
    if (rest.front() == '.') {
      point = true;
    } else {
      digits = digits * 10 + (rest.front() - '0');
      if (point)
        divisor *= 10;
      if ((digits > 0 && ++count > 18) || (point && ++behind > 18))
        return bad(text, "has too many digits");
    }
    rest = rest.drop_front();
  }
  if (rest.size() == text.size() ||
      text.take_front(text.size() - rest.size()) == ".")
    return bad(text, form);
  bool inBytes = isInBytes(resource);
  int64_t factor = !inBytes ? llvm::StringSwitch<int64_t>(rest)
                                  .Case("", 1)
                                  .Case("k", 1000)
                                  .Case("M", 1000 * 1000)
                                  .Case("G", 1000 * 1000 * 1000)
                                  .Case("T", int64_t(1000) * 1000 * 1000 * 1000)
                                  .Default(-1)
                            : llvm::StringSwitch<int64_t>(rest)
                                  .Cases({"", "B"}, 1)
                                  .Case("kB", 1000)
                                  .Case("MB", 1000 * 1000)
                                  .Case("GB", 1000 * 1000 * 1000)
                                  .Case("KiB", int64_t(1) << 10)
                                  .Case("MiB", int64_t(1) << 20)
                                  .Case("GiB", int64_t(1) << 30)
                                  .Case("bpw", 0)
                                  .Default(-1);
  if (factor < 0 && !inBytes)
    return bad(text, support::quoted(resource) +
                         " is not counted in bytes: expected a number with k, "
                         "M, G, T or no unit");
  if (factor < 0)
    return bad(text, form);
  if (factor == 0) {
    if (weights <= 0)
      return bad(text, "the problem does not say how many weights the model "
                       "has");
    factor = weights;
    divisor *= 8;
  }
  unsigned __int128 limit = digits * static_cast<uint64_t>(factor) / divisor;
  if (limit > (uint64_t(1) << 61))
    return bad(text, "is more than 2^61");
  return static_cast<int64_t>(limit);
}

std::string plan::describeAmount(int64_t amount, llvm::StringRef resource,
                                 int64_t weights) {
  std::string text = (llvm::Twine(amount) + " " + resource).str();
  if (resource == "bytes" && weights > 0)
    text += llvm::formatv(" ({0:f4} bpw)", 8.0 * static_cast<double>(amount) /
                                               static_cast<double>(weights))
                .str();
  return text;
}
