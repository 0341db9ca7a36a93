// SPDX-License-Identifier: Apache-2.0
// What USART and LPUART of the newer STM32 share: registers ISR, ICR, RDR and TDR, polled.  Included by one driver each,
// which adds uart_init() with its own divider.  RM0091, RM0351 and RM0444, "USART registers" and "LPUART registers".
#ifndef STM32_ISR_H
#define STM32_ISR_H

#include "uart.h"

#include <stdbool.h>
#include <stdint.h>

#define CR1 UART_REGISTER(0x00u)
#define BRR UART_REGISTER(0x0Cu)
#define ISR UART_REGISTER(0x1Cu)
#define ICR UART_REGISTER(0x20u)
#define RDR UART_REGISTER(0x24u)
#define TDR UART_REGISTER(0x28u)

#define CR1_UE (1u << 0)
#define CR1_RE (1u << 2)
#define CR1_TE (1u << 3)
#define ISR_ERRORS 0xFu // parity, framing, noise, overrun: bits 0 to 3, cleared by the same bits of ICR
#define ISR_RXNE (1u << 5)
#define ISR_TXE (1u << 7)

static inline void enable(uint32_t divider) {
    CR1 = 0; // BRR can be written only while UE is 0
    BRR = divider;
    CR1 = CR1_UE | CR1_TE | CR1_RE;
}

bool uart_send(uint8_t byte) {
    if ((ISR & ISR_TXE) == 0) {
        return false;
    }
    TDR = byte;
    return true;
}

// An overrun stops reception until it is cleared, unlike that of the older USART; the link's CRC notices the loss.
int uart_receive(void) {
    const uint32_t state = ISR;
    if ((state & ISR_ERRORS) != 0) {
        ICR = state & ISR_ERRORS;
    }
    return (state & ISR_RXNE) != 0 ? (int)(RDR & 0xFFu) : -1;
}

#endif
