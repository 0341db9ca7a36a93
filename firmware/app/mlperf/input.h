// SPDX-License-Identifier: Apache-2.0
// The input of the model, filled by `db` commands.
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stdint.h>

// What follows `db`: load N, print [n] [offset], or hexadecimal digits.  Says the answer, but for m-ready.
void input_command(char *rest);

bool input_complete(void); // all bytes of an image are there

uint8_t *input_arena(void); // the model's memory; its input is at the start

#endif
