// SPDX-License-Identifier: Apache-2.0
//
// What the fast integer convolutions share: a window as a row of int16.
#ifndef ICONV2D_WINDOW_H
#define ICONV2D_WINDOW_H

#include "bnn_bits.h"

// Window of output (y, x): channels first..first + per_group - 1 of every tap, in the order (kh, kw, channel).  A
// skipped tap is 0, which adds nothing to any sum.
static inline void gather_window(const bnn_iconv2d_t *node, const void *in, uint32_t y, uint32_t x, uint32_t first,
                                 uint32_t per_group, int16_t *window) {
    const bnn_window_t *win = &node->window;
    for (uint32_t ky = 0; ky < win->kh; ky++) {
        const int32_t row = bnn_tap_row(win, y, ky, node->h);
        for (uint32_t kx = 0; kx < win->kw; kx++, window += per_group) {
            const int32_t col = bnn_tap_col(win, x, kx, node->w);
            if (row >= 0 && col >= 0) {
                const size_t at = ((size_t)row * node->w + (size_t)col) * node->in_ch + first;
                switch (node->in_kind) {
                case BNN_U8: {
                    const uint8_t *from = (const uint8_t *)in + at;
                    for (uint32_t c = 0; c < per_group; c++) window[c] = from[c];
                    break;
                }
                case BNN_I8: {
                    const int8_t *from = (const int8_t *)in + at;
                    for (uint32_t c = 0; c < per_group; c++) window[c] = from[c];
                    break;
                }
                default: {
                    const int16_t *from = (const int16_t *)in + at;
                    for (uint32_t c = 0; c < per_group; c++) window[c] = from[c];
                    break;
                }
                }
            } else {
                const int skip = row == BNN_SKIP || col == BNN_SKIP;
                for (uint32_t c = 0; c < per_group; c++) window[c] = skip ? 0 : win->pad_value;
            }
        }
    }
}

#endif
