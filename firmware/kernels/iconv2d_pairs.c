// SPDX-License-Identifier: Apache-2.0
//
// Integer convolution where output channels 2i and 2i + 1 both read the input channels of these numbers.
#include "iconv2d_taps.h"

// Weights are (2 groups, 2 inputs, 2 outputs); wide ones (2 groups, 2 outputs, 2 inputs).
#define ADD(v, m)                                                                                                      \
    s0 += (v)[0] * (m)[0] + (v)[1] * (m)[2], s1 += (v)[0] * (m)[1] + (v)[1] * (m)[3],                                  \
        s2 += (v)[2] * (m)[4] + (v)[3] * (m)[6], s3 += (v)[2] * (m)[5] + (v)[3] * (m)[7]

ICONV2D_LIST(u8, uint8_t, int8_t, ADD)
ICONV2D_LIST(i8, int8_t, int8_t, ADD)

#if BNN_SIMD
// Both inputs of an output lie in one word, and so do their weights: one instruction for two products.
#define ADD_BYTES(v, m)                                                                                                \
    do {                                                                                                               \
        const int32_t v01 = two_int16(v), v23 = two_int16((v) + 2);                                                    \
        const int32_t first = four_int8(m), second = four_int8((m) + 4);                                               \
        s0 = __smlad(v01, __sxtb16(first), s0);                                                                        \
        s1 = __smlad(v01, odd_bytes(first), s1);                                                                       \
        s2 = __smlad(v23, __sxtb16(second), s2);                                                                       \
        s3 = __smlad(v23, odd_bytes(second), s3);                                                                      \
    } while (0)
#define ADD_HALVES(v, m)                                                                                               \
    do {                                                                                                               \
        const int32_t v01 = two_int16(v), v23 = two_int16((v) + 2);                                                    \
        s0 = __smlad(v01, two_int16(m), s0);                                                                           \
        s1 = __smlad(v01, two_int16((m) + 2), s1);                                                                     \
        s2 = __smlad(v23, two_int16((m) + 4), s2);                                                                     \
        s3 = __smlad(v23, two_int16((m) + 6), s3);                                                                     \
    } while (0)
#else
#define ADD_BYTES ADD
#define ADD_HALVES(v, m)                                                                                               \
    s0 += (v)[0] * (m)[0] + (v)[1] * (m)[1], s1 += (v)[0] * (m)[2] + (v)[1] * (m)[3],                                  \
        s2 += (v)[2] * (m)[4] + (v)[3] * (m)[5], s3 += (v)[2] * (m)[6] + (v)[3] * (m)[7]
#endif

ICONV2D_RECT(i16, int16_t, int8_t, ADD_BYTES, 8)
ICONV2D_LIST(i16, int16_t, int8_t, ADD_BYTES)
ICONV2D_RECT(wide, int16_t, int16_t, ADD_HALVES, 8)
ICONV2D_LIST(wide, int16_t, int16_t, ADD_HALVES)

void bnn_iconv2d_pairs(const bnn_iconv2d_t *node, const void *in, void *out, void *scratch) {
    if (node->wide != NULL) {
        bnn_walk_quads(node, in, out, scratch, 2, rect_wide, list_wide);
        return;
    }
    switch (node->in_kind) {
    case BNN_U8: bnn_walk_quads(node, in, out, scratch, 2, NULL, list_u8); break;
    case BNN_I8: bnn_walk_quads(node, in, out, scratch, 2, NULL, list_i8); break;
    default: bnn_walk_quads(node, in, out, scratch, 2, rect_i16, list_i16); break;
    }
}
