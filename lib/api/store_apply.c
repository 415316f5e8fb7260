/* lnsp_store_apply: what somebody sent, checked, taken over and committed as one. */
#include "api/store.h"

/* The sender that the ledger is asked about. */
static int32_t api_store_sender(const lnsp_store *store, const lnsp_delta_facts *facts,
                                lnsp_problem *problem) {
  if (!facts->sender || !*facts->sender)
    return lnspi_fail(problem, LNSP_E_MISSING, NULL,
                      "the delta has no sender: have it stamped (lnsp_delta_stamp), so that "
                      "none is taken twice");
  return lnspi_store_ledger_check(store, facts->sender, facts->nonce, problem);
}

static int32_t api_store_base(lnsp_store *store, const lnsp_trainer *trainer,
                              const lnsp_options *options, lnsp_model **base,
                              lnsp_problem *problem) {
  if (!trainer && store->plan.kind == LNSPI_STORE_TRAINER)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                      "the store is of a trainer's states: give the trainer");
  if (trainer) return lnsp_trainer_publish(trainer, 0, options, base, problem);
  return lnsp_store_model(store, 0, options, base, problem);
}

/* If the commit fails, the trainer gets its weights back. */
static int32_t api_store_adopt(lnsp_store *store, lnsp_trainer *trainer, const lnsp_model *base,
                               const lnsp_model *next, const lnsp_store_note *note,
                               const lnsp_delta_facts *facts, uint64_t *number,
                               lnsp_problem *problem) {
  int32_t status = lnspi_store_fits(store, trainer, NULL, problem);
  if (status == LNSP_OK) status = lnsp_trainer_adopt(trainer, next, 0, problem);
  if (status != LNSP_OK) return status;
  status = lnspi_store_put(store, trainer, NULL, note, facts->sender, facts->nonce, number,
                           problem);
  if (status != LNSP_OK) (void)lnsp_trainer_adopt(trainer, base, 0, NULL);
  return status;
}

LNSP_API int32_t lnsp_store_apply(lnsp_store *store, const lnsp_delta *delta,
                                  lnsp_trainer *trainer, const lnsp_delta_rules *rules,
                                  const lnsp_store_note *note, const lnsp_options *options,
                                  uint64_t *number, lnsp_problem *problem) {
  lnsp_delta_facts facts;
  lnsp_options own;
  lnsp_model *base = NULL, *next = NULL;
  API_NEED(store, problem);
  API_NEED(delta, problem);
  int32_t status = lnspi_store_options(store, options, &own, problem);
  own.block = NULL; /* there are two models */
  own.block_bytes = 0;
  own.storage = 0;
  memset(&facts, 0, sizeof facts);
  facts.struct_size = sizeof facts;
  if (status == LNSP_OK) status = lnspi_journal_writable(&store->journal, problem);
  if (status == LNSP_OK) status = lnsp_delta_info(delta, &facts, problem);
  if (status == LNSP_OK) status = api_store_sender(store, &facts, problem);
  if (status == LNSP_OK) status = api_store_base(store, trainer, &own, &base, problem);
  own.storage = trainer ? 0 : lnspi_store_type(store);
  if (status == LNSP_OK) status = lnsp_delta_accept(delta, base, rules, &own, &next, problem);
  if (status == LNSP_OK && trainer)
    status = api_store_adopt(store, trainer, base, next, note, &facts, number, problem);
  else if (status == LNSP_OK)
    status = lnspi_store_put(store, NULL, next, note, facts.sender, facts.nonce, number, problem);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
  return status;
}
