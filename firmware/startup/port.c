// SPDX-License-Identifier: Apache-2.0
// The port of a board: what all have in common around the three functions of their UART driver.
#include "port.h"
#include "board.h"
#include "startup.h"
#include "uart.h"

#include <stdint.h>

void port_init(void) {
    board_init(); // clocks and pins, before a register of the UART is touched
    uart_init();
    ticks_start(); // last: what came before is not counted
}

void port_put(uint8_t byte) {
    while (!uart_send(byte)) {
    }
}

int port_get(void) {
    return uart_receive();
}

uint16_t port_receive_room(void) {
    return 0; // polled: what comes while the model runs may be lost
}
