// SPDX-License-Identifier: Apache-2.0
//
// What kernels share: counting bits, finding the input position of a tap, elements by kind, the threshold epilogue.
// Inline, because gcc turns __builtin_popcount into a library call on every Cortex-M.
#ifndef BNN_BITS_H
#define BNN_BITS_H

#include "bnn.h"

#define BNN_SKIP (-1)     // this tap reads nothing
#define BNN_CONSTANT (-2) // this tap reads window.pad_value

// Ones in x, by adding neighbours: 1+1, 2+2, 4+4 bits, then four bytes by one multiplication.
static inline uint32_t bnn_popcount(uint32_t x) {
    x -= (x >> 1) & 0x55555555u;
    x = (x & 0x33333333u) + ((x >> 2) & 0x33333333u);
    x = (x + (x >> 4)) & 0x0F0F0F0Fu;
    return (x * 0x01010101u) >> 24;
}

// Where position `at` of an axis of `size` reads, under a pad mode: 0..size-1, BNN_SKIP or BNN_CONSTANT.
static inline int32_t bnn_tap(int32_t at, int32_t size, uint8_t pad_mode) {
    if (at >= 0 && at < size) return at;
    if (pad_mode == BNN_PAD_SKIP) return BNN_SKIP;
    if (pad_mode == BNN_PAD_CONSTANT) return BNN_CONSTANT;
    if (pad_mode == BNN_PAD_REPLICATE) return at < 0 ? 0 : size - 1;
    return at < 0 ? -at : 2 * (size - 1) - at;
}

// Input row of tap row ky of output row y, and likewise for columns.
static inline int32_t bnn_tap_row(const bnn_window_t *win, uint32_t y, uint32_t ky, uint32_t h) {
    const int32_t at = (int32_t)(y * win->stride_h + ky * win->dilation_h) - (int32_t)win->pad_top;
    return bnn_tap(at, (int32_t)h, win->pad_mode);
}

static inline int32_t bnn_tap_col(const bnn_window_t *win, uint32_t x, uint32_t kx, uint32_t w) {
    const int32_t at = (int32_t)(x * win->stride_w + kx * win->dilation_w) - (int32_t)win->pad_left;
    return bnn_tap(at, (int32_t)w, win->pad_mode);
}

// count (1..32) bits of a packed pixel from channel `first` on, in the low bits of the result.
static inline uint32_t bnn_bits(const uint32_t *pixel, uint32_t first, uint32_t count) {
    const uint32_t shift = first % 32u;
    uint32_t bits = pixel[first / 32u] >> shift;
    if (shift + count > 32u) bits |= pixel[first / 32u + 1u] << (32u - shift); // here shift > 0
    return count < 32u ? bits & ((1u << count) - 1u) : bits;
}

// Element i of an integer tensor.
static inline int32_t bnn_load(const void *tensor, size_t i, uint8_t kind) {
    switch (kind) {
    case BNN_U8: return ((const uint8_t *)tensor)[i];
    case BNN_I8: return ((const int8_t *)tensor)[i];
    case BNN_I16: return ((const int16_t *)tensor)[i];
    default: return ((const int32_t *)tensor)[i];
    }
}

// v is within the range of the kind.
static inline void bnn_store(void *tensor, size_t i, uint8_t kind, int32_t v) {
    switch (kind) {
    case BNN_U8: ((uint8_t *)tensor)[i] = (uint8_t)v; break;
    case BNN_I8: ((int8_t *)tensor)[i] = (int8_t)v; break;
    case BNN_I16: ((int16_t *)tensor)[i] = (int16_t)v; break;
    default: ((int32_t *)tensor)[i] = v; break;
    }
}

static inline int32_t bnn_clamp(int32_t v, int32_t low, int32_t high) {
    return v < low ? low : v > high ? high : v;
}

// Offset into thr and thr2 of channel 0 at output (y, x).
static inline size_t bnn_class(const bnn_thresholds_t *t, uint32_t y, uint32_t x, uint32_t ch) {
    return ((size_t)t->rows[y] * t->n_cols + t->cols[x]) * ch;
}

// The bit, before its flip, of value v; `at` is bnn_class() + c.
static inline uint32_t bnn_passes(const bnn_thresholds_t *t, size_t at, int32_t v) {
    return (uint32_t)(v >= t->thr[at] && (t->thr2 == NULL || v < t->thr2[at]));
}

// What becomes of a pixel's sums: `count` (1..32) of them from channel `first` (a multiple of 32) on are compared with
// their thresholds into one word, or stored as they are where thr->thr is NULL; where requant is not NULL they go through
// that.  In emit.c and requant.c.
typedef struct {
    const bnn_thresholds_t *thr;
    void *out;
    uint16_t out_w, out_ch;
    uint8_t out_kind;
    const bnn_requant_t *requant;
} bnn_sink_t;

void bnn_emit(const bnn_sink_t *sink, uint32_t y, uint32_t x, uint32_t first, uint32_t count, const int32_t *sums);
void bnn_requantize(const bnn_sink_t *sink, uint32_t y, uint32_t x, uint32_t first, uint32_t count,
                    const int32_t *sums);

#endif
