// SPDX-License-Identifier: Apache-2.0
//
// The way out of a convolution: up to 32 sums of one pixel become a word of bits, or numbers.
#include "bnn_bits.h"

// What is shifted fits 32 bits; of a shift by 32 or more only the upper half is left to do.
static void store_requantized(const bnn_requant_t *by, void *out, size_t at, uint8_t kind, uint32_t first,
                              uint32_t count, const int32_t *sums) {
    const uint32_t step = by->step;
    const int32_t *mul = by->mul + first * step;
    const int64_t *add = by->add + first * step;
    const int32_t low = by->low, high = by->high;
    if (kind == BNN_I16 && by->shift >= 32u) {
        const uint32_t down = by->shift - 32u;
        int16_t *to = (int16_t *)out + at;
        for (uint32_t i = 0; i < count; i++, mul += step, add += step) {
            const int64_t wide = (int64_t)sums[i] * *mul + *add;
            to[i] = (int16_t)bnn_clamp((int32_t)(wide >> 32) >> down, low, high);
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++, mul += step, add += step) {
        const int64_t wide = (int64_t)sums[i] * *mul + *add;
        bnn_store(out, at + i, kind, bnn_clamp((int32_t)(wide >> by->shift), low, high));
    }
}

void bnn_emit(const bnn_sink_t *sink, uint32_t y, uint32_t x, uint32_t first, uint32_t count, const int32_t *sums) {
    const bnn_thresholds_t *thr = sink->thr;
    const size_t pixel = (size_t)y * sink->out_w + x;
    if (thr->thr == NULL) {
        const size_t at = pixel * sink->out_ch + first;
        if (sink->requant != NULL) {
            store_requantized(sink->requant, sink->out, at, sink->out_kind, first, count, sums);
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
