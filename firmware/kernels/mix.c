// SPDX-License-Identifier: Apache-2.0
//
// Weighted sum of two maps, in 64 bits.
#include "bnn_bits.h"

void bnn_mix_ref(const bnn_mix_t *node, const void *a, const void *b, void *out) {
    const int64_t round = ((int64_t)1 << node->shift) >> 1; // half a unit of the result, 0 for shift 0
    size_t i = 0;                                           // element (pixel, c)
    for (size_t pixel = 0; pixel < node->pixels; pixel++) {
        for (uint32_t c = 0; c < node->ch; c++, i++) {
            const int32_t vb = bnn_load(b, node->ch_b == 1u ? pixel : i, node->b_kind);
            const int64_t sum = (int64_t)bnn_load(a, i, node->a_kind) * node->mul_a[c] + (int64_t)vb * node->mul_b[c];
            const int64_t wide = (sum + round) >> node->shift;
            const int64_t low = wide < node->low ? node->low : wide;
            bnn_store(out, i, node->out_kind, (int32_t)(low > node->high ? node->high : low));
        }
    }
}
