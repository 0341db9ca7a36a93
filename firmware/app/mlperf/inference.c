// SPDX-License-Identifier: Apache-2.0
// Scores.  The runner divides scores by their sum: they must not be negative, and not all 0.  A logit becomes its
// distance from one below the smallest, over the sum of these distances; with 12 decimals equal scores are equal
// logits, and the greater logit has the greater score.
#include "inference.h"

#include <stdbool.h>
#include <stdint.h>

#include "bnn_model.h"
#include "clock.h"
#include "input.h"
#include "say.h"
#include "words.h"

#define MOST_RUNS 1000000u
#define WARMUPS 10u

_Static_assert(BNN_LOGITS <= 128u, "12 decimals tell two scores apart while 2^32 times their number is below 10^12");

static bool ran; // the logits are those of a run

void bnn_model_after(uint16_t node) {
    (void)node;
    (void)clock_us(); // a long run of runs outlasts the counter's 32 bits
}

static void run(uint32_t times) {
    for (; times > 0; times--) {
        bnn_model_run(input_arena(), (uint16_t)(bnn_model.nodes - 1));
    }
}

static void lap(void) {
    say_between("m-lap-us-", clock_us(), "\r\n");
}

void inference_results(void) {
    if (!ran) {
        say_error("Nothing was inferred");
        return;
    }
    const int32_t *logits = (const int32_t *)(const void *)(input_arena() + bnn_model.logits_at.offset);
    int32_t least = logits[0];
    for (uint32_t i = 1; i < bnn_model.logits; i++) {
        least = logits[i] < least ? logits[i] : least;
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < bnn_model.logits; i++) {
        sum += (uint64_t)((int64_t)logits[i] - least + 1);
    }
    for (uint32_t i = 0; i < bnn_model.logits; i++) {
        say(i == 0 ? "m-results-[" : ",");
        say_fraction((uint64_t)((int64_t)logits[i] - least + 1), sum);
    }
    say("]\r\n");
}

void inference_command(char *rest) {
    uint32_t runs = 1, warmups = WARMUPS;
    const char *first = next_word(&rest), *second = next_word(&rest);
    if (*first != '\0' && (!read_number(first, MOST_RUNS, &runs) || runs == 0)) {
        say_error("Inference iterations must be 1 to 1000000");
        return;
    }
    if (*second != '\0' && !read_number(second, MOST_RUNS, &warmups)) {
        say_error("Inference warmup must be 0 to 1000000");
        return;
    }
    if (!input_complete()) {
        say_error("No whole input was loaded");
        return;
    }
    say_between("m-warmup-start-", warmups, "\r\n");
    run(warmups);
    say("m-warmup-done\r\n");
    say_between("m-infer-start-", runs, "\r\n");
    lap();
    run(runs);
    lap();
    ran = true;
    say("m-infer-done\r\n");
    inference_results();
}
