// SPDX-License-Identifier: Apache-2.0
#include "link.h"

#include "frame.h"
#include "kept.h"
#include "reboot.h"
#include "reply.h"
#include "session.h"

static frame_in_t incoming;

// The last request carried out and its reply: an equal frame gets the same reply and is not carried out again.
static struct {
    uint8_t open;     // 1 once a HELLO was taken
    uint8_t in_order; // 1: nothing but the next number is taken
    uint16_t seq;
    uint32_t session;
    uint32_t crc;
    reply_t reply;
} last;

static void error_reply(reply_t *reply, uint16_t seq, uint8_t type, link_error_t code, uint32_t detail) {
    reply_begin(reply, LINK_ERROR, seq);
    reply_u8(reply, (uint8_t)code);
    reply_u8(reply, type);
    reply_u32(reply, detail);
}

static void refuse(uint16_t seq, uint8_t type, link_error_t code, uint32_t detail) {
    reply_t reply;
    error_reply(&reply, seq, type, code, detail);
    frame_send(reply.part, reply.parts);
}

// body: on u8
static link_error_t in_order(const uint8_t *body, uint32_t bytes, reply_t *reply, uint32_t *detail) {
    if (bytes != 1) {
        return LINK_BAD_LENGTH;
    }
    *detail = 1;
    if (body[0] > 1) {
        return LINK_OUT_OF_BOUNDS;
    }
    last.in_order = body[0];
    reply_u8(reply, last.in_order);
    return LINK_OK;
}

static uint16_t after(uint16_t seq) {
    return seq == 0xFFFFu ? 1 : (uint16_t)(seq + 1u); // 0 is never a request's
}

static void carry_out(uint8_t type, uint16_t seq, const uint8_t *body, uint32_t bytes) {
    uint32_t detail = 0;
    reply_begin(&last.reply, (uint8_t)(type | LINK_REPLY), seq);
    const link_error_t code = type == LINK_IN_ORDER ? in_order(body, bytes, &last.reply, &detail)
                                                    : session_request(type, body, bytes, &last.reply, &detail);
    if (code != LINK_OK) {
        error_reply(&last.reply, seq, type, code, detail);
    }
    last.seq = seq;
    last.crc = incoming.crc;
    if (last.in_order && type == LINK_RUN && code == LINK_OK) {
        kept_add(seq, incoming.crc, &last.reply);
    }
    frame_send(last.reply.part, last.reply.parts);
    reboot_if_asked();
}

static void request(const uint8_t *payload, uint32_t bytes) {
    const uint8_t type = payload[1];
    const uint16_t seq = get_u16(payload + 2);
    const uint8_t *body = payload + FRAME_HEADER;
    const uint32_t body_bytes = bytes - FRAME_HEADER;
    if (payload[0] != LINK_VERSION) {
        refuse(seq, type, LINK_UNKNOWN_VERSION, LINK_VERSION);
        return;
    }
    if (type == LINK_HELLO && body_bytes == LINK_HELLO_BYTES && !(last.open && last.session == get_u32(body))) {
        last.open = 1;
        last.in_order = 0;
        kept_clear();
        last.session = get_u32(body);
        session_begin(last.session);
        carry_out(type, seq, body, body_bytes); // whatever its seq: the numbers of a session start with its HELLO
    } else if (!last.open) {
        refuse(seq, type, LINK_NO_SESSION, 0);
    } else if (seq == last.seq && incoming.crc == last.crc) {
        frame_send(last.reply.part, last.reply.parts);
    } else if ((uint16_t)(seq - last.seq - 1u) >= 0x7FFFu) { // not one of the next 32767 numbers
        if (!kept_send(seq, incoming.crc)) {
            refuse(seq, type, LINK_OLD_SEQ, last.seq);
        }
    } else if (last.in_order && seq != after(last.seq)) {
        refuse(seq, type, LINK_GAP, last.seq);
    } else {
        carry_out(type, seq, body, body_bytes);
    }
}

void link_feed(uint8_t byte) {
    const frame_status_t status = frame_take(&incoming, byte);
    if (status == FRAME_GOOD) {
        request(incoming.payload, incoming.bytes);
    } else if (status != FRAME_OPEN) {
        refuse(0, 0, (link_error_t)status, LINK_MAX_BODY);
    }
}
