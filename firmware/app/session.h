// SPDX-License-Identifier: Apache-2.0
// What the requests of the link protocol do: load the input, run the model, read tensors, totals and layer times.
#ifndef SESSION_H
#define SESSION_H

#include <stdint.h>

#include "link.h"
#include "reply.h"

// A new session: forget the input, the totals and the layer times.
void session_begin(uint32_t number);

// Carry out a request and add the body of its reply.  On an error nothing has changed and nothing was added; *detail is
// what the contract says for that code.
link_error_t session_request(uint8_t type, const uint8_t *body, uint32_t bytes, reply_t *reply, uint32_t *detail);

#endif
