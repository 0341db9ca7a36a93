// SPDX-License-Identifier: Apache-2.0
//
// The loop of iconv2d_block.h for ARMv6-M: what multiplies is in r2-r7, the sums wait in r8-r11.
#ifndef ICONV2D_BLOCK_V6M_H
#define ICONV2D_BLOCK_V6M_H

#define BLOCK 2u // words of a channel: so none is short

// Two channels' products with two inputs.
#define TWO_CHANNELS(s, t)                                                                                             \
    "ldm r1!, {r4-r7}\n"                                                                                               \
    "muls r4, r2, r4\n"                                                                                                \
    "muls r5, r3, r5\n"                                                                                                \
    "muls r6, r2, r6\n"                                                                                                \
    "muls r7, r3, r7\n"                                                                                                \
    "add " s ", r4\n"                                                                                                  \
    "add " s ", r5\n"                                                                                                  \
    "add " t ", r6\n"                                                                                                  \
    "add " t ", r7\n"
#define BLOCKS(FINISH)                                                                                                 \
    ".syntax unified\n"                                                                                                \
    "ldr r1, %[weights]\n"                                                                                             \
    "1: ldr r0, %[start]\n"                                                                                            \
    "ldm r0!, {r2-r5}\n"                                                                                               \
    "str r0, %[start]\n"                                                                                               \
    "mov r8, r2\n"                                                                                                     \
    "mov r9, r3\n"                                                                                                     \
    "mov r10, r4\n"                                                                                                    \
    "mov r11, r5\n"                                                                                                    \
    "ldr r0, %[window]\n"                                                                                              \
    "ldr r2, %[window_end]\n"                                                                                          \
    "mov r12, r2\n"                                                                                                    \
    "2: ldm r0!, {r2, r3}\n" TWO_CHANNELS("r8", "r9") TWO_CHANNELS("r10", "r11") "cmp r0, r12\n"                       \
                                                                                 "bne 2b\n" FINISH                     \
                                                                                 "ldr r2, %[weights_end]\n"            \
                                                                                 "cmp r1, r2\n"                        \
                                                                                 "bne 1b\n"
#define RUN_BLOCKS(FINISH, into)                                                                                       \
    __asm__ volatile(BLOCKS(FINISH)                                                                                    \
                     : [start] "+m"(call.start), [to] "+m"(into)                                                       \
                     : [window] "m"(call.window), [window_end] "m"(call.window_end), [weights] "m"(call.weights),      \
                       [weights_end] "m"(call.weights_end)                                                             \
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "cc",          \
                       "memory")
#define SHIFT_IN(s) "mov r2, " s "\nadds r2, r2, r2\nadcs r3, r3, r3\n"

// Bits of sums below 0; the first channel's is the highest, above it are ones.
static __attribute__((noinline)) uint32_t block_signs(block_call_t call) {
    uint32_t bits = 0xFFFFFFFFu;
    RUN_BLOCKS("ldr r3, %[to]\n" SHIFT_IN("r8") SHIFT_IN("r9") SHIFT_IN("r10") SHIFT_IN("r11") "str r3, %[to]\n", bits);
    return bits;
}

static __attribute__((noinline)) void block_sums(block_call_t call, int32_t *sums) {
    RUN_BLOCKS("ldr r0, %[to]\n"
               "mov r2, r8\n"
               "mov r3, r9\n"
               "mov r4, r10\n"
               "mov r5, r11\n"
               "stm r0!, {r2-r5}\n"
               "str r0, %[to]\n",
               sums);
}

#endif
