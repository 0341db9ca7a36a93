// SPDX-License-Identifier: Apache-2.0
// A command's words, read from its text.
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stdint.h>

// Cuts the next word off: ends it with 0 and moves *rest behind it.  An empty word if there is none.
char *next_word(char **rest);

bool same_word(const char *word, const char *other);

// Whether the word is a decimal number of at most `most`, below 10^9; *value is set only then.
bool read_number(const char *word, uint32_t most, uint32_t *value);

// The value of a hexadecimal digit, or -1.
int hex_digit(char digit);

#endif
