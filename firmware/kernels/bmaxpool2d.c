// SPDX-License-Identifier: Apache-2.0
//
// Max pool on bits.  With b = bit ^ flip the pool is an OR of the b, flipped back: an AND where flip is set.
#include "bnn_bits.h"

void bnn_bmaxpool2d_ref(const bnn_bmaxpool2d_t *node, const uint32_t *in, uint32_t *out) {
    const bnn_window_t *win = &node->window;
    const uint32_t words = BNN_WORDS(node->ch);
    for (uint32_t y = 0; y < node->out_h; y++) {
        for (uint32_t x = 0; x < node->out_w; x++) {
            for (uint32_t k = 0; k < words; k++) {
                uint32_t any = 0;
                for (uint32_t ky = 0; ky < win->kh; ky++) {
                    const int32_t row = bnn_tap_row(win, y, ky, node->h);
                    for (uint32_t kx = 0; kx < win->kw; kx++) {
                        const int32_t col = bnn_tap_col(win, x, kx, node->w);
                        if (row < 0 || col < 0) continue;
                        any |= in[((size_t)row * node->w + (size_t)col) * words + k] ^ node->flip[k];
                    }
                }
                *out++ = any ^ node->flip[k];
            }
        }
    }
}
