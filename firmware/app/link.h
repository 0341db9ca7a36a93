// SPDX-License-Identifier: Apache-2.0
// The device's end of the link protocol (docs/contracts.md, section 4): bytes in by link_feed, replies out by port_put.
// Every request is carried out once, however often its frame arrives.  Static memory only; no call blocks but port_put.
#ifndef LINK_H
#define LINK_H

#include <stdint.h>

#define LINK_VERSION 1
#define LINK_HELLO_BYTES 4 // HELLO's body: session u32

typedef enum {
    LINK_HELLO = 0x01,
    LINK_LOAD = 0x02,
    LINK_RUN = 0x03,
    LINK_TENSOR = 0x04,
    LINK_TOTALS = 0x05,
    LINK_LAYERS = 0x06,
    LINK_BOOTLOADER = 0x07,
    LINK_STACK = 0x08,
    LINK_IMAGE = 0x09,
    LINK_IN_ORDER = 0x0A,
    LINK_REPLY = 0x80, // added to the type of the request
    LINK_ERROR = 0xFF,
} link_type_t;

// Error codes 1 to 3 are those of frame_status_t.
typedef enum {
    LINK_OK = 0,
    LINK_UNKNOWN_VERSION = 4,
    LINK_UNKNOWN_TYPE = 5,
    LINK_BAD_LENGTH = 6,
    LINK_OUT_OF_BOUNDS = 7,
    LINK_INPUT_DIFFERS = 8, // the checksum of a RUN is not that of the input held
    LINK_NOTHING_RUN = 9,
    LINK_NO_SESSION = 10, // nothing but HELLO is taken before HELLO
    LINK_OLD_SEQ = 11,    // not newer than the last request, and not its repetition
    LINK_NO_BOOTLOADER = 12,
    LINK_GAP = 13, // in order, and not the next
} link_error_t;

void link_feed(uint8_t byte);

#endif
