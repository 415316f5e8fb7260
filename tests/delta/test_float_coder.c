/* The word coder: round trips both ways in any pieces, hostile streams, golden bytes. */
#include "check.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "delta/float_coder.h"
#include "lnsp.h"
#include "splitmix.h"

#define MOST 20000

static uint32_t base[MOST], next[MOST], copy[MOST];
static uint8_t bytes[4 * MOST + 1000];
static size_t used, room, broken_after;
static lnspi_float_encoder writer;
static lnspi_float_decoder reader;

static int32_t emit(void *user, const void *from, size_t count) {
  (void)user;
  if (used + count > room || used + count > broken_after) return 1;
  memcpy(bytes + used, from, count);
  used += count;
  return 0;
}

static int32_t fetch(void *user, void *to, size_t count) {
  (void)user;
  if (count > room - used) return 1;
  memcpy(to, bytes + used, count);
  used += count;
  return 0;
}

static size_t piece(size_t left) {
  size_t n = 1 + (size_t)(random_bits() % 3000);
  return n < left ? n : left;
}

static int32_t encode(size_t count, int whole) {
  int32_t status = LNSP_OK;
  used = 0;
  room = sizeof bytes;
  lnspi_float_coder_write_start(&writer, emit, NULL);
  for (size_t at = 0, n; !status && at < count; at += n) {
    n = whole ? count : piece(count - at);
    status = lnspi_float_coder_write(&writer, base + at, next + at, n);
  }
  if (!status) status = lnspi_float_coder_write_end(&writer);
  room = used;
  return status;
}

static int32_t decode(size_t count, int back) {
  int32_t status = LNSP_OK;
  memcpy(copy, back ? next : base, sizeof copy);
  used = 0;
  lnspi_float_coder_read_start(&reader, fetch, NULL, count);
  for (size_t at = 0, n; !status && at < count; at += n) {
    n = piece(count - at);
    status = lnspi_float_coder_read(&reader, copy + at, n, back);
  }
  return status;
}

static void both_ways(size_t count, const char *what) {
  int32_t status = encode(count, 0);
  CHECK_SAY(status == LNSP_OK, "%s: encode says %d", what, (int)status);
  CHECK_SAY(room <= lnspi_float_coder_bound(count), "%s: %zu bytes are over the bound", what,
            room);
  CHECK(writer.total == room);
  for (int back = 0; back < 2; back++) {
    status = decode(count, back);
    CHECK_SAY(status == LNSP_OK, "%s, back %d: decode says %d", what, back, (int)status);
    CHECK_SAY(!memcmp(copy, back ? base : next, 4 * count), "%s, back %d: other words", what,
              back);
    CHECK(used == room && reader.total == room);
  }
}

static float uniform(void) { return (float)(random_bits() >> 40) * 0x1p-23f - 1; }

/* What a training step does: changes of one size beside weights of many. */
static void fill_step(size_t count, float size) {
  random_state = 5;
  for (size_t i = 0; i < count; i++) {
    float w = uniform() * .1f, d = size * (1 + .01f * uniform());
    base[i] = lnspi_float_bits(w);
    next[i] = lnspi_float_bits(uniform() < 0 ? w - d : w + d);
  }
}

static void fill_random(size_t count, uint64_t seed) {
  random_state = seed;
  for (size_t i = 0; i < count; i++) {
    base[i] = (uint32_t)random_bits();
    next[i] = (uint32_t)random_bits();
  }
}

static void round_trips(void) {
  static const size_t counts[] = {0, 1, 2, 3, 1023, 1024, 1025, 2048, 5000, MOST};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    fill_step(counts[i], 1e-3f);
    both_ways(counts[i], "a step");
    fill_random(counts[i], 9);
    both_ways(counts[i], "random words");
    memcpy(next, base, sizeof next);
    both_ways(counts[i], "nothing changed");
    if (counts[i] > 1) next[counts[i] / 2] ^= 0x80000000u;
    both_ways(counts[i], "one sign changed");
    for (size_t k = 0; k < counts[i]; k++) base[k] = 1000, next[k] = 1001;
    both_ways(counts[i], "ages");
  }
}

/* Each word that is special, beside every other one. */
static void special_words(void) {
  static const uint32_t some[] = {0,           1,           0x7FFFFFFFu, 0x80000000u,
                                  0x80000001u, 0xFFFFFFFFu, 0x7F800000u, 0xFF800000u,
                                  0x7FC00000u, 0x007FFFFFu, 0x00800000u, 0x3F800000u,
                                  0xBF800000u, 0x1F800000u, 0x40000000u};
  size_t n = sizeof some / sizeof *some, count = 0;
  for (size_t a = 0; a < n; a++)
    for (size_t b = 0; b < n; b++)
      for (int times = 0; times < 3; times++, count++)
        base[count] = some[a], next[count] = some[b];
  both_ways(count, "special words");
}

/* Chunks that do not shrink cost their words and little more; those behind them shrink. */
static void mixed_chunks(void) {
  fill_step(MOST, 1e-3f);
  for (size_t i = 3000; i < 9000; i++) next[i] = (uint32_t)random_bits();
  /* changes whose lengths look cheap, but are not foreseen: coded larger than raw */
  for (size_t i = 12000; i < 16000; i++) {
    uint32_t bits = (uint32_t)(random_bits() & 1 ? 30 : 31);
    base[i] = 0x3F000000u;
    next[i] = base[i] ^ (1u << bits) ^ (uint32_t)(random_bits() >> 34);
  }
  both_ways(MOST, "mixed");
  CHECK(room < 4 * MOST * 9 / 10);
  fill_random(MOST, 77);
  CHECK_INT(encode(MOST, 1), LNSP_OK);
  CHECK_SAY(room <= 4 * MOST + 4 * (MOST / 1024 + 1), "random words take %zu bytes", room);
}

static void sizes(void) {
  fill_step(MOST, 1e-3f);
  CHECK_INT(encode(MOST, 1), LNSP_OK);
  CHECK_SAY(room * 16 <= 4 * MOST * 10, "a step of 1e-3 takes %zu of %d bytes", room, 4 * MOST);
  memcpy(next, base, sizeof next);
  CHECK_INT(encode(MOST, 1), LNSP_OK);
  CHECK_INT(room, 2 * (MOST / 1024 + 1));
}

/* Whatever stands in the bytes, reading ends, in the words' own memory. */
static void hostile(void) {
  enum { COUNT = 2500 };
  int refused = 0;
  fill_step(COUNT, 1e-4f);
  CHECK_INT(encode(COUNT, 1), LNSP_OK);
  size_t size = room;
  for (size_t bit = 0; bit < 8 * size; bit += size > 3000 ? 3 : 1) {
    bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
    room = size;
    refused += decode(COUNT, 0) != LNSP_OK;
    decode(COUNT, 1);
    bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
  }
  CHECK_SAY(refused > 0, "no flip was refused");
  for (size_t cut = 0; cut < size; cut++) {
    room = cut;
    CHECK_SAY(decode(COUNT, 0) != LNSP_OK, "cut at %zu was not refused", cut);
  }
  for (int round = 0; round < 300; round++) {
    room = sizeof bytes;
    for (size_t i = 0; i < 12000; i++) bytes[i] = (uint8_t)(random_bits() >> 56);
    if (round % 2) bytes[0] = 0, bytes[1] = (uint8_t)(round & 15), bytes[2] = bytes[3] = 0;
    decode(COUNT, 0);
  }
  CHECK_INT(decode(0, 0), LNSP_OK);
  CHECK_INT(lnspi_float_coder_read(&reader, copy, 1, 0), LNSP_E_FORMAT); /* none was promised */
}

/* A flag that does not fit its words would make a stream that does not lead back. */
static void refuses_wrong_flags(void) {
  base[0] = 0x3F7FFFFFu, next[0] = 0x3F800000u; /* exponents differ */
  CHECK_INT(encode(1, 1), LNSP_OK);
  base[0] = 0x3F000000u; /* the same change within one exponent */
  CHECK_INT(decode(1, 0), LNSP_E_FORMAT);
}

/* The change of u by so much in the order of values. */
static uint32_t moved_by(uint32_t u, uint32_t change) {
  uint32_t order = (u >> 31 ? ~u : u | 0x80000000u) + change;
  return order >> 31 ? order & 0x7FFFFFFFu : ~order;
}

/* A chunk that coding makes larger, though its bits are few enough to try: it is written as
 * it is, and both sides forget what they learnt from it, which the chunk behind it needs. */
static void forgets(void) {
  const size_t chunk = LNSPI_FLOAT_CODER_CHUNK;
  random_state = 3;
  for (size_t i = 0; i < 3 * chunk; i++) {
    base[i] = 0x3F7FFFFFu;
    next[i] = 0x3F800000u;
    if (i / chunk != 1) continue;
    const uint32_t bits = (uint32_t)random_bits();
    base[i] = 0x20000000u | (bits & 0x1FFFFFFFu); /* 2^-63 to 1: a context each */
    const uint32_t change = 0x08000000u | (bits & 0x07FFFFFFu); /* 29 bits */
    next[i] = i & 1 ? moved_by(base[i], i % 16 == 1 ? change >> 1 : change)
                    : base[i] ^ 0x80000000u; /* 32 */
  }
  both_ways(3 * chunk, "a chunk between two others");
  CHECK_INT(encode(3 * chunk, 1), LNSP_OK);
  const size_t second = 4 + (size_t)lnspi_load16(bytes) + lnspi_load16(bytes + 2);
  CHECK_INT(lnspi_load16(bytes + second), 0xFFFE);
  const size_t third = second + 2 + 4 * chunk;
  CHECK(third < room && lnspi_load16(bytes + third) < chunk);
}

/* A chunk that says it has more bytes than its words: none of them is fetched. */
static void too_many_bytes(void) {
  static const uint16_t heads[][2] = {{4 * 1024, 1}, {1, 4 * 1024},    {0xFFFC, 0},
                                      {0, 0xFFFF},   {0xFFFC, 0xFFFF}, {2049, 2048}};
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
    memset(bytes, 0, sizeof bytes);
    lnspi_store16(bytes, heads[i][0]);
    lnspi_store16(bytes + 2, heads[i][1]);
    used = 0;
    room = sizeof bytes;
    lnspi_float_coder_read_start(&reader, fetch, NULL, 1024);
    memset(copy, 0, sizeof copy);
    CHECK_INT(lnspi_float_coder_read(&reader, copy, 1024, 0), LNSP_E_FORMAT);
    CHECK_INT(used, 4);
  }
}

static void emit_fails(void) {
  fill_step(MOST, 1e-3f);
  CHECK_INT(encode(MOST, 1), LNSP_OK);
  size_t size = room;
  for (broken_after = 0; broken_after < size; broken_after += 997)
    CHECK_INT(encode(MOST, 0), LNSP_E_IO);
  broken_after = (size_t)-1;
  CHECK_INT(encode(MOST, 0), LNSP_OK);
}

/* The same bytes on every CPU and from every compiler. */
static void golden(void) {
  fill_step(MOST, 1e-3f);
  for (size_t i = 3000; i < 6000; i++) next[i] = (uint32_t)random_bits();
  for (size_t i = 7000; i < 9500; i++) next[i] = base[i];
  CHECK_INT(encode(MOST, 1), LNSP_OK);
  CHECK_INT(room, 47037);
  CHECK_INT(lnspi_crc32c(0, bytes, room), 3177812237);
}

int main(void) {
  broken_after = (size_t)-1;
  RUN(round_trips);
  RUN(special_words);
  RUN(mixed_chunks);
  RUN(sizes);
  RUN(hostile);
  RUN(refuses_wrong_flags);
  RUN(forgets);
  RUN(too_many_bytes);
  RUN(emit_fails);
  RUN(golden);
  FINISH();
}
