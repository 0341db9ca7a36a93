// SPDX-License-Identifier: Apache-2.0
// Frames on the wire: COBS(payload || CRC-32(payload), little-endian) || 0x00 (docs/contracts.md, section 4).
// Receiving needs one buffer of a payload's length; sending needs none, because a payload is gathered from its parts.
#ifndef FRAME_H
#define FRAME_H

#include <stdint.h>

#ifndef LINK_MAX_BODY
#define LINK_MAX_BODY 128 // longest request body taken, bytes; a board with RAM to spare may raise it (at most 65535)
#endif

#define FRAME_HEADER 4 // version, type, seq: the part of a payload before the body
#define FRAME_MAX_PAYLOAD (FRAME_HEADER + LINK_MAX_BODY)
#define FRAME_PARTS 3

// The numbers are the error codes of the link protocol, where they are errors.
typedef enum {
    FRAME_GOOD = 0,
    FRAME_BAD_CRC = 1,
    FRAME_BAD = 2, // not COBS, or too short to hold a header
    FRAME_TOO_LONG = 3,
    FRAME_OPEN = 4, // no frame ended with this byte
} frame_status_t;

typedef struct {
    uint8_t payload[FRAME_MAX_PAYLOAD + 4]; // with the CRC behind it until the frame ends
    uint32_t bytes;                         // decoded so far, <= sizeof payload; of the payload alone when FRAME_GOOD
    uint32_t crc;                           // of the payload, when FRAME_GOOD
    uint8_t code;                           // the COBS code of the block being read; 0 before the first
    uint8_t left;                           // bytes of that block still to come
    uint8_t too_long;                       // 1: dropping up to the next 0x00
} frame_in_t;

// Take one byte from the wire.  On FRAME_GOOD the payload may be read until the next call.
frame_status_t frame_take(frame_in_t *in, uint8_t byte);

typedef struct {
    const uint8_t *at;
    uint32_t bytes;
} frame_part_t;

// Send the concatenation of parts[0..count) as one frame through port_put; count <= FRAME_PARTS.
void frame_send(const frame_part_t *parts, uint32_t count);

#endif
