// SPDX-License-Identifier: Apache-2.0
// Arm PrimeCell UART PL011 (Stellaris, RP2040), polled.  PL011 TRM (DDI 0183) chapter 3.
#include "uart.h"

#include <stdbool.h>
#include <stdint.h>

#define DR UART_REGISTER(0x00u)
#define FR UART_REGISTER(0x18u)
#define IBRD UART_REGISTER(0x24u)
#define FBRD UART_REGISTER(0x28u)
#define LCR_H UART_REGISTER(0x2Cu)
#define CR UART_REGISTER(0x30u)

#define FR_RXFE (1u << 4)
#define FR_TXFF (1u << 5)
#define LCR_H_8N1_FIFO 0x70u
#define CR_ENABLE 0x301u // UARTEN, TXE, RXE

// Divider of 16 samples a bit in 64ths: clock * 64 / (16 * baud) = clock * 4 / baud.
#define DIVIDER ((BOARD_UART_HZ * 4ull + BOARD_UART_BAUD / 2u) / BOARD_UART_BAUD)
_Static_assert(DIVIDER >= 64u && DIVIDER < (65536u * 64u), "uart.baud is out of the divider's range for uart.hz");

void uart_init(void) {
    CR = 0;
    IBRD = (uint32_t)(DIVIDER / 64u);
    FBRD = (uint32_t)(DIVIDER % 64u);
    LCR_H = LCR_H_8N1_FIFO;
    CR = CR_ENABLE;
}

bool uart_send(uint8_t byte) {
    if ((FR & FR_TXFF) != 0) {
        return false;
    }
    DR = byte;
    return true;
}

int uart_receive(void) {
    return (FR & FR_RXFE) == 0 ? (int)(DR & 0xFFu) : -1;
}
