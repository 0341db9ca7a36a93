// SPDX-License-Identifier: Apache-2.0
// USART of STM32 F1, F2, F4 and L1 (the one with SR and DR), polled.  RM0090 section 30.6, RM0041 section 23.6.
#include "uart.h"

#include <stdbool.h>
#include <stdint.h>

#define SR UART_REGISTER(0x00u)
#define DR UART_REGISTER(0x04u)
#define BRR UART_REGISTER(0x08u)
#define CR1 UART_REGISTER(0x0Cu)

#define SR_RXNE (1u << 5)
#define SR_TXE (1u << 7)
#define CR1_RE (1u << 2)
#define CR1_TE (1u << 3)
#define CR1_UE (1u << 13)

// BRR is a divider of 16 samples a bit in 12.4 fixed point, clock / (16 * baud) * 16: clocks a bit.
_Static_assert(UART_CLOCKS_A_BIT >= 16u && UART_CLOCKS_A_BIT <= 0xFFFFu,
               "uart.baud is out of the divider's range for uart.hz");

void uart_init(void) {
    BRR = UART_CLOCKS_A_BIT;
    CR1 = CR1_UE | CR1_TE | CR1_RE;
}

bool uart_send(uint8_t byte) {
    if ((SR & SR_TXE) == 0) {
        return false;
    }
    DR = byte;
    return true;
}

// An overrun (a byte lost because nobody polled) is cleared by this same sequence of reads; the link's CRC notices
// the loss.
int uart_receive(void) {
    return (SR & SR_RXNE) != 0 ? (int)(DR & 0xFFu) : -1;
}
