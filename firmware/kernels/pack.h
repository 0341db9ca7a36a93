// SPDX-License-Identifier: Apache-2.0
//
// Many values against as many thresholds, 32 to a word: what the fast kernels of Compare and Threshold share.
#ifndef PACK_H
#define PACK_H

#include "bnn_bits.h"

// All pixels of a map (pixels, ch) against one row of thresholds: bit = (in >= thr) ^ flip.  `out` may be `in`.
void pack_map_i16(const int16_t *in, const int16_t *thr, const uint32_t *flip, uint32_t pixels, uint32_t ch,
                  uint32_t *out);
void pack_map_i32(const int32_t *in, const int32_t *thr, const uint32_t *flip, uint32_t pixels, uint32_t ch,
                  uint32_t *out);

#endif
