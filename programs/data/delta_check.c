/* What --key, --max-norm and --max-change ask of a received delta. */
#include "data/delta_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "lnsp.h"

/* The bytes of --key; *bytes is 0 without it. */
int delta_check_key(const args *a, uint8_t key[LNSP_KEY_BYTES + 1], size_t *bytes) {
  const char *path = args_value(a, "--key");
  FILE *file;

  *bytes = 0;
  if (!path) return 0;
  file = fopen(path, "rb");
  if (!file)
    return refuse(a, "%s cannot be read; --key names a file of 1 to %d secret bytes", path,
                  LNSP_KEY_BYTES);
  *bytes = fread(key, 1, LNSP_KEY_BYTES + 1, file);
  fclose(file);
  if (*bytes >= 1 && *bytes <= LNSP_KEY_BYTES) return 0;
  return refuse(a, "%s has %s bytes; a key has 1 to %d", path, *bytes ? "more" : "no",
                LNSP_KEY_BYTES);
}

int delta_check_options(const args *a, uint8_t key[LNSP_KEY_BYTES + 1],
                        lnsp_delta_check_options *rules) {
  size_t bytes = 0;
  int status = delta_check_key(a, key, &bytes);

  memset(rules, 0, sizeof *rules);
  rules->struct_size = sizeof *rules;
  rules->key = key;
  rules->key_bytes = (uint32_t)bytes;
  rules->max_norm = args_real(a, "--max-norm");
  rules->max_change = args_real(a, "--max-change");
  return status;
}
