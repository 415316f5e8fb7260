/* A delta of a file, and what --key, --max-norm and --max-change ask of it. */
#include "data/delta.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/refuse.h"
#include "lnsp.h"

const option delta_options[] = {
    {"--key", "FILE", "1 to 32 secret bytes: require the authentication code of this key",
     OPT_TEXT, OPT_VERBS("apply")},
    {"--max-norm", "X", "refuse a delta whose Euclidean norm is larger", OPT_REAL(0),
     OPT_VERBS("apply")},
    {"--max-change", "X", "refuse a delta that changes any weight by more", OPT_REAL(0),
     OPT_VERBS("apply")},
    {.name = NULL},
};

lnsp_delta *delta_load(const char *path) {
  lnsp_delta *delta = NULL;
  lnsp_error error;
  refuse_if(lnsp_delta_open(path, NULL, &delta, &error), path, &error);
  return delta;
}

void delta_key(const args *a, uint8_t key[LNSP_KEY_BYTES + 1], size_t *bytes) {
  const char *path = args_value(a, "--key");
  FILE *file = path ? fopen(path, "rb") : NULL;

  *bytes = 0;
  if (!path) return;
  if (!file)
    refuse("--key is '%s', which cannot be read: %s; name a file of 1 to %d secret bytes", path,
           strerror(errno), LNSP_KEY_BYTES);
  *bytes = fread(key, 1, LNSP_KEY_BYTES + 1, file);
  fclose(file);
  if (!*bytes || *bytes > LNSP_KEY_BYTES)
    refuse("the key '%s' has %s: make one of 1 to %d secret bytes", path,
           *bytes ? "too many bytes" : "no bytes", LNSP_KEY_BYTES);
}

lnsp_delta_check_options delta_rules(const args *a, uint8_t key[LNSP_KEY_BYTES + 1]) {
  lnsp_delta_check_options rules = LNSP_DELTA_CHECK_OPTIONS_INIT;
  size_t bytes;

  delta_key(a, key, &bytes);
  rules.key = key;
  rules.key_bytes = (uint32_t)bytes;
  rules.max_norm = args_real(a, "--max-norm");
  rules.max_change = args_real(a, "--max-change");
  return rules;
}

char *delta_codec(const args *a, const char *codec) {
  const char *only = args_value(a, "--only");
  return memory_format("%s%s%s", codec, only ? " only=" : "", only ? only : "");
}
