// SPDX-License-Identifier: Apache-2.0
//
// Integer convolution by int8 weights: four output channels and two inputs at a time, so that a load of inputs serves
// four outputs, and on cores with packed arithmetic a multiplication serves two inputs.
#include "bnn_simd.h"
#include "iconv2d_window.h"

// Four sums over pairs of inputs; weights are (pairs, 2, 2 inputs, 2 outputs).
static inline void add_quad(const int16_t *window, const int8_t *w, uint32_t pairs, int32_t *sums) {
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (const int16_t *end = window + 2 * pairs; window < end; window += 2, w += 8) {
#if BNN_SIMD
        const int32_t v = two_int16(window), first = four_int8(w), second = four_int8(w + 4);
        s0 = __smlad(v, __sxtb16(first), s0);
        s1 = __smlad(v, odd_bytes(first), s1);
        s2 = __smlad(v, __sxtb16(second), s2);
        s3 = __smlad(v, odd_bytes(second), s3);
#else
        const int32_t a = window[0], b = window[1];
        s0 += a * w[0], s1 += a * w[1], s2 += a * w[4], s3 += a * w[5];
        s0 += b * w[2], s1 += b * w[3], s2 += b * w[6], s3 += b * w[7];
#endif
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

void bnn_iconv2d_quads(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch) {
    const uint32_t per_group = (uint32_t)node->in_ch / node->groups;
    const uint32_t out_per_group = (uint32_t)node->out_ch / node->groups;
    const uint32_t fan_in = (uint32_t)node->window.kh * node->window.kw * per_group, pairs = (fan_in + 1) / 2;
    const bnn_requant_t *requant = node->requant.mul != NULL ? &node->requant : NULL;
    const bnn_sink_t sink = {&node->thresholds, out, node->out_w, node->out_ch, node->out_kind, requant};
    int16_t *window = scratch;
    window[2 * pairs - 1] = 0; // where fan_in is odd
    for (uint32_t y = 0; y < node->out_h; y++) {
        for (uint32_t x = 0; x < node->out_w; x++) {
            const int8_t *w = node->weights;
            int32_t sums[36]; // of channels first .. first + fill - 1, and room for a quad
            uint32_t first = 0, fill = 0;
            for (uint32_t g = 0; g < node->groups; g++) {
                gather_window(node, in, y, x, g * per_group, per_group, window);
                for (uint32_t o = 0; o < out_per_group; o += 4, w += 8 * pairs) {
                    add_quad(window, w, pairs, sums + fill);
                    fill += out_per_group - o < 4u ? out_per_group - o : 4u;
                    if (fill >= 32) {
                        bnn_emit(&sink, y, x, first, 32, sums);
                        first += 32, fill -= 32;
                        for (uint32_t i = 0; i < fill; i++) sums[i] = sums[32 + i];
                    }
                }
            }
            if (fill > 0) bnn_emit(&sink, y, x, first, fill, sums);
        }
    }
}
