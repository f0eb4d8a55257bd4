//===- Broken.h - damaged files for the readers --------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#ifndef ALLOT_UNIT_ARCHIVE_BROKEN_H
#define ALLOT_UNIT_ARCHIVE_BROKEN_H

#include <cstdint>
#include <cstring>
#include <random>
#include <string>

namespace allot::test {

/// Calls `parse` with every prefix of `good` and with many damaged copies: a
/// few bytes changed, or eight bytes replaced by a number that parsers trip
/// over. The same copies on every run.
template <typename Parse>
void forEachDamage(const std::string &good, size_t damagedPart, Parse parse) {
  for (size_t size = 0; size < good.size(); ++size)
    parse(good.substr(0, size));
  std::mt19937_64 random(7);
  const uint64_t nasty[] = {0,          1,          33,         255,
                            1ull << 31, 1ull << 32, 1ull << 60, 1ull << 62,
                            1ull << 63, ~0ull,      ~0ull - 7};
  for (int i = 0; i < 20000; ++i) {
    std::string bad = good;
    if (i % 2) {
      uint64_t number = nasty[random() % (sizeof(nasty) / sizeof(*nasty))];
      size_t width = size_t(1) << (random() % 4);
      size_t at = random() % (damagedPart - width);
      std::memcpy(&bad[at], &number, width);
    } else {
      for (uint64_t n = 1 + random() % 4; n; --n)
        bad[random() % damagedPart] = char(random());
    }
    parse(bad);
  }
}

} // namespace allot::test

#endif // ALLOT_UNIT_ARCHIVE_BROKEN_H
