// SPDX-License-Identifier: Apache-2.0
//
// Per-channel multiply, add, shift and saturate, in 64 bits.
#include "bnn_bits.h"

void bnn_affine_ref(const bnn_affine_t *node, const void *in, void *out) {
    const uint32_t in_words = BNN_WORDS(node->ch);
    size_t i = 0; // element (y, x, c)
    for (uint32_t y = 0; y < node->h; y++) {
        for (uint32_t x = 0; x < node->w; x++) {
            const size_t at = ((size_t)node->rows[y] * node->n_cols + node->cols[x]) * (node->step ? node->ch : 1u);
            for (uint32_t c = 0; c < node->ch; c++, i++) {
                int32_t v;
                if (node->in_kind == BNN_BIT) {
                    v = (int32_t)bnn_bits((const uint32_t *)in + (y * (size_t)node->w + x) * in_words, c, 1);
                } else {
                    v = bnn_load(in, i, node->in_kind);
                }
                const int64_t wide =
                    ((int64_t)v * node->mul[at + c * node->step] + node->add[at + c * node->step]) >> node->shift;
                const int64_t low = wide < node->low ? node->low : wide;
                bnn_store(out, i, node->out_kind, (int32_t)(low > node->high ? node->high : low));
            }
        }
    }
}

// Channel by channel, so that its constants and its sum stay in registers.  Of the 64-bit value the 32 bits from 2^16
// on are kept, which hold all that counts.  ARMv6-M has no product of 64 bits: there v, an int16, is multiplied by the
// halves of mul.
static inline void affine_i16(const bnn_affine_flat_t *node, const int16_t *in, int16_t *out, void *sums) {
    const size_t ch = node->ch, size = ch * node->pixels;
    const int32_t low = node->low, high = node->high;
    const uint32_t down = node->shift - 16u;
    for (size_t c = 0; c < ch; c++) {
        const int32_t mul = node->mul[c * node->step];
        const int64_t add = node->add[c * node->step];
        uint32_t sum = 0;
        for (size_t i = c; i < size; i += ch) {
#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1
            const int32_t less = in[i] * (int32_t)(mul & 0xFFFF), more = in[i] * (mul >> 16);
            const int32_t wide = (int32_t)((less + add) >> 16) + more;
#else
            const int32_t wide = (int32_t)(((int64_t)in[i] * mul + add) >> 16);
#endif
            const int32_t v = bnn_clamp(wide >> down, low, high);
            out[i] = (int16_t)v;
            sum += (uint32_t)v;
        }
        if (sums != NULL) bnn_store(sums, c, node->sums_kind, (int32_t)sum);
    }
}

void bnn_affine_i16(const bnn_affine_flat_t *node, const int16_t *in, int16_t *out) {
    affine_i16(node, in, out, NULL);
}

void bnn_affine_i16_sums(const bnn_affine_flat_t *node, const int16_t *in, int16_t *out, void *sums) {
    affine_i16(node, in, out, sums);
}

// Pixel by pixel: out is narrower than in, and follows it only in the order of memory.
static inline void affine_i32(const bnn_affine_flat_t *node, const int32_t *in, int16_t *out, int32_t *sums) {
    const uint32_t ch = node->ch, down = node->shift - 32u, step = node->step;
    const int32_t low = node->low, high = node->high;
    for (uint32_t pixel = 0; pixel < node->pixels; pixel++) {
        const int32_t *mul = node->mul;
        const int64_t *add = node->add;
        for (uint32_t c = 0; c < ch; c++, mul += step, add += step) {
            const int64_t wide = (int64_t)*in++ * *mul + *add;
            const int32_t v = bnn_clamp((int32_t)(wide >> 32) >> down, low, high);
            *out++ = (int16_t)v;
            if (sums != NULL) sums[c] = (int32_t)((uint32_t)sums[c] + (uint32_t)v);
        }
    }
}

void bnn_affine_i32(const bnn_affine_flat_t *node, const int32_t *in, int16_t *out) {
    affine_i32(node, in, out, NULL);
}

void bnn_affine_i32_sums(const bnn_affine_flat_t *node, const int32_t *in, int16_t *out, int32_t *sums) {
    for (uint32_t c = 0; c < node->ch; c++) sums[c] = 0;
    affine_i32(node, in, out, sums);
}
