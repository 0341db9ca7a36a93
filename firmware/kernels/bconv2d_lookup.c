// SPDX-License-Identifier: Apache-2.0
//
// Binary convolution by looking up the first full adder instead of computing it.  32 output channels sit in the lanes
// of a word, so a counter of 32 sums is a stack of words ("planes"), and adding costs full adders on words.
//
// Mismatches x_i = W_i ^ a_i are counted, W_i a word of 32 channels' weights for input i, a_i one activation bit spread
// over the lanes.  Taking inputs two at a time with a running parity z,
//     x_2k + x_2k+1 + z = (z ^ x_2k ^ x_2k+1) + 2 maj(z, x_2k, x_2k+1),
// the new z is linear: (prefix XOR of W) ^ (prefix XOR of a).  It is never computed; only the carry of weight 2 is
// needed, and that is one of 8 words fixed by the weights, chosen by three neighbouring bits of the activations' prefix
// parity P: b0 = P[2k-1], b1 = P[2k], b2 = P[2k+1].  With Z the weights' prefix parity before the pair, A and B its two
// weights, q = A ^ B and v = Z ^ A, entry i = b0 + 2 b1 + 4 b2 of the pair's table is
//     E0 = A ^ (q & v)    E4 = A ^ (v & ~q)    E7 = A ^ (q & ~v)    E6 = A ^ (q | v)    E[i ^ 5] = ~E[i].
// (i ^ 5 inverts z and both inputs, hence the majority.)  After the last pair the parity itself counts once: Z or ~Z.
//
// Tables are built in RAM from the weights, once per strip of output rows, and are used for every pixel.  The indices
// depend on the input alone: per pixel one byte a pair, ready to be added to a table's address.
//
// Counters start at 2^B - (M + 1) where the bit is "mismatches <= M": plane B then says the opposite, and there is no
// comparison.  Taps outside the image count as bits 0; what they add is constant per channel and place, and bias
// (BNN_PAD_SKIP) has it taken off.  Which instructions run depends on shapes alone, never on data.
#include "bnn_bits.h"

#define SLOT 8u    // table words of one pair
#define BLOCK 128u // table words of 32 inputs: 16 pairs
#define HALF 64u   // table words of 8 pairs: an index byte reaches 252 bytes

// gcc's first scheduling pass lengthens live ranges until everything spills.
#if defined(__GNUC__) && !defined(__clang__)
#define TIGHT __attribute__((optimize("no-schedule-insns")))
#else
#define TIGHT
#endif

// Words that are to stay in registers need constant indices.  ARMv6-M has too few registers for eight of them.
#if defined(__GNUC__) && !defined(__clang__) && !(defined(__ARM_ARCH) && __ARM_ARCH < 7)
#define UNROLL _Pragma("GCC unroll 8")
#else
#define UNROLL
#endif

// *sum + b + c -> *sum, and the carry.  With u = sum ^ b the carry is sum where u = 0 and c where u = 1.  On ARMv6-M each
// of the five steps overwrites one of the three, so that none needs another register.
static inline uint32_t full_add(uint32_t *sum, uint32_t b, uint32_t c) {
#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1 && !defined(__clang__)
    __asm__(".syntax unified\n"
            "eors %1, %1, %0\n"
            "eors %2, %2, %1\n"
            "bics %0, %0, %1\n"
            "bics %1, %1, %2\n"
            "orrs %1, %1, %0\n"
            : "+l"(*sum), "+l"(b), "+l"(c)
            :
            : "cc");
    *sum = c;
    return b;
#endif
    const uint32_t u = *sum ^ b, s = u ^ c;
    const uint32_t carry = (*sum & ~u) | (u & ~s);
    *sum = s;
    return carry;
}

// Index bytes of 32 channels: byte L = 4 j + b belongs to pair k = 4 b + j (the indices of four pairs fall out of one
// shift) and holds 32 (L % 8) + 4 index.  `odd` is all ones where the channels before have an odd number of ones, so
// that all of P is inverted; returns it for the next.
static inline uint32_t index_word(uint32_t bits, uint32_t odd, uint32_t *indices) {
    uint32_t p = bits;
    p ^= p << 1;
    p ^= p << 2;
    p ^= p << 4;
    p ^= p << 8;
    p ^= (p << 16) ^ odd;
    indices[0] = (((p << 3) | (odd & 4u)) & 0x1C1C1C1Cu) + 0x60402000u;
    indices[1] = ((p << 1) & 0x1C1C1C1Cu) + 0xE0C0A080u;
    indices[2] = ((p >> 1) & 0x1C1C1C1Cu) + 0x60402000u;
    indices[3] = ((p >> 3) & 0x1C1C1C1Cu) + 0xE0C0A080u;
    return 0u - (p >> 31);
}

// Index words of one pixel: 4 per input word, then 0 or 4 for the parity of all.
static void index_pixel(const uint32_t *pixel, uint32_t words, uint32_t *indices) {
    uint32_t odd = 0;
    for (uint32_t k = 0; k < words; k++, indices += 4) odd = index_word(pixel[k], odd, indices);
    indices[0] = odd & 4u;
}

// The same for a tap outside the image, whose channels are all `bit`.
static void index_pad(uint32_t bit, uint32_t in_ch, uint32_t *indices) {
    uint32_t odd = 0;
    for (uint32_t first = 0; first < in_ch; first += 32, indices += 4) {
        const uint32_t count = in_ch - first < 32u ? in_ch - first : 32u;
        odd = index_word(bit ? 0xFFFFFFFFu >> (32u - count) : 0u, odd, indices);
    }
    indices[0] = odd & 4u;
}

// Tables of 32 inputs: pair k = 4 b + j fills slot 4 j + b.  Returns the prefix parity z with their weights in it.
static uint32_t build_block(const uint32_t *weights, uint32_t z, uint32_t *table) {
    for (uint32_t b = 0; b < 4; b++, table += SLOT) {
        uint32_t *entry = table;
        for (uint32_t j = 0; j < 4; j++, entry += 4u * SLOT) {
            const uint32_t a = *weights++, q = a ^ *weights++, v = z ^ a;
            const uint32_t e0 = a ^ (q & v), e4 = a ^ (v & ~q), e7 = a ^ (q & ~v), e6 = a ^ (q | v);
            entry[0] = e0;
            entry[1] = ~e4;
            entry[2] = ~e7;
            entry[3] = ~e6;
            entry[4] = e4;
            entry[5] = ~e0;
            entry[6] = e6;
            entry[7] = e7;
            z ^= q;
        }
    }
    return z;
}

// Tables of one tap, then the two parity words.  Inputs beyond in_ch have weight bits 0 like their activations;
// `padded` has room for 32 words.
static void build_table(const uint32_t *weights, uint32_t in_ch, uint32_t *table, uint32_t *padded) {
    uint32_t z = 0;
    for (; in_ch >= 32; in_ch -= 32, weights += 32, table += BLOCK) z = build_block(weights, z, table);
    if (in_ch > 0) {
        for (uint32_t i = 0; i < 32; i++) padded[i] = i < in_ch ? weights[i] : 0u;
        z = build_block(padded, z, table);
        table += BLOCK;
    }
    table[0] = z;
    table[1] = ~z;
}

// `n` words of the plane's weight join it: two at a time, each two leaving a carry in the list; returns how many.
static inline uint32_t fold(uint32_t *plane, uint32_t *list, uint32_t n) {
    const uint32_t *from = list;
    uint32_t *to = list, sum = *plane;
    for (; n >= 2; n -= 2, from += 2) *to++ = full_add(&sum, from[0], from[1]);
    if (n > 0) {
        const uint32_t last = *from;
        *to++ = sum & last;
        sum ^= last;
    }
    *plane = sum;
    return (uint32_t)(to - list);
}

static inline uint32_t look(const uint32_t *table, const uint8_t *index) {
    return *(const uint32_t *)(const void *)((const uint8_t *)table + *index);
}

// Planes 1..4 of a counter, in registers.
typedef struct {
    uint32_t p1, p2, p3, p4;
} low_t;

// Eight lookups of weight 2 join planes 1..3; returns a carry of weight 16.
static inline uint32_t add_half(low_t *low, const uint32_t *table, const uint8_t *s) {
    const uint32_t a = full_add(&low->p1, look(table, s + 0), look(table, s + 1));
    const uint32_t b = full_add(&low->p1, look(table, s + 2), look(table, s + 3));
    const uint32_t e = full_add(&low->p2, a, b);
    const uint32_t c = full_add(&low->p1, look(table, s + 4), look(table, s + 5));
    const uint32_t d = full_add(&low->p1, look(table, s + 6), look(table, s + 7));
    const uint32_t f = full_add(&low->p2, c, d);
    return full_add(&low->p3, e, f);
}

// What one call works with; all of it lies in the scratch, because a stack is small and not planned.
typedef struct {
    uint32_t *plane;    // (planes) counters of the pixel being done
    uint32_t *parities; // (chunk + 1) words of weight 1 that are to join them
    uint32_t *heavies;  // (chunk * words / 2 + chunk + 1) words of weight 64
    uint32_t *numbers;  // (32) the pixel's dots; before, weights of a block that in_ch does not fill
    uint32_t *tables;   // (chunk, BNN_WORDS(in_ch) * BLOCK + 2)
    uint32_t *indices;  // (in_rows * w + 1, index words of a pixel); the last pixel is a tap outside the image
    uint32_t *places;   // (chunk) where in `indices` the taps of the pixel being done are
    uint32_t *saved;    // (strip * out_w, planes) counters between chunks
    int16_t *col;       // (out_w, kw) input column, or -1 outside
    int16_t *row;       // (strip, kh) input row from the strip's first on, or -1 outside
    uint32_t words;     // BNN_WORDS(in_ch)
    uint32_t each;      // index words of a pixel
} work_t;

// One word that joins planes first..last - 1; returns the carry.
static inline uint32_t ripple(uint32_t *plane, uint32_t first, uint32_t last, uint32_t word) {
    for (uint32_t level = first; level < last; level++) {
        const uint32_t old = plane[level];
        plane[level] = old ^ word;
        word &= old;
    }
    return word;
}

// The words that wait join the planes, of which there are enough for the last carry (planes_of in plan/lookup.py states
// it; it holds for every number of taps and words): `n` parities, the odd carry of weight 32 where there is one, and those of weight
// 64 up to `heavy`.
static inline void join_lists(const work_t *work, uint32_t n, const uint32_t *odd, uint32_t *heavy, uint32_t planes) {
    uint32_t *const plane = work->plane, *list = work->parities, level = 0;
    for (; level < 5 && n > 1; level++) n = fold(plane + level, list, n);
    if (n == 1) {
        uint32_t word = ripple(plane, level, 5, list[0]);
        if (odd != NULL) {
            word = full_add(plane + 5, word, *odd);
        } else {
            word = ripple(plane, 5, 6, word);
        }
        *heavy++ = word;
    } else {
        if (odd != NULL) list[n++] = *odd;
        for (n = fold(plane + 5, list, n); n > 0; n--) *heavy++ = *list++;
    }
    list = work->heavies, n = (uint32_t)(heavy - list);
    for (level = 6; n > 1; level++) n = fold(plane + level, list, n);
    ripple(plane, level, planes, list[0]);
}

// Adds the mismatches of `taps` taps to the planes: 16 lookups of weight 2 per 32 inputs, added in a tree whose planes
// 1..4 stay in registers.  A tap's parity of weight 1 and two blocks' carry of weight 64 wait in lists until the end.
TIGHT static void count_taps(const work_t *work, uint32_t taps, uint32_t planes) {
    uint32_t *plane = work->plane;
    low_t low = {plane[1], plane[2], plane[3], plane[4]};
    const uint32_t *table = work->tables, *place = work->places;
    uint32_t *parity = work->parities, *heavy = work->heavies;
    uint32_t first = 0;
    int odd = 0; // a block's carry of weight 32 waits in `first`
    for (uint32_t left = taps; left > 0; left--) {
        const uint8_t *s = (const uint8_t *)(work->indices + *place++);
        uint32_t words = work->words;
        do {
            const uint32_t e = add_half(&low, table, s);
            const uint32_t f = add_half(&low, table + HALF, s + 8);
            const uint32_t carry = full_add(&low.p4, e, f);
            s += 16;
            table += BLOCK;
            if (odd) *heavy++ = full_add(&plane[5], first, carry);
            first = carry;
            odd = !odd;
        } while (--words);
        *parity++ = look(table, s);
        table += 2;
    }
    plane[1] = low.p1, plane[2] = low.p2, plane[3] = low.p3, plane[4] = low.p4;
    join_lists(work, taps, odd ? &first : NULL, heavy, planes);
}

// Swap the bits of `mask` in *b with those `shift` places higher in *a.
static inline void swap_bits(uint32_t *a, uint32_t *b, uint32_t shift, uint32_t mask) {
    const uint32_t t = ((*a >> shift) ^ *b) & mask;
    *b ^= t;
    *a ^= t << shift;
}

// Eight planes, of which those from `planes` on are 0 -> eight words: byte k of word j is the number of lane 8 k + j,
// plane 0 its lowest bit.  Four 8x8 bit matrices are transposed at once, by exchanging halves of 1, 2 and 4.
static inline void transpose(const uint32_t *plane, uint32_t planes, uint32_t *word) {
    UNROLL for (uint32_t i = 0; i < 8; i++) word[i] = i < planes ? plane[i] : 0;
    UNROLL for (uint32_t i = 0; i < 8; i += 2) swap_bits(&word[i], &word[i + 1], 1, 0x55555555u);
    UNROLL for (uint32_t i = 0; i < 8; i += 4) {
        swap_bits(&word[i], &word[i + 2], 2, 0x33333333u);
        swap_bits(&word[i + 1], &word[i + 3], 2, 0x33333333u);
    }
    UNROLL for (uint32_t i = 0; i < 4; i++) swap_bits(&word[i], &word[i + 4], 4, 0x0F0F0F0Fu);
}

// The 32 dots of the counters: base - 2 * count.
static void unslice(const uint32_t *plane, uint32_t planes, int32_t base, int32_t *dots) {
    uint32_t word[8];
    transpose(plane, planes, word);
    UNROLL for (uint32_t j = 0; j < 8; j++) {
        UNROLL for (uint32_t k = 0; k < 4; k++) dots[8u * k + j] = base - 2 * (int32_t)(word[j] >> 8u * k & 255u);
    }
    for (uint32_t low = 8; low < planes; low += 8) {
        transpose(plane + low, planes - low, word);
        UNROLL for (uint32_t j = 0; j < 8; j++) {
            UNROLL for (uint32_t k = 0; k < 4; k++) {
                dots[8u * k + j] -= (int32_t)((word[j] >> 8u * k & 255u) << (low + 1u));
            }
        }
    }
}

static work_t divide(const bnn_bconv2d_lookup_t *node, void *scratch) {
    work_t work = {.words = BNN_WORDS(node->in_ch)};
    work.each = 4u * work.words + 1u;
    work.plane = scratch;
    work.parities = work.plane + node->planes;
    work.heavies = work.parities + node->chunk + 1u;
    work.numbers = work.heavies + node->chunk * work.words / 2u + node->chunk + 1u;
    work.tables = work.numbers + 32;
    work.places = work.tables + node->chunk * (work.words * BLOCK + 2u);
    work.indices = work.places + node->chunk;
    work.col = (int16_t *)(void *)(work.indices + ((size_t)node->in_rows * node->w + 1u) * work.each);
    work.row = work.col + (size_t)node->out_w * node->window.kw;
    const size_t places = (size_t)node->out_w * node->window.kw + (size_t)node->strip * node->window.kh;
    work.saved = (uint32_t *)(void *)work.col + (places + 1u) / 2u;
    return work;
}

// Places of the strip's taps and indices of the rows that it reads, first..first + in_rows - 1 at most.
static void prepare_strip(const bnn_bconv2d_lookup_t *node, const work_t *work, const uint32_t *in, uint32_t y0,
                          uint32_t y1) {
    const bnn_window_t *win = &node->window;
    int32_t first = node->h, last = -1;
    for (uint32_t y = y0; y < y1; y++) {
        for (uint32_t ky = 0; ky < win->kh; ky++) {
            const int32_t row = bnn_tap_row(win, y, ky, node->h);
            if (row >= 0 && row < first) first = row;
            if (row > last) last = row;
        }
    }
    for (uint32_t y = y0; y < y1; y++) {
        for (uint32_t ky = 0; ky < win->kh; ky++) {
            const int32_t row = bnn_tap_row(win, y, ky, node->h);
            work->row[(y - y0) * win->kh + ky] = (int16_t)(row < 0 ? -1 : row - first);
        }
    }
    if (last < 0) return;
    const uint32_t *pixel = in + (size_t)first * node->w * work->words;
    uint32_t *indices = work->indices;
    for (uint32_t i = (uint32_t)(last - first + 1) * node->w; i > 0; i--, pixel += work->words, indices += work->each) {
        index_pixel(pixel, work->words, indices);
    }
}

// The output of group g at (y, x) from its finished planes.
static void finish(const bnn_bconv2d_lookup_t *node, const work_t *work, uint32_t g, uint32_t y, uint32_t x,
                   void *out) {
    const uint32_t *plane = work->plane;
    if (node->base == NULL) {
        const size_t word = ((size_t)y * node->out_w + x) * BNN_WORDS(node->out_ch) + g;
        ((uint32_t *)out)[word] = ~plane[node->planes - 1] ^ node->flip[g];
        return;
    }
    const bnn_sink_t sink = {&node->thresholds, out, node->out_w, node->out_ch, node->out_kind, NULL};
    const int32_t base = node->base[(size_t)node->rows[y] * node->n_cols + node->cols[x]];
    const uint32_t left = node->out_ch - 32u * g;
    int32_t *dots = (int32_t *)work->numbers;
    unslice(plane, node->planes, base, dots);
    bnn_emit(&sink, y, x, 32u * g, left < 32u ? left : 32u, dots);
}

// Where the index words of taps first..last - 1 of a pixel are, whose tap rows and columns are given.
static void list_places(const bnn_bconv2d_lookup_t *node, const work_t *work, const int16_t *rows, const int16_t *cols,
                        uint32_t first, uint32_t last) {
    const uint32_t kw = node->window.kw, each = work->each, line = node->w * each;
    const uint32_t outside = node->in_rows * line;
    uint32_t *place = work->places;
    uint32_t kx = first % kw, left = last - first;
    for (rows += first / kw;; rows++, kx = 0) {
        const uint32_t row = (uint32_t)(*rows < 0 ? 0 : *rows) * line;
        for (; kx < kw; kx++, left--) {
            if (left == 0) return;
            *place++ = *rows >= 0 && cols[kx] >= 0 ? row + (uint32_t)cols[kx] * each : outside;
        }
        if (left == 0) return;
    }
}

// Adds taps first..last - 1 of group g to every counter of the strip; the last chunk gives the output.
static void run_chunk(const bnn_bconv2d_lookup_t *node, const work_t *work, uint32_t g, uint32_t first, uint32_t last,
                      uint32_t y0, uint32_t y1, void *out) {
    const uint32_t kw = node->window.kw, kh = node->window.kh, planes = node->planes, groups = BNN_WORDS(node->out_ch);
    uint32_t *saved = work->saved, *const plane = work->plane;
    for (uint32_t y = y0; y < y1; y++) {
        const uint32_t *biases = node->bias + ((size_t)node->rows[y] * node->n_cols * groups + g) * planes;
        const int16_t *cols = work->col;
        for (uint32_t x = 0; x < node->out_w; x++, saved += planes, cols += kw) {
            const uint32_t *start = first == 0 ? biases + node->cols[x] * groups * planes : saved;
            for (uint32_t b = 0; b < planes; b++) plane[b] = start[b];
            list_places(node, work, work->row + (y - y0) * kh, cols, first, last);
            count_taps(work, last - first, planes);
            if (last == kh * kw) {
                finish(node, work, g, y, x, out);
            } else {
                for (uint32_t b = 0; b < planes; b++) saved[b] = plane[b];
            }
        }
    }
}

void bnn_bconv2d_lookup(const bnn_bconv2d_lookup_t *node, const uint32_t *in, void *out, void *scratch) {
    const bnn_window_t *win = &node->window;
    const work_t work = divide(node, scratch);
    const uint32_t taps = (uint32_t)win->kh * win->kw;
    const uint32_t fill = win->pad_mode == BNN_PAD_CONSTANT && win->pad_value;
    index_pad(fill, node->in_ch, work.indices + (size_t)node->in_rows * node->w * work.each);
    for (uint32_t x = 0; x < node->out_w; x++) {
        for (uint32_t kx = 0; kx < win->kw; kx++) {
            const int32_t col = bnn_tap_col(win, x, kx, node->w);
            work.col[x * win->kw + kx] = (int16_t)(col < 0 ? -1 : col);
        }
    }
    for (uint32_t y0 = 0; y0 < node->out_h; y0 += node->strip) {
        const uint32_t y1 = y0 + node->strip < node->out_h ? y0 + node->strip : node->out_h;
        prepare_strip(node, &work, in, y0, y1);
        for (uint32_t g = 0; g < BNN_WORDS(node->out_ch); g++) {
            for (uint32_t first = 0; first < taps; first += node->chunk) {
                const uint32_t last = first + node->chunk < taps ? first + node->chunk : taps;
                for (uint32_t tap = first; tap < last; tap++) {
                    build_table(node->weights + ((size_t)g * taps + tap) * node->in_ch, node->in_ch,
                                work.tables + (tap - first) * (work.words * BLOCK + 2u), work.numbers);
                }
                run_chunk(node, &work, g, first, last, y0, y1, out);
            }
        }
    }
}
