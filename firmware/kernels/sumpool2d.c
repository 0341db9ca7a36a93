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

// Four channels at a time, their sums in registers, then what is left one by one.
#define SUM_WHOLE(type)                                                                                                \
    do {                                                                                                               \
        uint32_t c = 0;                                                                                                \
        for (; c + 3u < ch; c += 4u) {                                                                                 \
            const type *at = (const type *)in + c;                                                                     \
            int32_t sums[4] = {0, 0, 0, 0};                                                                            \
            for (uint32_t pixel = pixels; pixel; pixel--, at += ch) {                                                  \
                sums[0] += at[0];                                                                                      \
                sums[1] += at[1];                                                                                      \
                sums[2] += at[2];                                                                                      \
                sums[3] += at[3];                                                                                      \
            }                                                                                                          \
            for (uint32_t i = 0; i < 4u; i++) bnn_store(out, c + i, node->out_kind, sums[i]);                          \
        }                                                                                                              \
        for (; c < ch; c++) {                                                                                          \
            const type *at = (const type *)in + c;                                                                     \
            int32_t sum = 0;                                                                                           \
            for (uint32_t pixel = pixels; pixel; pixel--, at += ch) sum += *at;                                        \
            bnn_store(out, c, node->out_kind, sum);                                                                    \
        }                                                                                                              \
    } while (0)

void bnn_sumpool2d_whole(const bnn_sumpool2d_t *node, const void *in, void *out) {
    const uint32_t ch = node->ch, pixels = (uint32_t)node->h * node->w;
    switch (node->in_kind) {
    case BNN_U8: SUM_WHOLE(uint8_t); break;
    case BNN_I8: SUM_WHOLE(int8_t); break;
    case BNN_I16: SUM_WHOLE(int16_t); break;
    default: SUM_WHOLE(int32_t); break;
    }
}
