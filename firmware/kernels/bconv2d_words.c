// SPDX-License-Identifier: Apache-2.0
//
// Binary convolution output by output: the window is gathered once per pixel and group, then every output channel XORs
// its weights with it, eight words to one popcount.  For linear layers and small maps, where tables do not pay.
#include "bnn_bits.h"

// *sum + b + c -> *sum, and the carry.
static inline uint32_t full_add(uint32_t *sum, uint32_t b, uint32_t c) {
    const uint32_t u = *sum ^ b, s = u ^ c;
    const uint32_t carry = (*sum & ~u) | (u & ~s);
    *sum = s;
    return carry;
}

// popcount(a ^ w) over n words.  Eight words go through seven adders into ones, twos, fours and one word of eights.
static uint32_t differ(const uint32_t *a, const uint32_t *w, uint32_t n) {
    uint32_t total = 0;
    if (n >= 8) {
        uint32_t ones = 0, twos = 0, fours = 0;
        for (; n >= 8; n -= 8, a += 8, w += 8) {
            const uint32_t t0 = full_add(&ones, a[0] ^ w[0], a[1] ^ w[1]);
            const uint32_t t1 = full_add(&ones, a[2] ^ w[2], a[3] ^ w[3]);
            const uint32_t f0 = full_add(&twos, t0, t1);
            const uint32_t t2 = full_add(&ones, a[4] ^ w[4], a[5] ^ w[5]);
            const uint32_t t3 = full_add(&ones, a[6] ^ w[6], a[7] ^ w[7]);
            const uint32_t f1 = full_add(&twos, t2, t3);
            total += bnn_popcount(full_add(&fours, f0, f1));
        }
        total = 8 * total + 4 * bnn_popcount(fours) + 2 * bnn_popcount(twos) + bnn_popcount(ones);
    }
    for (; n > 0; n--) total += bnn_popcount(*a++ ^ *w++);
    return total;
}

// The valid taps of a window are a rectangle: `rows` runs of `length` words from `start` on, `step` words apart.
typedef struct {
    uint32_t start, length, rows, step; // in words of the gathered window
    int32_t n;                          // valid products
} runs_t;

// Gathers the window of (y, x), words first..first + words - 1 of each pixel.
static runs_t gather(const bnn_bconv2d_t *node, const uint32_t *in, uint32_t y, uint32_t x, uint32_t first,
                     uint32_t words, uint32_t *window) {
    const bnn_window_t *win = &node->window;
    const uint32_t in_words = BNN_WORDS(node->in_ch), per_group = (uint32_t)node->in_ch / node->groups;
    uint32_t ky0 = win->kh, ky1 = 0, kx0 = win->kw, kx1 = 0; // the rectangle of valid taps
    for (uint32_t ky = 0; ky < win->kh; ky++) {
        const int32_t row = bnn_tap_row(win, y, ky, node->h);
        if (row == BNN_SKIP) continue;
        ky0 = ky < ky0 ? ky : ky0;
        ky1 = ky + 1;
        for (uint32_t kx = 0; kx < win->kw; kx++) {
            const int32_t col = bnn_tap_col(win, x, kx, node->w);
            if (col == BNN_SKIP) continue;
            kx0 = kx < kx0 ? kx : kx0;
            kx1 = kx + 1 > kx1 ? kx + 1 : kx1;
            uint32_t *to = window + (ky * win->kw + kx) * words;
            if (row >= 0 && col >= 0) {
                const uint32_t *from = in + ((size_t)row * node->w + (size_t)col) * in_words + first;
                for (uint32_t k = 0; k < words; k++) to[k] = from[k];
            } else {
                for (uint32_t k = 0; k < words; k++) {
                    const uint32_t count = per_group - 32u * k < 32u ? per_group - 32u * k : 32u;
                    to[k] = win->pad_value ? 0xFFFFFFFFu >> (32u - count) : 0u;
                }
            }
        }
    }
    if (kx1 == 0) return (runs_t){0}; // nothing of the window lies inside
    const uint32_t width = (kx1 - kx0) * words;
    runs_t runs = {
        .start = (ky0 * win->kw + kx0) * words,
        .length = width,
        .rows = ky1 - ky0,
        .step = win->kw * words,
        .n = (int32_t)((ky1 - ky0) * (kx1 - kx0) * per_group),
    };
    if (width == runs.step) { // whole rows are one run
        runs.length *= runs.rows;
        runs.rows = 1;
    }
    return runs;
}

void bnn_bconv2d_words(const bnn_bconv2d_t *node, const uint32_t *in, void *out, void *scratch) {
    const uint32_t out_per_group = (uint32_t)node->out_ch / node->groups;
    const uint32_t words = BNN_WORDS((uint32_t)node->in_ch / node->groups);
    const uint32_t fan_in = (uint32_t)node->window.kh * node->window.kw * words; // words of one output's weights
    const bnn_sink_t sink = {&node->thresholds, out, node->out_w, node->out_ch, node->out_kind, NULL};
    for (uint32_t y = 0; y < node->out_h; y++) {
        for (uint32_t x = 0; x < node->out_w; x++) {
            const uint32_t *weights = node->weights;
            int32_t dots[32]; // of channels first .. first + fill - 1
            uint32_t first = 0, fill = 0;
            for (uint32_t g = 0; g < node->groups; g++) {
                const runs_t runs = gather(node, in, y, x, g * words, words, scratch);
                for (uint32_t left = out_per_group; left > 0; left--, weights += fan_in) {
                    uint32_t differing = 0;
                    for (uint32_t r = 0, start = runs.start; r < runs.rows; r++, start += runs.step) {
                        differing += differ((const uint32_t *)scratch + start, weights + start, runs.length);
                    }
                    dots[fill++] = runs.n - 2 * (int32_t)differing;
                    if (fill == 32) {
                        bnn_emit(&sink, y, x, first, 32, dots);
                        first += 32, fill = 0;
                    }
                }
            }
            if (fill > 0) bnn_emit(&sink, y, x, first, fill, dots);
        }
    }
}
