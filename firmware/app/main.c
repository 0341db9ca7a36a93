// SPDX-License-Identifier: Apache-2.0
// The device application: every byte received goes to the link, for ever.
#include "link.h"
#include "port.h"

int main(void) {
    port_init();
    for (;;) {
        const int byte = port_get();
        if (byte >= 0) {
            link_feed((uint8_t)byte);
        }
    }
}
