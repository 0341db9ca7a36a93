// SPDX-License-Identifier: Apache-2.0
//
// Integers to bits by thresholds that were computed from the image.
#include "bnn_bits.h"

void bnn_compare_ref(const bnn_compare_t *node, const void *in, const void *thr, uint32_t *out) {
    size_t i = 0; // element (pixel, c)
    for (size_t pixel = 0; pixel < node->pixels; pixel++) {
        for (uint32_t word = 0; word < BNN_WORDS(node->ch); word++) {
            uint32_t bits = 0;
            for (uint32_t c = 32u * word; c < node->ch && c < 32u * word + 32u; c++, i++) {
                bits |= (uint32_t)(bnn_load(in, i, node->in_kind) >= bnn_load(thr, c, node->thr_kind)) << (c % 32u);
            }
            *out++ = bits ^ node->flip[word];
        }
    }
}
