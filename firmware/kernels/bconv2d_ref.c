// SPDX-License-Identifier: Apache-2.0
//
// Binary convolution, the slow and obvious way: every output counts its own window, word by word.  Takes any node.
#include "bnn_bits.h"

// The dot of output channel o at (y, x).
static int32_t dot_at(const bnn_bconv2d_t *node, const uint32_t *in, uint32_t y, uint32_t x, uint32_t o) {
    const bnn_window_t *win = &node->window;
    const uint32_t per_group = (uint32_t)node->in_ch / node->groups;
    const uint32_t first = o / ((uint32_t)node->out_ch / node->groups) * per_group; // first input channel of o's group
    const uint32_t words = BNN_WORDS(per_group), in_words = BNN_WORDS(node->in_ch);
    const uint32_t *weights = node->weights + (size_t)o * win->kh * win->kw * words;
    int32_t n = 0, differ = 0;
    for (uint32_t ky = 0; ky < win->kh; ky++) {
        const int32_t row = bnn_tap_row(win, y, ky, node->h);
        for (uint32_t kx = 0; kx < win->kw; kx++, weights += words) {
            const int32_t col = bnn_tap_col(win, x, kx, node->w);
            if (row == BNN_SKIP || col == BNN_SKIP) continue;
            const int inside = row >= 0 && col >= 0;
            const uint32_t *pixel = inside ? in + ((size_t)row * node->w + (size_t)col) * in_words : NULL;
            for (uint32_t k = 0; k < words; k++) {
                const uint32_t count = per_group - 32u * k < 32u ? per_group - 32u * k : 32u;
                const uint32_t fill = node->window.pad_value ? 0xFFFFFFFFu >> (32u - count) : 0u;
                const uint32_t a = inside ? bnn_bits(pixel, first + 32u * k, count) : fill;
                differ += (int32_t)bnn_popcount(a ^ weights[k]);
            }
            n += (int32_t)per_group;
        }
    }
    return n - 2 * differ;
}

void bnn_bconv2d_ref(const bnn_bconv2d_t *node, const uint32_t *in, void *out) {
    const bnn_thresholds_t *thr = &node->thresholds;
    size_t pixel = 0;
    for (uint32_t y = 0; y < node->out_h; y++) {
        for (uint32_t x = 0; x < node->out_w; x++, pixel++) {
            if (node->out_kind != BNN_BIT) {
                for (uint32_t o = 0; o < node->out_ch; o++) {
                    bnn_store(out, pixel * node->out_ch + o, node->out_kind, dot_at(node, in, y, x, o));
                }
                continue;
            }
            const size_t at = bnn_class(thr, y, x, node->out_ch);
            for (uint32_t word = 0; word < BNN_WORDS(node->out_ch); word++) {
                uint32_t bits = 0;
                for (uint32_t o = 32u * word; o < node->out_ch && o < 32u * word + 32u; o++) {
                    bits |= bnn_passes(thr, at + o, dot_at(node, in, y, x, o)) << (o % 32u);
                }
                ((uint32_t *)out)[pixel * BNN_WORDS(node->out_ch) + word] = bits ^ thr->flip[word];
            }
        }
    }
}
