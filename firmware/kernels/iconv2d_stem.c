// SPDX-License-Identifier: Apache-2.0
//
// Integer convolution by int8 or +-1 weights for maps of many pixels: weights are first unpacked into RAM, into the form
// that the core multiplies best; then four output channels share every load of the window (iconv2d_block.h).
//
// Where the output is bits, sums start at minus the threshold: their signs are the bits, and nothing is compared.
// Channels come last to first then, because bits are shifted in from below.
#include "iconv2d_block.h"
#define WINDOW_ELEMENT block_input_t
#include "iconv2d_window.h"

#define FAR (1 << 30) // no sum reaches it

typedef struct {
    int32_t *start;                  // (classes, lanes)
    block_input_t *window, *weights; // (words), (lanes / LANES, words, LANES)
    uint32_t fan_in, words, lanes;   // the latter two rounded up
} stem_t;

static stem_t divide(const bnn_iconv2d_t *node, uint32_t classes, void *scratch) {
    stem_t stem = {.fan_in = (uint32_t)node->window.kh * node->window.kw * node->in_ch};
    stem.words = (stem.fan_in + 2 * PER_WORD - 1) / (2 * PER_WORD) * 2;
    if (stem.words < 4) stem.words = 4;
    stem.lanes = (node->out_ch + LANES - 1u) / LANES * LANES;
    stem.start = scratch;
    stem.window = (block_input_t *)(void *)(stem.start + (size_t)classes * stem.lanes);
    stem.weights = stem.window + stem.words * PER_WORD;
    return stem;
}

// Inputs first..first + count - 1 of channel o; 0 for those that do not exist.
static block_input_t *unpack(const bnn_iconv2d_t *node, uint32_t o, uint32_t fan_in, uint32_t first, uint32_t count,
                             block_input_t *to) {
    uint32_t known = o >= node->out_ch || first >= fan_in ? 0 : fan_in - first;
    if (known > count) known = count;
    if (node->weights != NULL) {
        const int8_t *from = node->weights + (size_t)o * fan_in + first;
        for (uint32_t i = 0; i < known; i++) *to++ = from[i];
    } else {
        const uint32_t *from = node->signs + (size_t)o * BNN_WORDS(fan_in);
        for (uint32_t i = first; i < first + known; i++) *to++ = from[i / 32u] >> i % 32u & 1u ? 1 : -1;
    }
    for (; known < count; known++) *to++ = 0;
    return to;
}

// The channel in lane `at`, of all lanes; out_ch or more for none.
static uint32_t channel_of(const bnn_iconv2d_t *node, uint32_t at, uint32_t lanes) {
    if (node->out_kind != BNN_BIT) return at;
    const uint32_t first = at / 32u * 32u, count = lanes - first < 32u ? lanes - first : 32u;
    return first + count - 1u - (at - first);
}

static void unpack_weights(const bnn_iconv2d_t *node, const stem_t *stem) {
    block_input_t *to = stem->weights;
    for (uint32_t lane = 0; lane < stem->lanes; lane += LANES) {
        for (uint32_t word = 0; word < stem->words;) {
            const uint32_t run = word == 0 && stem->words % BLOCK != 0 ? 2u : BLOCK;
            for (uint32_t i = 0; i < LANES; i++) {
                const uint32_t o = channel_of(node, lane + i, stem->lanes);
                to = unpack(node, o, stem->fan_in, word * PER_WORD, run * PER_WORD, to);
            }
            word += run;
        }
    }
}

static void set_starts(const bnn_iconv2d_t *node, const stem_t *stem, uint32_t classes) {
    int32_t *to = stem->start;
    for (uint32_t class = 0; class < classes; class++) {
        for (uint32_t lane = 0; lane < stem->lanes; lane++) {
            const uint32_t o = channel_of(node, lane, stem->lanes);
            int32_t start = 0;
            if (node->out_kind == BNN_BIT) {
                start = o < node->out_ch ? -bnn_clamp(node->thresholds.thr[class * node->out_ch + o], -FAR, FAR) : -1;
            }
            *to++ = start;
        }
    }
}

static uint32_t classes_of(const bnn_iconv2d_t *node) {
    if (node->out_kind != BNN_BIT) return 1;
    uint32_t last = 0;
    for (uint32_t y = 0; y < node->out_h; y++) {
        if (node->thresholds.rows[y] > last) last = node->thresholds.rows[y];
    }
    return (last + 1u) * node->thresholds.n_cols;
}

// `rows` runs of `count` elements, `step` apart; a window is most often that.
#define COPY_RUNS(type)                                                                                                \
    static void runs_of_##type(const type *from, uint32_t rows, uint32_t count, uint32_t step, block_input_t *to) {    \
        for (; rows > 0; rows--, from += step) {                                                                       \
            const type *v = from, *end = from + count;                                                                 \
            for (; end - v >= 3; v += 3, to += 3) to[0] = v[0], to[1] = v[1], to[2] = v[2];                            \
            while (v < end) *to++ = *v++;                                                                              \
        }                                                                                                              \
    }
COPY_RUNS(uint8_t)
COPY_RUNS(int8_t)
COPY_RUNS(int16_t)

// The window of output (y, x); `rows_inside` tells that none of its taps lies above or below the image.
static void fill_window(const bnn_iconv2d_t *node, const stem_t *stem, const void *in, uint32_t y, uint32_t x,
                        int rows_inside) {
    const bnn_window_t *win = &node->window;
    const int32_t left = (int32_t)(x * win->stride_w) - win->pad_left;
    if (!rows_inside || win->dilation_w != 1 || left < 0 || left + win->kw > node->w) {
        gather_window(node, in, y, x, 0, node->in_ch, stem->window);
        return;
    }
    const uint32_t row = (uint32_t)y * win->stride_h - win->pad_top;
    const size_t at = ((size_t)row * node->w + (uint32_t)left) * node->in_ch;
    const uint32_t count = (uint32_t)win->kw * node->in_ch, step = (uint32_t)win->dilation_h * node->w * node->in_ch;
    switch (node->in_kind) {
    case BNN_U8: runs_of_uint8_t((const uint8_t *)in + at, win->kh, count, step, stem->window); break;
    case BNN_I8: runs_of_int8_t((const int8_t *)in + at, win->kh, count, step, stem->window); break;
    default: runs_of_int16_t((const int16_t *)in + at, win->kh, count, step, stem->window);
    }
}

static void do_pixel(const bnn_iconv2d_t *node, const stem_t *stem, const bnn_sink_t *sink, uint32_t y, uint32_t x) {
    const bnn_thresholds_t *thr = &node->thresholds;
    const uint32_t each = stem->words * PER_WORD; // elements of a channel
    block_call_t call = {.window = stem->window,
                         .window_end = stem->window + each,
                         .short_block = stem->words % BLOCK != 0,
                         .weights = stem->weights,
                         .start = stem->start};
    if (node->out_kind == BNN_BIT) call.start += bnn_class(thr, y, x, stem->lanes);
    uint32_t *bits = (uint32_t *)sink->out + ((size_t)y * node->out_w + x) * BNN_WORDS(node->out_ch);
    for (uint32_t first = 0; first < stem->lanes; first += 32) {
        const uint32_t lanes = stem->lanes - first < 32u ? stem->lanes - first : 32u;
        call.weights_end = call.weights + lanes * each;
        if (node->out_kind == BNN_BIT) {
            *bits++ = ~block_signs(call) ^ thr->flip[first / 32u];
        } else {
            const uint32_t left = node->out_ch - first;
            int32_t sums[32];
            block_sums(call, sums);
            bnn_emit(sink, y, x, first, left < 32u ? left : 32u, sums);
        }
        call.weights = call.weights_end;
        call.start += lanes;
    }
}

void bnn_iconv2d_stem(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch) {
    const uint32_t classes = classes_of(node);
    const stem_t stem = divide(node, classes, scratch);
    const bnn_requant_t *requant = node->requant.mul != NULL ? &node->requant : NULL;
    const bnn_sink_t sink = {&node->thresholds, out, node->out_w, node->out_ch, node->out_kind, requant};
    for (uint32_t i = stem.fan_in; i < stem.words * PER_WORD; i++) stem.window[i] = 0;
    set_starts(node, &stem, classes);
    unpack_weights(node, &stem);
    const bnn_window_t *win = &node->window;
    for (uint32_t y = 0; y < node->out_h; y++) {
        const int32_t top = (int32_t)(y * win->stride_h) - win->pad_top;
        const int rows_inside = top >= 0 && top + (win->kh - 1) * win->dilation_h < node->h;
        for (uint32_t x = 0; x < node->out_w; x++) {
            fill_window(node, &stem, in, y, x, rows_inside);
            do_pixel(node, &stem, &sink, y, x);
        }
    }
}
