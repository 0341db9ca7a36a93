// SPDX-License-Identifier: Apache-2.0
// UART of Nordic nRF51 (and the legacy one of nRF52), polled.  nRF51 Series Reference Manual 3.0, chapter 29.
// Pins are chosen by `[[init]]` writes to PSELTXD (+0x50C) and PSELRXD (+0x514) and to the GPIO's PIN_CNF.
#include "uart.h"

#include <stdbool.h>
#include <stdint.h>

#define STARTRX UART_REGISTER(0x000u)
#define STARTTX UART_REGISTER(0x008u)
#define RXDRDY UART_REGISTER(0x108u)
#define TXDRDY UART_REGISTER(0x11Cu)
#define ENABLE UART_REGISTER(0x500u)
#define RXD UART_REGISTER(0x518u)
#define TXD UART_REGISTER(0x51Cu)
#define BAUDRATE UART_REGISTER(0x524u)

// BAUDRATE = baud * 2^32 / 16 MHz, of which the upper 20 bits count (the manual's table: 115200 is 0x01D7E000).
#define RATE ((uint32_t)((((uint64_t)BOARD_UART_BAUD << 32) / BOARD_UART_HZ + 0x800u) & 0xFFFFF000u))
_Static_assert(BOARD_UART_BAUD <= 1000000u, "uart.baud: this UART ends at 1000000");

static bool busy; // a byte was given to the UART and TXDRDY has not come yet

void uart_init(void) {
    BAUDRATE = RATE;
    ENABLE = 4u;
    TXDRDY = 0;
    busy = false;
    STARTRX = 1u;
    STARTTX = 1u;
}

bool uart_send(uint8_t byte) {
    if (busy && TXDRDY == 0) {
        return false;
    }
    TXDRDY = 0;
    TXD = byte;
    busy = true;
    return true;
}

int uart_receive(void) {
    if (RXDRDY == 0) {
        return -1;
    }
    RXDRDY = 0; // before the read: the receive FIFO raises it again for the next byte
    return (int)(RXD & 0xFFu);
}
