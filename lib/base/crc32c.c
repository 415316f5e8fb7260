/* CRC-32C (Castagnoli), reflected polynomial 0x82f63b78, four bytes at a time ("slicing by
 * four", Kounavis and Berry 2005): the remainder is linear, so that of four bytes is the sum
 * of four table entries, each for a byte followed by 3, 2, 1 or 0 zero bytes. The store uses
 * it against accidents; its chain of hashes is for what is no accident. */
/* Hot: built for speed. */
#include "base/crc32c.h"

#include "base/bytes.h"

/* Entry i of a table is the remainder of the byte i, which is linear in its bits: b0 is that
 * of the highest bit, b7 that of the lowest. */
#define CRC32C_1(i, b0, b1, b2, b3, b4, b5, b6, b7)                                         \
  (((i) & 128 ? b0 : 0) ^ ((i) & 64 ? b1 : 0) ^ ((i) & 32 ? b2 : 0) ^ ((i) & 16 ? b3 : 0) ^ \
   ((i) & 8 ? b4 : 0) ^ ((i) & 4 ? b5 : 0) ^ ((i) & 2 ? b6 : 0) ^ ((i) & 1 ? b7 : 0))
#define CRC32C_4(i, ...)                                                                \
  CRC32C_1(i, __VA_ARGS__), CRC32C_1(i + 1, __VA_ARGS__), CRC32C_1(i + 2, __VA_ARGS__), \
      CRC32C_1(i + 3, __VA_ARGS__)
#define CRC32C_16(i, ...)                                                               \
  CRC32C_4(i, __VA_ARGS__), CRC32C_4(i + 4, __VA_ARGS__), CRC32C_4(i + 8, __VA_ARGS__), \
      CRC32C_4(i + 12, __VA_ARGS__)
#define CRC32C_64(i, ...)                                                                    \
  CRC32C_16(i, __VA_ARGS__), CRC32C_16(i + 16, __VA_ARGS__), CRC32C_16(i + 32, __VA_ARGS__), \
      CRC32C_16(i + 48, __VA_ARGS__)
#define CRC32C_256(...)                                                                \
  {CRC32C_64(0, __VA_ARGS__), CRC32C_64(64, __VA_ARGS__), CRC32C_64(128, __VA_ARGS__), \
   CRC32C_64(192, __VA_ARGS__)}

/* Table n is for a byte with n zero bytes behind it. The 32 constants are the polynomial and
 * what the register holds 1 to 31 shifts later; tests/base/test_base.c computes the tables
 * again. */
static const uint32_t crc32c_table[4][256] = {
    CRC32C_256(0x82f63b78u, 0x417b1dbcu, 0x20bd8edeu, 0x105ec76fu, 0x8ad958cfu, 0xc79a971fu,
               0xe13b70f7u, 0xf26b8303u),
    CRC32C_256(0xfbc3faf9u, 0xff17c604u, 0x7f8be302u, 0x3fc5f181u, 0x9d14c3b8u, 0x4e8a61dcu,
               0x274530eeu, 0x13a29877u),
    CRC32C_256(0x8b277743u, 0xc76580d9u, 0xe144fb14u, 0x70a27d8au, 0x38513ec5u, 0x9edea41au,
               0x4f6f520du, 0xa541927eu),
    CRC32C_256(0x52a0c93fu, 0xaba65fe7u, 0xd725148bu, 0xe964b13du, 0xf64463e6u, 0x7b2231f3u,
               0xbf672381u, 0xdd45aab8u),
};

uint32_t lnspi_crc32c(uint32_t crc, const void *data, size_t bytes) {
  const uint8_t *at = data;
  crc = ~crc;
  for (; bytes >= 4; bytes -= 4, at += 4) {
    crc ^= lnspi_load32(at);
    crc = crc32c_table[3][crc & 255] ^ crc32c_table[2][crc >> 8 & 255] ^
          crc32c_table[1][crc >> 16 & 255] ^ crc32c_table[0][crc >> 24];
  }
  while (bytes--) crc = crc32c_table[0][(crc ^ *at++) & 255] ^ (crc >> 8);
  return ~crc;
}
