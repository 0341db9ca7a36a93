// SPDX-License-Identifier: Apache-2.0
// What a UART driver is: one file here, named after the IP (the board file's `uart.ip`), with these three functions.
//
// A driver touches the registers of its UART and nothing else. Clocks and pins are set before uart_init() is called,
// the counter is started after it, and ../startup/port.c waits where somebody has to: no driver can forget any of it.
#ifndef UART_H
#define UART_H

#include "board.h"

#include <stdbool.h>
#include <stdint.h>

void uart_init(void);         // 8N1 at BOARD_UART_BAUD, both directions, polled; may be called again
bool uart_send(uint8_t byte); // hands over a byte; false, and nothing done, while the UART takes none
int uart_receive(void);       // the next byte that has come, or -1; an error of the line loses bytes and stops nothing

#define UART_REGISTER(offset) (*(volatile uint32_t *)(BOARD_UART_BASE + (offset)))

// Clocks of the UART block a bit, rounded: what most dividers are made of.
#define UART_CLOCKS_A_BIT ((BOARD_UART_HZ + BOARD_UART_BAUD / 2u) / BOARD_UART_BAUD)

#endif
