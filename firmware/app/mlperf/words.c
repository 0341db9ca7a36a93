// SPDX-License-Identifier: Apache-2.0
#include "words.h"

char *next_word(char **rest) {
    char *word = *rest;
    while (*word == ' ') {
        word++;
    }
    char *end = word;
    while (*end != ' ' && *end != '\0') {
        end++;
    }
    *rest = end;
    if (*end == ' ') {
        *end = '\0';
        *rest = end + 1;
    }
    return word;
}

bool same_word(const char *word, const char *other) {
    while (*word != '\0' && *word == *other) {
        word++;
        other++;
    }
    return *word == *other;
}

bool read_number(const char *word, uint32_t most, uint32_t *value) {
    uint32_t number = 0, digits = 0;
    for (; *word >= '0' && *word <= '9' && digits < 10; word++, digits++) {
        number = number * 10u + (uint32_t)(*word - '0');
    }
    if (*word != '\0' || digits == 0 || digits > 9 || number > most) {
        return false;
    }
    *value = number;
    return true;
}

int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}
