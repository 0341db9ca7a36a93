// SPDX-License-Identifier: Apache-2.0
//
// Integer convolution where every output channel reads the input channel of its own number.
#include "iconv2d_taps.h"

#define ADD(v, m) s0 += (v)[0] * (m)[0], s1 += (v)[1] * (m)[1], s2 += (v)[2] * (m)[2], s3 += (v)[3] * (m)[3]

ICONV2D_LIST(u8, uint8_t, int8_t, ADD)
ICONV2D_LIST(i8, int8_t, int8_t, ADD)

#if BNN_SIMD
// Two loads of two inputs each and one of four weights, or two of two, for four multiply-accumulates of halves.
#define ADD_BYTES(v, m)                                                                                                \
    do {                                                                                                               \
        const int32_t v01 = two_int16(v), v23 = two_int16((v) + 2), four = four_int8(m);                               \
        const int32_t even = __sxtb16(four), odd = odd_bytes(four);                                                    \
        s0 = __smlabb(v01, even, s0);                                                                                  \
        s1 = __smlatb(v01, odd, s1);                                                                                   \
        s2 = __smlabt(v23, even, s2);                                                                                  \
        s3 = __smlatt(v23, odd, s3);                                                                                   \
    } while (0)
#define ADD_HALVES(v, m)                                                                                               \
    do {                                                                                                               \
        const int32_t v01 = two_int16(v), v23 = two_int16((v) + 2), m01 = two_int16(m), m23 = two_int16((m) + 2);      \
        s0 = __smlabb(v01, m01, s0);                                                                                   \
        s1 = __smlatt(v01, m01, s1);                                                                                   \
        s2 = __smlabb(v23, m23, s2);                                                                                   \
        s3 = __smlatt(v23, m23, s3);                                                                                   \
    } while (0)
#else
#define ADD_BYTES ADD
#define ADD_HALVES ADD
#endif

ICONV2D_RECT(i16, int16_t, int8_t, ADD_BYTES, 4)
ICONV2D_LIST(i16, int16_t, int8_t, ADD_BYTES)
ICONV2D_RECT(wide, int16_t, int16_t, ADD_HALVES, 4)
ICONV2D_LIST(wide, int16_t, int16_t, ADD_HALVES)

void bnn_iconv2d_depthwise(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch) {
    if (node->wide != NULL) {
        bnn_walk_quads(node, in, out, scratch, 1, rect_wide, list_wide);
        return;
    }
    switch (node->in_kind) {
    case BNN_U8: bnn_walk_quads(node, in, out, scratch, 1, NULL, list_u8); break;
    case BNN_I8: bnn_walk_quads(node, in, out, scratch, 1, NULL, list_i8); break;
    default: bnn_walk_quads(node, in, out, scratch, 1, rect_i16, list_i16); break;
    }
}
