// SPDX-License-Identifier: Apache-2.0
// Bodies are read only after their length was compared with what the type demands; offsets are checked by subtraction,
// because a sum of two numbers from the wire may wrap.
#include "session.h"

#include <string.h>

#include "bnn.h"
#include "bnn_model.h"
#include "bnn_model_size.h"
#include "crc32.h"
#include "facts.h"
#include "kept.h"
#include "port.h"
#include "reboot.h"

#if __has_include("board.h")
#include "board.h" // BOARD_NAME
#else
#define BOARD_NAME "host" // built for this machine: no board was rendered
#endif

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors and ticks go out as they lie in memory");

#define INPUT 0xFFFFu       // as a node number: the input tensor
#define LAYERS_AT_ONCE 256u // most ticks in one reply
#define NAME_MAX_BYTES 64u

static _Alignas(8) uint8_t arena[BNN_ARENA_BYTES];

static struct {
    uint32_t number;
    uint32_t at;        // nodes that have run on the input held; 0: none, or a byte of it has changed since
    uint8_t ran;        // 1: layer_ticks are those of a RUN
    port_clock_t clock; // reads the counter while RUN runs, else NULL
    uint32_t mark;      // its reading when the current node began
    uint32_t samples;   // RUNs
    uint32_t known;     // of these, with a truth
    uint32_t correct;   // of these, with label == truth
    uint64_t ticks;
} session;

static uint32_t layer_ticks[BNN_NODES];

void bnn_model_after(uint16_t node) {
    if (session.clock != NULL) {
        layer_ticks[node] = session.clock() - session.mark; // modulo 2^32
        session.mark = session.clock();                     // read again: the line above is not the next node's time
    }
}

void session_begin(uint32_t number) {
    memset(&session, 0, sizeof session);
    session.number = number;
}

static uint32_t name_bytes(const char *name) {
    uint32_t bytes = 0;
    while (bytes < NAME_MAX_BYTES && name[bytes] != 0) {
        bytes++;
    }
    return bytes;
}

static link_error_t hello(reply_t *reply) {
    const uint32_t board = name_bytes(BOARD_NAME), model = name_bytes(bnn_model.name);
    reply_u32(reply, session.number);
    reply_u8(reply, LINK_VERSION);
    reply_u8(reply, BNN_ABI);
    reply_u8(reply, (uint8_t)port_counter());
    reply_u8(reply, KEPT);
    reply_u32(reply, port_ticks_hz());
    reply_u16(reply, LINK_MAX_BODY);
    reply_u16(reply, bnn_model.nodes);
    reply_u16(reply, bnn_model.logits);
    reply_u16(reply, port_receive_room());
    reply_u32(reply, bnn_model.input_bytes);
    reply_u32(reply, bnn_model.arena_bytes);
    for (uint32_t i = 0; i < sizeof bnn_model.digest; i++) {
        reply_u8(reply, bnn_model.digest[i]);
    }
    reply_u8(reply, (uint8_t)board);
    reply_u8(reply, (uint8_t)model);
    reply_part(reply, BOARD_NAME, board);
    reply_part(reply, bnn_model.name, model);
    return LINK_OK;
}

// body: offset u32, bytes
static link_error_t load(const uint8_t *body, uint32_t bytes, reply_t *reply, uint32_t *detail) {
    if (bytes < 5) {
        return LINK_BAD_LENGTH;
    }
    const uint32_t offset = get_u32(body), count = bytes - 4;
    *detail = bnn_model.input_bytes;
    if (offset > bnn_model.input_bytes || count > bnn_model.input_bytes - offset) {
        return LINK_OUT_OF_BOUNDS;
    }
    memcpy(arena + bnn_model.input.offset + offset, body + 4, count);
    session.at = 0;
    reply_u32(reply, offset);
    reply_u16(reply, (uint16_t)count);
    return LINK_OK;
}

// body: crc of the input u32, truth i16, pad u16
static link_error_t run(const uint8_t *body, uint32_t bytes, reply_t *reply, uint32_t *detail) {
    if (bytes != 8) {
        return LINK_BAD_LENGTH;
    }
    const int16_t truth = (int16_t)get_u16(body + 4);
    *detail = bnn_model.logits;
    if (truth < -1 || truth >= (int32_t)bnn_model.logits) {
        return LINK_OUT_OF_BOUNDS;
    }
    *detail = crc32(0, arena + bnn_model.input.offset, bnn_model.input_bytes);
    if (get_u32(body) != *detail) {
        return LINK_INPUT_DIFFERS;
    }
    session.clock = port_clock();
    session.mark = session.clock();
    bnn_model_run(arena, (uint16_t)(bnn_model.nodes - 1));
    session.clock = NULL;
    session.at = bnn_model.nodes;
    session.ran = 1;

    uint32_t ticks = 0;
    for (uint32_t i = 0; i < bnn_model.nodes; i++) {
        ticks += layer_ticks[i];
    }
    const void *logits = arena + bnn_model.logits_at.offset;
    const uint16_t label = bnn_argmax(logits, bnn_model.logits);
    session.samples++;
    session.known += truth >= 0;
    session.correct += truth == (int32_t)label;
    session.ticks += ticks;
    reply_u16(reply, label);
    reply_u16(reply, 0);
    reply_u32(reply, ticks);
    reply_part(reply, logits, 4u * bnn_model.logits);
    return LINK_OK;
}

// body: node u16 (INPUT: the input), length u16, offset u32
static link_error_t tensor(const uint8_t *body, uint32_t bytes, reply_t *reply, uint32_t *detail) {
    if (bytes != 8) {
        return LINK_BAD_LENGTH;
    }
    const uint16_t node = get_u16(body), length = get_u16(body + 2);
    const uint32_t offset = get_u32(body + 4);
    *detail = bnn_model.nodes;
    if (node != INPUT && node >= bnn_model.nodes) {
        return LINK_OUT_OF_BOUNDS;
    }
    const bnn_tensor_t *read = node == INPUT ? &bnn_model.input : &bnn_model.outputs[node];
    *detail = read->bytes;
    if (offset > read->bytes || length > read->bytes - offset) {
        return LINK_OUT_OF_BOUNDS;
    }
    if (node != INPUT) {
        if (session.at == 0) {
            return LINK_NOTHING_RUN;
        }
        if (session.at != node + 1u) {
            bnn_model_run(arena, node); // later nodes may have overwritten it; the input is still there
            session.at = node + 1u;
        }
    }
    reply_u32(reply, offset);
    reply_part(reply, arena + read->offset + offset, length);
    return LINK_OK;
}

// body: reset u8
static link_error_t totals(const uint8_t *body, uint32_t bytes, reply_t *reply, uint32_t *detail) {
    if (bytes != 1) {
        return LINK_BAD_LENGTH;
    }
    *detail = 1;
    if (body[0] > 1) {
        return LINK_OUT_OF_BOUNDS;
    }
    reply_u32(reply, session.samples);
    reply_u32(reply, session.known);
    reply_u32(reply, session.correct);
    reply_u32(reply, (uint32_t)session.ticks);
    reply_u32(reply, (uint32_t)(session.ticks >> 32));
    if (body[0] == 1) {
        session.samples = session.known = session.correct = 0;
        session.ticks = 0;
    }
    return LINK_OK;
}

// body: first u16
static link_error_t layers(const uint8_t *body, uint32_t bytes, reply_t *reply, uint32_t *detail) {
    if (bytes != 2) {
        return LINK_BAD_LENGTH;
    }
    const uint16_t first = get_u16(body);
    *detail = bnn_model.nodes;
    if (first > bnn_model.nodes) {
        return LINK_OUT_OF_BOUNDS;
    }
    if (!session.ran) {
        return LINK_NOTHING_RUN;
    }
    const uint32_t rest = (uint32_t)bnn_model.nodes - first;
    const uint32_t count = rest < LAYERS_AT_ONCE ? rest : LAYERS_AT_ONCE;
    reply_u16(reply, first);
    reply_u16(reply, (uint16_t)count);
    reply_part(reply, layer_ticks + first, 4u * count);
    return LINK_OK;
}

link_error_t session_request(uint8_t type, const uint8_t *body, uint32_t bytes, reply_t *reply, uint32_t *detail) {
    switch (type) {
    case LINK_HELLO: return bytes == LINK_HELLO_BYTES ? hello(reply) : LINK_BAD_LENGTH;
    case LINK_LOAD: return load(body, bytes, reply, detail);
    case LINK_RUN: return run(body, bytes, reply, detail);
    case LINK_TENSOR: return tensor(body, bytes, reply, detail);
    case LINK_TOTALS: return totals(body, bytes, reply, detail);
    case LINK_LAYERS: return layers(body, bytes, reply, detail);
    case LINK_BOOTLOADER: return reboot_request(body, bytes);
    case LINK_STACK: return facts_stack(bytes, reply);
    case LINK_IMAGE: return facts_image(bytes, reply);
    default: return LINK_UNKNOWN_TYPE;
    }
}
