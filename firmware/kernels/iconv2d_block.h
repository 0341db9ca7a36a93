// SPDX-License-Identifier: Apache-2.0
//
// The inner loop of bnn_iconv2d_stem: sums of four output channels at a time over one window, all in registers.
//
// A word is two int16 inputs where a core multiplies them at once (SMLAD), one int32 input elsewhere (MLA).  A window is
// an even number of words, four at least.  Weights of four channels are blocks, each of BLOCK words of every channel;
// where the words are no multiple of it the first block has two.  So both are read from start to end.
#ifndef ICONV2D_BLOCK_H
#define ICONV2D_BLOCK_H

#include "bnn_simd.h"

#define LANES 4u // channels of a block

#if BNN_SIMD
#define PER_WORD 2u
typedef int16_t block_input_t;
#else
#define PER_WORD 1u
typedef int32_t block_input_t;
#endif

typedef struct {
    const block_input_t *window, *window_end;
    uint32_t short_block;                       // whether the first has two words instead of BLOCK
    const block_input_t *weights, *weights_end; // of the channels to do
    const int32_t *start;                       // what their sums start at
} block_call_t;

#if !defined(__ARM_ARCH_ISA_THUMB) || defined(__clang__)
#include "iconv2d_block_any.h"
#elif __ARM_ARCH_ISA_THUMB == 2
#include "iconv2d_block_v7m.h"
#else
#include "iconv2d_block_v6m.h"
#endif

#endif
