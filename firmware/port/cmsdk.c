// SPDX-License-Identifier: Apache-2.0
// UART of Arm's CMSDK (MPS2, MPS3), polled.  Cortex-M System Design Kit TRM (DDI 0479) section 4.3.
#include "board.h"
#include "port.h"
#include "startup.h"

#include <stdint.h>

#define REG(offset) (*(volatile uint32_t *)(BOARD_UART_BASE + (offset)))
#define DATA REG(0x00u)
#define STATE REG(0x04u)   // bit 0: transmit buffer full, bit 1: a byte has come
#define CTRL REG(0x08u)    // bit 0: transmit, bit 1: receive
#define BAUDDIV REG(0x10u) // clocks a bit, at least 16

#define DIVIDER ((BOARD_UART_HZ + BOARD_UART_BAUD / 2u) / BOARD_UART_BAUD)
_Static_assert(DIVIDER >= 16u && DIVIDER < (1u << 20), "uart.baud is out of the divider's range for uart.hz");

void port_init(void) {
    board_init();
    BAUDDIV = DIVIDER;
    CTRL = 3u;
    systick_start();
}

void port_put(uint8_t byte) {
    while ((STATE & 1u) != 0) {
    }
    DATA = byte;
}

int port_get(void) {
    return (STATE & 2u) != 0 ? (int)(DATA & 0xFFu) : -1;
}
