// SPDX-License-Identifier: Apache-2.0
// Sends back every byte it gets; starts with one line that tells the board's name.
#include "board.h"
#include "port.h"
#include "startup.h"

int main(void) {
    port_init();
    for (const char *text = BOARD_NAME; *text != '\0'; text++) {
        port_put((uint8_t)*text);
    }
    port_put('\n');
    for (;;) {
        int byte = port_get();
        if (byte >= 0) {
            port_put((uint8_t)byte);
        }
    }
}
