/* The rules for a delta that somebody sent.
 *
 * The sender may be anyone. What a delta says of itself (sender, number) is believed only if
 * its authentication code fits a shared key, or the caller's `verify` accepts a signature.
 * How far it moves the weights is measured on the values that it decodes to, not read from
 * its header. Last, `judge` sees the finished model, and decides before anybody else does. */
#include "delta/delta_check.h"

#include "base/decimal.h"
#include "base/digest.h"
#include "base/error.h"
#include "delta/delta_apply.h"
#include "delta/delta_file.h"

static int32_t delta_check_key(const lnsp_delta *delta, const lnsp_delta_check_options *rules,
                               lnsp_error *error) {
  uint8_t mac[LNSP_HASH_BYTES];
  if (!rules->key_bytes) return LNSP_OK;
  if (!delta->has_mac)
    return lnspi_error_set(error, LNSP_E_MISSING, "lnsp.delta.mac",
                           "the delta carries no authentication code, but one is required: its "
                           "sender must stamp it with the shared key");
  lnspi_delta_file_mac(delta->digest, rules->key, rules->key_bytes, mac);
  if (!lnspi_digest_equal(mac, delta->mac))
    return lnspi_error_set(
        error, LNSP_E_MISMATCH, "lnsp.delta.mac",
        "the delta's authentication code does not match the key: it was changed "
        "on its way, or comes from someone else");
  return LNSP_OK;
}

static int32_t delta_check_beyond(const char *rule, const char *what, double is, double allowed,
                                  lnsp_error *error) {
  const double most = 3.4e38; /* what fits into a float, for printing */
  char size[32], bound[32];
  lnspi_decimal_write((float)(is < most ? is : most), size);
  lnspi_decimal_write((float)(allowed < most ? allowed : most), bound);
  return lnspi_error_set(error, LNSP_E_LIMIT, rule,
                         "the delta changes %s %s, but at most %s is allowed", what, size,
                         bound);
}

static int32_t delta_check_size(const lnsp_delta *delta, const lnsp_model *base,
                                const lnsp_delta_check_options *rules,
                                const lnsp_options *options, lnsp_error *error) {
  double norm, most;
  int32_t status = lnspi_delta_norms(delta, base, options, &norm, &most, error);
  if (status) return status;
  if (rules->max_norm > 0 && norm > rules->max_norm)
    return delta_check_beyond("max_norm", "the weights by a norm of", norm, rules->max_norm,
                              error);
  if (rules->max_change > 0 && most > rules->max_change)
    return delta_check_beyond("max_change", "a weight by", most, rules->max_change, error);
  return LNSP_OK;
}

static int32_t delta_check_sender(const lnsp_delta *delta,
                                  const lnsp_delta_check_options *rules, lnsp_error *error) {
  int32_t status = delta_check_key(delta, rules, error);
  if (status) return status;
  if (rules->verify && rules->verify(rules->user, delta->digest, delta->sender, delta->nonce))
    return lnspi_error_set(error, LNSP_E_REFUSED, "verify",
                           "the caller's check of the signature refused the delta");
  return LNSP_OK;
}

int32_t lnspi_delta_check(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_delta_check_options *rules, const lnsp_options *options,
                          lnsp_error *error) {
  int32_t status = delta_check_sender(delta, rules, error);
  return status ? status : delta_check_size(delta, base, rules, options, error);
}

int32_t lnspi_delta_check_and_apply(const lnsp_delta *delta, const lnsp_model *base,
                                    const lnsp_delta_check_options *rules,
                                    const lnsp_options *options, lnsp_model **out,
                                    lnsp_error *error) {
  lnsp_model *candidate = NULL;
  lnsp_options own = *options;
  lnspi_progress_parts parts;
  const int bounded = rules->max_norm > 0 || rules->max_change > 0; /* else apply decodes it */
  lnspi_progress_split(&parts, &own, 1 + (uint64_t)bounded);
  int32_t status = delta_check_sender(delta, rules, error);
  if (!status && bounded) status = delta_check_size(delta, base, rules, &own, error);
  parts.index = (uint64_t)bounded;
  if (!status) status = lnspi_delta_apply(delta, base, &own, &candidate, error);
  if (status) return status;
  candidate->block.progress = parts.whole;
  if (rules->judge && rules->judge(rules->user, candidate)) {
    lnspi_model_release(candidate);
    return lnspi_error_set(error, LNSP_E_REFUSED, "judge",
                           "the caller's judge refused the model that the delta produces");
  }
  *out = candidate;
  return LNSP_OK;
}
