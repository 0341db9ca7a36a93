// SPDX-License-Identifier: Apache-2.0
//
// Integer convolution by +-1 weights without a multiplication: once per pixel, every four inputs become a table of
// their 16 signed sums; then each output channel needs one lookup and one addition for four products.
#include "iconv2d_window.h"

#define ENTRIES 16u        // sums of four signed inputs; bit i of the index is the sign of input i
#define TABLES 8u          // of one word of signs
#define INPUTS 32u         // of one word of signs

// table[s] = sum of (s bit i ? v[i] : -v[i]); the upper half is the lower one negated, backwards.
static void build_table(const int16_t *v, int32_t *table) {
    const int32_t a = v[0], b = v[1], low = v[2] - v[3], high = -v[2] - v[3];
    const int32_t pair[4] = {-a - b, a - b, b - a, a + b};
    for (uint32_t s = 0; s < 4; s++) {
        table[s] = pair[s] + high;
        table[s + 4] = pair[s] + low;
        table[15 - s] = -(pair[s] + high);
        table[11 - s] = -(pair[s] + low);
    }
}

// The sum over 32 inputs per word of signs.
static int32_t look_up(const int32_t *tables, const uint32_t *signs, uint32_t words) {
    int32_t sum = 0;
    for (; words > 0; words--, tables += TABLES * ENTRIES) {
        const uint32_t s = *signs++;
        sum += tables[0 * ENTRIES + (s & 15u)] + tables[1 * ENTRIES + (s >> 4 & 15u)];
        sum += tables[2 * ENTRIES + (s >> 8 & 15u)] + tables[3 * ENTRIES + (s >> 12 & 15u)];
        sum += tables[4 * ENTRIES + (s >> 16 & 15u)] + tables[5 * ENTRIES + (s >> 20 & 15u)];
        sum += tables[6 * ENTRIES + (s >> 24 & 15u)] + tables[7 * ENTRIES + (s >> 28)];
    }
    return sum;
}

void bnn_iconv2d_signs(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch) {
    const uint32_t per_group = (uint32_t)node->in_ch / node->groups;
    const uint32_t out_per_group = (uint32_t)node->out_ch / node->groups;
    const uint32_t fan_in = (uint32_t)node->window.kh * node->window.kw * per_group;
    const uint32_t words = BNN_WORDS(fan_in);
    const bnn_sink_t sink = {&node->thresholds, out, node->out_w, node->out_ch, node->out_kind};
    int32_t *tables = scratch;                                                // (words, TABLES, ENTRIES)
    int16_t *window = (int16_t *)(void *)(tables + words * TABLES * ENTRIES); // (words * INPUTS), 0 beyond fan_in
    for (uint32_t i = fan_in; i < words * INPUTS; i++) window[i] = 0;
    for (uint32_t y = 0; y < node->out_h; y++) {
        for (uint32_t x = 0; x < node->out_w; x++) {
            const uint32_t *signs = node->signs;
            int32_t sums[32]; // of channels o - o % 32 .. o - 1
            for (uint32_t g = 0, o = 0; g < node->groups; g++) {
                gather_window(node, in, y, x, g * per_group, per_group, window);
                for (uint32_t i = 0; i < words * TABLES; i++) build_table(window + 4 * i, tables + i * ENTRIES);
                for (uint32_t left = out_per_group; left > 0; left--, signs += words) {
                    sums[o++ % 32u] = look_up(tables, signs, words);
                    if (o % 32u == 0 || o == node->out_ch) {
                        bnn_emit(&sink, y, x, (o - 1u) & ~31u, (o - 1u) % 32u + 1u, sums);
                    }
                }
            }
        }
    }
}
