// SPDX-License-Identifier: Apache-2.0
// port_exit(): the end of a program that has nowhere to return to.
#include "port.h"

#include <stdint.h>

#ifdef PORT_SEMIHOSTING
// Arm semihosting: SYS_EXIT_EXTENDED takes a pointer to {ADP_Stopped_ApplicationExit, status}.
static void semihosting_exit(uint32_t status) {
    const uint32_t block[2] = {0x20026u, status};
    register uint32_t operation __asm__("r0") = 0x20u;
    register const uint32_t *argument __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(operation) : "r"(argument) : "memory");
}
#endif

void port_exit(int status) {
#ifdef PORT_SEMIHOSTING
    semihosting_exit((uint32_t)status);
#endif
    (void)status;
    __asm__ volatile("cpsid i");
    for (;;) {
        __asm__ volatile("wfi");
    }
}
