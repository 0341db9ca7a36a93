// SPDX-License-Identifier: Apache-2.0
// Waits for one letter and does what it says: `u`, `a`, `m` and `o` are a fault each, `e` is an orderly end.
// BAD_ADDRESS, where this machine has nothing, comes from the test.
#include "port.h"

#include <stdint.h>

void undefined_instruction(void);
void bad_address(volatile uint32_t *address);
uint32_t overflow(uint32_t depth);

__attribute__((noinline)) void undefined_instruction(void) {
    __asm__ volatile("udf #0");
}

__attribute__((noinline)) void bad_address(volatile uint32_t *address) {
    *address = 1;
}

// 64 bytes and more of stack a level, until there is none.
__attribute__((noinline)) uint32_t overflow(uint32_t depth) {
    volatile uint32_t block[16];
    block[depth % 16u] = depth;
    return depth == UINT32_MAX ? 0u : overflow(depth + 1u) + block[depth % 16u];
}

static uint32_t guard = 0x600DF00Du; // lies right above the stack; must outlive an overflow

int main(void) {
    port_init();
    port_put('>'); // some UARTs drop what comes before they are enabled
    for (;;) {
        switch (port_get()) {
        case 'u': undefined_instruction(); break;
        case 'a': bad_address((volatile uint32_t *)BAD_ADDRESS); break;
        case 'm': // an odd address: ARMv6-M faults, ARMv7-M does not
            bad_address((volatile uint32_t *)((uintptr_t)&guard + 1u));
            break;
        case 'o': port_put((uint8_t)overflow(0)); break;
        case 'e': return 7;
        default: break;
        }
    }
}
