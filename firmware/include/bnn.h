// SPDX-License-Identifier: Apache-2.0
//
// The kernel library of xnorc: what a rendered model calls, and all it calls.  This header is the manual.
//
// Tensors.  Batch 1, layout HWC.  Integers lie as they are; bits are packed along the channels: channel c of a pixel is
// bit c % 32 of word c / 32, so a pixel of ch channels takes (ch + 31) / 32 words.  Bit 1 means +1, bit 0 means -1.
// The unused top bits of a pixel's last word (the tail) are 0 in every tensor and in all weights, hence a XOR of the
// two is 0 there and no count needs a correction.  Words are little-endian, tensors are 4-byte aligned (the arena
// offers 8); a kernel reads wider than the element type only where it has found the address aligned.
//
// Sums.  dot = sum of a*w over +-1 products = n - 2 P, where n counts the valid products and P = popcount(a ^ w) over
// them.  Taps that fall outside the image under BNN_PAD_SKIP are no products: n shrinks at the border.
//
// Kernels.  bnn_<op>_<variant>(node, in, out[, scratch]): the node is constant and was verified by the exporter, so
// nothing is checked here.  Nothing is allocated: `scratch`, where a kernel needs any, is planned in the arena, 8-byte
// aligned, its content undefined before and after.  Every op has a slow and obvious `_ref`, which gives the same bits.
// `out` may not overlap `in` unless the kernel's line says "in place".  No kernel needs more than 528 bytes of stack.
//
// Channel sums.  bnn_<op>_<variant>_sums(node, in, out, sums) does what bnn_<op>_<variant> does and writes the sum of
// every channel of its output as well, (1, 1, ch) of sums_kind, modulo 2^16 or 2^32: a SumPool2d over the whole map
// without a second pass.  `sums` overlaps nothing, its content before does not matter.
//
// Field names are those of the Python nodes (exporter/xnorc/program/nodes/), where each op is defined in numpy.
#ifndef BNN_H
#define BNN_H

#include <stddef.h>
#include <stdint.h>

#define BNN_ABI 5 // the model's header and this library must agree on it

#define BNN_WORDS(ch) (((ch) + 31u) / 32u) // packed words that hold ch channels

// The kind of a tensor's elements: bnn_*_t.in_kind and .out_kind.
enum {
    BNN_BIT = 0, // packed uint32_t
    BNN_U8 = 1,
    BNN_I8 = 2,
    BNN_I16 = 3,
    BNN_I32 = 4,
};

// What a tap outside the image reads: bnn_window_t.pad_mode.
enum {
    BNN_PAD_SKIP = 0,      // nothing; the product does not exist
    BNN_PAD_CONSTANT = 1,  // window.pad_value
    BNN_PAD_REPLICATE = 2, // the nearest pixel of the edge
    BNN_PAD_REFLECT = 3,   // mirrored, the edge not repeated; pads are smaller than the image
};

// A sliding window: tap (ky, kx) of output (y, x) reads input row y * stride_h - pad_top + ky * dilation_h and column
// x * stride_w - pad_left + kx * dilation_w.
typedef struct {
    uint8_t kh, kw;                 // taps, 1..255
    uint8_t stride_h, stride_w;     // pixels, 1..255
    uint8_t dilation_h, dilation_w; // pixels, 1..255
    uint8_t pad_top, pad_left;      // rows and columns that taps may visit beyond the image, 0..255
    uint8_t pad_mode;               // BNN_PAD_*
    int16_t pad_value;              // of BNN_PAD_CONSTANT: 0 or 1 on bits, else an element of the input
} bnn_window_t;

// bit = (v >= thr[rows[y]][cols[x]][c]) ^ flip[c], and with thr2 also v < thr2[..] before the flip.
// INT32_MAX is reached by no sum and INT32_MIN by all: constant channels.
typedef struct {
    const int32_t *thr;   // (classes of rows, n_cols, ch)
    const int32_t *thr2;  // like thr, or NULL
    const uint32_t *flip; // (BNN_WORDS(ch)), tail bits 0
    const uint8_t *rows;  // (h) class of each output row
    const uint8_t *cols;  // (w) class of each output column
    uint16_t n_cols;      // classes of columns
} bnn_thresholds_t;

// out = clamp((v * mul[c * step] + add[c * step]) >> shift, low, high), in 64 bits: sums to a stream.  What is clamped
// fits 32 bits.
typedef struct {
    const int32_t *mul; // (ch), or one for all channels
    const int64_t *add; // as many, in units of 2^-shift
    int32_t low, high;  // saturation, within out_kind
    uint8_t shift;      // 0..62
    uint8_t step;       // 1, or 0 for one of each
} bnn_requant_t;

// ---- add: out = clamp((a * mul_a + b * mul_b + round) >> shift, low, high), round = half a unit ------------------
typedef struct {
    uint32_t size;          // elements of each tensor
    int16_t mul_a, mul_b;   // negative ones subtract
    int32_t low, high;      // saturation, within out_kind
    uint8_t shift;          // 0..15
    uint8_t a_kind, b_kind; // U8, I8, I16
    uint8_t out_kind;
} bnn_add_t;

void bnn_add_ref(const bnn_add_t *node, const void *a, const void *b, void *out); // in place, where out is no wider

// I16 all three, mul_a = mul_b = 1, shift 0.  In place.  Its sums are I32.
typedef struct {
    int32_t low, high;
    uint32_t pixels; // h * w
    uint16_t ch;
} bnn_add_i16_t;

void bnn_add_i16(const bnn_add_i16_t *node, const int16_t *a, const int16_t *b, int16_t *out);
void bnn_add_i16_sums(const bnn_add_i16_t *node, const int16_t *a, const int16_t *b, int16_t *out, int32_t *sums);

// ---- affine: out = clamp((v * mul + add) >> shift, low, high), in 64 bits -------------------------------------------
typedef struct {
    const int32_t *mul;  // (classes of rows, n_cols, ch), or (.., 1) for all channels
    const int64_t *add;  // as many, in units of 2^-shift
    const uint8_t *rows; // (h)
    const uint8_t *cols; // (w)
    int32_t low, high;
    uint16_t n_cols;
    uint16_t h, w, ch;
    uint8_t shift; // 0..62
    uint8_t step;  // 1, or 0 for one of each in a class
    uint8_t in_kind, out_kind;
} bnn_affine_t;

void bnn_affine_ref(const bnn_affine_t *node, const void *in, void *out); // in place, where out is no wider

// One class of rows and columns, I16 or I32 to I16.
typedef struct {
    const int32_t *mul; // (ch), or one for all channels
    const int64_t *add; // as many
    int32_t low, high;
    uint32_t pixels; // h * w
    uint16_t ch;
    uint8_t shift;
    uint8_t step;      // 1, or 0 for one of each
    uint8_t sums_kind; // I16, I32
} bnn_affine_flat_t;

// shift is 16..47 and |v * mul + add| < 2^47.  In place.
void bnn_affine_i16(const bnn_affine_flat_t *node, const int16_t *in, int16_t *out);
void bnn_affine_i16_sums(const bnn_affine_flat_t *node, const int16_t *in, int16_t *out, void *sums);

// shift is 32 or more.  In place.  Its sums are I32.
void bnn_affine_i32(const bnn_affine_flat_t *node, const int32_t *in, int16_t *out);
void bnn_affine_i32_sums(const bnn_affine_flat_t *node, const int32_t *in, int16_t *out, int32_t *sums);

// ---- bconv2d: binary convolution; a linear layer is one whose window covers the map --------------------------------
typedef struct {
    const uint32_t *weights;     // (out_ch, kh, kw, BNN_WORDS(in_ch / groups)), bit 1 is +1, tail bits 0
    bnn_thresholds_t thresholds; // for BIT output; thr is NULL otherwise
    bnn_window_t window;
    uint16_t h, w, in_ch;
    uint16_t out_h, out_w, out_ch;
    uint16_t groups;  // in_ch and out_ch are split alike into so many consecutive groups
    uint8_t out_kind; // BIT: thresholds; I16, I32: the dot itself
} bnn_bconv2d_t;

void bnn_bconv2d_ref(const bnn_bconv2d_t *node, const uint32_t *in, void *out);

// Output by output over a gathered window, carry-save popcount.  in_ch / groups is in_ch or a multiple of 32.
// scratch: kh * kw * BNN_WORDS(in_ch / groups) words.
void bnn_bconv2d_words(const bnn_bconv2d_t *node, const uint32_t *in, void *out, void *scratch);

// The fast form for maps (bconv2d_lookup.c says how it counts): weights bit-sliced over 32 output channels, thresholds
// as the initial content of the counters.  groups is 1.
typedef struct {
    const uint32_t *weights;     // (BNN_WORDS(out_ch), kh, kw, in_ch): bit c is the sign of output channel 32 g + c
    const uint32_t *bias;        // (classes of rows, n_cols, BNN_WORDS(out_ch), planes): counters before the first tap
    const uint8_t *rows;         // (out_h) class of each output row
    const uint8_t *cols;         // (out_w) class of each output column
    const int32_t *base;         // (classes of rows, n_cols) dot of an empty counter; NULL where bias holds thresholds
    bnn_thresholds_t thresholds; // for BIT output that bias cannot express (thr2); thr is NULL otherwise
    const uint32_t *flip;        // (BNN_WORDS(out_ch)) for BIT output by bias
    bnn_window_t window;
    uint16_t n_cols;
    uint16_t h, w, in_ch;
    uint16_t out_h, out_w, out_ch;
    uint16_t strip;   // output rows done at a time
    uint16_t in_rows; // input rows that a strip reads, at most
    uint16_t chunk;   // taps whose tables are in RAM at a time, 1..kh * kw
    uint8_t planes;   // bits of a counter, 6..24
    uint8_t out_kind; // BIT, I16, I32
} bnn_bconv2d_lookup_t;

// scratch, in words, with in_words = BNN_WORDS(in_ch): 32 + planes for the pixel at work,
// chunk * in_words / 2 + 3 * chunk + 2 for lists,
// chunk * (128 * in_words + 2) for tables, (in_rows * w + 1) * (4 * in_words + 1) for indices,
// (out_w * kw + strip * kh + 1) / 2 for places, and strip * out_w * planes for counters unless chunk is all taps.
void bnn_bconv2d_lookup(const bnn_bconv2d_lookup_t *node, const uint32_t *in, void *out, void *scratch);

// ---- bmatmul: out[n, 0, g * cols + m] = sum over d of a(g, n, d) * b(g, m, d), both operands bits -------------------
// a(g, n, d) is element a_start + g * a_group + n * a_row + d * a_depth of a in (h, w, ch) order, tails not counted, and
// b(g, m, d) likewise by b_start, b_group, b_col, b_depth.
typedef struct {
    uint32_t a_start, a_group, a_row, a_depth; // elements
    uint32_t b_start, b_group, b_col, b_depth;
    uint16_t groups, rows, cols, depth; // numbers of g, n, m, d
    uint16_t a_ch, b_ch;                // channels of each input
    int8_t a_low, b_low;                // what a bit 0 counts as: -1 or 0
    uint8_t out_kind;                   // I16, I32
} bnn_bmatmul_t;

void bnn_bmatmul_ref(const bnn_bmatmul_t *node, const uint32_t *a, const uint32_t *b, void *out);

// ---- bmaxpool2d: OR of the window's bits, AND in flipped channels; taps outside the image are skipped ---------------
typedef struct {
    const uint32_t *flip; // (BNN_WORDS(ch)), tail bits 0
    bnn_window_t window;
    uint16_t h, w, ch;
    uint16_t out_h, out_w;
} bnn_bmaxpool2d_t;

void bnn_bmaxpool2d_ref(const bnn_bmaxpool2d_t *node, const uint32_t *in, uint32_t *out); // in place without pads

// ---- compare: bit = (in[y, x, c] >= thr[c]) ^ flip[c], thr a tensor of (1, 1, ch) ------------------------------------
typedef struct {
    const uint32_t *flip; // (BNN_WORDS(ch)), tail bits 0
    uint32_t pixels;      // h * w
    uint16_t ch;
    uint8_t in_kind;  // U8, I8, I16, I32
    uint8_t thr_kind; // I16, I32
} bnn_compare_t;

void bnn_compare_ref(const bnn_compare_t *node, const void *in, const void *thr, uint32_t *out); // in place on `in`

// in_kind is I16.  scratch: BNN_WORDS(ch) words, then ch int16.  In place on `in`.
void bnn_compare_i16(const bnn_compare_t *node, const int16_t *in, const void *thr, uint32_t *out, void *scratch);

// in_kind and thr_kind are I32.  In place on `in`.
void bnn_compare_i32(const bnn_compare_t *node, const int32_t *in, const int32_t *thr, uint32_t *out);

// ---- gather: out[y, x, c] = in[source[c]][top + y * step_h, left + x * step_w, channel[c]], 0 where source[c] is 255 -
typedef struct {
    const uint8_t *source;   // (ch) which input
    const uint16_t *channel; // (ch) which of its channels
    const uint16_t *w_in;    // (inputs) columns of each input
    const uint16_t *ch_in;   // (inputs) channels of each input
    uint16_t h, w, ch;       // of the output
    uint16_t step_h, step_w;
    uint16_t top, left;
    uint8_t kind; // of all tensors
} bnn_gather_t;

void bnn_gather_ref(const bnn_gather_t *node, const void *const *in, void *out);

// ---- iconv2d: integer convolution by int8, int16 or +-1 weights, exact in int32 --------------------------------------------
typedef struct {
    const int8_t *weights;       // (out_ch, kh, kw, in_ch / groups), or NULL: then
    const int16_t *wide;         // the same in 16 bits, or NULL: then
    const uint32_t *signs;       // (out_ch, BNN_WORDS(kh * kw * in_ch / groups)): the same order, one bit a weight
    bnn_thresholds_t thresholds; // for BIT output; thr is NULL otherwise
    bnn_requant_t requant;       // for a stream; mul is NULL otherwise
    bnn_window_t window;
    uint16_t h, w, in_ch;
    uint16_t out_h, out_w, out_ch;
    uint16_t groups;
    uint8_t in_kind;  // U8, I8, I16
    uint8_t out_kind; // BIT; I16, I32; with requant I8, I16, I32
} bnn_iconv2d_t;

void bnn_iconv2d_ref(const bnn_iconv2d_t *node, const void *in, void *out);

// Four output channels and two inputs at a time.  Here weights is (groups, (out_ch / groups + 3) / 4, pairs, 2, 2 inputs,
// 2 outputs), of (kh * kw * in_ch / groups + 1) / 2 pairs of inputs in the order (kh, kw, channel): 0 for channels and
// inputs that do not exist.  scratch: 2 * pairs int16.
void bnn_iconv2d_quads(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch);

// By weights unpacked into RAM, for maps of many pixels.  groups is 1, weights are int8 or signs, thr2 is NULL, no sum
// reaches 2^30.  scratch, in int32: n + (n + classes of thresholds) * (out_ch rounded up to 4), n being kh * kw * in_ch
// rounded up to an even number, 4 at least.
void bnn_iconv2d_stem(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch);

// groups == in_ch == out_ch.  Here weights, or wide where in_kind is I16, is ((out_ch + 3) / 4, kh, kw, 4): channels side
// by side, 0 for those that do not exist.  scratch: 8 bytes for each of kh * kw.
void bnn_iconv2d_depthwise(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch);

// 2 * groups == in_ch == out_ch.  Here weights is ((out_ch + 3) / 4, kh, kw, 2 groups, 2 inputs, 2 outputs), or wide,
// where in_kind is I16, (.., 2 outputs, 2 inputs).
// scratch: 8 bytes for each of kh * kw.
void bnn_iconv2d_pairs(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch);

// By signs: every four inputs become a table of their 16 signed sums.
// scratch: BNN_WORDS(kh * kw * in_ch / groups) * (128 int32 + 32 int16).
void bnn_iconv2d_signs(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch);

// ---- maxpool2d: greatest value of the window; taps outside the image are skipped ------------------------------------
typedef struct {
    bnn_window_t window;
    uint16_t h, w, ch;
    uint16_t out_h, out_w;
    uint8_t kind;      // of both tensors, not BIT
    uint8_t sums_kind; // I16, I32
} bnn_maxpool2d_t;

void bnn_maxpool2d_ref(const bnn_maxpool2d_t *node, const void *in, void *out); // in place without pads

// kind is I16, no pads.  In place.
void bnn_maxpool2d_i16(const bnn_maxpool2d_t *node, const int16_t *in, int16_t *out);
void bnn_maxpool2d_i16_sums(const bnn_maxpool2d_t *node, const int16_t *in, int16_t *out, void *sums);

// ---- mix: out = clamp((a * mul_a + b * mul_b + round) >> shift, low, high), in 64 bits, round = half a unit ---------
typedef struct {
    const int32_t *mul_a; // (ch)
    const int32_t *mul_b; // (ch)
    uint32_t pixels;      // h * w
    int32_t low, high;    // saturation, within out_kind
    uint16_t ch;
    uint16_t ch_b;          // channels of b: ch, or 1 that serves all
    uint8_t shift;          // 0..62
    uint8_t a_kind, b_kind; // U8, I8, I16, I32
    uint8_t out_kind;
} bnn_mix_t;

void bnn_mix_ref(const bnn_mix_t *node, const void *a, const void *b, void *out); // in place, where out is no wider

// ---- permute: out[y, x, c] = element start + y * step_y + x * step_x + c * step_c of in, in (h, w, ch) order ---------
typedef struct {
    uint32_t start, step_y, step_x, step_c; // elements, tails of bits not counted
    uint16_t h, w, ch;                      // of the output
    uint16_t ch_in;
    uint8_t kind; // of both tensors
} bnn_permute_t;

void bnn_permute_ref(const bnn_permute_t *node, const void *in, void *out);

// ---- prelu: v = q - before; if v < 0: v = (v * slope + 2^11) >> 12; out = clamp(v + after, low, high) ---------------
typedef struct {
    const int16_t *before; // (ch)
    const int16_t *slope;  // (ch) Q3.12
    const int16_t *after;  // (ch)
    int32_t low, high;
    uint32_t pixels; // h * w
    uint16_t ch;
    uint8_t in_kind, out_kind; // I8, I16
    uint8_t sums_kind;         // I16, I32
} bnn_prelu_t;

void bnn_prelu_ref(const bnn_prelu_t *node, const void *in, void *out); // in place, where out is no wider

// Both kinds I16.  In place.
void bnn_prelu_i16(const bnn_prelu_t *node, const int16_t *in, int16_t *out);
void bnn_prelu_i16_sums(const bnn_prelu_t *node, const int16_t *in, int16_t *out, void *sums);

// ---- sumpool2d: sum of the window; taps outside the image add 0, bits count as 0 and 1 ------------------------------
typedef struct {
    bnn_window_t window;
    uint16_t h, w, ch;
    uint16_t out_h, out_w;
    uint8_t in_kind, out_kind; // any -> I16, I32
} bnn_sumpool2d_t;

void bnn_sumpool2d_ref(const bnn_sumpool2d_t *node, const void *in, void *out);

// One window that is the whole map, in_kind is not BIT.
void bnn_sumpool2d_whole(const bnn_sumpool2d_t *node, const void *in, void *out);

// ---- table: i = (in >> 8) + 128, out = values[i] + (((values[i + 1] - values[i]) * (in & 255) + 128) >> 8) ------------
typedef struct {
    const int16_t *values; // (257)
    uint32_t size;         // elements of each tensor
} bnn_table_t;

void bnn_table_ref(const bnn_table_t *node, const int16_t *in, int16_t *out); // in place

// ---- threshold: integers to bits ------------------------------------------------------------------------------------
typedef struct {
    bnn_thresholds_t thresholds;
    uint16_t h, w, ch;
    uint8_t in_kind; // U8, I8, I16, I32
} bnn_threshold_t;

void bnn_threshold_ref(const bnn_threshold_t *node, const void *in, uint32_t *out); // in place, where out is no wider

// in_kind is I32, one class of rows and columns, no thr2.  In place.
void bnn_threshold_i32(const bnn_threshold_t *node, const int32_t *in, uint32_t *out);

// The same for I16: a channel whose threshold is above int16 has INT16_MIN and its flip turned.  In place.
typedef struct {
    const int16_t *thr;   // (ch)
    const uint32_t *flip; // (BNN_WORDS(ch)), tail bits 0
    uint32_t pixels;      // h * w
    uint16_t ch;
} bnn_threshold_i16_t;

void bnn_threshold_i16(const bnn_threshold_i16_t *node, const int16_t *in, uint32_t *out);

// The index of the greatest of n logits, the first of equals.
uint16_t bnn_argmax(const int32_t *logits, uint16_t n);

#endif
