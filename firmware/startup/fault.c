// SPDX-License-Identifier: Apache-2.0
// Every exception that nobody expects ends here: one line over the UART, then the end.
//
//   fault pc=0x000001a4 lr=0x00000233 cfsr=0x00010000 hfsr=0x40000000
//
// pc and lr are those of the interrupted code, `-` where its stack lies outside RAM and nothing was saved. cfsr and
// hfsr are `-` on ARMv6-M and ARMv8-M Baseline, which have none. The line stands between two 0x00, which is where the
// link's frames end: the host resynchronises and shows it. A fault inside the handler locks the core up; there is no
// way on from there.
#include "port.h"
#include "startup.h"

#include <stdint.h>

#define FAULT_EXIT_STATUS 70

#if __ARM_ARCH_ISA_THUMB >= 2
#define SCB_CFSR (*(const volatile uint32_t *)0xE000ED28u)
#define SCB_HFSR (*(const volatile uint32_t *)0xE000ED2Cu)
#endif

_Noreturn void fault_report(uint32_t saved, uint32_t pc, uint32_t lr);

static void put_text(const char *text) {
    while (*text != '\0') {
        port_put((uint8_t)*text++);
    }
}

static void put_field(const char *name, uint32_t known, uint32_t value) {
    put_text(name);
    if (!known) {
        port_put('-');
        return;
    }
    put_text("0x");
    for (int shift = 28; shift >= 0; shift -= 4) {
        port_put((uint8_t)"0123456789abcdef"[(value >> shift) & 15u]);
    }
}

// saved: 1 if pc and lr were read from an exception frame.
__attribute__((used)) void fault_report(uint32_t saved, uint32_t pc, uint32_t lr) {
    port_init(); // the fault may have come before main() did it
    port_put(0);
    put_field("fault pc=", saved, pc);
    put_field(" lr=", saved, lr);
#ifdef SCB_CFSR
    put_field(" cfsr=", 1, SCB_CFSR);
    put_field(" hfsr=", 1, SCB_HFSR);
#else
    put_field(" cfsr=", 0, 0);
    put_field(" hfsr=", 0, 0);
#endif
    put_text("\r\n");
    port_put(0);
    port_exit(FAULT_EXIT_STATUS);
}

// The frame that exception entry pushed: r0 r1 r2 r3 r12 lr pc xpsr, at PSP if bit 2 of EXC_RETURN (in lr) is set,
// else at MSP. It is read into registers before the stack starts again from the top, since the old one may be the
// very thing that is broken.
__attribute__((naked)) void fault_handler(void) {
    __asm__ volatile("mrs   r3, msp             \n"
                     "mov   r0, lr              \n"
                     "movs  r1, #4              \n"
                     "tst   r0, r1              \n"
                     "beq   1f                  \n"
                     "mrs   r3, psp             \n"
                     "1:                        \n"
                     "movs  r0, #0              \n" // saved = 0
                     "ldr   r1, =__stack_limit  \n"
                     "cmp   r3, r1              \n"
                     "blo   2f                  \n"
                     "ldr   r1, =__ram_end - 32 \n"
                     "cmp   r3, r1              \n"
                     "bhi   2f                  \n"
                     "ldr   r1, [r3, #24]       \n" // pc
                     "ldr   r2, [r3, #20]       \n" // lr
                     "movs  r0, #1              \n"
                     "2:                        \n"
                     "ldr   r3, =__stack_top    \n"
                     "msr   msp, r3             \n"
                     "ldr   r3, =fault_report   \n"
                     "bx    r3                  \n"
                     ".ltorg                    \n");
}
