// SPDX-License-Identifier: Apache-2.0
//
// Integers to bits by thresholds that were computed from the image.
#include "pack.h"

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

// Thresholds become int16 once.  What no int16 reaches becomes what every int16 reaches, and its flip turns.
void bnn_compare_i16(const bnn_compare_t *node, const int16_t *in, const void *thr, uint32_t *out, void *scratch) {
    uint32_t *flip = scratch;
    int16_t *narrow = (int16_t *)(void *)(flip + BNN_WORDS(node->ch));
    for (uint32_t word = 0; word < BNN_WORDS(node->ch); word++) flip[word] = node->flip[word];
    for (uint32_t c = 0; c < node->ch; c++) {
        const int32_t t = bnn_load(thr, c, node->thr_kind);
        narrow[c] = (int16_t)(t < INT16_MIN || t > INT16_MAX ? INT16_MIN : t);
        if (t > INT16_MAX) flip[c / 32u] ^= 1u << (c % 32u);
    }
    pack_map_i16(in, narrow, flip, node->pixels, node->ch, out);
}

void bnn_compare_i32(const bnn_compare_t *node, const int32_t *in, const int32_t *thr, uint32_t *out) {
    pack_map_i32(in, thr, node->flip, node->pixels, node->ch, out);
}
