// SPDX-License-Identifier: Apache-2.0
// Stands for board.h and uart.h when a UART driver is compiled for this machine, as C++: every access to a register is a
// call into the test. The rest is the driver's own text.
#include <cstdint>

#define BOARD_H
#define _Static_assert static_assert

extern "C" {
uint32_t (*on_read)(uint32_t offset);
void (*on_write)(uint32_t offset, uint32_t value);
void uart_init(void);
bool uart_send(uint8_t byte);
int uart_receive(void);
}

struct Register {
    uint32_t offset;
    operator uint32_t() const {
        return on_read(offset);
    }
    void operator=(uint32_t value) {
        on_write(offset, value);
    }
};

#define UART_H
#define UART_REGISTER(offset) (Register{offset})
// Clocks of the UART block a bit, rounded: what most dividers are made of.
#define UART_CLOCKS_A_BIT ((BOARD_UART_HZ + BOARD_UART_BAUD / 2u) / BOARD_UART_BAUD)
