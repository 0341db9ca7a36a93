// SPDX-License-Identifier: Apache-2.0
// What start-up and the UART drivers say to each other; the application sees port.h alone.
#ifndef STARTUP_H
#define STARTUP_H

#include <stdint.h>

int main(void);

void systick_start(void); // resets the count of port_ticks() to 0; every UART driver calls it last in port_init()

// Vector table entries, in order; all are global so that a debugger and a test find them by name.
void reset_handler(void);
void fault_handler(void);
void systick_handler(void);

#endif
