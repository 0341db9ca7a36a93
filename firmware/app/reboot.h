// SPDX-License-Identifier: Apache-2.0
// The link's BOOTLOADER request: the board goes into its ROM bootloader, so that nobody has to press a button.
#ifndef REBOOT_H
#define REBOOT_H

#include <stdint.h>

#include "link.h"

#define REBOOT_MAGIC 0x544F4F42u // "BOOT": what the request's body has to be, so that no stray frame reboots a board

link_error_t reboot_request(const uint8_t *body, uint32_t bytes);
void reboot_if_asked(void); // called once the reply is out; does not return where a reboot was asked for

#endif
