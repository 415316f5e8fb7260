/* lnsp store apply: a delta that somebody sent becomes the next version. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "data/delta_check.h"
#include "store/store.h"
#include "lnsp.h"

int store_apply(const args *a) {
  uint8_t key[LNSP_KEY_BYTES + 1];
  lnsp_delta_check_options rules;
  lnsp_commit_options note;
  lnsp_store *store = NULL;
  lnsp_delta *delta = NULL;
  lnsp_trainer *trainer = NULL;
  lnsp_store_info facts;
  lnsp_error error;
  int status = delta_check_options(a, key, &rules);

  memset(&note, 0, sizeof note);
  note.struct_size = sizeof note;
  note.loss = NAN;
  note.time = (uint64_t)time(NULL);
  note.tag = args_value(a, "--tag");
  if (!status && lnsp_delta_open(a->positional[1], NULL, &delta, &error))
    status = refuse_error(a, a->positional[1], &error);
  if (!status) status = store_open(a, 0, &store);
  memset(&facts, 0, sizeof facts);
  facts.struct_size = sizeof facts;
  /* a trainer's store is applied to through a trainer, whose moments stay */
  if (!status && (lnsp_store_get_info(store, &facts, &error) ||
                  (facts.of_trainer && store_trainer(store, 0, &trainer, &error)) ||
                  lnsp_store_apply(store, delta, trainer, &rules, &note, NULL, NULL, &error)))
    status = refuse_error(a, a->positional[1], &error);
  lnsp_trainer_destroy(trainer);
  if (!status) status = store_report(a, store);
  memset(key, 0, sizeof key);
  lnsp_store_destroy(store);
  lnsp_delta_destroy(delta);
  return status;
}
