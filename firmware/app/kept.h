// SPDX-License-Identifier: Apache-2.0
// Results of the last RUNs of a session that goes in order: a lost reply is sent again although the input and the logits
// in the arena are those of a later sample by then.
#ifndef KEPT_H
#define KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "bnn_model_size.h"
#include "reply.h"

#define KEPT_BUDGET 208u // bytes of RAM that all of them may take
#define KEPT_HEAD 12u    // header of the payload, label, pad, ticks

typedef struct {
    uint32_t crc; // of the request
    uint16_t seq; // of the request; 0: none
    uint8_t head[KEPT_HEAD];
    int32_t logits[BNN_LOGITS];
} kept_t;

#define KEPT_ALL (KEPT_BUDGET / sizeof(kept_t))
#define KEPT (KEPT_ALL < 8u ? KEPT_ALL : 8u) // how many; 0 where one alone would be too large

void kept_clear(void);
void kept_add(uint16_t seq, uint32_t crc, const reply_t *reply); // a RUN's reply that is about to be sent
bool kept_send(uint16_t seq, uint32_t crc);                      // false: it is none of those kept

#endif
