// SPDX-License-Identifier: Apache-2.0
// The device application that MLPerf Tiny's runner drives, in place of ../main.c (docs/mlperf.md).
#include "clock.h"
#include "commands.h"
#include "port.h"

int main(void) {
    port_init();
    commands_begin();
    for (;;) {
        const int byte = port_get();
        if (byte >= 0) {
            commands_feed((uint8_t)byte);
        }
        (void)clock_us(); // while nothing comes as well: a wrap of the counter is seen
    }
}
