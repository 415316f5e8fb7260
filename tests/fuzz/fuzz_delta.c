/* libFuzzer entry: bytes as a delta file, whose checksum is made to fit; and as the payload
 * of each codec. What is read is described, applied, inverted, merged, received, written.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ilib \
 *     tests/fuzz/fuzz_delta.c lib/lnsp_all.c -lm -o fuzz_delta
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blake2s.h"
#include "base/digest.h"
#include "base/token.h"
#include "delta/codec_config.h"
#include "delta/delta.h"
#include "delta/delta_file.h"
#include "delta/stages.h"
#include "graph/graph.h"
#include "run/model.h"
#include "train/trainer.h"
#include "lnsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_NET                                            \
  "lnsp 1\nx = input 20\nh = linear x 30 w=a\nh = gelu h\n" \
  "o = linear h 20 w=b\noutput output=o\n"
#define FUZZ_DIGITS 48 /* where the checksum's 64 digits begin */

static lnsp_model *fuzz_base;
static uint8_t fuzz_hash[32];

#define FUZZ_MAC "\",\"lnsp.delta.mac\":\"" /* follows them, where there is a code */
#define FUZZ_CODE (FUZZ_DIGITS + 64 + sizeof(FUZZ_MAC) - 1)

static lnsp_trainer *fuzz_server;
static const char fuzz_key[] = "the key of the fuzzer";

/* Checksum and code as someone writes them who knows the key. */
static void fuzz_seal(uint8_t *file, size_t bytes) {
  lnspi_blake2s hash;
  uint8_t digest[32], code[32];
  char digits[65];
  if (bytes < FUZZ_DIGITS + 64) return;
  int coded = bytes >= FUZZ_CODE + 64 &&
              !memcmp(file + FUZZ_DIGITS + 64, FUZZ_MAC, sizeof(FUZZ_MAC) - 1);
  memset(file + FUZZ_DIGITS, '0', 64);
  if (coded) memset(file + FUZZ_CODE, '0', 64);
  lnspi_blake2s_init(&hash);
  lnspi_blake2s_update(&hash, file, bytes);
  lnspi_blake2s_final(&hash, digest);
  lnspi_digest_to_hex(digest, digits);
  memcpy(file + FUZZ_DIGITS, digits, 64);
  lnspi_delta_file_mac(digest, fuzz_key, sizeof fuzz_key, code);
  lnspi_digest_to_hex(code, digits);
  if (coded) memcpy(file + FUZZ_CODE, digits, 64);
}

/* As a server takes it: measured, checked, one of several, a step's gradient. What can be
 * measured is all that the others need. */
static void fuzz_receive(lnsp_delta *delta) {
  static const char *const rules[] = {"mean", "median clip=median", "trimmed share=.3 clip=.01",
                                      "mean skip=1 clip=median"};
  const lnsp_delta *const three[] = {delta, delta, delta};
  lnsp_delta_check_options needs = {.struct_size = sizeof needs,
                                    .max_norm = 1,
                                    .max_change = .5};
  lnsp_delta *sum = NULL;
  lnsp_model *out = NULL;
  double norm = -1, most = -1;
  int known = lnsp_delta_norm(delta, fuzz_base, &norm, &most, NULL, NULL) == LNSP_OK;
  if (known && !(norm >= most && most >= 0 && norm <= 1e300)) abort();
  if (!known && norm >= 0) abort();
  if (delta->has_mac) needs.key = fuzz_key, needs.key_bytes = sizeof fuzz_key;
  int32_t status = lnsp_delta_check(delta, fuzz_base, &needs, NULL, NULL);
  if (status == LNSP_OK && !(known && norm <= 1 && most <= .5)) abort();
  if (lnsp_delta_accept(delta, fuzz_base, &needs, NULL, &out, NULL) == LNSP_OK && status)
    abort();
  lnsp_model_destroy(out);
  int32_t why[3] = {-1, -1, -1};
  status = lnsp_delta_aggregate(fuzz_base, three, NULL, 3, rules[delta->digest[0] & 3], NULL,
                                why, &sum, NULL);
  if (!known && status == LNSP_OK) abort();
  if (known && most < 1e30 && (status != LNSP_OK || why[0] != LNSP_OK)) abort();
  if ((status == LNSP_OK) != (sum != NULL)) abort();
  lnsp_delta_destroy(sum);
  if (lnsp_trainer_rollback(fuzz_server, 0, NULL) != LNSP_OK) abort();
  status = lnsp_trainer_step_delta(fuzz_server, delta, NULL);
  if (status == LNSP_OK && !known) abort();
  if (known && most < 1e30 && status != LNSP_OK) abort();
}

/* Applies it as if its hashes were right: what a sender can do who knows them. */
static void fuzz_apply(lnsp_delta *delta) {
  lnsp_model *out = NULL;
  memcpy(delta->base, fuzz_hash, 32);
  fuzz_receive(delta);
  if (lnsp_delta_apply(delta, fuzz_base, NULL, &out, NULL) == LNSP_OK) {
    uint8_t hash[32];
    lnspi_model_hash(out, hash);
    if (memcmp(hash, delta->result, 32)) abort();
  }
  lnsp_model_destroy(out);
}

static void fuzz_use(const uint8_t *file, size_t bytes) {
  lnsp_delta *delta = NULL, *back = NULL, *merged = NULL;
  lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;
  size_t size = 0;
  if (lnsp_delta_open_memory(file, bytes, NULL, &delta, NULL) != LNSP_OK) return;
  if (lnsp_delta_get_info(delta, &facts, NULL) != LNSP_OK) abort();
  lnsp_delta_save_memory(delta, NULL, 0, &size, NULL);
  uint8_t *again = malloc(size);
  if (!again || lnsp_delta_save_memory(delta, again, size, NULL, NULL) != LNSP_OK) abort();
  free(again);
  if ((lnsp_delta_invert(delta, NULL, &back, NULL) == LNSP_OK) != facts.exact) abort();
  if (back) {
    const lnsp_delta *const both[] = {delta, back};
    if (2 * facts.stage_count <= 64 &&
        lnsp_delta_merge(both, 2, NULL, &merged, NULL) != LNSP_OK)
      abort();
    if (lnspi_graph_equal(delta->graph, fuzz_base->graph)) fuzz_apply(back);
  }
  if (lnspi_graph_equal(delta->graph, fuzz_base->graph)) fuzz_apply(delta);
  lnsp_delta_destroy(delta);
  lnsp_delta_destroy(back);
  lnsp_delta_destroy(merged);
}

/* The bytes as the payload of a codec, in a file that is right otherwise. */
static void fuzz_payload(const uint8_t *data, size_t size) {
  static const char *const settings[] = {"exact",          "int8 block=64",    "int5 block=8",
                                         "int4 block=256", "sparse share=0.1", "sign",
                                         "float16",        "float32"};
  lnspi_delta_shape shape = {1, 0, size - 1, 512, 0};
  lnsp_options options = LNSP_OPTIONS_INIT;
  lnsp_delta *delta = NULL;
  lnspi_token only;
  if (lnspi_delta_blank(fuzz_base->graph, &shape, &options, &delta, NULL) != LNSP_OK) abort();
  lnspi_delta_stage *stage = &delta->stages[0];
  if (lnspi_codec_config_parse(settings[data[0] & 7], &stage->config, &only, NULL) != LNSP_OK)
    abort();
  stage->back = stage->config.codec->exact && data[0] >> 7;
  for (int32_t i = 0; i < delta->graph->weight_count; i++)
    stage->tensors[i] = data[0] >> (3 + i % 4) & 1;
  stage->bytes = delta->bytes = size - 1;
  memcpy(delta->payload, data + 1, size - 1);
  lnspi_stages_write(delta);
  memcpy(delta->base, fuzz_hash, 32);
  memcpy(delta->result, fuzz_hash, 32);
  if (size & 1 &&
      lnsp_delta_stamp(delta, "fuzz", 1 + size, fuzz_key, sizeof fuzz_key, NULL) != LNSP_OK)
    abort();
  fuzz_apply(delta);
  size_t bytes = 0;
  lnsp_delta_save_memory(delta, NULL, 0, &bytes, NULL);
  uint8_t *file = malloc(bytes);
  if (!file || lnsp_delta_save_memory(delta, file, bytes, NULL, NULL) != LNSP_OK) abort();
  fuzz_use(file, bytes);
  free(file);
  lnsp_delta_destroy(delta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!fuzz_base) {
    const lnsp_size_options limits = {.struct_size = sizeof limits, .max_marks = 1};
    if (lnsp_model_create(FUZZ_NET, 1, NULL, &fuzz_base, NULL) != LNSP_OK) abort();
    lnspi_model_hash(fuzz_base, fuzz_hash);
    if (lnsp_trainer_create(fuzz_base, NULL, "adam lr=.01", &limits, NULL, &fuzz_server,
                            NULL) != LNSP_OK ||
        lnsp_trainer_mark(fuzz_server, NULL) != LNSP_OK)
      abort();
  }
  uint8_t *copy = malloc(size + 1); /* reads past the end are seen */
  if (!copy) abort();
  if (size) memcpy(copy, data, size);
  fuzz_seal(copy, size);
  fuzz_use(copy, size);
  free(copy);
  if (size) fuzz_payload(data, size);
  return 0;
}
