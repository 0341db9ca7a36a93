// SPDX-License-Identifier: Apache-2.0
//
// Test app: reads samples from standard input, runs the model on each, writes every node's output, as it lies in the
// arena, to standard output, and the logits once more when the run is over.
#include <stdio.h>
#include <stdlib.h>

#include "bnn_model.h"

static uint8_t *arena;

static void emit(const bnn_tensor_t *tensor) {
    if (fwrite(arena + tensor->offset, 1, tensor->bytes, stdout) != tensor->bytes) exit(1);
}

void bnn_model_after(uint16_t node) {
    emit(&bnn_model.outputs[node]);
}

int main(void) {
    arena = malloc(bnn_model.arena_bytes); // exact, so that a sanitizer sees the end
    if (arena == NULL) return 1;
    while (fread(arena, 1, bnn_model.input_bytes, stdin) == bnn_model.input_bytes) {
        bnn_model_run(arena, (uint16_t)(bnn_model.nodes - 1));
        emit(&bnn_model.logits_at);
        emit(&bnn_model.input);
    }
    free(arena);
    return 0;
}
