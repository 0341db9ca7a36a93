// SPDX-License-Identifier: Apache-2.0
// The image in flash, from its first byte to the last initial value of .data: what the build wrote into firmware.bin.
#include "port.h"

#include <stdint.h>

extern const uint8_t __image_start[], __image_end[]; // given by linker.ld

const uint8_t *port_image(uint32_t *bytes) {
    *bytes = (uint32_t)((uintptr_t)__image_end - (uintptr_t)__image_start);
    return __image_start;
}
