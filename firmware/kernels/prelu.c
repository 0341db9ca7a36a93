// SPDX-License-Identifier: Apache-2.0
//
// PReLU and RPReLU in fixed point.
#include "bnn_bits.h"

// The product fits 32 bits: |q - before| < 2^16 and |slope| <= 2^15 give at most 2^31 - 2^15 in magnitude, because v
// lies within -65535..-1 and the least product, -65535 * 32767, and the greatest, 65535 * 32768 = 2^31 - 2^15, plus
// 2^11 stay below 2^31.
void bnn_prelu_ref(const bnn_prelu_t *node, const void *in, void *out) {
    size_t i = 0;
    for (uint32_t pixel = 0; pixel < node->pixels; pixel++) {
        for (uint32_t c = 0; c < node->ch; c++, i++) {
            int32_t v = bnn_load(in, i, node->in_kind) - node->before[c];
            if (v < 0) v = (v * node->slope[c] + 2048) >> 12;
            bnn_store(out, i, node->out_kind, bnn_clamp(v + node->after[c], node->low, node->high));
        }
    }
}

// Channel by channel, so that its constants and its sum stay in registers.
static inline void prelu_i16(const bnn_prelu_t *node, const int16_t *in, int16_t *out, void *sums) {
    const size_t ch = node->ch, size = ch * node->pixels;
    const int32_t low = node->low, high = node->high;
    for (size_t c = 0; c < ch; c++) {
        const int32_t before = node->before[c], slope = node->slope[c], after = node->after[c];
        uint32_t sum = 0;
        for (size_t i = c; i < size; i += ch) {
            int32_t v = in[i] - before;
            if (v < 0) v = (v * slope + 2048) >> 12;
            v = bnn_clamp(v + after, low, high);
            out[i] = (int16_t)v;
            sum += (uint32_t)v;
        }
        if (sums != NULL) bnn_store(sums, c, node->sums_kind, (int32_t)sum);
    }
}

void bnn_prelu_i16(const bnn_prelu_t *node, const int16_t *in, int16_t *out) {
    prelu_i16(node, in, out, NULL);
}

void bnn_prelu_i16_sums(const bnn_prelu_t *node, const int16_t *in, int16_t *out, void *sums) {
    prelu_i16(node, in, out, sums);
}
