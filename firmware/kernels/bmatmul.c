// SPDX-License-Identifier: Apache-2.0
//
// Product of two binary activations, bit by bit: the strides of either operand may cross pixels.
#include "bnn_bits.h"

// Element `at` of a bit tensor of `ch` channels, a bit 0 counting as `low`.
static inline int32_t element(const uint32_t *tensor, uint32_t at, uint32_t ch, int32_t low) {
    const uint32_t pixel = at / ch;
    return bnn_bits(tensor + (size_t)pixel * BNN_WORDS(ch), at - pixel * ch, 1) != 0u ? 1 : low;
}

void bnn_bmatmul_ref(const bnn_bmatmul_t *node, const uint32_t *a, const uint32_t *b, void *out) {
    size_t i = 0; // element (n, 0, g * cols + m)
    for (uint32_t n = 0; n < node->rows; n++) {
        for (uint32_t g = 0; g < node->groups; g++) {
            for (uint32_t m = 0; m < node->cols; m++, i++) {
                uint32_t at_a = node->a_start + g * node->a_group + n * node->a_row;
                uint32_t at_b = node->b_start + g * node->b_group + m * node->b_col;
                int32_t sum = 0;
                for (uint32_t d = 0; d < node->depth; d++, at_a += node->a_depth, at_b += node->b_depth) {
                    sum += element(a, at_a, node->a_ch, node->a_low) * element(b, at_b, node->b_ch, node->b_low);
                }
                bnn_store(out, i, node->out_kind, sum);
            }
        }
    }
}
