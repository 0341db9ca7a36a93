// SPDX-License-Identifier: Apache-2.0
// UART of Arm's CMSDK (MPS2, MPS3), polled.  Cortex-M System Design Kit TRM (DDI 0479) section 4.3.
#include "uart.h"

#include <stdbool.h>
#include <stdint.h>

#define DATA UART_REGISTER(0x00u)
#define STATE UART_REGISTER(0x04u)   // bit 0: transmit buffer full, bit 1: a byte has come
#define CTRL UART_REGISTER(0x08u)    // bit 0: transmit, bit 1: receive
#define BAUDDIV UART_REGISTER(0x10u) // clocks a bit, at least 16

_Static_assert(UART_CLOCKS_A_BIT >= 16u && UART_CLOCKS_A_BIT < (1u << 20),
               "uart.baud is out of the divider's range for uart.hz");

void uart_init(void) {
    BAUDDIV = UART_CLOCKS_A_BIT;
    CTRL = 3u;
}

bool uart_send(uint8_t byte) {
    if ((STATE & 1u) != 0) {
        return false;
    }
    DATA = byte;
    return true;
}

int uart_receive(void) {
    return (STATE & 2u) != 0 ? (int)(DATA & 0xFFu) : -1;
}
