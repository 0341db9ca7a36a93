// SPDX-License-Identifier: Apache-2.0
// Text to the host.  Every line ends in CR LF.
#ifndef SAY_H
#define SAY_H

#include <stdint.h>

void say(const char *text);
void say_number(uint64_t value);
void say_hex(uint8_t value);
void say_fraction(uint64_t part, uint64_t whole); // part / whole, cut after 12 decimals; part <= whole < 2^60
void say_word(const char *word);                  // what came from the host: bytes that do not print become dots
void say_between(const char *before, uint64_t value, const char *after);
void say_error(const char *why); // e-[why]

#endif
