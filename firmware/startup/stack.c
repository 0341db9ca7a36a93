// SPDX-License-Identifier: Apache-2.0
// How deep the stack has been: what lies free below the stack pointer at reset is painted, and the deepest word that
// has lost its paint is the high-water mark. A word that somebody reserved and never wrote is not seen; interrupts are,
// because they push.
#include "port.h"
#include "startup.h"

#include <stdint.h>

#define PAINT 0xC5C5C5C5u

extern uint32_t __stack_limit[], __stack_top[]; // given by linker.ld

void stack_paint(void) {
    uintptr_t top;
    __asm__ volatile("mov %0, sp" : "=r"(top));
    // volatile: a loop of plain stores may become a call of memset, whose frame would be painted
    for (volatile uint32_t *at = __stack_limit; (uintptr_t)at < top; at++) {
        *at = PAINT;
    }
}

uint32_t port_stack_reserve(void) {
    return (uint32_t)((uintptr_t)__stack_top - (uintptr_t)__stack_limit);
}

uint32_t port_stack_used(void) {
    const volatile uint32_t *at = __stack_limit;
    while ((uintptr_t)at < (uintptr_t)__stack_top && *at == PAINT) {
        at++;
    }
    return (uint32_t)((uintptr_t)__stack_top - (uintptr_t)at);
}
