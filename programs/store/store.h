/* The parts of `lnsp store`: store.c has the verbs, log.c draws the history, apply.c takes in
 * deltas. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "cli/args.h"
#include "lnsp.h"

int store_open(const args *a, int read_only, lnsp_store **out);
int store_version(const args *a, lnsp_store *store, uint64_t index,
                  lnsp_store_version_info *out);
uint64_t store_count(lnsp_store *store);
/* A trainer with a version's state. */
int32_t store_trainer(lnsp_store *store, uint64_t number, lnsp_trainer **out,
                      lnsp_error *error);
/* What a commit says. */
int store_report(const args *a, lnsp_store *store);
int store_log(const args *a);
int store_apply(const args *a);

#endif
