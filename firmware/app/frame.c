// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include "crc32.h"
#include "port.h"

_Static_assert(LINK_MAX_BODY >= 8 && LINK_MAX_BODY <= 65535, "RUN takes 8 bytes; HELLO tells the limit in 16 bits");

static void restart(frame_in_t *in) {
    in->bytes = 0;
    in->code = 0;
    in->left = 0;
    in->too_long = 0;
}

static void append(frame_in_t *in, uint8_t byte) {
    if (in->bytes < sizeof in->payload) {
        in->payload[in->bytes++] = byte;
    } else {
        in->too_long = 1;
    }
}

static frame_status_t finish(frame_in_t *in) {
    if (in->code == 0) {
        return FRAME_OPEN; // nothing between two delimiters
    }
    frame_status_t status = FRAME_GOOD;
    if (in->too_long) {
        status = FRAME_TOO_LONG;
    } else if (in->left != 0 || in->bytes < FRAME_HEADER + 4) {
        status = FRAME_BAD;
    } else {
        const uint32_t payload = in->bytes - 4;
        in->crc = crc32(0, in->payload, payload);
        const uint8_t *sent = in->payload + payload;
        for (uint32_t i = 0; i < 4; i++) {
            if (sent[i] != (uint8_t)(in->crc >> (8 * i))) {
                status = FRAME_BAD_CRC;
            }
        }
    }
    const uint32_t bytes = in->bytes;
    restart(in);
    if (status == FRAME_GOOD) {
        in->bytes = bytes - 4;
    }
    return status;
}

// COBS: a block is a code k in 1..255 and k - 1 bytes that are not 0; a 0 follows the block unless k is 255 or the frame
// ends with it.  That 0 is appended when the next block begins, so that the last one never is.
frame_status_t frame_take(frame_in_t *in, uint8_t byte) {
    if (byte == 0) {
        return finish(in);
    }
    if (in->code == 0) {
        restart(in); // the payload of the frame before has been read by now
    }
    if (in->left != 0) {
        in->left--;
        append(in, byte);
        return FRAME_OPEN;
    }
    if (in->code != 0 && in->code != 255) {
        append(in, 0);
    }
    in->code = byte;
    in->left = (uint8_t)(byte - 1);
    return FRAME_OPEN;
}

typedef struct {
    const frame_part_t *part;
    const frame_part_t *end;
    uint32_t at; // bytes of *part already read
} cursor_t;

// The next byte of the parts, or -1 at their end.
static int next(cursor_t *cursor) {
    while (cursor->part != cursor->end && cursor->at == cursor->part->bytes) {
        cursor->part++;
        cursor->at = 0;
    }
    return cursor->part == cursor->end ? -1 : cursor->part->at[cursor->at++];
}

void frame_send(const frame_part_t *parts, uint32_t count) {
    frame_part_t all[FRAME_PARTS + 1];
    uint8_t tail[4];
    uint32_t crc = 0;
    for (uint32_t i = 0; i < count; i++) {
        all[i] = parts[i];
        crc = crc32(crc, parts[i].at, parts[i].bytes);
    }
    for (uint32_t i = 0; i < 4; i++) {
        tail[i] = (uint8_t)(crc >> (8 * i));
    }
    all[count] = (frame_part_t){tail, 4};

    cursor_t read = {all, all + count + 1, 0};
    int byte;
    do {
        cursor_t ahead = read; // first find where the block ends, then send it: no buffer for the block
        uint8_t run = 0;
        while (run < 254 && next(&ahead) > 0) {
            run++;
        }
        port_put((uint8_t)(run + 1));
        for (uint8_t i = 0; i < run; i++) {
            port_put((uint8_t)next(&read));
        }
        ahead = read;
        byte = next(&ahead);
        if (run < 254 || byte < 0) {
            read = ahead; // the 0 that ended the block, or the end
        }
    } while (byte >= 0);
    port_put(0);
}
