// SPDX-License-Identifier: Apache-2.0
//
// Per-channel multiply, add, shift and saturate, in 64 bits.
#include "bnn_bits.h"

void bnn_affine_ref(const bnn_affine_t *node, const void *in, void *out) {
    const uint32_t in_words = BNN_WORDS(node->ch);
    size_t i = 0; // element (y, x, c)
    for (uint32_t y = 0; y < node->h; y++) {
        for (uint32_t x = 0; x < node->w; x++) {
            const size_t at = ((size_t)node->rows[y] * node->n_cols + node->cols[x]) * node->ch;
            for (uint32_t c = 0; c < node->ch; c++, i++) {
                int32_t v;
                if (node->in_kind == BNN_BIT) {
                    v = (int32_t)bnn_bits((const uint32_t *)in + (y * (size_t)node->w + x) * in_words, c, 1);
                } else {
                    v = bnn_load(in, i, node->in_kind);
                }
                const int64_t wide = ((int64_t)v * node->mul[at + c] + node->add[at + c]) >> node->shift;
                const int64_t low = wide < node->low ? node->low : wide;
                bnn_store(out, i, node->out_kind, (int32_t)(low > node->high ? node->high : low));
            }
        }
    }
}
