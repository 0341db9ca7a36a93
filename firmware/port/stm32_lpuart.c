// SPDX-License-Identifier: Apache-2.0
// LPUART of STM32 G0, G4, H7, L0, L4, L5 and U5, polled: the registers of stm32_isr.h with a finer divider.
// RM0351, RM0432 and RM0444, "LPUART registers". No FIFO: what reset leaves.
#include "stm32_isr.h"

// BRR is the clock over the baud rate in 256ths. The clock has to be 3 to 4096 times the baud rate.
#define DIVIDER ((BOARD_UART_HZ * 256ull + BOARD_UART_BAUD / 2u) / BOARD_UART_BAUD)
_Static_assert(DIVIDER >= 0x300u && DIVIDER <= 0xFFFFFu, "uart.baud is out of the divider's range for uart.hz");

void uart_init(void) {
    enable((uint32_t)DIVIDER);
}
