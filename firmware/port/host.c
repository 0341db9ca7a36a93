// SPDX-License-Identifier: Apache-2.0
// The port of the host target: the link on standard input and output, so that the device application runs as a process.
// Replies are written when the application asks for the next byte, in one go; the process ends where the input does.
#define _POSIX_C_SOURCE 200809L
#include "port.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct {
    uint8_t bytes[65536];
    size_t at, end; // bytes[at..end) are waiting
} in, out;

static void flush(void) {
    while (out.at < out.end) {
        const ssize_t wrote = write(STDOUT_FILENO, out.bytes + out.at, out.end - out.at);
        if (wrote > 0) {
            out.at += (size_t)wrote;
        } else if (errno != EINTR) {
            _Exit(EXIT_FAILURE); // nobody is listening any more
        }
    }
    out.at = out.end = 0;
}

void port_init(void) {
}

void port_put(uint8_t byte) {
    if (out.end == sizeof out.bytes) {
        flush();
    }
    out.bytes[out.end++] = byte;
}

// Waits, unlike a board's: a process that polled would burn a core.
int port_get(void) {
    if (in.at == in.end) {
        flush();
        const ssize_t got = read(STDIN_FILENO, in.bytes, sizeof in.bytes);
        if (got == 0) {
            port_exit(EXIT_SUCCESS);
        }
        if (got < 0) {
            if (errno == EINTR) {
                return -1;
            }
            port_exit(EXIT_FAILURE);
        }
        in.at = 0;
        in.end = (size_t)got;
    }
    return in.bytes[in.at++];
}

static uint32_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
}

uint16_t port_receive_room(void) {
    return 4096; // pipes hold more, and the host must never wait for us while we wait for it
}

port_clock_t port_clock(void) {
    return nanoseconds;
}

port_counter_t port_counter(void) {
    return PORT_CLOCK;
}

uint32_t port_ticks_hz(void) {
    return 1000000000u;
}

uint32_t port_stack_reserve(void) {
    return 0;
}

uint32_t port_stack_used(void) {
    return 0;
}

bool port_has_bootloader(void) {
    return false;
}

void port_start_bootloader(void) {
}

const uint8_t *port_image(uint32_t *bytes) {
    *bytes = 0;
    return in.bytes;
}

_Noreturn void port_exit(int status) {
    flush();
    _Exit(status);
}
