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

// Two channels at a time, their sums in registers; the last one of an odd number alone.
void bnn_add_i16_sums(const bnn_add_i16_t *node, const int16_t *a, const int16_t *b, int16_t *out, int32_t *sums) {
    const size_t ch = node->ch, size = ch * node->pixels;
    const int32_t low = node->low, high = node->high;
    size_t c = 0;
    for (; c + 1u < ch; c += 2u) {
        uint32_t even = 0, odd = 0;
        for (size_t i = c; i < size; i += ch) {
            const int32_t v = bnn_clamp(a[i] + b[i], low, high), w = bnn_clamp(a[i + 1u] + b[i + 1u], low, high);
            out[i] = (int16_t)v;
            out[i + 1u] = (int16_t)w;
            even += (uint32_t)v;
            odd += (uint32_t)w;
        }
        sums[c] = (int32_t)even;
        sums[c + 1u] = (int32_t)odd;
    }
    if (c < ch) {
        uint32_t sum = 0;
        for (size_t i = c; i < size; i += ch) {
            const int32_t v = bnn_clamp(a[i] + b[i], low, high);
            out[i] = (int16_t)v;
            sum += (uint32_t)v;
        }
        sums[c] = (int32_t)sum;
    }
}
