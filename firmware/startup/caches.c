// SPDX-License-Identifier: Apache-2.0
// caches_start(): the core's own instruction and data cache on, where the core has them (Cortex-M7, M55).
//
// ARMv7-M ARM (DDI 0403E) B2.2.7 and B3.2.2, Cortex-M7 TRM (DDI 0489) section 3.3. After reset their contents are unknown:
// both are invalidated first, the data cache by its sets and ways. Nothing but the core touches memory, so nothing has to
// be cleaned later.
#include "board.h"
#include "startup.h"

#include <stdint.h>

#ifdef BOARD_CACHES
#define CLIDR (*(const volatile uint32_t *)0xE000ED78u) // bit 0: an instruction cache at level 1, bit 1: a data cache
#define CCSIDR                                                                                                         \
    (*(const volatile uint32_t *)0xE000ED80u) // of the selected cache: sets - 1, ways - 1, log2(bytes a line) - 4
#define CSSELR (*(volatile uint32_t *)0xE000ED84u)
#define CCR (*(volatile uint32_t *)0xE000ED14u)
#define ICIALLU (*(volatile uint32_t *)0xE000EF50u)
#define DCISW (*(volatile uint32_t *)0xE000EF60u)

#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)

static void barrier(void) {
    __asm__ volatile("dsb\n isb" : : : "memory");
}

static void forget_data(void) {
    CSSELR = 0; // level 1, data
    barrier();
    const uint32_t size = CCSIDR;
    const uint32_t sets = ((size >> 13) & 0x7FFFu) + 1u;
    const uint32_t ways = ((size >> 3) & 0x3FFu) + 1u;
    const uint32_t line = (size & 7u) + 4u; // log2 of its bytes: where the set's number begins
    const uint32_t shift = ways > 1u ? (uint32_t)__builtin_clz(ways - 1u) : 0u; // the way's number ends at bit 31
    for (uint32_t set = 0; set < sets; set++) {
        for (uint32_t way = 0; way < ways; way++) {
            DCISW = (way << shift) | (set << line);
        }
    }
}

void caches_start(void) {
    const uint32_t have = CLIDR;
    if ((have & 1u) != 0 && (CCR & CCR_IC) == 0) {
        barrier();
        ICIALLU = 0;
        barrier();
        CCR |= CCR_IC;
    }
    if ((have & 2u) != 0 && (CCR & CCR_DC) == 0) {
        forget_data();
        barrier();
        CCR |= CCR_DC;
    }
    barrier();
}
#else
void caches_start(void) {
}
#endif
