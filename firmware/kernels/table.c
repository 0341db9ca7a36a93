// SPDX-License-Identifier: Apache-2.0
//
// Any function of one int16: 257 values and straight lines between.
#include "bnn_bits.h"

void bnn_table_ref(const bnn_table_t *node, const int16_t *in, int16_t *out) {
    for (size_t i = 0; i < node->size; i++) {
        const int16_t *at = node->values + (in[i] >> 8) + 128;
        out[i] = (int16_t)(at[0] + (((at[1] - at[0]) * (in[i] & 255) + 128) >> 8));
    }
}
