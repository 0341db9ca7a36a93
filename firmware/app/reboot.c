// SPDX-License-Identifier: Apache-2.0
#include "reboot.h"

#include "frame.h"
#include "port.h"
#include "reply.h"

static uint8_t asked;

link_error_t reboot_request(const uint8_t *body, uint32_t bytes) {
    if (bytes != 4) {
        return LINK_BAD_LENGTH;
    }
    if (get_u32(body) != REBOOT_MAGIC) {
        return LINK_OUT_OF_BOUNDS;
    }
    if (!port_has_bootloader()) {
        return LINK_NO_BOOTLOADER;
    }
    asked = 1;
    return LINK_OK;
}

void reboot_if_asked(void) {
    if (asked) {
        asked = 0;
        port_put(0); // two bytes more: the reply's last one has left the UART when they were taken
        port_put(0);
        port_start_bootloader();
    }
}
