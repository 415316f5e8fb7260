/* A delta of a file, and what --key, --max-norm and --max-change ask of it. */
#ifndef DATA_DELTA_H
#define DATA_DELTA_H

#include "cli/args.h"
#include "lnsp.h"

extern const option delta_options[]; /* of the verb apply */

lnsp_delta *delta_load(const char *path);
/* The bytes of --key; *bytes is 0 without it. */
void delta_key(const args *a, uint8_t key[LNSP_KEY_BYTES + 1], size_t *bytes);
/* The rules point into key, which is to be cleared behind them. */
lnsp_delta_check_options delta_rules(const args *a, uint8_t key[LNSP_KEY_BYTES + 1]);
/* The codec's text with the tensors that --only names; to be freed. */
char *delta_codec(const args *a, const char *codec);

#endif
