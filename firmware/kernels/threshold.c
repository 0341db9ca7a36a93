// SPDX-License-Identifier: Apache-2.0
//
// Integers to bits, where no convolution could take the thresholds as its epilogue.
#include "pack.h"

void bnn_threshold_ref(const bnn_threshold_t *node, const void *in, uint32_t *out) {
    const bnn_thresholds_t *thr = &node->thresholds;
    size_t i = 0; // element (y, x, c)
    for (uint32_t y = 0; y < node->h; y++) {
        for (uint32_t x = 0; x < node->w; x++) {
            const size_t at = bnn_class(thr, y, x, node->ch);
            for (uint32_t word = 0; word < BNN_WORDS(node->ch); word++) {
                uint32_t bits = 0;
                for (uint32_t c = 32u * word; c < node->ch && c < 32u * word + 32u; c++, i++) {
                    bits |= bnn_passes(thr, at + c, bnn_load(in, i, node->in_kind)) << (c % 32u);
                }
                *out++ = bits ^ thr->flip[word];
            }
        }
    }
}

void bnn_threshold_i16(const bnn_threshold_i16_t *node, const int16_t *in, uint32_t *out) {
    pack_map_i16(in, node->thr, node->flip, node->pixels, node->ch, out);
}

void bnn_threshold_i32(const bnn_threshold_t *node, const int32_t *in, uint32_t *out) {
    const bnn_thresholds_t *thr = &node->thresholds;
    pack_map_i32(in, thr->thr, thr->flip, (uint32_t)node->h * node->w, node->ch, out);
}
