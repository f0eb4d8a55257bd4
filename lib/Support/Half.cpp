//===- Half.cpp - 16-bit floating point in bulk ------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Support/Half.h"
#include <cmath>
#include <limits>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace allot::support {

float f8e4m3ToFloat(uint8_t bits) {
  unsigned exponent = (bits >> 3) & 15, mantissa = bits & 7;
  float magnitude;
  if (exponent == 15 && mantissa == 7)
    magnitude = std::numeric_limits<float>::quiet_NaN();
  else if (exponent == 0)
    magnitude = float(mantissa) * 0x1p-9f;
  else
    magnitude = std::ldexp(float(8 + mantissa), int(exponent) - 10);
  return std::copysign(magnitude, bits & 0x80 ? -1.0f : 1.0f);
}

static uint16_t load16(const void *base, size_t index) {
  uint16_t value;
  std::memcpy(&value, static_cast<const char *>(base) + 2 * index, 2);
  return value;
}

static void store16(void *base, size_t index, uint16_t value) {
  std::memcpy(static_cast<char *>(base) + 2 * index, &value, 2);
}

#if defined(__x86_64__)
// The hardware gives the same bits as the functions of the header, NaN
// included; a test compares all of them.
static bool hasF16C() {
  static const bool has =
      __builtin_cpu_supports("f16c") && __builtin_cpu_supports("avx");
  return has;
}

__attribute__((target("avx,f16c"))) static size_t
f16ToFloatF16C(const void *source, float *target, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const char *at = static_cast<const char *>(source) + 2 * i;
    __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i *>(at));
    _mm256_storeu_ps(target + i, _mm256_cvtph_ps(half));
  }
  return i;
}

__attribute__((target("avx,f16c"))) static size_t
floatToF16F16C(const float *source, void *target, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    __m128i half =
        _mm256_cvtps_ph(_mm256_loadu_ps(source + i),
                        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    char *at = static_cast<char *>(target) + 2 * i;
    _mm_storeu_si128(reinterpret_cast<__m128i *>(at), half);
  }
  return i;
}
#endif

void f16ToFloat(const void *source, float *target, size_t count) {
  size_t i = 0;
#if defined(__x86_64__)
  if (hasF16C())
    i = f16ToFloatF16C(source, target, count);
#endif
  for (; i < count; ++i)
    target[i] = f16ToFloat(load16(source, i));
}

void floatToF16(const float *source, void *target, size_t count) {
  size_t i = 0;
#if defined(__x86_64__)
  if (hasF16C())
    i = floatToF16F16C(source, target, count);
#endif
  for (; i < count; ++i)
    store16(target, i, floatToF16(source[i]));
}

void bf16ToFloat(const void *source, float *target, size_t count) {
  for (size_t i = 0; i < count; ++i)
    target[i] = bf16ToFloat(load16(source, i));
}

void floatToBF16(const float *source, void *target, size_t count) {
  for (size_t i = 0; i < count; ++i)
    store16(target, i, floatToBF16(source[i]));
}

} // namespace allot::support
