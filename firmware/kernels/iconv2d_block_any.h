// SPDX-License-Identifier: Apache-2.0
//
// The loop of iconv2d_block.h in C.
#ifndef ICONV2D_BLOCK_ANY_H
#define ICONV2D_BLOCK_ANY_H

#define BLOCK 4u // words of a channel

// Four sums, the block after block; returns where the next four channels' weights are.
static inline const block_input_t *four_sums(const block_call_t *call, const block_input_t *w, int32_t *sums) {
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    const block_input_t *v = call->window;
    if (call->short_block) {
        for (uint32_t i = 0; i < 2 * PER_WORD; i++, w++) {
            const int32_t x = *v++;
            s0 += x * w[0], s1 += x * w[2 * PER_WORD], s2 += x * w[4 * PER_WORD], s3 += x * w[6 * PER_WORD];
        }
        w += 6 * PER_WORD;
    }
    for (; v < call->window_end; w += (LANES - 1) * BLOCK * PER_WORD) {
        for (uint32_t i = 0; i < BLOCK * PER_WORD; i++, w++) {
            const int32_t x = *v++;
            s0 += x * w[0], s1 += x * w[4 * PER_WORD], s2 += x * w[8 * PER_WORD], s3 += x * w[12 * PER_WORD];
        }
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
    return w;
}

static uint32_t block_signs(block_call_t call) {
    uint32_t bits = 0xFFFFFFFFu;
    for (const block_input_t *w = call.weights; w < call.weights_end; call.start += LANES) {
        int32_t sums[LANES] = {call.start[0], call.start[1], call.start[2], call.start[3]};
        w = four_sums(&call, w, sums);
        for (uint32_t i = 0; i < LANES; i++) bits = bits << 1 | (uint32_t)sums[i] >> 31;
    }
    return bits;
}

static void block_sums(block_call_t call, int32_t *sums) {
    for (const block_input_t *w = call.weights; w < call.weights_end; call.start += LANES, sums += LANES) {
        for (uint32_t i = 0; i < LANES; i++) sums[i] = call.start[i];
        w = four_sums(&call, w, sums);
    }
}

#endif
