// SPDX-License-Identifier: Apache-2.0
// The cycle counter of the DWT unit, where there is one that counts: 32 bits, no interrupt, every core cycle.
//
// ARMv7-M ARM (DDI 0403E) C1.8, ARMv8-M ARM (DDI 0553) section D1.2: DEMCR.TRCENA powers the unit, DWT_CTRL reads as 0
// where there is none, bit 25 says that it has no cycle counter. A Cortex-M7 has a lock on the registers as well. QEMU
// lets all of them be written and reads 0: so the count has to be seen moving before anybody relies on it.
#include "dwt.h"

#if DWT_MAY_COUNT

#define DEMCR (*(volatile uint32_t *)0xE000EDFCu)
#define DWT_CTRL (*(volatile uint32_t *)0xE0001000u)
#define DWT_CYCCNT (*(volatile uint32_t *)0xE0001004u)
#define DWT_LAR (*(volatile uint32_t *)0xE0001FB0u)

#define TRCENA (1u << 24)
#define NOCYCCNT (1u << 25)
#define CYCCNTENA 1u
#define UNLOCK 0xC5ACCE55u

bool dwt_counts;

void dwt_start(void) {
    dwt_counts = false;
    DEMCR |= TRCENA;
    if (DWT_CTRL == 0 || (DWT_CTRL & NOCYCCNT) != 0) {
        return;
    }
    DWT_LAR = UNLOCK; // ignored where there is no lock
    DWT_CYCCNT = 0;
    DWT_CTRL |= CYCCNTENA;
    const uint32_t before = DWT_CYCCNT;
    __asm__ volatile("nop\n nop\n nop\n nop");
    dwt_counts = DWT_CYCCNT != before;
}

uint32_t dwt_ticks(void) {
    return DWT_CYCCNT;
}

#else

void dwt_start(void) {
}

uint32_t dwt_ticks(void) {
    return 0;
}

#endif
