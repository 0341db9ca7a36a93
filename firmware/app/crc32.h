// SPDX-License-Identifier: Apache-2.0
// CRC-32 as zlib and Ethernet compute it (reflected polynomial 0xEDB88320, start and final XOR 0xFFFFFFFF).
#ifndef CRC32_H
#define CRC32_H

#include <stdint.h>

// crc: 0 to start, or the result over the bytes before.  Returns the CRC over those bytes and `data`.
uint32_t crc32(uint32_t crc, const uint8_t *data, uint32_t bytes);

#endif
