// SPDX-License-Identifier: Apache-2.0
// USART of STM32 F1, F2, F4 and L1 (the one with SR and DR), polled.  RM0090 section 30.6, RM0041 section 23.6.
#include "board.h"
#include "port.h"
#include "startup.h"

#include <stdint.h>

#define REG(offset) (*(volatile uint32_t *)(BOARD_UART_BASE + (offset)))
#define SR REG(0x00u)
#define DR REG(0x04u)
#define BRR REG(0x08u)
#define CR1 REG(0x0Cu)

#define SR_RXNE (1u << 5)
#define SR_TXE (1u << 7)
#define CR1_RE (1u << 2)
#define CR1_TE (1u << 3)
#define CR1_UE (1u << 13)

// BRR is a divider of 16 samples a bit in 12.4 fixed point: clock / (16 * baud) * 16.
#define DIVIDER ((BOARD_UART_HZ + BOARD_UART_BAUD / 2u) / BOARD_UART_BAUD)
_Static_assert(DIVIDER >= 16u && DIVIDER <= 0xFFFFu, "uart.baud is out of the divider's range for uart.hz");

void port_init(void) {
    board_init();
    BRR = DIVIDER;
    CR1 = CR1_UE | CR1_TE | CR1_RE;
    systick_start();
}

void port_put(uint8_t byte) {
    while ((SR & SR_TXE) == 0) {
    }
    DR = byte;
}

// An overrun (a byte lost because nobody polled) is cleared by this same sequence of reads; the link's CRC notices
// the loss.
int port_get(void) {
    return (SR & SR_RXNE) != 0 ? (int)(DR & 0xFFu) : -1;
}
