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

void bnn_add_i16(const bnn_add_i16_t *node, const int16_t *a, const int16_t *b, int16_t *out) {
    const int16_t *end = a + (size_t)node->pixels * node->ch;
    const int32_t low = node->low, high = node->high;
    while (a < end) *out++ = (int16_t)bnn_clamp(*a++ + *b++, low, high);
}

void bnn_add_i16_sums(const bnn_add_i16_t *node, const int16_t *a, const int16_t *b, int16_t *out, int32_t *sums) {
    const int32_t low = node->low, high = node->high, *end = sums + node->ch;
    for (int32_t *sum = sums; sum < end; sum++) *sum = 0;
    for (uint32_t pixel = node->pixels; pixel; pixel--) {
        for (int32_t *sum = sums; sum < end; sum++) {
            const int32_t v = bnn_clamp(*a++ + *b++, low, high);
            *out++ = (int16_t)v;
            *sum = (int32_t)((uint32_t)*sum + (uint32_t)v);
        }
    }
}
