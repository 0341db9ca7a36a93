// SPDX-License-Identifier: Apache-2.0
//
// Elements in another order.
#include "bnn_bits.h"

void bnn_permute_ref(const bnn_permute_t *node, const void *in, void *out) {
    size_t pixel = 0;
    for (uint32_t y = 0; y < node->h; y++) {
        for (uint32_t x = 0; x < node->w; x++, pixel++) {
            uint32_t from = node->start + y * node->step_y + x * node->step_x;
            uint32_t bits = 0;
            for (uint32_t c = 0; c < node->ch; c++, from += node->step_c) {
                if (node->kind != BNN_BIT) {
                    bnn_store(out, pixel * node->ch + c, node->kind, bnn_load(in, from, node->kind));
                    continue;
                }
                const uint32_t *place = (const uint32_t *)in + (size_t)(from / node->ch_in) * BNN_WORDS(node->ch_in);
                bits |= bnn_bits(place, from % node->ch_in, 1) << (c % 32u);
                if (c % 32u == 31u || c + 1u == node->ch) {
                    ((uint32_t *)out)[pixel * BNN_WORDS(node->ch) + c / 32u] = bits;
                    bits = 0;
                }
            }
        }
    }
}
