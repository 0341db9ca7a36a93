// SPDX-License-Identifier: Apache-2.0
#include "reply.h"

#include "link.h"

void reply_begin(reply_t *reply, uint8_t type, uint16_t seq) {
    reply->part[0] = (frame_part_t){reply->head, 0};
    reply->parts = 1;
    reply_u8(reply, LINK_VERSION);
    reply_u8(reply, type);
    reply_u16(reply, seq);
}

void reply_u8(reply_t *reply, uint8_t value) {
    reply->head[reply->part[0].bytes++] = value;
}

void reply_u16(reply_t *reply, uint16_t value) {
    reply_u8(reply, (uint8_t)value);
    reply_u8(reply, (uint8_t)(value >> 8));
}

void reply_u32(reply_t *reply, uint32_t value) {
    reply_u16(reply, (uint16_t)value);
    reply_u16(reply, (uint16_t)(value >> 16));
}

void reply_part(reply_t *reply, const void *at, uint32_t bytes) {
    reply->part[reply->parts++] = (frame_part_t){at, bytes};
}

uint16_t get_u16(const uint8_t *at) {
    return (uint16_t)(at[0] | at[1] << 8);
}

uint32_t get_u32(const uint8_t *at) {
    return (uint32_t)get_u16(at) | (uint32_t)get_u16(at + 2) << 16;
}
