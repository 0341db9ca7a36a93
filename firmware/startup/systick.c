// SPDX-License-Identifier: Apache-2.0
// port_clock(): the DWT's cycle counter where it counts (dwt.c), else SysTick's 24 bits, extended to 32 by counting its
// wraps in an interrupt.  Both count core cycles; with the former, SysTick stands still and interrupts nobody.
//
// The counter runs down from 0xFFFFFF and raises its interrupt on reaching 0, so the phase of a period is (0 - CVR)
// mod 2^24: 0 at the very tick of the interrupt, and only then does `wraps` have to be one more.  The interrupt costs
// some 15 cycles in 2^24.
// note: nRF51 silicon has no SysTick (QEMU's model has): there the registers read 0 and so does the clock.
#include "board.h"
#include "dwt.h"
#include "port.h"
#include "startup.h"

#include <stdint.h>

// ARMv6-M ARM (DDI 0419) B3.3, ARMv7-M ARM (DDI 0403E) B3.3.
#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)
#define SCB_ICSR (*(volatile uint32_t *)0xE000ED04u)

#define SYST_ENABLE 1u
#define SYST_TICKINT 2u
#define SYST_CORE_CLOCK 4u
#define SCB_PENDSTSET (1u << 26)
#define SYST_MASK 0x00FFFFFFu

static volatile uint32_t wraps; // periods of 2^24 ticks since ticks_start()

void ticks_start(void) {
    SYST_CSR = 0;
    wraps = 0;
    dwt_start();
    if (dwt_counts) {
        return;
    }
    SYST_RVR = SYST_MASK;
    SYST_CSR = SYST_ENABLE | SYST_TICKINT | SYST_CORE_CLOCK;
    SYST_CVR = 0; // any write clears it; the next tick reloads
}

void systick_handler(void) {
    wraps = wraps + 1;
}

// note: not from an exception handler: a pending interrupt would never be taken and the loop would not end.
static uint32_t systick_ticks(void) {
    uint32_t before, down;
    do {
        before = wraps;
        down = SYST_CVR;
    } while (before != wraps || (SCB_ICSR & SCB_PENDSTSET) != 0);
    return (before << 24) + ((0u - down) & SYST_MASK);
}

port_clock_t port_clock(void) {
    return dwt_counts ? dwt_ticks : systick_ticks;
}

port_counter_t port_counter(void) {
    if (dwt_counts) {
        return PORT_DWT;
    }
    return SYST_RVR == SYST_MASK ? PORT_SYSTICK : PORT_NO_COUNTER; // an absent SysTick ignores the write and reads 0
}

uint32_t port_ticks_hz(void) {
    return port_counter() != PORT_NO_COUNTER ? BOARD_CLOCK_HZ : 0u;
}
