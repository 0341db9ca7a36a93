// SPDX-License-Identifier: Apache-2.0
// Counts what SysTick counts: for `l` and a uint32 n, the ticks of n turns of a
// two-instruction loop; for `m` and n, the least and the greatest step between n consecutive readings; for `h`, ticks
// a second.  Answers are uint32, everything little-endian.
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
    const uint32_t start = port_ticks();
    __asm__ volatile(".syntax unified\n"
                     "1: subs %0, #1\n"
                     "bne 1b\n"
                     : "+l"(n)
                     :
                     : "cc");
    return port_ticks() - start;
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
            uint32_t left = get_u32(), least = UINT32_MAX, greatest = 0, last = port_ticks();
            for (; left > 0; left--) {
                const uint32_t now = port_ticks(), step = now - last;
                least = step < least ? step : least;
                greatest = step > greatest ? step : greatest;
                last = now;
            }
            put_u32(least);
            put_u32(greatest);
        }
    }
}
