// SPDX-License-Identifier: Apache-2.0
//
// Integer convolution by int8 weights, four output channels at a time: one load of an input serves four products.
#include "iconv2d_window.h"

void bnn_iconv2d_quads(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch) {
    const uint32_t per_group = (uint32_t)node->in_ch / node->groups;
    const uint32_t out_per_group = (uint32_t)node->out_ch / node->groups;
    const uint32_t fan_in = (uint32_t)node->window.kh * node->window.kw * per_group;
    int16_t *window = scratch;
    const int16_t *end = window + fan_in;
    sink_t sink = {.node = node, .out = out};
    for (uint32_t y = 0; y < node->out_h; y++) {
        for (uint32_t x = 0; x < node->out_w; x++, sink.pixel++) {
            const int8_t *w = node->weights;
            if (node->out_kind == BNN_BIT) sink.at = bnn_class(&node->thresholds, y, x, node->out_ch);
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
                    const int32_t sums[4] = {s0, s1, s2, s3};
                    for (uint32_t i = 0; i < 4 && left > 0; i++, left--) put(&sink, o++, sums[i]);
                }
            }
        }
    }
}
