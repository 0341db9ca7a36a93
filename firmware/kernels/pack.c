// SPDX-License-Identifier: Apache-2.0
//
// Values against thresholds, 32 to a word.  The difference of two int16 keeps its sign in 32 bits, so that bit is the
// answer; signs are collected and turned once a word.
#include "pack.h"

#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>

// Bit 2 i from bit i, bit 2 i + 1 from bit 16 + i: halves to neighbours, by four exchanges.
static inline uint32_t shuffle(uint32_t x) {
    uint32_t t = (x ^ (x >> 8)) & 0x0000FF00u;
    x ^= t ^ (t << 8);
    t = (x ^ (x >> 4)) & 0x00F000F0u;
    x ^= t ^ (t << 4);
    t = (x ^ (x >> 2)) & 0x0C0C0C0Cu;
    x ^= t ^ (t << 2);
    t = (x ^ (x >> 1)) & 0x22222222u;
    return x ^ t ^ (t << 1);
}

// bit i = v[i] < thr[i], i < 32, for word-aligned v and thr: two at a time, differences saturated.
static uint32_t less_aligned(const int16_t *v, const int16_t *thr) {
    const int16x2_t *v2 = (const int16x2_t *)(const void *)v, *t2 = (const int16x2_t *)(const void *)thr;
    uint32_t less = 0;
    for (uint32_t i = 0; i < 4u; i++, v2 += 4, t2 += 4) {
        less = (less >> 1) | ((uint32_t)__qsub16(v2[0], t2[0]) & 0x80008000u);
        less = (less >> 1) | ((uint32_t)__qsub16(v2[1], t2[1]) & 0x80008000u);
        less = (less >> 1) | ((uint32_t)__qsub16(v2[2], t2[2]) & 0x80008000u);
        less = (less >> 1) | ((uint32_t)__qsub16(v2[3], t2[3]) & 0x80008000u);
    }
    return shuffle(less);
}
#elif defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1
// The same where a word is loaded in one instruction, but a signed half only with its offset in a register.
static uint32_t less_aligned(const int16_t *v, const int16_t *thr) {
    const uint32_t *v2 = (const uint32_t *)(const void *)v + 16, *t2 = (const uint32_t *)(const void *)thr + 16;
    uint32_t less = 0;
    for (uint32_t i = 0; i < 8u; i++) {
        v2 -= 2;
        t2 -= 2;
        less = (less << 1) | ((uint32_t)(((int32_t)v2[1] >> 16) - ((int32_t)t2[1] >> 16)) >> 31);
        less = (less << 1) | ((uint32_t)((int16_t)v2[1] - (int16_t)t2[1]) >> 31);
        less = (less << 1) | ((uint32_t)(((int32_t)v2[0] >> 16) - ((int32_t)t2[0] >> 16)) >> 31);
        less = (less << 1) | ((uint32_t)((int16_t)v2[0] - (int16_t)t2[0]) >> 31);
    }
    return less;
}
#else
#define less_aligned(v, thr) less_i16(v, thr, 32u)
#endif

// bit i = v[i] < thr[i], i < count.
static uint32_t less_i16(const int16_t *v, const int16_t *thr, uint32_t count) {
    uint32_t less = 0;
    for (; count % 4u; count--) less = (less << 1) | ((uint32_t)(v[count - 1u] - thr[count - 1u]) >> 31);
    v += count;
    thr += count;
    for (; count; count -= 4u) {
        v -= 4;
        thr -= 4;
        less = (less << 1) | ((uint32_t)(v[3] - thr[3]) >> 31);
        less = (less << 1) | ((uint32_t)(v[2] - thr[2]) >> 31);
        less = (less << 1) | ((uint32_t)(v[1] - thr[1]) >> 31);
        less = (less << 1) | ((uint32_t)(v[0] - thr[0]) >> 31);
    }
    return less;
}

// bit i = v[i] >= thr[i], i < count: differences of int32 may not fit, so these are compared.
static uint32_t reached_i32(const int32_t *v, const int32_t *thr, uint32_t count) {
    uint32_t bits = 0;
    for (; count % 8u; count--) bits = (bits << 1) | (uint32_t)(v[count - 1u] >= thr[count - 1u]);
    v += count;
    thr += count;
    for (; count; count -= 8u) {
        v -= 8;
        thr -= 8;
        bits <<= 8;
        if (v[7] >= thr[7]) bits |= 128u;
        if (v[6] >= thr[6]) bits |= 64u;
        if (v[5] >= thr[5]) bits |= 32u;
        if (v[4] >= thr[4]) bits |= 16u;
        if (v[3] >= thr[3]) bits |= 8u;
        if (v[2] >= thr[2]) bits |= 4u;
        if (v[1] >= thr[1]) bits |= 2u;
        if (v[0] >= thr[0]) bits |= 1u;
    }
    return bits;
}

void pack_map_i16(const int16_t *in, const int16_t *thr, const uint32_t *flip, uint32_t pixels, uint32_t ch,
                  uint32_t *out) {
    const int aligned = ch % 2u == 0 && (((uintptr_t)in | (uintptr_t)thr) & 3u) == 0;
    const uint32_t whole = aligned ? ch / 32u : 0; // words of a pixel that are compared two values at a time
    const uint32_t words = BNN_WORDS(ch);
    for (; pixels; pixels--) {
        uint32_t word = 0;
        for (; word < whole; word++) *out++ = ~less_aligned(in + 32u * word, thr + 32u * word) ^ flip[word];
        for (; word < words; word++) {
            const uint32_t rest = ch - 32u * word, count = rest < 32u ? rest : 32u;
            const uint32_t less = less_i16(in + 32u * word, thr + 32u * word, count);
            *out++ = (~less & (0xFFFFFFFFu >> (32u - count))) ^ flip[word];
        }
        in += ch;
    }
}

void pack_map_i32(const int32_t *in, const int32_t *thr, const uint32_t *flip, uint32_t pixels, uint32_t ch,
                  uint32_t *out) {
    for (; pixels; pixels--) {
        for (uint32_t c = 0; c < ch; c += 32u) {
            *out++ = reached_i32(in + c, thr + c, ch - c < 32u ? ch - c : 32u) ^ flip[c / 32u];
        }
        in += ch;
    }
}
