// SPDX-License-Identifier: Apache-2.0
// The cycle counter of ARMv7-M and ARMv8-M Mainline; ARMv6-M has none, and there no code asks for it.
#ifndef DWT_H
#define DWT_H

#include <stdbool.h>
#include <stdint.h>

#if __ARM_ARCH_ISA_THUMB >= 2
#define DWT_MAY_COUNT 1
extern bool dwt_counts; // set by dwt_start()
#else
#define DWT_MAY_COUNT 0
#define dwt_counts false
#endif

uint32_t dwt_ticks(void); // core cycles, modulo 2^32
void dwt_start(void);     // starts it, and finds out whether it counts

#endif
