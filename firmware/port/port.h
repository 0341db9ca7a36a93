// SPDX-License-Identifier: Apache-2.0
// What the application asks of a board: bytes out, bytes in, a clock, an end.
//
// ../startup/ implements it for a board, over the UART driver that the board's `uart.ip` names (uart.h); host.c for this
// machine. Addresses and clocks come from the rendered board.h. Nothing here allocates, and nothing but port_put and
// port_exit waits.
#ifndef PORT_H
#define PORT_H

#include <stdint.h>

void port_init(void);        // clocks and pins from board.h, then the UART; may be called again
void port_put(uint8_t byte); // blocks until the UART has taken the byte
int port_get(void);          // next byte received, or -1 if none is waiting

uint32_t port_ticks(void);    // SysTick ticks since port_init, modulo 2^32: one a core cycle
uint32_t port_ticks_hz(void); // ticks a second; 0 on a chip without SysTick, where port_ticks() stays 0

// Ends an emulator with this status if built with -DPORT_SEMIHOSTING (without a debugger, on a real board, that
// instruction is a fault), otherwise sleeps for ever. The host's port ends the process.
_Noreturn void port_exit(int status);

#endif
