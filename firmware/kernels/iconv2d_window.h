// SPDX-License-Identifier: Apache-2.0
//
// What the fast integer convolutions share: a window as a row of WINDOW_ELEMENT, int16 unless a file says otherwise.
#ifndef ICONV2D_WINDOW_H
#define ICONV2D_WINDOW_H

#include "bnn_bits.h"

#ifndef WINDOW_ELEMENT
#define WINDOW_ELEMENT int16_t
#endif

// `count` elements of the input from `at` on.
static inline void gather_run(const void *in, size_t at, uint8_t kind, uint32_t count, WINDOW_ELEMENT *window) {
    if (kind == BNN_U8) {
        const uint8_t *from = (const uint8_t *)in + at;
        for (uint32_t c = 0; c < count; c++) window[c] = from[c];
    } else if (kind == BNN_I8) {
        const int8_t *from = (const int8_t *)in + at;
        for (uint32_t c = 0; c < count; c++) window[c] = from[c];
    } else {
        const int16_t *from = (const int16_t *)in + at;
        for (uint32_t c = 0; c < count; c++) window[c] = from[c];
    }
}

// Window of output (y, x): channels first..first + per_group - 1 of every tap, in the order (kh, kw, channel).  A
// skipped tap is 0, which adds nothing to any sum.  A row of taps that lie side by side in memory is one run.
static inline void gather_window(const bnn_iconv2d_t *node, const void *in, uint32_t y, uint32_t x, uint32_t first,
                                 uint32_t per_group, WINDOW_ELEMENT *window) {
    const bnn_window_t *win = &node->window;
    const uint32_t of_row = win->kw * per_group, left = x * win->stride_w;
    const int side_by_side = per_group == node->in_ch && win->dilation_w == 1 && left >= win->pad_left &&
                             left - win->pad_left + win->kw <= node->w;
    for (uint32_t ky = 0; ky < win->kh; ky++) {
        const int32_t row = bnn_tap_row(win, y, ky, node->h);
        const size_t line = row >= 0 ? (size_t)row * node->w : 0;
        if (side_by_side && row >= 0) {
            gather_run(in, (line + left - win->pad_left) * node->in_ch, node->in_kind, of_row, window);
            window += of_row;
            continue;
        }
        for (uint32_t kx = 0; kx < win->kw; kx++, window += per_group) {
            const int32_t col = bnn_tap_col(win, x, kx, node->w);
            if (row >= 0 && col >= 0) {
                gather_run(in, (line + (size_t)col) * node->in_ch + first, node->in_kind, per_group, window);
            } else {
                const int skip = row == BNN_SKIP || col == BNN_SKIP;
                for (uint32_t c = 0; c < per_group; c++) window[c] = skip ? 0 : win->pad_value;
            }
        }
    }
}

#endif
