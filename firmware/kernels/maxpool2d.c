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
