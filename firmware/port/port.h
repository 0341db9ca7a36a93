// SPDX-License-Identifier: Apache-2.0
// What the application asks of a board: bytes out, bytes in, a clock, an end.
//
// ../startup/ implements it for a board, over the UART driver that the board's `uart.ip` names (uart.h); host.c for this
// machine. Addresses and clocks come from the rendered board.h. Nothing here allocates, and nothing but port_put and
// port_exit waits.
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stdint.h>

void port_init(void);        // clocks and pins from board.h, then the UART; may be called again
void port_put(uint8_t byte); // blocks until the UART has taken the byte
int port_get(void);          // next byte received, or -1 if none is waiting

// Bytes that are received and kept while nobody calls port_get(): what a host may have under way. 0: polled.
uint16_t port_receive_room(void);

// What port_clock() counts; the numbers are those of HELLO.
typedef enum {
    PORT_NO_COUNTER = 0,
    PORT_SYSTICK = 1, // core cycles, through an interrupt every 2^24
    PORT_DWT = 2,     // core cycles, by the cycle counter of the DWT unit
    PORT_CLOCK = 3,   // nanoseconds of this machine's clock: no board
} port_counter_t;

port_counter_t port_counter(void);
// The function that reads the counter, known after port_init(): ticks since then, modulo 2^32; 0 for ever without one.
// Whoever times many short spans keeps it: choosing between counters costs nothing then.
typedef uint32_t (*port_clock_t)(void);
port_clock_t port_clock(void);
uint32_t port_ticks_hz(void); // ticks a second; 0 on a chip without a counter

uint32_t port_stack_reserve(void); // bytes of RAM set aside for the stack; 0 where nobody knows
uint32_t port_stack_used(void);    // of these, bytes that have been in use since reset; 0 likewise

const uint8_t *port_image(uint32_t *bytes); // the image in flash and its length; 0 bytes where there is no flash

bool port_has_bootloader(void);   // whether the board file says where the chip's ROM bootloader lies
void port_start_bootloader(void); // resets into it; returns only where there is none

// Ends an emulator with this status if built with -DPORT_SEMIHOSTING (without a debugger, on a real board, that
// instruction is a fault), otherwise sleeps for ever. The host's port ends the process.
_Noreturn void port_exit(int status);

#endif
