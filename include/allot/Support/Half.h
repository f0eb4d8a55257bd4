//===- Half.h - 16-bit floating point to and from float ------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// IEEE binary16 (f16) and bfloat16 (bf16) as their bits in a uint16_t. To float
// is exact (a signalling NaN becomes quiet); from float rounds to nearest, ties
// to even, with subnormals, overflow to infinity and NaN kept NaN.
//===----------------------------------------------------------------------===//

#ifndef ALLOT_SUPPORT_HALF_H
#define ALLOT_SUPPORT_HALF_H

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace allot::support {

inline uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

inline float floatOfBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

inline float f16ToFloat(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16,
           magnitude = uint32_t(half & 0x7fff) << 13;
  uint32_t exponent = magnitude & 0x0f800000;
  if (exponent == 0x0f800000) // infinity or NaN
    magnitude =
        (magnitude + 0x70000000) | (magnitude & 0x007fffff ? 0x00400000 : 0);
  else if (exponent ==
           0) // zero or subnormal: an exact difference of two normal numbers
    magnitude =
        bitsOf(floatOfBits(magnitude + 0x38800000) - floatOfBits(0x38800000));
  else
    magnitude += 0x38000000;
  return floatOfBits(sign | magnitude);
}

inline uint16_t floatToF16(float value) {
  uint32_t bits = bitsOf(value), magnitude = bits & 0x7fffffff;
  uint16_t sign = uint16_t((bits >> 16) & 0x8000);
  if (magnitude > 0x7f800000) // NaN keeps the top of its payload
    return uint16_t(sign | 0x7e00 | ((magnitude >> 13) & 0x3ff));
  if (magnitude >= 0x477ff000) // 65520 and above round to infinity
    return uint16_t(sign | 0x7c00);
  if (magnitude < 0x38800000) // below 2^-14: one unit in the last place of 0.5
                              // is one f16 subnormal step
    return uint16_t(sign |
                    (bitsOf(floatOfBits(magnitude) + 0.5f) - 0x3f000000));
  uint32_t odd = (magnitude >> 13) & 1;
  return uint16_t(sign | ((magnitude - 0x38000000 + 0xfff + odd) >> 13));
}

inline float bf16ToFloat(uint16_t half) {
  uint32_t bits = uint32_t(half) << 16;
  if ((bits & 0x7fffffff) > 0x7f800000)
    bits |= 0x00400000;
  return floatOfBits(bits);
}

inline uint16_t floatToBF16(float value) {
  uint32_t bits = bitsOf(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return uint16_t((bits >> 16) | 0x40);
  return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// One byte of F8_E4M3 (the finite-only variant: no infinity, 0x7f and 0xff are
/// NaN; bias 7).
float f8e4m3ToFloat(uint8_t bits);
/// One byte of F8_E5M2 (IEEE-like: the upper byte of an f16).
inline float f8e5m2ToFloat(uint8_t bits) {
  return f16ToFloat(uint16_t(bits << 8));
}

// Bulk forms over `count` values. The 16-bit side is any address: data in files
// need not be aligned.
void f16ToFloat(const void *source, float *target, size_t count);
void floatToF16(const float *source, void *target, size_t count);
void bf16ToFloat(const void *source, float *target, size_t count);
void floatToBF16(const float *source, void *target, size_t count);

} // namespace allot::support

#endif // ALLOT_SUPPORT_HALF_H
