// SPDX-License-Identifier: Apache-2.0
// A reply under construction, and the little-endian integers of the link protocol.
#ifndef REPLY_H
#define REPLY_H

#include <stdint.h>

#include "frame.h"

#define REPLY_HEAD 48 // most bytes that a reply computes: HELLO takes 42

// A reply is gathered from memory when it is sent, and can be sent again until the next request is carried out:
// payload header and computed bytes lie in `head` and are part[0]; the others lie where they are, in flash or the arena.
typedef struct {
    uint8_t head[REPLY_HEAD];
    frame_part_t part[FRAME_PARTS];
    uint32_t parts;
} reply_t;

void reply_begin(reply_t *reply, uint8_t type, uint16_t seq);
void reply_u8(reply_t *reply, uint8_t value);
void reply_u16(reply_t *reply, uint16_t value);
void reply_u32(reply_t *reply, uint32_t value);
void reply_part(reply_t *reply, const void *at, uint32_t bytes);

uint16_t get_u16(const uint8_t *at);
uint32_t get_u32(const uint8_t *at);

#endif
