// SPDX-License-Identifier: Apache-2.0
// USART of STM32 F0, F3, F7, G0, G4, H7, L0, L4, L5 and U5 (the one with ISR, ICR, RDR and TDR), polled.
// RM0091, RM0351, RM0385 and RM0444, "USART registers". 16 samples a bit (OVER8 = 0), no FIFO: both are what reset leaves.
#include "stm32_isr.h"

// BRR with 16 samples a bit: clocks a bit.
_Static_assert(UART_CLOCKS_A_BIT >= 16u && UART_CLOCKS_A_BIT <= 0xFFFFu,
               "uart.baud is out of the divider's range for uart.hz");

void uart_init(void) {
    enable(UART_CLOCKS_A_BIT);
}
