// SPDX-License-Identifier: Apache-2.0
#ifndef BNN_MODEL_SIZE_H
#define BNN_MODEL_SIZE_H

#define BNN_INPUT_BYTES 360
#define BNN_ARENA_BYTES 1112
#define BNN_LOGITS 7
#define BNN_NODES 3

#endif
