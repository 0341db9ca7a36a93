// SPDX-License-Identifier: Apache-2.0
// Counts what the counter counts: for `l` and a uint32 n, the ticks of n turns of a
// two-instruction loop; for `m` and n, the least and the greatest step between n consecutive readings; for `h`, ticks
// a second; `c`: which counter.  Answers are uint32, everything little-endian.
#include "port.h"

#include <stdint.h>

static uint32_t get_u32(void) {
    uint32_t value = 0;
    for (uint32_t at = 0; at < 4; at++) {
        int byte;
        do {
            byte = port_get();
        } while (byte < 0);
        value |= (uint32_t)byte << (8 * at);
    }
    return value;
}

static void put_u32(uint32_t value) {
    for (uint32_t at = 0; at < 4; at++) {
        port_put((uint8_t)(value >> (8 * at)));
    }
}

static uint32_t loop_ticks(uint32_t n) {
    const port_clock_t clock = port_clock();
    const uint32_t start = clock();
    __asm__ volatile(".syntax unified\n"
                     "1: subs %0, #1\n"
                     "bne 1b\n"
                     : "+l"(n)
                     :
                     : "cc");
    return clock() - start;
}

int main(void) {
    port_init();
    port_put('>'); // some UARTs drop what comes before they are enabled
    for (;;) {
        const int letter = port_get();
        if (letter == 'l') {
            put_u32(loop_ticks(get_u32()));
        } else if (letter == 'h') {
            put_u32(port_ticks_hz());
        } else if (letter == 'm') {
            const port_clock_t clock = port_clock();
            uint32_t left = get_u32(), least = UINT32_MAX, greatest = 0, last = clock();
            for (; left > 0; left--) {
                const uint32_t now = clock(), step = now - last;
                least = step < least ? step : least;
                greatest = step > greatest ? step : greatest;
                last = now;
            }
            put_u32(least);
            put_u32(greatest);
        }
    }
}
