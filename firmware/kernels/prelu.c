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
