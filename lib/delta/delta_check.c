/* What a received delta must keep to before it is used. Its sender may be anyone: what it
 * says of itself is believed only under a key, and norms are those of its decoded values. */
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
                           "the delta carries no authentication code, and one is required: its "
                           "sender must stamp it with the shared key");
  lnspi_delta_file_mac(delta->digest, rules->key, rules->key_bytes, mac);
  if (!lnspi_digest_equal(mac, delta->mac))
    return lnspi_error_set(
        error, LNSP_E_MISMATCH, "lnsp.delta.mac",
        "the delta's authentication code is not that of this key: it was changed "
        "on its way, or comes from someone else");
  return LNSP_OK;
}

static int32_t delta_check_beyond(const char *rule, const char *what, double is, double allowed,
                                  lnsp_error *error) {
  const double most = 3.4e38; /* of a float */
  char size[32], bound[32];
  lnspi_decimal_write((float)(is < most ? is : most), size);
  lnspi_decimal_write((float)(allowed < most ? allowed : most), bound);
  return lnspi_error_set(error, LNSP_E_LIMIT, rule,
                         "the delta changes %s %s, and at most %s is allowed", what, size,
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
                           "the caller's check of the delta's signature refused it");
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
  int32_t status = delta_check_sender(delta, rules, error);
  if (!status && (rules->max_norm > 0 || rules->max_change > 0)) /* apply reads it anyway */
    status = delta_check_size(delta, base, rules, options, error);
  if (!status) status = lnspi_delta_apply(delta, base, options, &candidate, error);
  if (status) return status;
  if (rules->judge && rules->judge(rules->user, candidate)) {
    lnspi_model_release(candidate);
    return lnspi_error_set(error, LNSP_E_REFUSED, "judge",
                           "the caller's judge refused the model that the delta leads to");
  }
  *out = candidate;
  return LNSP_OK;
}
