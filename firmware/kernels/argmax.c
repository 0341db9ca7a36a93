// SPDX-License-Identifier: Apache-2.0
#include "bnn.h"

uint16_t bnn_argmax(const int32_t *logits, uint16_t n) {
    uint16_t best = 0;
    for (uint16_t i = 1; i < n; i++) {
        if (logits[i] > logits[best]) best = i;
    }
    return best;
}
