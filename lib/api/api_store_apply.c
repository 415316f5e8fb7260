/* lnsp_store_apply: what somebody sent, checked, taken over and committed as one.
 *
 * In this order, so that nothing has changed until the last two steps:
 *
 *   1. the store must be able to write at all
 *   2. the sender's nonce must be new to the store's ledger
 *   3. the base: the trainer's live weights, published as a model, or the newest version
 *   4. lnsp_delta_accept: code, signature, bounds, the new model, the caller's judge
 *   5. the trainer takes the new weights over (a model's store has nothing to change)
 *   6. commit: the new state with sender and nonce, one record
 *
 * Since nonce and state are in one record, a power cut leaves both or neither: a delta cannot
 * be applied twice, nor its number be used up without it. If step 6 fails, step 5 is undone by
 * giving the trainer its base back. That cannot fail, because the same weights were in it
 * before; but values of its last pass are gone.
 *
 * Progress has three parts: the base, accept, and the commit, for which the store's journal
 * reports to the call's function instead of its own. It may be cancelled in any of them: a
 * cancelled commit is a failed one, and the trainer gets its base back.
 *
 * Both models are freed before the call returns. They come from the caller's allocator or the
 * store's, never from a block: there are two of them. */
#include "api/api_store.h"
#include "delta/delta.h"
#include "store/ledger.h"

/* Refuses a delta without a sender, and a number that this sender has used. */
static int32_t api_store_apply_sender(const lnsp_store *store, const lnsp_delta_info *facts,
                                      lnsp_error *error) {
  if (!facts->sender || !*facts->sender)
    return lnspi_error_set(
        error, LNSP_E_MISSING, NULL,
        "the delta has no sender: have it stamped (lnsp_delta_stamp), so that "
        "none is taken twice");
  return lnspi_ledger_check(store, facts->sender, facts->nonce, error);
}

/* A model of what the delta must have been made from. */
static int32_t api_store_apply_base(lnsp_store *store, const lnsp_trainer *trainer,
                                    const lnsp_options *options, lnsp_model **base,
                                    lnsp_error *error) {
  if (!trainer && store->plan.kind == LNSPI_STORE_TRAINER)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "the store is of a trainer's states: give the trainer");
  if (trainer) return lnsp_trainer_publish(trainer, 0, options, base, error);
  return lnsp_store_checkout(store, 0, options, base, error);
}

/* Steps 5 and 6 of a trainer's store. It must fit before its weights change. */
static int32_t api_store_apply_adopt(lnsp_store *store, lnsp_trainer *trainer,
                                     const lnsp_model *base, const lnsp_model *next,
                                     const lnsp_commit_options *commit_options,
                                     const lnsp_delta_info *facts, uint64_t *number,
                                     lnsp_error *error) {
  int32_t status = lnspi_api_store_check_fit(store, trainer, NULL, error);
  if (!status) status = lnsp_trainer_set_weights(trainer, next, 0, error);
  if (status) return status;
  status = lnspi_api_store_commit(store, trainer, NULL, commit_options, facts->sender,
                                  facts->nonce, number, error);
  if (status != LNSP_OK) (void)lnsp_trainer_set_weights(trainer, base, 0, NULL);
  return status;
}

LNSP_API int32_t lnsp_store_apply(lnsp_store *store, const lnsp_delta *delta,
                                  lnsp_trainer *trainer,
                                  const lnsp_delta_check_options *check_options,
                                  const lnsp_commit_options *commit_options,
                                  const lnsp_options *options, uint64_t *number,
                                  lnsp_error *error) {
  lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;
  lnsp_options own;
  lnspi_progress_parts parts;
  lnsp_model *base = NULL, *next = NULL;
  API_NEED(store, error);
  API_NEED(delta, error);
  int32_t status = lnspi_api_store_read_options(store, options, __func__, 0, &own, error);
  if (status) return status;
  lnspi_progress_split(&parts, &own, 3);
  const lnsp_progress its = store->journal.progress.call;
  status = lnspi_journal_writable(&store->journal, error);
  if (!status) status = lnsp_delta_get_info(delta, &facts, error);
  if (!status) status = api_store_apply_sender(store, &facts, error);
  if (!status) status = api_store_apply_base(store, trainer, &own, &base, error);
  parts.index = 1;
  own.storage = trainer ? 0 : lnspi_api_store_dtype(store);
  if (!status) status = lnsp_delta_accept(delta, base, check_options, &own, &next, error);
  parts.index = 2;
  store->journal.progress.call = parts.part;
  if (!status && trainer)
    status = api_store_apply_adopt(store, trainer, base, next, commit_options, &facts, number,
                                   error);
  else if (!status)
    status = lnspi_api_store_commit(store, NULL, next, commit_options, facts.sender,
                                    facts.nonce, number, error);
  store->journal.progress.call = its;
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
  return status;
}
