// SPDX-License-Identifier: Apache-2.0
//
// The model as the rest of the firmware sees it.  firmware/app/model.c defines it from the rendered model.h.
#ifndef BNN_MODEL_H
#define BNN_MODEL_H

#include <stdint.h>

#include "bnn_model_size.h" // rendered: BNN_ARENA_BYTES, BNN_LOGITS, BNN_NODES, BNN_INPUT_BYTES

typedef struct {
    uint32_t offset; // bytes into the arena
    uint32_t bytes;
} bnn_tensor_t;

typedef struct {
    const char *name;
    uint8_t digest[8];           // names the program; equal programs, equal digests
    uint32_t input_bytes;        // uint8 image, HWC, at arena + 0; never overwritten by a node
    uint32_t arena_bytes;        // what the app must own, 8-byte aligned
    uint16_t nodes;              // number of nodes
    uint16_t logits;             // number of int32 logits
    bnn_tensor_t input;          // offset 0
    bnn_tensor_t logits_at;      // valid once the last node has run
    const bnn_tensor_t *outputs; // [nodes] where node k's output lies while node k has just run
} bnn_model_t;

extern const bnn_model_t bnn_model;

// Runs nodes 0..last (inclusive) in order.  The input stays, so running again up to a node brings its output back.
void bnn_model_run(uint8_t *arena, uint16_t last);

// Supplied by the app; called after every node.
void bnn_model_after(uint16_t node);

#endif
