// SPDX-License-Identifier: Apache-2.0
//
// Integer convolution by +-1 weights without a multiplication: once per pixel, every four inputs become a table of
// their 16 signed sums; then each output channel needs one lookup and one addition for four products.
#include "iconv2d_window.h"

#define ENTRIES 16u // sums of four signed inputs; bit i of the index is the sign of input i
#define TABLES 8u   // of one word of signs
#define INPUTS 32u  // of one word of signs

// table[s] = sum of (s bit i ? v[i] : -v[i]); entry 15 - s is entry s negated.
static void build_table(const int16_t *v, int32_t *table) {
    const int32_t sum = v[0] + v[1], difference = v[0] - v[1];
    const int32_t both = v[2] + v[3], one = v[2] - v[3];
    table[15] = sum + both;
    table[14] = both - difference;
    table[13] = both + difference;
    table[12] = both - sum;
    table[8] = -sum - one;
    table[9] = difference - one;
    table[10] = -difference - one;
    table[11] = sum - one;
    table[0] = -table[15];
    table[1] = -table[14];
    table[2] = -table[13];
    table[3] = -table[12];
    table[7] = -table[8];
    table[6] = -table[9];
    table[5] = -table[10];
    table[4] = -table[11];
}

// The sum over 32 inputs per word of signs.
static inline int32_t look_up(const int32_t *tables, const uint32_t *signs, uint32_t words) {
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
    const bnn_requant_t *requant = node->requant.mul != NULL ? &node->requant : NULL;
    const bnn_sink_t sink = {&node->thresholds, out, node->out_w, node->out_ch, node->out_kind, requant};
    int32_t *tables = scratch;                                                // (words, TABLES, ENTRIES)
    int16_t *window = (int16_t *)(void *)(tables + words * TABLES * ENTRIES); // (words * INPUTS), 0 beyond fan_in
    for (uint32_t i = fan_in; i < words * INPUTS; i++) window[i] = 0;
    for (uint32_t y = 0; y < node->out_h; y++) {
        for (uint32_t x = 0; x < node->out_w; x++) {
            const uint32_t *signs = node->signs;
            int32_t sums[32]; // of channels first .. first + fill - 1
            uint32_t first = 0, fill = 0;
            for (uint32_t g = 0; g < node->groups; g++) {
                gather_window(node, in, y, x, g * per_group, per_group, window);
                for (uint32_t i = 0; i < words * TABLES; i++) build_table(window + 4 * i, tables + i * ENTRIES);
                for (uint32_t left = out_per_group; left > 0; left--, signs += words) {
                    sums[fill++] = look_up(tables, signs, words);
                    if (fill == 32) {
                        bnn_emit(&sink, y, x, first, 32, sums);
                        first += 32, fill = 0;
                    }
                }
            }
            if (fill > 0) bnn_emit(&sink, y, x, first, fill, sums);
        }
    }
}
