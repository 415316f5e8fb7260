/* libFuzzer entry: bytes as a delta file, whose checksum is made to fit; and as the payload
 * of each codec. What is read is described, applied, inverted, merged and written again.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ilib \
 *     tests/fuzz/fuzz_delta.c lib/lnsp_all.c -lm -o fuzz_delta
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta/delta.h"
#include "lnsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_NET \
  "lnsp 1\nx = input 20\nh = linear x 30 w=a\nh = gelu h\no = linear h 20 w=b\noutput output=o\n"
#define FUZZ_DIGITS 48 /* where the checksum's 64 digits begin */

static lnsp_model *fuzz_base;
static uint8_t fuzz_hash[32];

static void fuzz_seal(uint8_t *file, size_t bytes) {
  lnspi_blake2s hash;
  uint8_t digest[32];
  char digits[65];
  if (bytes < FUZZ_DIGITS + 64) return;
  memset(file + FUZZ_DIGITS, '0', 64);
  lnspi_blake2s_start(&hash);
  lnspi_blake2s_add(&hash, file, bytes);
  lnspi_blake2s_end(&hash, digest);
  lnspi_hex(digest, digits);
  memcpy(file + FUZZ_DIGITS, digits, 64);
}

/* Applies it as if its hashes were right: what a sender can do who knows them. */
static void fuzz_apply(lnsp_delta *delta) {
  lnsp_model *out = NULL;
  memcpy(delta->base, fuzz_hash, 32);
  if (lnsp_delta_apply(delta, fuzz_base, NULL, &out, NULL) == LNSP_OK) {
    uint8_t hash[32];
    lnspi_model_hash(out, hash);
    if (memcmp(hash, delta->result, 32)) abort();
  }
  lnsp_model_destroy(out);
}

static void fuzz_use(const uint8_t *file, size_t bytes) {
  lnsp_delta *delta = NULL, *back = NULL, *merged = NULL;
  lnsp_delta_facts facts = {.struct_size = sizeof facts};
  size_t size = 0;
  if (lnsp_delta_decode(file, bytes, NULL, &delta, NULL) != LNSP_OK) return;
  if (lnsp_delta_info(delta, &facts, NULL) != LNSP_OK) abort();
  lnsp_delta_encode(delta, NULL, 0, &size, NULL);
  uint8_t *again = malloc(size);
  if (!again || lnsp_delta_encode(delta, again, size, NULL, NULL) != LNSP_OK) abort();
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
  static const char *const settings[] = {"exact", "int8 block=64", "int5 block=8", "int4 block=256",
                                         "sparse share=0.1", "sign", "float16", "float32"};
  lnspi_delta_shape shape = {1, 0, size - 1, 512, 0};
  lnsp_options options = {.struct_size = sizeof options};
  lnsp_delta *delta = NULL;
  lnspi_word only;
  if (lnspi_delta_blank(fuzz_base->graph, &shape, &options, &delta, NULL) != LNSP_OK) abort();
  lnspi_delta_stage *stage = &delta->stages[0];
  if (lnspi_setting_parse(settings[data[0] & 7], &stage->setting, &only, NULL) != LNSP_OK) abort();
  stage->back = stage->setting.codec->exact && data[0] >> 7;
  for (int32_t i = 0; i < delta->graph->weight_count; i++)
    stage->tensors[i] = data[0] >> (3 + i % 4) & 1;
  stage->bytes = delta->bytes = size - 1;
  memcpy(delta->payload, data + 1, size - 1);
  lnspi_stages_write(delta);
  memcpy(delta->base, fuzz_hash, 32);
  memcpy(delta->result, fuzz_hash, 32);
  fuzz_apply(delta);
  size_t bytes = 0;
  lnsp_delta_encode(delta, NULL, 0, &bytes, NULL);
  uint8_t *file = malloc(bytes);
  if (!file || lnsp_delta_encode(delta, file, bytes, NULL, NULL) != LNSP_OK) abort();
  fuzz_use(file, bytes);
  free(file);
  lnsp_delta_destroy(delta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!fuzz_base) {
    if (lnsp_model_new(FUZZ_NET, 1, NULL, &fuzz_base, NULL) != LNSP_OK) abort();
    lnspi_model_hash(fuzz_base, fuzz_hash);
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
