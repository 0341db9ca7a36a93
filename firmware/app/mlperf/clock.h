// SPDX-License-Identifier: Apache-2.0
// Microseconds since the start, without an end: the counter of port.h wraps after 2^32.
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

// Right if it was called within the last 2^32 ticks.  0 on a chip without a counter.
uint64_t clock_us(void);

#endif
