/* lnsp_delta_stamp, _norm, _check, _accept, _aggregate, lnsp_trainer_step_delta: deltas of
 * others. */
#include "api/api.h"
#include "delta/several.h"

static int32_t received_rules(const lnsp_delta_rules *from, lnsp_delta_rules *rules,
                              lnsp_problem *problem) {
  int32_t status = lnspi_struct_read(rules, sizeof *rules, from, "lnsp_delta_rules", problem);
  if (status) return status;
  if (rules->key_bytes > LNSP_KEY_BYTES || (rules->key_bytes && !rules->key))
    return lnspi_fail(problem, LNSP_E_ARGUMENT, "key",
                      "a key has 1 to %d bytes; key_bytes 0 asks for none", LNSP_KEY_BYTES);
  if (!(rules->max_norm >= 0 && rules->max_change >= 0))
    return lnspi_fail(problem, LNSP_E_ARGUMENT, "max_norm",
                      "max_norm and max_change are numbers of at least 0; 0: no bound");
  return LNSP_OK;
}

int32_t lnsp_delta_stamp(lnsp_delta *delta, const char *sender, uint64_t nonce,
                         const void *key, size_t key_bytes, lnsp_problem *problem) {
  API_NEED(delta, problem);
  if (key_bytes > LNSP_KEY_BYTES || (key_bytes && !key))
    return lnspi_fail(problem, LNSP_E_ARGUMENT, "key",
                      "a key has 1 to %d bytes; key_bytes 0: no authentication code",
                      LNSP_KEY_BYTES);
  return lnspi_delta_stamp(delta, sender ? sender : "", nonce, key, key_bytes, problem);
}

int32_t lnsp_delta_norm(const lnsp_delta *delta, const lnsp_model *base, double *norm,
                        double *most, const lnsp_options *options, lnsp_problem *problem) {
  lnsp_options read;
  double a = 0, b = 0;
  API_NEED(delta, problem);
  API_NEED(base, problem);
  int32_t status = lnspi_options_read(options, &read, problem);
  if (status) return status;
  lnspi_fp fp = lnspi_fp_enter();
  status = lnspi_delta_norms(delta, base, &read, &a, &b, problem);
  lnspi_fp_leave(fp);
  if (status) return status;
  if (norm) *norm = a;
  if (most) *most = b;
  return LNSP_OK;
}

int32_t lnsp_delta_check(const lnsp_delta *delta, const lnsp_model *base,
                         const lnsp_delta_rules *rules, const lnsp_options *options,
                         lnsp_problem *problem) {
  lnsp_delta_rules known;
  lnsp_options read;
  API_NEED(delta, problem);
  API_NEED(base, problem);
  int32_t status = received_rules(rules, &known, problem);
  if (!status) status = lnspi_options_read(options, &read, problem);
  if (!status) status = lnspi_delta_check_base(delta, base, problem);
  if (status) return status;
  lnspi_fp fp = lnspi_fp_enter();
  status = lnspi_delta_check(delta, base, &known, &read, problem);
  lnspi_fp_leave(fp);
  return status;
}

int32_t lnsp_delta_accept(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_delta_rules *rules, const lnsp_options *options,
                          lnsp_model **out, lnsp_problem *problem) {
  lnsp_delta_rules known;
  lnsp_options read;
  API_OUT(out, problem);
  API_NEED(delta, problem);
  API_NEED(base, problem);
  int32_t status = received_rules(rules, &known, problem);
  if (!status) status = lnspi_options_read(options, &read, problem);
  if (status) return status;
  lnspi_fp fp = lnspi_fp_enter();
  status = lnspi_delta_accept(delta, base, &known, &read, out, problem);
  lnspi_fp_leave(fp);
  return status;
}

int32_t lnsp_delta_aggregate(const lnsp_model *base, const lnsp_delta *const *deltas,
                             const double *weights, int32_t count, const char *rule,
                             const lnsp_options *options, int32_t *refused, lnsp_delta **out,
                             lnsp_problem *problem) {
  lnsp_options read;
  API_OUT(out, problem);
  API_NEED(base, problem);
  API_NEED(deltas, problem);
  int32_t status = lnspi_options_read(options, &read, problem);
  if (status) return status;
  lnspi_fp fp = lnspi_fp_enter();
  status = lnspi_delta_aggregate(base, deltas, weights, count, rule, &read, refused, out,
                                 problem);
  lnspi_fp_leave(fp);
  return status;
}

int32_t lnsp_trainer_step_delta(lnsp_trainer *trainer, const lnsp_delta *delta,
                                lnsp_problem *problem) {
  API_NEED(trainer, problem);
  API_NEED(delta, problem);
  lnspi_fp fp = lnspi_fp_enter();
  int32_t status = lnspi_trainer_step_delta(trainer, delta, problem);
  lnspi_fp_leave(fp);
  return status;
}
