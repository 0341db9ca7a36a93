// SPDX-License-Identifier: Apache-2.0
//
// Window sums: an average pool up to its division.
#include "bnn_bits.h"

void bnn_sumpool2d_ref(const bnn_sumpool2d_t *node, const void *in, void *out) {
    const bnn_window_t *win = &node->window;
    size_t i = 0;
    for (uint32_t y = 0; y < node->out_h; y++) {
        for (uint32_t x = 0; x < node->out_w; x++) {
            for (uint32_t c = 0; c < node->ch; c++) {
                int32_t sum = 0;
                for (uint32_t ky = 0; ky < win->kh; ky++) {
                    const int32_t row = bnn_tap_row(win, y, ky, node->h);
                    for (uint32_t kx = 0; kx < win->kw; kx++) {
                        const int32_t col = bnn_tap_col(win, x, kx, node->w);
                        if (row < 0 || col < 0) continue;
                        const size_t pixel = (size_t)row * node->w + (size_t)col;
                        if (node->in_kind == BNN_BIT) {
                            sum += (int32_t)bnn_bits((const uint32_t *)in + pixel * BNN_WORDS(node->ch), c, 1);
                        } else {
                            sum += bnn_load(in, pixel * node->ch + c, node->in_kind);
                        }
                    }
                }
                bnn_store(out, i++, node->out_kind, sum);
            }
        }
    }
}

// Channel by channel, the sum in a register.
void bnn_sumpool2d_whole(const bnn_sumpool2d_t *node, const void *in, void *out) {
    const size_t ch = node->ch, size = ch * node->h * node->w;
    for (size_t c = 0; c < ch; c++) {
        int32_t sum = 0;
        switch (node->in_kind) {
        case BNN_U8:
            for (size_t i = c; i < size; i += ch) sum += ((const uint8_t *)in)[i];
            break;
        case BNN_I8:
            for (size_t i = c; i < size; i += ch) sum += ((const int8_t *)in)[i];
            break;
        case BNN_I16:
            for (size_t i = c; i < size; i += ch) sum += ((const int16_t *)in)[i];
            break;
        default:
            for (size_t i = c; i < size; i += ch) sum += ((const int32_t *)in)[i];
            break;
        }
        bnn_store(out, c, node->out_kind, sum);
    }
}
