// SPDX-License-Identifier: Apache-2.0
// LPUART of NXP i.MX RT10xx, polled. i.MX RT1060 Reference Manual (IMXRT1060RM) chapter 49, "LPUART register
// descriptions". 16 samples a bit (BAUD.OSR = 15), no FIFO.
#include "uart.h"

#include <stdbool.h>
#include <stdint.h>

#define BAUD UART_REGISTER(0x10u)
#define STAT UART_REGISTER(0x14u)
#define CTRL UART_REGISTER(0x18u)
#define DATA UART_REGISTER(0x1Cu)

#define BAUD_OSR_16 (15u << 24)
#define STAT_ERRORS (15u << 16) // parity, framing, noise, overrun (PF, FE, NF, OR): cleared by writing 1
#define STAT_RDRF (1u << 21)
#define STAT_TDRE (1u << 23)
#define CTRL_RE (1u << 18)
#define CTRL_TE (1u << 19)

// SBR: the clock over 16 samples a bit.
#define DIVIDER ((BOARD_UART_HZ + 8u * BOARD_UART_BAUD) / (16u * BOARD_UART_BAUD))
_Static_assert(DIVIDER >= 1u && DIVIDER <= 0x1FFFu, "uart.baud is out of the divider's range for uart.hz");

void uart_init(void) {
    CTRL = 0; // BAUD can be changed only with both directions off
    BAUD = BAUD_OSR_16 | DIVIDER;
    CTRL = CTRL_TE | CTRL_RE;
}

bool uart_send(uint8_t byte) {
    if ((STAT & STAT_TDRE) == 0) {
        return false;
    }
    DATA = byte;
    return true;
}

// An overrun stops reception until it is cleared; the link's CRC notices the loss.
int uart_receive(void) {
    const uint32_t state = STAT;
    if ((state & STAT_ERRORS) != 0) {
        STAT = state & STAT_ERRORS;
    }
    return (state & STAT_RDRF) != 0 ? (int)(DATA & 0xFFu) : -1;
}
