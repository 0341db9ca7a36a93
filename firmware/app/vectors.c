// SPDX-License-Identifier: Apache-2.0
//
// Runs the conformance vectors of the rendered vectors.h, on the host, an emulator or a board, and prints a line each:
//   case name=<name> status=ok ticks=<n>                           SysTick ticks of the call
//   case name=<name> status=fail at=(y,x,c) got=<v> want=<v>       the first element that differs
//   case name=<name> status=fail in=sums                           the output is right, its channel sums are not
//   case name=<name> status=fail past=<out|scratch>                a kernel wrote behind its buffer
//   done passed=<n> failed=<n>
// With VECTORS_QUIET defined, what passes prints nothing: a UART is slow.
#include <string.h>

#include "bnn_bits.h"
#include "port.h"
#include "vectors.h"

#define GUARD 16u  // bytes behind each buffer that no kernel may touch
#define FILL 0xA5u // what buffers hold before a kernel runs: neither 0 nor all ones

static uint64_t out[(VECTORS_OUT + GUARD + 7u) / 8u];
static uint64_t scratch[(VECTORS_SCRATCH + GUARD + 7u) / 8u];

static void print(const char *text) {
    while (*text) port_put((uint8_t)*text++);
}

static void print_int(int32_t value) {
    char digits[12];
    char *at = digits + sizeof digits - 1;
    uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    *at = 0;
    do {
        *--at = (char)('0' + rest % 10u);
        rest /= 10u;
    } while (rest);
    if (value < 0) *--at = '-';
    print(at);
}

static void print_field(const char *name, int32_t value) {
    print(name);
    print_int(value);
}

static int touched(const void *buffer, size_t bytes) {
    const uint8_t *guard = (const uint8_t *)buffer + bytes;
    for (size_t i = 0; i < GUARD; i++) {
        if (guard[i] != FILL) return 1;
    }
    return 0;
}

// Element i of a tensor; bits count their tail, so that a tail that is not 0 is found too.
static int32_t element(const vector_t *v, const void *tensor, size_t i) {
    if (v->kind == BNN_BIT) return (int32_t)bnn_bits((const uint32_t *)tensor + i / 32u, i % 32u, 1);
    return bnn_load(tensor, i, v->kind);
}

static void print_first_difference(const vector_t *v) {
    const size_t ch = v->kind == BNN_BIT ? 32u * BNN_WORDS(v->ch) : v->ch;
    for (size_t i = 0; i < (size_t)v->h * v->w * ch; i++) {
        const int32_t got = element(v, out, i), want = element(v, v->want, i);
        if (got == want) continue;
        print_field(" at=(", (int32_t)(i / ch / v->w));
        print_field(",", (int32_t)(i / ch % v->w));
        print_field(",", (int32_t)(i % ch));
        print_field(") got=", got);
        print_field(" want=", want);
        return;
    }
    print(" in=sums");
}

static int run(const vector_t *v) {
    memset(out, FILL, sizeof out);
    memset(scratch, FILL, sizeof scratch);
    const port_clock_t clock = port_clock();
    const uint32_t start = clock();
    v->call(out, scratch);
    const uint32_t ticks = clock() - start;
    const int out_past = touched(out, v->bytes), scratch_past = touched(scratch, v->scratch);
    const int equal = memcmp(out, v->want, v->bytes) == 0;
    const int ok = equal && !out_past && !scratch_past;
#ifdef VECTORS_QUIET
    if (ok) return ok;
#endif
    print("case name=");
    print(v->name);
    print(ok ? " status=ok" : " status=fail");
    if (!equal) print_first_difference(v);
    if (out_past) print(" past=out");
    if (scratch_past) print(" past=scratch");
    if (ok) print_field(" ticks=", (int32_t)(ticks & 0x7FFFFFFFu));
    print("\n");
    return ok;
}

int main(void) {
    int32_t passed = 0, failed = 0;
    port_init();
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        if (run(&vectors[i])) {
            passed++;
        } else {
            failed++;
        }
    }
    print_field("done passed=", passed);
    print_field(" failed=", failed);
    print("\n");
    port_exit(failed != 0);
}
