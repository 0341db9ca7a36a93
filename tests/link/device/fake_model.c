// SPDX-License-Identifier: Apache-2.0
// A model without kernels, for testing the application alone: the program of tests/link/fake.py written out as loops.
// Its logits lie where the first node's bits were, so that reading those bits takes a second run.
#include "bnn_model.h"

#include "bnn.h"

#define PIXELS 180 // 12 x 15, of 2 channels
#define BITS_AT 360
#define DOTS_AT 1080
#define LOGITS_AT 360

static const bnn_tensor_t outputs[BNN_NODES] = {
    {BITS_AT, 4 * PIXELS}, {DOTS_AT, 4 * BNN_LOGITS}, {LOGITS_AT, 4 * BNN_LOGITS}};

const bnn_model_t bnn_model = {
    .name = "fake",
    .digest = {0x66, 0x61, 0x6b, 0x65, 0x00, 0x01, 0x02, 0x03},
    .input_bytes = BNN_INPUT_BYTES,
    .arena_bytes = BNN_ARENA_BYTES,
    .nodes = BNN_NODES,
    .logits = BNN_LOGITS,
    .input = {0, BNN_INPUT_BYTES},
    .logits_at = {LOGITS_AT, 4 * BNN_LOGITS},
    .outputs = outputs,
};

static void threshold(const uint8_t *in, uint32_t *bits) {
    for (int p = 0; p < PIXELS; p++) {
        bits[p] = (uint32_t)(in[2 * p] >= 100) | (uint32_t)(in[2 * p + 1] >= 120) << 1;
    }
}

static void dense(const uint32_t *bits, int32_t *dots) {
    for (int o = 0; o < BNN_LOGITS; o++) {
        dots[o] = 0;
        for (int p = 0; p < PIXELS; p++) {
            for (int c = 0; c < 2; c++) {
                const int weight = (o * 31 + p * 7 + c * 3) % 5 < 2 ? 1 : -1;
                dots[o] += bits[p] >> c & 1u ? weight : -weight;
            }
        }
    }
}

static void affine(const int32_t *dots, int32_t *logits) {
    for (int o = 0; o < BNN_LOGITS; o++) {
        logits[o] = (dots[o] * (o + 1) + 3 * o - 10) >> 1;
    }
}

void bnn_model_run(uint8_t *arena, uint16_t last) {
    void *bits = arena + BITS_AT, *dots = arena + DOTS_AT, *logits = arena + LOGITS_AT;
    threshold(arena, bits);
    bnn_model_after(0);
    if (last >= 1) {
        dense(bits, dots);
        bnn_model_after(1);
    }
    if (last >= 2) {
        affine(dots, logits);
        bnn_model_after(2);
    }
}
