// SPDX-License-Identifier: Apache-2.0
//
// The way out of a convolution: up to 32 sums of one pixel become a word of bits, or numbers.
#include "bnn_bits.h"

// What is shifted fits 32 bits, so two words hold all of it: the upper one where it is shifted by 32 or more.
static inline int32_t shifted(int64_t wide, uint32_t shift) {
    const uint32_t upper = (uint32_t)((uint64_t)wide >> 32), lower = (uint32_t)wide;
    if (shift >= 32u) return (int32_t)upper >> (shift - 32u);
    return (int32_t)(shift > 0 ? upper << (32u - shift) | lower >> shift : lower);
}

static void requantize(const bnn_requant_t *by, void *out, size_t at, uint8_t kind, uint32_t first, uint32_t count,
                       const int32_t *sums) {
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

void bnn_emit(const bnn_sink_t *sink, uint32_t y, uint32_t x, uint32_t first, uint32_t count, const int32_t *sums) {
    const bnn_thresholds_t *thr = sink->thr;
    const size_t pixel = (size_t)y * sink->out_w + x;
    if (thr->thr == NULL) {
        const size_t at = pixel * sink->out_ch + first;
        if (sink->requant != NULL) {
            requantize(sink->requant, sink->out, at, sink->out_kind, first, count, sums);
        } else if (sink->out_kind == BNN_I16) {
            int16_t *to = (int16_t *)sink->out + at;
            for (uint32_t i = 0; i < count; i++) to[i] = (int16_t)sums[i];
        } else {
            int32_t *to = (int32_t *)sink->out + at;
            for (uint32_t i = 0; i < count; i++) to[i] = sums[i];
        }
        return;
    }
    const size_t at = bnn_class(thr, y, x, sink->out_ch) + first;
    uint32_t bits = 0;
    for (uint32_t i = 0; i < count; i++) bits |= (uint32_t)(sums[i] >= thr->thr[at + i]) << i;
    if (thr->thr2 != NULL) {
        for (uint32_t i = 0; i < count; i++) bits &= ~((uint32_t)(sums[i] >= thr->thr2[at + i]) << i);
    }
    ((uint32_t *)sink->out)[pixel * BNN_WORDS(sink->out_ch) + first / 32u] = bits ^ thr->flip[first / 32u];
}
