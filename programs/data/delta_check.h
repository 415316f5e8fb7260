/* What --key, --max-norm and --max-change ask of a received delta. */
#ifndef DATA_DELTA_CHECK_H
#define DATA_DELTA_CHECK_H

#include "cli/args.h"
#include "lnsp.h"

/* The bytes of --key; *bytes is 0 without it. */
int delta_check_key(const args *a, uint8_t key[LNSP_KEY_BYTES + 1], size_t *bytes);
/* What --key, --max-norm and --max-change ask of a received delta; rules point into key,
 * which is to be cleared behind them. 0 or an exit status. */
int delta_check_options(const args *a, uint8_t key[LNSP_KEY_BYTES + 1],
                        lnsp_delta_check_options *rules);

#endif
