// SPDX-License-Identifier: Apache-2.0
//
// Max pool on integers.
#include "bnn_bits.h"

void bnn_maxpool2d_ref(const bnn_maxpool2d_t *node, const void *in, void *out) {
    const bnn_window_t *win = &node->window;
    size_t i = 0;
    for (uint32_t y = 0; y < node->out_h; y++) {
        for (uint32_t x = 0; x < node->out_w; x++) {
            for (uint32_t c = 0; c < node->ch; c++) {
                int32_t best = INT32_MIN; // every window sees a pixel
                for (uint32_t ky = 0; ky < win->kh; ky++) {
                    const int32_t row = bnn_tap_row(win, y, ky, node->h);
                    for (uint32_t kx = 0; kx < win->kw; kx++) {
                        const int32_t col = bnn_tap_col(win, x, kx, node->w);
                        if (row < 0 || col < 0) continue;
                        const int32_t v =
                            bnn_load(in, ((size_t)row * node->w + (size_t)col) * node->ch + c, node->kind);
                        if (v > best) best = v;
                    }
                }
                bnn_store(out, i++, node->kind, best);
            }
        }
    }
}

// Channel by channel, without pads: every tap lies inside, and what is written lies behind all that its channel still
// reads.
static inline void maxpool2d_i16(const bnn_maxpool2d_t *node, const int16_t *in, int16_t *out, void *sums) {
    const bnn_window_t *win = &node->window;
    const size_t ch = node->ch, line = ch * node->w;
    const size_t tap_x = ch * win->dilation_w, tap_y = line * win->dilation_h;
    const size_t step_x = ch * win->stride_w, step_y = line * win->stride_h;
    for (size_t c = 0; c < ch; c++) {
        const int16_t *row = in + c;
        int16_t *to = out + c;
        uint32_t sum = 0;
        for (uint32_t y = node->out_h; y; y--, row += step_y) {
            const int16_t *corner = row;
            for (uint32_t x = node->out_w; x; x--, corner += step_x, to += ch) {
                const int16_t *line_at = corner;
                int32_t best = INT16_MIN;
                for (uint32_t ky = win->kh; ky; ky--, line_at += tap_y) {
                    const int16_t *at = line_at;
                    for (uint32_t kx = win->kw; kx; kx--, at += tap_x) best = *at > best ? *at : best;
                }
                *to = (int16_t)best;
                sum += (uint32_t)best;
            }
        }
        if (sums != NULL) bnn_store(sums, c, node->sums_kind, (int32_t)sum);
    }
}

void bnn_maxpool2d_i16(const bnn_maxpool2d_t *node, const int16_t *in, int16_t *out) {
    maxpool2d_i16(node, in, out, NULL);
}

void bnn_maxpool2d_i16_sums(const bnn_maxpool2d_t *node, const int16_t *in, int16_t *out, void *sums) {
    maxpool2d_i16(node, in, out, sums);
}
