// SPDX-License-Identifier: Apache-2.0
//
// The way out of a convolution: up to 32 sums of one pixel become a word of bits, or numbers.
#include "bnn_bits.h"

void bnn_emit(const bnn_sink_t *sink, uint32_t y, uint32_t x, uint32_t first, uint32_t count, const int32_t *sums) {
    if (sink->requant != NULL) {
        bnn_requantize(sink, y, x, first, count, sums);
        return;
    }
    const bnn_thresholds_t *thr = sink->thr;
    const size_t pixel = (size_t)y * sink->out_w + x;
    if (thr->thr == NULL) {
        const size_t at = pixel * sink->out_ch + first;
        if (sink->out_kind == BNN_I16) {
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
