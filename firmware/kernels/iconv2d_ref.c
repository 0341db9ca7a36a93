// SPDX-License-Identifier: Apache-2.0
//
// Integer convolution, the slow and obvious way: one multiplication after the other.  Takes any node.
#include "bnn_bits.h"

// Weight i, in the order (out_ch, kh, kw, channel of the group); `fan_in` of them belong to one output channel.
static int32_t weight_at(const bnn_iconv2d_t *node, uint32_t o, uint32_t i, uint32_t fan_in) {
    if (node->weights != NULL) return node->weights[(size_t)o * fan_in + i];
    if (node->wide != NULL) return node->wide[(size_t)o * fan_in + i];
    return bnn_bits(node->signs + (size_t)o * BNN_WORDS(fan_in), i, 1) ? 1 : -1;
}

// The sum of output channel o at (y, x).
static int32_t dot_at(const bnn_iconv2d_t *node, const void *in, uint32_t y, uint32_t x, uint32_t o) {
    const bnn_window_t *win = &node->window;
    const uint32_t per_group = (uint32_t)node->in_ch / node->groups;
    const uint32_t first = o / ((uint32_t)node->out_ch / node->groups) * per_group;
    const uint32_t fan_in = (uint32_t)win->kh * win->kw * per_group;
    int32_t sum = 0;
    for (uint32_t ky = 0; ky < win->kh; ky++) {
        const int32_t row = bnn_tap_row(win, y, ky, node->h);
        for (uint32_t kx = 0; kx < win->kw; kx++) {
            const int32_t col = bnn_tap_col(win, x, kx, node->w);
            if (row == BNN_SKIP || col == BNN_SKIP) continue;
            const int inside = row >= 0 && col >= 0;
            const size_t pixel = inside ? ((size_t)row * node->w + (size_t)col) * node->in_ch + first : 0;
            for (uint32_t c = 0; c < per_group; c++) {
                const int32_t v = inside ? bnn_load(in, pixel + c, node->in_kind) : win->pad_value;
                sum += v * weight_at(node, o, (ky * win->kw + kx) * per_group + c, fan_in);
            }
        }
    }
    return sum;
}

static int32_t requantized(const bnn_requant_t *by, uint32_t o, int32_t sum) {
    const int64_t wide = ((int64_t)sum * by->mul[o * by->step] + by->add[o * by->step]) >> by->shift;
    return wide < by->low ? by->low : wide > by->high ? by->high : (int32_t)wide;
}

void bnn_iconv2d_ref(const bnn_iconv2d_t *node, const void *in, void *out) {
    const bnn_thresholds_t *thr = &node->thresholds;
    size_t pixel = 0;
    for (uint32_t y = 0; y < node->out_h; y++) {
        for (uint32_t x = 0; x < node->out_w; x++, pixel++) {
            if (node->out_kind != BNN_BIT) {
                for (uint32_t o = 0; o < node->out_ch; o++) {
                    const int32_t sum = dot_at(node, in, y, x, o);
                    const int32_t v = node->requant.mul != NULL ? requantized(&node->requant, o, sum) : sum;
                    bnn_store(out, pixel * node->out_ch + o, node->out_kind, v);
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
