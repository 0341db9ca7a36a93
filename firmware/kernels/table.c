// SPDX-License-Identifier: Apache-2.0
//
// Any function of one int8.
#include "bnn_bits.h"

void bnn_table_ref(const bnn_table_t *node, const int8_t *in, int16_t *out) {
    for (size_t i = 0; i < node->size; i++) out[i] = node->values[in[i] + 128];
}
