/* lnsp_store_apply: what somebody sent, checked, taken over and committed as one. */
#include "api/api.h"
#include "api/api_store.h"
#include "delta/delta.h"
#include "store/ledger.h"

/* The sender that the ledger is asked about. */
static int32_t api_store_apply_sender(const lnsp_store *store, const lnsp_delta_info *facts,
                                      lnsp_error *error) {
  if (!facts->sender || !*facts->sender)
    return lnspi_error_set(
        error, LNSP_E_MISSING, NULL,
        "the delta has no sender: have it stamped (lnsp_delta_stamp), so that "
        "none is taken twice");
  return lnspi_ledger_check(store, facts->sender, facts->nonce, error);
}

static int32_t api_store_apply_base(lnsp_store *store, const lnsp_trainer *trainer,
                                    const lnsp_options *options, lnsp_model **base,
                                    lnsp_error *error) {
  if (!trainer && store->plan.kind == LNSPI_STORE_TRAINER)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "the store is of a trainer's states: give the trainer");
  if (trainer) return lnsp_trainer_publish(trainer, 0, options, base, error);
  return lnsp_store_checkout(store, 0, options, base, error);
}

/* If the commit fails, the trainer gets its weights back. */
static int32_t api_store_apply_adopt(lnsp_store *store, lnsp_trainer *trainer,
                                     const lnsp_model *base, const lnsp_model *next,
                                     const lnsp_commit_options *commit_options,
                                     const lnsp_delta_info *facts, uint64_t *number,
                                     lnsp_error *error) {
  int32_t status = lnspi_api_store_check_fit(store, trainer, NULL, error);
  if (status == LNSP_OK) status = lnsp_trainer_set_weights(trainer, next, 0, error);
  if (status != LNSP_OK) return status;
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
  lnsp_model *base = NULL, *next = NULL;
  API_NEED(store, error);
  API_NEED(delta, error);
  int32_t status = lnspi_api_store_read_options(store, options, __func__, 0, &own, error);
  if (status == LNSP_OK) status = lnspi_journal_writable(&store->journal, error);
  if (status == LNSP_OK) status = lnsp_delta_get_info(delta, &facts, error);
  if (status == LNSP_OK) status = api_store_apply_sender(store, &facts, error);
  if (status == LNSP_OK) status = api_store_apply_base(store, trainer, &own, &base, error);
  own.storage = trainer ? 0 : lnspi_api_store_dtype(store);
  if (status == LNSP_OK)
    status = lnsp_delta_accept(delta, base, check_options, &own, &next, error);
  if (status == LNSP_OK && trainer)
    status = api_store_apply_adopt(store, trainer, base, next, commit_options, &facts, number,
                                   error);
  else if (status == LNSP_OK)
    status = lnspi_api_store_commit(store, NULL, next, commit_options, facts.sender,
                                    facts.nonce, number, error);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
  return status;
}
