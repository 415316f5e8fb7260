/* lnsp_delta_stamp, _norm, _check, _accept, _aggregate, lnsp_trainer_step_delta: deltas of
 * others.
 *
 * A stamp is what a sender adds to a delta: name, nonce, and with a key an authentication code
 * over the bytes of the file that saving would write. The key is used and forgotten.
 *
 * Check and accept ask in the same order, cheap questions first: the code and the caller's
 * signature (of a digest that is there already), then whether this is the base that the delta
 * was made from (one hash of the model), then how far the weights move, for which the delta is
 * decoded. Accept goes on to apply the delta and shows the new model to the caller's judge; if
 * anything says no, that model is freed and nobody has seen it. Where no bound is set, accept
 * leaves out the measuring: applying decodes and checks the same values.
 *
 * Whether a nonce is new cannot be asked here, since no handle remembers it: a store does
 * (api_store_apply.c).
 *
 * Callbacks of the caller run in the library's floating-point environment, as everything
 * inside API_RETURN does. */
#include "api/api.h"
#include "base/struct.h"
#include "delta/aggregate.h"
#include "delta/delta_check.h"
#include "delta/delta_file.h"
#include "delta/server_step.h"

/* Reads the caller's rules. The comparison is written so that a NaN is refused too. */
static int32_t api_received_rules(const lnsp_delta_check_options *from,
                                  lnsp_delta_check_options *rules, lnsp_error *error) {
  int32_t status =
      lnspi_struct_read(rules, sizeof *rules, from, "lnsp_delta_check_options", error);
  if (status) return status;
  if (rules->key_bytes > LNSP_KEY_BYTES || (rules->key_bytes && !rules->key))
    return lnspi_error_set(error, LNSP_E_ARGUMENT, "key",
                           "a key has 1 to %d bytes; key_bytes 0 asks for none",
                           LNSP_KEY_BYTES);
  if (!(rules->max_norm >= 0 && rules->max_change >= 0))
    return lnspi_error_set(error, LNSP_E_ARGUMENT, "max_norm",
                           "max_norm and max_change are numbers of at least 0; 0: no bound");
  return LNSP_OK;
}

int32_t lnsp_delta_stamp(lnsp_delta *delta, const char *sender, uint64_t nonce, const void *key,
                         size_t key_bytes, lnsp_error *error) {
  API_NEED(delta, error);
  if (key_bytes > LNSP_KEY_BYTES || (key_bytes && !key))
    return lnspi_error_set(error, LNSP_E_ARGUMENT, "key",
                           "a key has 1 to %d bytes; key_bytes 0: no authentication code",
                           LNSP_KEY_BYTES);
  return lnspi_delta_file_stamp(delta, sender ? sender : "", nonce, key, key_bytes, error);
}

int32_t lnsp_delta_norm(const lnsp_delta *delta, const lnsp_model *base, double *norm,
                        double *most, const lnsp_options *options, lnsp_error *error) {
  lnsp_options read;
  double a = 0, b = 0;
  API_NEED(delta, error);
  API_NEED(base, error);
  int32_t status = API_OPTIONS(options, 0, &read, error);
  if (status) return status;
  API_COMPUTE(status = lnspi_delta_norms(delta, base, &read, &a, &b, error));
  if (status) return status;
  if (norm) *norm = a;
  if (most) *most = b;
  return LNSP_OK;
}

int32_t lnsp_delta_check(const lnsp_delta *delta, const lnsp_model *base,
                         const lnsp_delta_check_options *check_options,
                         const lnsp_options *options, lnsp_error *error) {
  lnsp_delta_check_options known;
  lnsp_options read;
  API_NEED(delta, error);
  API_NEED(base, error);
  int32_t status = api_received_rules(check_options, &known, error);
  if (!status) status = API_OPTIONS(options, 0, &read, error);
  if (status) return status;
  API_RETURN(lnspi_delta_check(delta, base, &known, &read, error));
}

int32_t lnsp_delta_accept(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_delta_check_options *check_options,
                          const lnsp_options *options, lnsp_model **out, lnsp_error *error) {
  lnsp_delta_check_options known;
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(delta, error);
  API_NEED(base, error);
  int32_t status = api_received_rules(check_options, &known, error);
  if (!status)
    status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_STORAGE, &read, error);
  if (status) return status;
  API_RETURN(lnspi_delta_check_and_apply(delta, base, &known, &read, out, error));
}

int32_t lnsp_delta_aggregate(const lnsp_model *base, const lnsp_delta *const *deltas,
                             const double *weights, int32_t count, const char *rule,
                             const lnsp_options *options, int32_t *refused, lnsp_delta **out,
                             lnsp_error *error) {
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(base, error);
  API_NEED(deltas, error);
  int32_t status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  API_RETURN(
      lnspi_aggregate_deltas(base, deltas, weights, count, rule, &read, refused, out, error));
}

int32_t lnsp_trainer_step_delta(lnsp_trainer *trainer, const lnsp_delta *delta,
                                lnsp_error *error) {
  API_NEED(trainer, error);
  API_NEED(delta, error);
  API_RETURN(lnspi_server_step(trainer, delta, error));
}
