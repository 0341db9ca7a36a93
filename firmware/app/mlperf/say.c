// SPDX-License-Identifier: Apache-2.0
#include "say.h"

#include "port.h"

#define DECIMALS 12

void say(const char *text) {
    while (*text != '\0') {
        port_put((uint8_t)*text++);
    }
}

void say_number(uint64_t value) {
    uint8_t digits[20];
    uint32_t count = 0;
    do {
        digits[count++] = (uint8_t)('0' + value % 10u);
        value /= 10u;
    } while (value != 0);
    while (count > 0) {
        port_put(digits[--count]);
    }
}

void say_hex(uint8_t value) {
    port_put((uint8_t)"0123456789abcdef"[value >> 4]);
    port_put((uint8_t)"0123456789abcdef"[value & 15u]);
}

void say_fraction(uint64_t part, uint64_t whole) {
    say_number(part / whole);
    port_put('.');
    for (uint32_t i = 0; i < DECIMALS; i++) {
        part = part % whole * 10u;
        port_put((uint8_t)('0' + part / whole));
    }
}

void say_word(const char *word) {
    for (; *word != '\0'; word++) {
        port_put(*word >= 0x20 && *word < 0x7F ? (uint8_t)*word : (uint8_t)'.');
    }
}

void say_between(const char *before, uint64_t value, const char *after) {
    say(before);
    say_number(value);
    say(after);
}

void say_error(const char *why) {
    say("e-[");
    say(why);
    say("]\r\n");
}
