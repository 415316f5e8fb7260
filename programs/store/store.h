/* The parts of `lnsp store`: store.c has the verbs, log.c draws the history, apply.c takes in
 * deltas. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "cli/args.h"
#include "lnsp.h"

lnsp_store *store_open(const args *a, int read_only);
lnsp_store_info store_facts(const args *a, const lnsp_store *store);
lnsp_store_version_info store_version(const args *a, lnsp_store *store, uint64_t index);
/* A trainer with a version's state. */
lnsp_trainer *store_trainer(const args *a, lnsp_store *store, uint64_t number);
/* The note that --tag and --loss give, with the time. */
lnsp_commit_options store_note(const args *a);
/* What a commit says. */
void store_report_commit(const args *a, lnsp_store *store);
void store_log(const args *a);
void store_apply(const args *a);

#endif
