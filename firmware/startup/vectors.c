// SPDX-License-Identifier: Apache-2.0
// The vector table and the way from reset to main().
//
// RAM is laid out stack first (linker.ld): a stack that outgrows its reserve runs out of RAM and faults; it cannot
// run into the arena. External interrupts are never enabled, so the table ends after the 16 entries of the core.
#include "port.h"
#include "startup.h"

#include <stdint.h>
#include <string.h>

typedef void (*entry_t)(void);

// Addresses, not objects: given by linker.ld.
extern uint32_t __stack_top[], __stack_limit[];
extern uint32_t __data_start[], __data_end[], __data_load[];
extern uint32_t __bss_start[], __bss_end[];

// ARMv7-M ARM (DDI 0403E) table B1-4, ARMv6-M the same but for the reserved entries: word 0 is the initial stack
// pointer.
__attribute__((section(".vectors"), used)) const entry_t vectors[16] = {
    (entry_t)(uintptr_t)__stack_top,
    reset_handler,
    fault_handler, // NMI
    fault_handler, // HardFault
    fault_handler, // MemManage
    fault_handler, // BusFault
    fault_handler, // UsageFault
    fault_handler, // SecureFault (ARMv8-M)
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler, // SVCall
    fault_handler, // DebugMonitor
    fault_handler,
    fault_handler, // PendSV
    systick_handler,
};

#if __ARM_ARCH_ISA_THUMB >= 2
#define SCB_VTOR (*(volatile uint32_t *)0xE000ED08u)
#endif

// Entered with the stack pointer of word 0 on reset; a bootloader or debugger may have left anything in the rest.
void reset_handler(void) {
    bootloader_if_wanted();
#ifdef SCB_VTOR
    SCB_VTOR = (uint32_t)(uintptr_t)vectors; // optional on ARMv6-M, where the table has to be at the reset address
#endif
#ifdef __ARM_ARCH_8M_MAIN__
    __asm__ volatile("msr msplim, %0" : : "r"(__stack_limit));
#endif
    stack_paint();
    caches_start();
    memcpy(__data_start, __data_load, (size_t)((uintptr_t)__data_end - (uintptr_t)__data_start));
    memset(__bss_start, 0, (size_t)((uintptr_t)__bss_end - (uintptr_t)__bss_start));
    port_exit(main());
}
