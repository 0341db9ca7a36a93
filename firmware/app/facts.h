// SPDX-License-Identifier: Apache-2.0
// What the device finds out about itself: how deep its stack has been, which image lies in its flash.
#ifndef FACTS_H
#define FACTS_H

#include <stdint.h>

#include "link.h"
#include "reply.h"

// Neither takes a body; `bytes` is how long the one that came is.
link_error_t facts_stack(uint32_t bytes, reply_t *reply);
link_error_t facts_image(uint32_t bytes, reply_t *reply);

#endif
