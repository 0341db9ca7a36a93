// SPDX-License-Identifier: Apache-2.0
// Into the chip's ROM bootloader by way of a reset: it then finds every clock and peripheral as after power-on, which
// it was written for. A word that outlives the reset says that it is wanted.
#include "board.h"
#include "port.h"
#include "startup.h"

#include <stdint.h>

#ifdef BOARD_BOOTLOADER

#define AIRCR (*(volatile uint32_t *)0xE000ED0Cu) // Armv6-M ARM B3.2.6, Armv7-M ARM B3.2.6
#define AIRCR_RESET 0x05FA0004u                   // VECTKEY, SYSRESETREQ
#define WANTED 0xB007104Du                        // no likely content of RAM after power-on

static volatile uint32_t wanted __attribute__((section(".noinit")));

bool port_has_bootloader(void) {
    return true;
}

void port_start_bootloader(void) {
    wanted = WANTED;
    __asm__ volatile("dsb 0xF" ::: "memory");
    AIRCR = AIRCR_RESET;
    for (;;) {
    }
}

void bootloader_if_wanted(void) {
    if (wanted != WANTED) {
        return;
    }
    wanted = 0;
    const volatile uint32_t *const rom = (const volatile uint32_t *)BOARD_BOOTLOADER; // a vector table
    const uint32_t stack = rom[0], start = rom[1];
    __asm__ volatile("msr msp, %0\n\tbx %1" : : "r"(stack), "r"(start) : "memory");
    __builtin_unreachable();
}

#else

bool port_has_bootloader(void) {
    return false;
}

void port_start_bootloader(void) {
}

void bootloader_if_wanted(void) {
}

#endif
