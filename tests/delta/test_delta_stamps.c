/* Stamps of deltas, as their senders and as strangers write them, and the texts of rules. */
#include "delta_cases.h"
#include "base/blake2s.h"
#include "base/digest.h"

/* The next delta of the same sender: the name is the one that info hands out. */
static void stamped_again(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "int8");
  lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;
  CHECK_INT(lnsp_delta_stamp(delta, "watch-17", 4, NULL, 0, &error), LNSP_OK);
  CHECK_INT(lnsp_delta_get_info(delta, &facts, &error), LNSP_OK);
  CHECK_INT(lnsp_delta_stamp(delta, facts.sender, facts.nonce + 1, NULL, 0, &error), LNSP_OK);
  CHECK_INT(lnsp_delta_get_info(delta, &facts, &error), LNSP_OK);
  CHECK_STR(facts.sender, "watch-17");
  CHECK(facts.nonce == 5);
  /* what is refused leaves the stamp as it was */
  CHECK_INT(lnsp_delta_stamp(delta, "no blanks", 9, NULL, 0, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_get_info(delta, &facts, &error), LNSP_OK);
  CHECK_STR(facts.sender, "watch-17");
  CHECK(facts.nonce == 5);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* A code is compared to its last byte, and one that differs there alone is refused. */
static void last_byte_of_a_code(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "int8");
  lnsp_delta_check_options rules = {.struct_size = sizeof rules, .key = "key", .key_bytes = 3};
  CHECK_INT(lnsp_delta_stamp(delta, NULL, 0, "key", 3, &error), LNSP_OK);
  CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_OK);
  for (int i = 0; i < LNSP_HASH_BYTES; i++) {
    delta->mac[i] ^= 1;
    CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_E_MISMATCH);
    delta->mac[i] ^= 1;
  }
  CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_OK);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* Replaces a text of the header by one of the same length, and makes the checksum fit. */
static int32_t resealed(const lnsp_delta *delta, const char *from, const char *to) {
  lnsp_delta *read = NULL;
  lnspi_blake2s hash;
  uint8_t digest[LNSP_HASH_BYTES];
  char digits[65];
  size_t bytes, at = 0;
  uint8_t *data = delta_bytes(delta, &bytes);
  while (at + strlen(from) < bytes && memcmp(data + at, from, strlen(from))) at++;
  CHECK_SAY(at + strlen(from) < bytes && strlen(from) == strlen(to), "no '%s'", from);
  memcpy(data + at, to, strlen(to));
  memset(data + 48, '0', 64);
  lnspi_blake2s_init(&hash);
  lnspi_blake2s_update(&hash, data, bytes);
  lnspi_blake2s_final(&hash, digest);
  lnspi_digest_to_hex(digest, digits);
  memcpy(data + 48, digits, 64);
  const int32_t status = lnsp_delta_open_memory(data, bytes, NULL, &read, &error);
  CHECK((status == LNSP_OK) == (read != NULL));
  lnsp_delta_destroy(read);
  free(data);
  return status;
}

/* Stamps that no stamp writes. */
static void stamps_of_strangers(void) {
  static const char *const nonces[] = {"00000000000000000000", "01844674407370955161",
                                       "18446744073709551616", "99999999999999999999",
                                       "1844674407370955161x", "+1844674407370955161",
                                       " 1844674407370955161", "-1844674407370955161"};
  static const char *const senders[] = {"watch 17", "watch;17",
                                        "watch\x7f"
                                        "17",
                                        "wat\xc3\xa9"
                                        "-17"};
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "int4");
  CHECK_INT(lnsp_delta_stamp(delta, "watch-17", UINT64_MAX, NULL, 0, &error), LNSP_OK);
  CHECK_INT(resealed(delta, "18446744073709551615", "18446744073709551614"), LNSP_OK);
  CHECK_INT(resealed(delta, "watch-17", "watch-18"), LNSP_OK);
  char changed[64], more[64];
  CHECK(delta->changed_count > 1000);
  snprintf(changed, sizeof changed, "lnsp.delta.changed\":\"%d\"", (int)delta->changed_count);
  snprintf(more, sizeof more, "lnsp.delta.changed\":\"%d\"",
           (int)delta->graph->parameter_count + 1);
  CHECK_INT(resealed(delta, changed, more), LNSP_E_FORMAT);
  snprintf(more, sizeof more, "lnsp.delta.changed\":\"%d\"",
           (int)delta->graph->parameter_count);
  CHECK_INT(resealed(delta, changed, more), LNSP_OK);
  snprintf(more, sizeof more, "lnsp.delta.changed\":\"0%d\"", (int)delta->changed_count % 1000);
  CHECK_INT(resealed(delta, changed, more), LNSP_E_FORMAT);
  for (size_t i = 0; i < sizeof nonces / sizeof *nonces; i++)
    CHECK_INT(resealed(delta, "18446744073709551615", nonces[i]), LNSP_E_FORMAT);
  for (size_t i = 0; i < sizeof senders / sizeof *senders; i++)
    CHECK_INT(resealed(delta, "watch-17", senders[i]), LNSP_E_FORMAT);
  CHECK_INT(lnsp_delta_stamp(delta, "watch-17", 7, NULL, 0, &error), LNSP_OK);
  CHECK_INT(resealed(delta, "nonce\":\"7\"", "nonce\":\"8\""), LNSP_OK);
  CHECK_INT(resealed(delta, "nonce\":\"7\"", "nonce\":\"0\""), LNSP_E_FORMAT); /* left out */
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* ---- texts --------------------------------------------------------------- */

static void patterns(void) {
  static const char *const bad[] = {"int4 only=,a.*", "int4 only=a.*,,b.*", "int4 only=a.*,",
                                    "int4 only=,"};
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    lnsp_delta *delta = NULL;
    CHECK_INT(lnsp_delta_create(base, next, bad[i], NULL, &delta, &error), LNSP_E_SYNTAX);
    CHECK(delta == NULL);
    lnsp_delta_destroy(delta);
  }
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* What a rule's text may be, and what not; no text is read beyond its end. */
static void rule_texts(void) {
  static const char *const bad[] = {"",
                                    " ",
                                    ";",
                                    "#",
                                    "=",
                                    "mean=",
                                    "mean =",
                                    "mean clip",
                                    "mean clip=",
                                    "mean clip=nan",
                                    "mean clip=inf",
                                    "mean clip=1e31",
                                    "mean clip=0",
                                    "mean skip=2",
                                    "mean skip=",
                                    "median share=.1",
                                    "trimmed share=-0.1",
                                    "trimmed share=nan",
                                    "mean; median",
                                    "mean clip=1 skip=1 skip=1",
                                    "mean a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i=9",
                                    "MEAN",
                                    "mean\xff",
                                    "trimmed share=.1 clip=median clip=2"};
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "int8"), *sum = NULL;
  const lnsp_delta *one[1] = {delta};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char *copy = malloc(strlen(bad[i]) + 1);
    strcpy(copy, bad[i]);
    const int32_t status =
        lnsp_delta_aggregate(base, one, NULL, 1, copy, NULL, NULL, &sum, &error);
    CHECK_SAY(status == LNSP_E_SYNTAX || status == LNSP_E_UNKNOWN || status == LNSP_E_LIMIT,
              "'%s' gave %s", bad[i], lnsp_status_name(status));
    CHECK(sum == NULL);
    free(copy);
  }
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

int main(void) {
  RUN(stamped_again);
  RUN(last_byte_of_a_code);
  RUN(stamps_of_strangers);
  RUN(patterns);
  RUN(rule_texts);
  FINISH();
}
