// SPDX-License-Identifier: Apache-2.0
#include "clock.h"

#include "port.h"

static struct {
    uint32_t seen;    // the counter at the last call
    uint32_t ticks;   // since then, less than a second
    uint64_t seconds; // before them
} held;

uint64_t clock_us(void) {
    const uint32_t hz = port_ticks_hz(), now = port_clock()();
    if (hz == 0) {
        return 0;
    }
    const uint64_t ticks = (uint64_t)held.ticks + (uint32_t)(now - held.seen);
    held.seen = now;
    held.seconds += ticks / hz;
    held.ticks = (uint32_t)(ticks % hz);
    return held.seconds * 1000000u + (uint64_t)held.ticks * 1000000u / hz;
}
