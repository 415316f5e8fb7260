/* lnsp store apply: a delta that somebody sent becomes the next version. */
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "data/delta.h"
#include "store/store.h"
#include "lnsp.h"

void store_apply(const args *a) {
  uint8_t key[LNSP_KEY_BYTES + 1];
  const lnsp_delta_check_options rules = delta_rules(a, key);
  const lnsp_commit_options note = store_note(a);
  lnsp_delta *delta = delta_load(a->positional[1]);
  lnsp_store *store = store_open(a, 0);
  lnsp_trainer *trainer = NULL;
  lnsp_error error;

  /* a trainer's store is applied to through a trainer, whose moments stay */
  if (store_facts(a, store).of_trainer) trainer = store_trainer(a, store, 0);
  refuse_if(lnsp_store_apply(store, delta, trainer, &rules, &note, NULL, NULL, &error),
            a->positional[1], &error);
  memset(key, 0, sizeof key);
  store_report_commit(a, store);
  lnsp_trainer_destroy(trainer);
  lnsp_store_destroy(store);
  lnsp_delta_destroy(delta);
}
