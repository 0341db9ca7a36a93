// SPDX-License-Identifier: Apache-2.0
// What the files of start-up say to each other; the application sees port.h, a UART driver uart.h alone.
#ifndef STARTUP_H
#define STARTUP_H

#include <stdint.h>

int main(void);

void bootloader_if_wanted(void); // the first thing after a reset: does not return if it is wanted

void stack_paint(void); // reset_handler() calls it next

void caches_start(void); // the core's instruction and data cache, where it has them

void ticks_start(void); // chooses the counter and resets its count to 0; port_init() calls it last

// Vector table entries, in order; all are global so that a debugger and a test find them by name.
void reset_handler(void);
void fault_handler(void);
void systick_handler(void);

#endif
