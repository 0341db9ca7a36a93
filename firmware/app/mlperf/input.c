// SPDX-License-Identifier: Apache-2.0
// The bytes go straight to the model's input, which no node overwrites: there is no second buffer.  Nothing is stored
// of a command that is refused.
#include "input.h"

#include "bnn_model.h"
#include "say.h"
#include "words.h"

#define BYTES_A_LINE 8u
#define PRINTED 16u // bytes of `db print` without a number

// Where a task's values are signed bytes, the model takes them plus 128.
#ifndef MLPERF_FLIP
#define MLPERF_FLIP 0
#endif

static _Alignas(8) uint8_t arena[BNN_ARENA_BYTES];

static struct {
    uint32_t expected; // bytes of the `db load` under way; 0: none
    uint32_t at;
    bool complete;
} input;

uint8_t *input_arena(void) {
    return arena;
}

bool input_complete(void) {
    return input.complete;
}

static void load(char *rest) {
    uint32_t bytes = 0;
    if (!read_number(next_word(&rest), UINT32_MAX, &bytes) || bytes == 0) {
        say_error("Command 'db load' requires the number of bytes");
    } else if (bytes != bnn_model.input_bytes) {
        say_between("e-[This model takes ", bnn_model.input_bytes, " bytes]\r\n");
    } else {
        input.expected = bytes;
        input.at = 0;
        input.complete = false;
        say_between("m-[Expecting ", bytes, " bytes]\r\n");
    }
}

static void print(char *rest) {
    uint32_t bytes = PRINTED, offset = 0;
    const char *first = next_word(&rest), *second = next_word(&rest);
    if ((*first != '\0' && !read_number(first, bnn_model.input_bytes, &bytes)) ||
        (*second != '\0' && !read_number(second, bnn_model.input_bytes, &offset))) {
        say_between("e-[The buffer has ", bnn_model.input_bytes, " bytes]\r\n");
        return;
    }
    const uint32_t left = bnn_model.input_bytes - offset;
    bytes = bytes < left ? bytes : left;
    for (uint32_t i = 0; i < bytes; i++) {
        say(i % BYTES_A_LINE == 0 ? "m-buffer-" : "-");
        say_hex(arena[bnn_model.input.offset + offset + i] ^ MLPERF_FLIP);
        if (i % BYTES_A_LINE == BYTES_A_LINE - 1u || i + 1u == bytes) {
            say("\r\n");
        }
    }
}

static void digits(const char *word) {
    uint32_t count = 0;
    for (; word[count] != '\0'; count++) {
        if (hex_digit(word[count]) < 0) {
            say("e-[Invalid hex digit '");
            say_word((const char[]){word[count], '\0'});
            say("']\r\n");
            return;
        }
    }
    if (count % 2u != 0) {
        say_error("Insufficent number of hex digits"); // as the protocol spells it
    } else if (input.expected == 0) {
        say_error("No bytes are expected: 'db load' first");
    } else {
        for (uint32_t i = 0; i < count && input.at < input.expected; i += 2u) {
            const int value = hex_digit(word[i]) * 16 + hex_digit(word[i + 1u]);
            arena[bnn_model.input.offset + input.at++] = (uint8_t)value ^ MLPERF_FLIP;
        }
        if (input.at == input.expected) { // digits beyond the last byte are dropped
            input.expected = 0;
            input.complete = true;
            say("m-load-done\r\n");
        }
    }
}

void input_command(char *rest) {
    const char *word = next_word(&rest);
    if (*word == '\0') {
        say_error("Command 'db' requires a subcommand");
    } else if (same_word(word, "load")) {
        load(rest);
    } else if (same_word(word, "print")) {
        print(rest);
    } else {
        digits(word);
    }
}
