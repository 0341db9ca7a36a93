// SPDX-License-Identifier: Apache-2.0
//
// Saturating addition of two streams of possibly different scales.
#include "bnn_bits.h"

void bnn_add_ref(const bnn_add_t *node, const void *a, const void *b, void *out) {
    const int32_t round = (1 << node->shift) >> 1; // half a unit of the result, 0 for shift 0
    for (size_t i = 0; i < node->size; i++) {
        const int32_t wide = bnn_load(a, i, node->a_kind) * node->mul_a + bnn_load(b, i, node->b_kind) * node->mul_b;
        bnn_store(out, i, node->out_kind, bnn_clamp((wide + round) >> node->shift, node->low, node->high));
    }
}
