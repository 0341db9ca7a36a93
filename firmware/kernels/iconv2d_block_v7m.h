// SPDX-License-Identifier: Apache-2.0
//
// The loop of iconv2d_block.h for cores with Thumb-2.
// Four sums are in r2, r3, r12, lr; the window in r4-r7, a channel's weights in r8-r11; no register is left, so that what the
// loop is bounded by lies in memory.  FINISH uses up the sums.
#ifndef ICONV2D_BLOCK_V7M_H
#define ICONV2D_BLOCK_V7M_H

#define BLOCK 4u // words of a channel

#if BNN_SIMD
#define MAC "smlad "
#else
#define MAC "mla "
#endif
#define OF_TWO(s) "ldm r1!, {r8, r9}\n" MAC s ", r4, r8, " s "\n" MAC s ", r5, r9, " s "\n"
#define OF_FOUR(s)                                                                                                     \
    "ldm r1!, {r8-r11}\n" MAC s ", r4, r8, " s "\n" MAC s ", r5, r9, " s "\n" MAC s ", r6, r10, " s "\n" MAC s         \
    ", r7, r11, " s "\n"
#define BLOCKS(FINISH)                                                                                                 \
    "ldr r1, %[weights]\n"                                                                                             \
    "1: ldr r4, %[start]\n"                                                                                            \
    "ldm r4!, {r2, r3, r12, lr}\n"                                                                                     \
    "str r4, %[start]\n"                                                                                               \
    "ldr r0, %[window]\n"                                                                                              \
    "ldr r4, %[short_block]\n"                                                                                         \
    "cbz r4, 2f\n"                                                                                                     \
    "ldm r0!, {r4, r5}\n" OF_TWO("r2") OF_TWO("r3") OF_TWO("r12") OF_TWO("lr") "2: ldm r0!, {r4-r7}\n" OF_FOUR("r2")   \
        OF_FOUR("r3") OF_FOUR("r12") OF_FOUR("lr") "ldr r8, %[window_end]\n"                                           \
                                                   "cmp r0, r8\n"                                                      \
                                                   "bne 2b\n" FINISH "ldr r8, %[weights_end]\n"                        \
                                                   "cmp r1, r8\n"                                                      \
                                                   "bne 1b\n"
#define RUN_BLOCKS(FINISH, into)                                                                                       \
    __asm__ volatile(BLOCKS(FINISH)                                                                                    \
                     : [start] "+m"(call.start), [to] "+m"(into)                                                       \
                     : [window] "m"(call.window), [window_end] "m"(call.window_end), [weights] "m"(call.weights),      \
                       [weights_end] "m"(call.weights_end), [short_block] "m"(call.short_block)                        \
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",    \
                       "memory")
#define SHIFT_IN(s) "adds " s ", " s ", " s "\nadcs r9, r9, r9\n"

// Bits of sums below 0; the first channel's is the highest, above it are ones.
static __attribute__((noinline)) uint32_t block_signs(block_call_t call) {
    uint32_t bits = 0xFFFFFFFFu;
    RUN_BLOCKS("ldr r9, %[to]\n" SHIFT_IN("r2") SHIFT_IN("r3") SHIFT_IN("r12") SHIFT_IN("lr") "str r9, %[to]\n", bits);
    return bits;
}

static __attribute__((noinline)) void block_sums(block_call_t call, int32_t *sums) {
    RUN_BLOCKS("ldr r8, %[to]\nstm r8!, {r2, r3, r12, lr}\nstr r8, %[to]\n", sums);
}

#endif
