// SPDX-License-Identifier: Apache-2.0
#include "facts.h"

#include "crc32.h"
#include "port.h"

link_error_t facts_stack(uint32_t bytes, reply_t *reply) {
    if (bytes != 0) {
        return LINK_BAD_LENGTH;
    }
    reply_u32(reply, port_stack_reserve());
    reply_u32(reply, port_stack_used());
    return LINK_OK;
}

link_error_t facts_image(uint32_t bytes, reply_t *reply) {
    if (bytes != 0) {
        return LINK_BAD_LENGTH;
    }
    uint32_t length;
    const uint8_t *image = port_image(&length);
    reply_u32(reply, length);
    reply_u32(reply, crc32(0, image, length));
    return LINK_OK;
}
