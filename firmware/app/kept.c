// SPDX-License-Identifier: Apache-2.0
#include "kept.h"

#include <string.h>

#include "frame.h"

static kept_t kept[KEPT == 0 ? 1 : KEPT];
static uint32_t newest;

void kept_clear(void) {
    memset(kept, 0, sizeof kept);
}

void kept_add(uint16_t seq, uint32_t crc, const reply_t *reply) {
    if (KEPT == 0 || reply->parts != 2 || reply->part[0].bytes != KEPT_HEAD ||
        reply->part[1].bytes != sizeof kept[0].logits) {
        return;
    }
    newest = newest + 1u < KEPT ? newest + 1u : 0;
    kept_t *to = &kept[newest];
    to->crc = crc;
    to->seq = seq;
    memcpy(to->head, reply->part[0].at, KEPT_HEAD);
    memcpy(to->logits, reply->part[1].at, sizeof to->logits);
}

bool kept_send(uint16_t seq, uint32_t crc) {
    for (uint32_t i = 0; i < KEPT; i++) {
        if (seq != 0 && kept[i].seq == seq && kept[i].crc == crc) {
            const frame_part_t parts[2] = {{kept[i].head, KEPT_HEAD},
                                           {(const uint8_t *)kept[i].logits, sizeof kept[i].logits}};
            frame_send(parts, 2);
            return true;
        }
    }
    return false;
}
