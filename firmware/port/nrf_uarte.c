// SPDX-License-Identifier: Apache-2.0
// UARTE of Nordic nRF52, nRF53 and nRF91: every byte goes through RAM by EasyDMA, polled. nRF52840 Product Specification
// 1.7 section 6.34. Pins are chosen by `[[init]]` writes to PSEL.TXD (+0x50C) and PSEL.RXD (+0x514).
// Transfers of one byte: what comes between two of them waits in the UARTE's own FIFO of a few bytes.
#include "uart.h"

#include <stdbool.h>
#include <stdint.h>

#define STARTRX UART_REGISTER(0x000u)
#define STARTTX UART_REGISTER(0x008u)
#define ENDRX UART_REGISTER(0x110u)
#define ENDTX UART_REGISTER(0x120u)
#define ENABLE UART_REGISTER(0x500u)
#define BAUDRATE UART_REGISTER(0x524u)
#define RXD_PTR UART_REGISTER(0x534u)
#define RXD_MAXCNT UART_REGISTER(0x538u)
#define TXD_PTR UART_REGISTER(0x544u)
#define TXD_MAXCNT UART_REGISTER(0x548u)

// BAUDRATE takes the values of its table (section 6.34.9.27) and no others.
#if BOARD_UART_BAUD == 9600
#define RATE 0x00275000u
#elif BOARD_UART_BAUD == 19200
#define RATE 0x004EA000u
#elif BOARD_UART_BAUD == 38400
#define RATE 0x009D0000u
#elif BOARD_UART_BAUD == 57600
#define RATE 0x00EB0000u
#elif BOARD_UART_BAUD == 115200
#define RATE 0x01D60000u
#elif BOARD_UART_BAUD == 230400
#define RATE 0x03B00000u
#elif BOARD_UART_BAUD == 250000
#define RATE 0x04000000u
#elif BOARD_UART_BAUD == 460800
#define RATE 0x07400000u
#elif BOARD_UART_BAUD == 1000000
#define RATE 0x10000000u
#else
#error "uart.baud: this UART does 9600, 19200, 38400, 57600, 115200, 230400, 250000, 460800 and 1000000 alone"
#endif

static volatile uint8_t given, come; // in RAM, where EasyDMA reaches them
static bool busy;                    // `given` was handed over and ENDTX has not come yet

void uart_init(void) {
    ENABLE = 0; // stops both directions, whatever they were at
    BAUDRATE = RATE;
    ENABLE = 8u;
    ENDRX = 0;
    ENDTX = 0;
    busy = false;
    TXD_PTR = (uint32_t)(uintptr_t)&given;
    TXD_MAXCNT = 1u;
    RXD_PTR = (uint32_t)(uintptr_t)&come;
    RXD_MAXCNT = 1u;
    STARTRX = 1u;
}

bool uart_send(uint8_t byte) {
    if (busy && ENDTX == 0) {
        return false;
    }
    ENDTX = 0;
    given = byte;
    busy = true;
    STARTTX = 1u;
    return true;
}

int uart_receive(void) {
    if (ENDRX == 0) {
        return -1;
    }
    const int byte = come;
    ENDRX = 0;
    STARTRX = 1u;
    return byte;
}
