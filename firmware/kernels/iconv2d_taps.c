// SPDX-License-Identifier: Apache-2.0
//
// The walk over the map that depthwise and paired integer convolutions share: which taps a pixel reads, what pads add,
// the channels beyond the last quad, and the way out.
#include "iconv2d_taps.h"

// The weight of output channel c and input j of its group, `weights` being those of a tap in the quad of channel 0.
static int32_t weight_of(const bnn_iconv2d_t *node, const void *weights, uint32_t per_quad, uint32_t c, uint32_t j,
                         uint32_t n) {
    const uint32_t group = c / QUAD * per_quad + c % QUAD / n * n * n, o = c % n;
    if (node->wide != NULL) return ((const int16_t *)weights)[group + o * n + j];
    return ((const int8_t *)weights)[group + j * n + o];
}

// `weights` and so many more.
static const void *further(const bnn_iconv2d_t *node, const void *weights, uint32_t count) {
    return (const uint8_t *)weights + count * (node->wide != NULL ? 2u : 1u);
}

// Output `at` of an axis: the first of its taps inside and how many follow inside, in *count; returns where it reads.
static inline uint32_t inside_span(uint32_t at, uint32_t stride, uint32_t pad, uint32_t dilation, uint32_t taps,
                                   uint32_t size, uint32_t *skipped, uint32_t *count) {
    uint32_t place = at * stride, k = 0;
    while (k < taps && place < pad) k++, place += dilation;
    *skipped = k;
    const uint32_t start = place - pad;
    for (; k < taps && place - pad < size; k++) place += dilation;
    *count = k - *skipped;
    return start;
}

// All taps of a pixel, one by one.
static void list_taps(const bnn_iconv2d_t *node, uint32_t y, uint32_t x, uint32_t step, iconv2d_taps_t *taps) {
    const bnn_window_t *win = &node->window;
    uint32_t weight = 0;
    taps->inside = taps->pads = 0;
    for (uint32_t ky = 0; ky < win->kh; ky++) {
        const int32_t row = bnn_tap_row(win, y, ky, node->h);
        for (uint32_t kx = 0; kx < win->kw; kx++, weight += step) {
            const int32_t col = bnn_tap_col(win, x, kx, node->w);
            if (row == BNN_SKIP || col == BNN_SKIP) continue;
            if (row >= 0 && col >= 0) {
                const uint32_t pixel = (uint32_t)row * node->w + (uint32_t)col;
                taps->list[taps->inside++] = (iconv2d_tap_t){pixel * node->in_ch, weight};
            } else {
                *(taps->end - ++taps->pads) = (iconv2d_tap_t){0, weight};
            }
        }
    }
}

// The inside taps of `count` (1..3) channels from `first` on, for which there is no whole quad.
static void tail_sums(const bnn_iconv2d_t *node, const void *in, uint32_t first, const iconv2d_taps_t *taps,
                      const void *weights, uint32_t n, uint32_t count, int32_t *sums) {
    for (uint32_t c = 0; c < count; c++) {
        int32_t sum = 0;
        for (uint32_t t = 0; t < taps->inside; t++) {
            const size_t at = (size_t)taps->list[t].input + first + c / n * n;
            const void *m = further(node, weights, taps->list[t].weight);
            for (uint32_t j = 0; j < n; j++) {
                sum += bnn_load(in, at + j, node->in_kind) * weight_of(node, m, 0, c, j, n);
            }
        }
        sums[c] = sum;
    }
}

// What the taps that read the pad value add to `count` channels.
static void add_pads(const bnn_iconv2d_t *node, const iconv2d_taps_t *taps, const void *weights, uint32_t n,
                     uint32_t per_quad, uint32_t count, int32_t *sums) {
    for (const iconv2d_tap_t *tap = taps->end - taps->pads; tap < taps->end; tap++) {
        const void *m = further(node, weights, tap->weight);
        for (uint32_t c = 0; c < count; c++) {
            for (uint32_t j = 0; j < n; j++) sums[c] += node->window.pad_value * weight_of(node, m, per_quad, c, j, n);
        }
    }
}

void bnn_walk_quads(const bnn_iconv2d_t *node, const void *in, void *out, iconv2d_tap_t *list, uint32_t n,
                    iconv2d_rect_fn *by_rect, iconv2d_list_fn *by_list) {
    const bnn_window_t *win = &node->window;
    const uint32_t element = node->in_kind == BNN_I16 ? 2 : 1, tail = node->out_ch % QUAD;
    const uint32_t step = QUAD * n, per_quad = step * win->kh * win->kw;
    const bnn_requant_t *requant = node->requant.mul != NULL ? &node->requant : NULL;
    const bnn_sink_t sink = {&node->thresholds, out, node->out_w, node->out_ch, node->out_kind, requant};
    iconv2d_taps_t taps = {list, list + (uint32_t)win->kh * win->kw, 0, 0};
    iconv2d_rect_t rect = {.row_step = (uint32_t)win->dilation_h * node->w * node->in_ch,
                           .col_step = (uint32_t)win->dilation_w * node->in_ch,
                           .weight_step = step * win->kw};
    for (uint32_t y = 0; y < node->out_h; y++) {
        uint32_t ky, kx;
        const uint32_t row =
            inside_span(y, win->stride_h, win->pad_top, win->dilation_h, win->kh, node->h, &ky, &rect.rows);
        for (uint32_t x = 0; x < node->out_w; x++) {
            const uint32_t col =
                inside_span(x, win->stride_w, win->pad_left, win->dilation_w, win->kw, node->w, &kx, &rect.cols);
            const int whole = rect.rows == win->kh && rect.cols == win->kw;
            const int regular = by_rect != NULL && (whole || win->pad_mode == BNN_PAD_SKIP);
            if (!regular || tail > 0) list_taps(node, y, x, step, &taps);
            rect.first = ((size_t)row * node->w + col) * node->in_ch;
            rect.weight = (ky * win->kw + kx) * step;
            const void *w = node->wide != NULL ? (const void *)node->wide : node->weights;
            for (uint32_t first = 0; first < node->out_ch; first += 32) {
                const uint32_t count = node->out_ch - first < 32u ? node->out_ch - first : 32u, quads = count / QUAD;
                const void *from = (const uint8_t *)in + (size_t)first * element;
                int32_t sums[32];
                if (regular) {
                    by_rect(from, &rect, w, quads, per_quad, sums);
                } else {
                    by_list(from, &taps, w, quads, per_quad, sums);
                }
                if (count % QUAD > 0) {
                    const uint32_t last = QUAD * quads;
                    tail_sums(node, in, first + last, &taps, further(node, w, quads * per_quad), n, tail, sums + last);
                }
                if (!regular) add_pads(node, &taps, w, n, per_quad, count, sums);
                bnn_emit(&sink, y, x, first, count, sums);
                w = further(node, w, quads * per_quad);
            }
        }
    }
}
