// SPDX-License-Identifier: Apache-2.0
// Runs of the model on the input that was loaded, timed, and its scores.
#ifndef INFERENCE_H
#define INFERENCE_H

// What follows `infer`: N [W], W warm-up runs (10 if left out) and N timed ones.  Says the answer, but for m-ready.
void inference_command(char *rest);

void inference_results(void); // m-results-[...] of the last run

#endif
