// SPDX-License-Identifier: Apache-2.0
//
// Channel routing, cropping and subsampling.
#include "bnn_bits.h"

#define ZERO 255u // source of a channel that is constant 0

void bnn_gather_ref(const bnn_gather_t *node, const void *const *in, void *out) {
    size_t pixel = 0;
    for (uint32_t y = 0; y < node->h; y++) {
        for (uint32_t x = 0; x < node->w; x++, pixel++) {
            uint32_t bits = 0;
            for (uint32_t c = 0; c < node->ch; c++) {
                const uint32_t s = node->source[c];
                int32_t v = 0;
                if (s != ZERO) {
                    const size_t row = node->top + (size_t)y * node->step_h;
                    const size_t from = row * node->w_in[s] + node->left + (size_t)x * node->step_w;
                    if (node->kind == BNN_BIT) {
                        const uint32_t *place = (const uint32_t *)in[s] + from * BNN_WORDS(node->ch_in[s]);
                        v = (int32_t)bnn_bits(place, node->channel[c], 1);
                    } else {
                        v = bnn_load(in[s], from * node->ch_in[s] + node->channel[c], node->kind);
                    }
                }
                if (node->kind != BNN_BIT) {
                    bnn_store(out, pixel * node->ch + c, node->kind, v);
                    continue;
                }
                bits |= (uint32_t)v << (c % 32u);
                if (c % 32u == 31u || c + 1u == node->ch) {
                    ((uint32_t *)out)[pixel * BNN_WORDS(node->ch) + c / 32u] = bits;
                    bits = 0;
                }
            }
        }
    }
}
