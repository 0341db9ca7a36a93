// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include "clock.h"
#include "inference.h"
#include "input.h"
#include "say.h"
#include "words.h"

#if __has_include("board.h")
#include "board.h" // BOARD_NAME
#else
#define BOARD_NAME "host"
#endif

#ifndef MLPERF_TASK
#error "MLPERF_TASK is the runner's name of the task, such as ic01"
#endif
#define TEXT_OF(word) #word
#define TEXT(macro) TEXT_OF(macro)

#define COMMAND_BYTES 80u
#define PROFILE "ULPMark for tinyML Firmware V0.0.1"

static struct {
    char text[COMMAND_BYTES + 1u];
    uint32_t bytes; // those that came; above COMMAND_BYTES the text is lost
} command;

static void lap(void) {
    say_between("m-lap-us-", clock_us(), "\r\n");
}

static void help(void) {
    say(PROFILE "\r\n"
                "name, profile, timestamp, help, results\r\n"
                "db load N, db HH.., db print [N=16] [OFFSET=0]\r\n"
                "infer N [WARMUPS=10]\r\n");
}

static void carry_out(char *rest) {
    const char *word = next_word(&rest);
    if (same_word(word, "name")) {
        say("m-name-dut-[xnorc " BOARD_NAME "]\r\n");
    } else if (same_word(word, "profile")) {
        say("m-profile-[" PROFILE "]\r\nm-model-[" TEXT(MLPERF_TASK) "]\r\n");
    } else if (same_word(word, "timestamp")) {
        lap();
    } else if (same_word(word, "db")) {
        input_command(rest);
    } else if (same_word(word, "infer")) {
        inference_command(rest);
    } else if (same_word(word, "results")) {
        inference_results();
    } else if (same_word(word, "help")) {
        help();
    } else {
        say("e-[Unknown command: ");
        say_word(word);
        say("]\r\n");
    }
}

void commands_begin(void) {
    say("m-timestamp-mode-performance\r\n");
    lap();
    say("m-init-done\r\nm-ready\r\n");
}

void commands_feed(uint8_t byte) {
    if (byte == '%') {
        if (command.bytes > COMMAND_BYTES) {
            say_error("The command is longer than 80 characters");
        } else {
            command.text[command.bytes] = '\0';
            carry_out(command.text);
        }
        command.bytes = 0;
        say("m-ready\r\n");
    } else if (byte != '\r' && byte != '\n') { // somebody types
        if (command.bytes < COMMAND_BYTES) {
            command.text[command.bytes] = (char)byte;
        }
        command.bytes += command.bytes <= COMMAND_BYTES;
    }
}
