// SPDX-License-Identifier: Apache-2.0
//
// Integer convolution by int8 weights, four output channels at a time: one load of an input serves four products.
#include "iconv2d_window.h"

void bnn_iconv2d_quads(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch) {
    const uint32_t per_group = (uint32_t)node->in_ch / node->groups;
    const uint32_t out_per_group = (uint32_t)node->out_ch / node->groups;
    const uint32_t fan_in = (uint32_t)node->window.kh * node->window.kw * per_group;
    const bnn_sink_t sink = {&node->thresholds, out, node->out_w, node->out_ch, node->out_kind};
    int16_t *window = scratch;
    const int16_t *end = window + fan_in;
    for (uint32_t y = 0; y < node->out_h; y++) {
        for (uint32_t x = 0; x < node->out_w; x++) {
            const int8_t *w = node->weights;
            int32_t sums[32]; // of channels o - o % 32 .. o - 1
            for (uint32_t g = 0, o = 0; g < node->groups; g++) {
                gather_window(node, in, y, x, g * per_group, per_group, window);
                for (uint32_t left = out_per_group; left > 0;) {
                    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
                    for (const int16_t *v = window; v < end; v++, w += 4) {
                        const int32_t value = *v;
                        s0 += value * w[0];
                        s1 += value * w[1];
                        s2 += value * w[2];
                        s3 += value * w[3];
                    }
                    const int32_t quad[4] = {s0, s1, s2, s3};
                    for (uint32_t i = 0; i < 4 && left > 0; i++, left--) {
                        sums[o++ % 32u] = quad[i];
                        if (o % 32u == 0 || o == node->out_ch) {
                            bnn_emit(&sink, y, x, (o - 1u) & ~31u, (o - 1u) % 32u + 1u, sums);
                        }
                    }
                }
            }
        }
    }
}
