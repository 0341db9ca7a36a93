// SPDX-License-Identifier: Apache-2.0
//
// Integer convolutions whose output channels read one or two inputs each, and which have as many outputs as inputs:
// four channels side by side, so that nothing is moved before it is multiplied.
//
// A quad is four channels.  Its weights are (kh, kw, 4 / n, n inputs, n outputs), n inputs to a group, 0 for channels
// that do not exist; in weights of 16 bits outputs come before inputs.  Most pixels read a rectangle of taps; at
// replicated, mirrored and constant borders it is a list.
#ifndef ICONV2D_TAPS_H
#define ICONV2D_TAPS_H

#include "bnn_bits.h"
#include "bnn_simd.h"

#define QUAD 4u

typedef struct {
    size_t first;                 // element that the first tap reads in channel 0
    uint32_t rows, cols;          // taps
    uint32_t row_step, col_step;  // elements
    uint32_t weight, weight_step; // weights: to the first tap's from the quad's, from row to row
} iconv2d_rect_t;

typedef struct {
    uint32_t input;  // element in channel 0
    uint32_t weight; // weights from the quad's first
} iconv2d_tap_t;

// `inside` taps that read the map, from the start of the list; `pads` that read the pad value, from its end.
typedef struct {
    iconv2d_tap_t *list, *end;
    uint32_t inside, pads;
} iconv2d_taps_t;

// What a file supplies for each kind of input: the sums of `quads` quads, `in` and `w` being the first one's.
typedef void iconv2d_rect_fn(const void *in, const iconv2d_rect_t *rect, const void *weights, uint32_t quads,
                             uint32_t per_quad, int32_t *sums);
typedef void iconv2d_list_fn(const void *in, const iconv2d_taps_t *taps, const void *weights, uint32_t quads,
                             uint32_t per_quad, int32_t *sums);

// Either for one type of input and of weights; ADD(v, m) adds the products of one tap to s0..s3, a tap has STEP weights.
#define ICONV2D_RECT(name, type, wtype, ADD, STEP)                                                                     \
    static void rect_##name(const void *in, const iconv2d_rect_t *rect, const void *weights, uint32_t quads,           \
                            uint32_t per_quad, int32_t *sums) {                                                        \
        const type *base = (const type *)in + rect->first;                                                             \
        const wtype *w = (const wtype *)weights + rect->weight;                                                        \
        const uint32_t cols = rect->cols, step = rect->col_step;                                                       \
        for (; quads > 0; quads--, base += QUAD, w += per_quad, sums += QUAD) {                                        \
            int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;                                                                    \
            const type *row = base;                                                                                    \
            const wtype *of_row = w;                                                                                   \
            for (uint32_t ky = rect->rows; ky > 0; ky--, row += rect->row_step, of_row += rect->weight_step) {         \
                const type *v = row;                                                                                   \
                const wtype *m = of_row;                                                                               \
                if (cols == 3) {                                                                                       \
                    ADD(v, m);                                                                                         \
                    v += step;                                                                                         \
                    ADD(v, m + (STEP));                                                                                \
                    v += step;                                                                                         \
                    ADD(v, m + 2 * (STEP));                                                                            \
                } else {                                                                                               \
                    for (uint32_t kx = cols; kx > 0; kx--, v += step, m += (STEP)) ADD(v, m);                          \
                }                                                                                                      \
            }                                                                                                          \
            sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;                                                    \
        }                                                                                                              \
    }

#define ICONV2D_LIST(name, type, wtype, ADD)                                                                           \
    static void list_##name(const void *in, const iconv2d_taps_t *taps, const void *weights, uint32_t quads,           \
                            uint32_t per_quad, int32_t *sums) {                                                        \
        const type *base = in;                                                                                         \
        const wtype *w = weights;                                                                                      \
        for (; quads > 0; quads--, base += QUAD, w += per_quad, sums += QUAD) {                                        \
            int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;                                                                    \
            for (const iconv2d_tap_t *tap = taps->list, *end = tap + taps->inside; tap < end; tap++) {                 \
                const type *v = base + tap->input;                                                                     \
                const wtype *m = w + tap->weight;                                                                      \
                ADD(v, m);                                                                                             \
            }                                                                                                          \
            sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;                                                    \
        }                                                                                                              \
    }

// The whole convolution, of groups of n inputs; `list` has room for kh * kw taps, `by_rect`
// may be NULL: then every pixel is a list.  In iconv2d_taps.c.
void bnn_walk_quads(const bnn_iconv2d_t *node, const void *in, void *out, iconv2d_tap_t *list, uint32_t n,
                    iconv2d_rect_fn *by_rect, iconv2d_list_fn *by_list);

#endif
