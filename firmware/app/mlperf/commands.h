// SPDX-License-Identifier: Apache-2.0
// Text commands, each ended by `%`; every answer ends with the line m-ready.  Nothing is said unasked after the start.
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdint.h>

void commands_begin(void); // the lines of the start
void commands_feed(uint8_t byte);

#endif
