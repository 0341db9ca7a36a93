// SPDX-License-Identifier: Apache-2.0
//
// Two int16 in a word: what cores with packed arithmetic (Armv7E-M, Armv8-M with DSP) add to plain C.  Loads need no
// alignment beyond the element's.
#ifndef BNN_SIMD_H
#define BNN_SIMD_H

#include <stdint.h>

#if defined(__ARM_FEATURE_SIMD32)
#define BNN_SIMD 1
#include <arm_acle.h>

static inline int32_t two_int16(const int16_t *v) {
    int32_t both;
    __builtin_memcpy(&both, v, sizeof both);
    return both;
}

static inline int32_t four_int8(const int8_t *w) {
    int32_t all;
    __builtin_memcpy(&all, w, sizeof all);
    return all;
}

// Bytes 1 and 3 as int16; of bytes 0 and 2, __sxtb16 does it.
static inline int32_t odd_bytes(int32_t four) {
    int32_t odd;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(four));
    return odd;
}
#else
#define BNN_SIMD 0
#endif

#endif
