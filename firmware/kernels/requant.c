// SPDX-License-Identifier: Apache-2.0
//
// Sums of a convolution to a stream: multiply, add, shift and saturate in 64 bits.
#include "bnn_bits.h"

// What is shifted fits 32 bits, so two words hold all of it: the upper one where it is shifted by 32 or more.
static inline int32_t shifted(int64_t wide, uint32_t shift) {
    const uint32_t upper = (uint32_t)((uint64_t)wide >> 32), lower = (uint32_t)wide;
    if (shift >= 32u) return (int32_t)upper >> (shift - 32u);
    return (int32_t)(shift > 0 ? upper << (32u - shift) | lower >> shift : lower);
}

void bnn_requantize(const bnn_sink_t *sink, uint32_t y, uint32_t x, uint32_t first, uint32_t count,
                    const int32_t *sums) {
    const bnn_requant_t *by = sink->requant;
    void *out = sink->out;
    const uint8_t kind = sink->out_kind;
    size_t at = ((size_t)y * sink->out_w + x) * sink->out_ch + first;
    const uint32_t step = by->step, shift = by->shift;
    const int32_t *mul = by->mul + first * step, *end = sums + count;
    const int64_t *add = by->add + first * step;
    const int32_t low = by->low, high = by->high;
    for (; sums < end; at++, mul += step, add += step) {
        const int32_t v = bnn_clamp(shifted((int64_t)*sums++ * *mul + *add, shift), low, high);
        if (kind == BNN_I16) {
            ((int16_t *)out)[at] = (int16_t)v;
        } else {
            bnn_store(out, at, kind, v);
        }
    }
}
