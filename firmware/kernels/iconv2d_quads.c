// SPDX-License-Identifier: Apache-2.0
//
// Integer convolution by int8 weights, four output channels at a time: one load of an input serves four products.
#include "iconv2d_window.h"

// Four sums over n inputs; weights are (n, 4).
static inline void add_quad(const int16_t *window, const int8_t *w, uint32_t n, int32_t *sums) {
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (const int16_t *end = window + n; window < end; w += 4) {
        const int32_t v = *window++;
        s0 += v * w[0];
        s1 += v * w[1];
        s2 += v * w[2];
        s3 += v * w[3];
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

void bnn_iconv2d_quads(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch) {
    const uint32_t per_group = (uint32_t)node->in_ch / node->groups;
    const uint32_t out_per_group = (uint32_t)node->out_ch / node->groups;
    const uint32_t fan_in = (uint32_t)node->window.kh * node->window.kw * per_group;
    const bnn_requant_t *requant = node->requant.mul != NULL ? &node->requant : NULL;
    const bnn_sink_t sink = {&node->thresholds, out, node->out_w, node->out_ch, node->out_kind, requant};
    int16_t *window = scratch;
    for (uint32_t y = 0; y < node->out_h; y++) {
        for (uint32_t x = 0; x < node->out_w; x++) {
            const int8_t *w = node->weights;
            int32_t sums[36]; // of channels first .. first + fill - 1, and room for a quad
            uint32_t first = 0, fill = 0;
            for (uint32_t g = 0; g < node->groups; g++) {
                gather_window(node, in, y, x, g * per_group, per_group, window);
                for (uint32_t o = 0; o < out_per_group; o += 4, w += 4 * fan_in) {
                    add_quad(window, w, fan_in, sums + fill);
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
