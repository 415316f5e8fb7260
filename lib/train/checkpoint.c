/* The state of a trainer to a file and back, to the same bits.
 *
 * A state file is a model file with more tensors: optimizer.<moment>.<name>, average.<name>
 * and residual.<name> next to the weights, so that every reader of models opens it too. Its
 * metadata have lnsp.trainer (the version), lnsp.step, lnsp.ages, lnsp.frozen, lnsp.loss,
 * lnsp.optimizer, after a rate was set by hand lnsp.lr, with schedule=plateau lnsp.plateau, and
 * the caller's own pairs. Names of moments are PyTorch's.
 *
 * Values are written as float32 in the rows of the tensors. 8-bit moments are widened, and
 * read back to the same codes (moments8.c). Ages are written only where they differ from the
 * step, which is rare.
 *
 * Reading is strict where silence would change training: moments that this optimizer does not
 * keep, a missing average, or residuals that would be dropped are errors. A learning rate that
 * was set by hand is taken only with the optimizer text it was set over. The trainer is new
 * when this runs and is destroyed on failure, so nothing has to be undone. */
#include "train/checkpoint.h"

#include "base/decimal.h"
#include "base/error.h"
#include "base/lexer.h"
#include "run/load.h"
#include "run/save.h"
#include "train/moments8.h"
#include "train/plateau.h"
#include "train/schedule.h"

#define CHECKPOINT_PREFIX 64
#define CHECKPOINT_AGE 28 /* " index:age", at most */
#define CHECKPOINT_VERSION "1"
#define CHECKPOINT_RESIDUAL "residual."

static void checkpoint_moment_prefix(const lnsp_trainer *t, int32_t m, char *to) {
  lnspi_format(to, CHECKPOINT_PREFIX, "optimizer.%s.", t->optim.rule.optimizer->moment_name[m]);
}

/* A value that is one integer and nothing else. */
static int32_t checkpoint_integer(const char *value, const char *key, int64_t most,
                                  int64_t *out, lnsp_error *error) {
  lnspi_lexer text;
  lnspi_lexer_open(&text, value ? value : "");
  int32_t status =
      lnspi_decimal_parse_integer(lnspi_lexer_next(&text, ""), key, 0, most, out, error);
  if (!status && !lnspi_lexer_at_end(&text))
    return lnspi_error_set(error, LNSP_E_FORMAT, key, "%s must be one number", key);
  return status;
}

/* Ages that differ from the step, as "index:age" words. */
static void checkpoint_write_ages(const lnsp_trainer *t, char *to) {
  to[0] = 0;
  for (int32_t i = 0, first = 1; i < t->graph->weight_count; i++)
    if (t->optim.age[i] != t->step) {
      to += lnspi_format(to, CHECKPOINT_AGE, "%s%d:%llu", first ? "" : " ", i,
                         (unsigned long long)t->optim.age[i]);
      first = 0;
    }
}

static int32_t checkpoint_read_ages(lnsp_trainer *t, const char *string, lnsp_error *error) {
  lnspi_lexer text;
  for (int32_t i = 0; i < t->graph->weight_count; i++) t->optim.age[i] = t->step;
  lnspi_lexer_open(&text, string ? string : "");
  while (!lnspi_lexer_at_end(&text)) {
    lnspi_token word = lnspi_lexer_next(&text, "");
    int64_t index, age;
    int32_t status = lnspi_decimal_parse_integer(lnspi_token_split(word, ':', 0), "lnsp.ages",
                                                 0, t->graph->weight_count - 1, &index, error);
    if (!status)
      status = lnspi_decimal_parse_integer(lnspi_token_split(word, ':', 1), "lnsp.ages", 0,
                                           (int64_t)t->step, &age, error);
    if (status) return status;
    if (lnspi_token_split(word, ':', 2).length)
      return lnspi_error_set(error, LNSP_E_FORMAT, "lnsp.ages",
                             "lnsp.ages must be words of the form index:age");
    t->optim.age[index] = (uint64_t)age;
  }
  return LNSP_OK;
}

static int32_t checkpoint_read_frozen(lnsp_trainer *t, const char *digits, lnsp_error *error) {
  size_t count = (size_t)t->graph->weight_count;
  if (!digits) return LNSP_OK;
  int good = lnspi_str_length(digits) == count;
  for (size_t i = 0; good && i < count; i++) {
    good = digits[i] == '0' || digits[i] == '1';
    t->frozen[i] = digits[i] == '1' || t->graph->weights[i].fixed;
  }
  if (good) return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_FORMAT, "lnsp.frozen",
                         "lnsp.frozen must have a 0 or 1 for each tensor");
}

static int32_t checkpoint_save_state(const lnsp_trainer *t, const lnsp_sink *sink,
                                     const lnsp_key_value *own, int32_t own_count,
                                     const lnsp_options *options, lnsp_error *error) {
  char prefix[LNSPI_MOMENTS][CHECKPOINT_PREFIX], step[24], lr[32], plateau[LNSPI_PLATEAU_TEXT];
  lnspi_save_part parts[LNSPI_SAVED_STATES] = {{"", t->state, 0, 0, NULL}};
  lnspi_moments8_values values[LNSPI_MOMENTS];
  size_t weights = (size_t)t->graph->weight_count;
  int32_t count = 1;
  lnspi_block work;
  for (int32_t m = 0; m < t->optim.moment_count; m++) {
    checkpoint_moment_prefix(t, m, prefix[m]);
    values[m] = (lnspi_moments8_values){t, m, 0};
    parts[count++] = t->optim.has_moments8
                         ? (lnspi_save_part){prefix[m], &values[m], 1, 0, lnspi_moments8_read}
                         : (lnspi_save_part){prefix[m], t->optim.moment[m], 1, 0, NULL};
  }
  if (t->average) parts[count++] = (lnspi_save_part){"average.", t->average, 1, 0, NULL};
  if (t->residual)
    parts[count++] = (lnspi_save_part){CHECKPOINT_RESIDUAL, t->residual, 1, 0, NULL};
  size_t bytes = weights * (CHECKPOINT_AGE + 1) + 2;
  int32_t status = lnspi_block_open(&work, options, bytes, error);
  if (status) return status;
  char *frozen = work.memory, *ages = frozen + weights + 1;
  for (size_t i = 0; i < weights; i++) frozen[i] = t->frozen[i] ? '1' : '0';
  checkpoint_write_ages(t, ages);
  lnspi_format(step, sizeof step, "%llu", (unsigned long long)t->step);
  lnspi_decimal_write((float)t->optim.rule.lr, lr);
  lnsp_key_value pairs[8 + LNSPI_CHECKPOINT_PAIRS] = {{"lnsp.trainer", CHECKPOINT_VERSION},
                                                      {"lnsp.step", step},
                                                      {"lnsp.ages", ages},
                                                      {"lnsp.frozen", frozen},
                                                      {"lnsp.loss", t->loss.text},
                                                      {"lnsp.optimizer", t->optim.text},
                                                      {"lnsp.lr", lr}};
  int32_t pair_count = t->optim.lr_changed ? 7 : 6;
  if (lnspi_schedule_is_plateau(&t->optim.rule)) {
    lnspi_plateau_write(t, plateau);
    pairs[pair_count++] = (lnsp_key_value){"lnsp.plateau", plateau};
  }
  for (int32_t i = 0; i < own_count; i++) pairs[pair_count++] = own[i];
  status = lnspi_save(t->graph, parts, count, pairs, pair_count, t->optim.rule.weights, sink,
                      options, error);
  lnspi_block_close(&work);
  return status;
}

int32_t lnspi_checkpoint_save(const lnsp_trainer *t, const lnsp_sink *sink, int32_t what,
                              const lnsp_key_value *own, int32_t own_count, lnsp_error *error) {
  const lnsp_options options = lnspi_block_options(&t->block);
  const lnspi_save_part part = {"", what == LNSP_SAVE_AVERAGE ? t->average : t->state,
                                what == LNSP_SAVE_AVERAGE, 0, NULL};
  if (what == LNSP_SAVE_STATE)
    return checkpoint_save_state(t, sink, own, own_count, &options, error);
  return lnspi_save(t->graph, &part, 1, own, own_count, t->optim.rule.weights, sink, &options,
                    error);
}

/* ---- back ---- */

/* Refuses moments that this optimizer does not keep. */
static int32_t checkpoint_check_moments(const lnsp_trainer *t, const lnsp_file *file,
                                        lnsp_error *error) {
  char kept[LNSPI_MOMENTS][CHECKPOINT_PREFIX];
  for (int32_t m = 0; m < t->optim.moment_count; m++) checkpoint_moment_prefix(t, m, kept[m]);
  for (int32_t i = 0; i < file->tensor_count; i++) {
    const char *name = file->entries[i].name;
    int known = !lnspi_str_starts_with(name, "optimizer.") ||
                lnspi_graph_find_weight(t->graph, name) >= 0;
    for (int32_t m = 0; m < t->optim.moment_count && !known; m++)
      known = lnspi_str_starts_with(name, kept[m]);
    if (!known)
      return lnspi_error_set(
          error, LNSP_E_UNKNOWN, name,
          "the state file has '%s', which this optimizer does not keep: resume with the "
          "optimizer text it was saved with, or start again from the model",
          name);
  }
  return LNSP_OK;
}

static int checkpoint_find_part(const lnsp_trainer *t, const lnsp_file *file,
                                const char *prefix) {
  return t->graph->weight_count > 0 &&
         lnspi_load_find(file, prefix, t->graph->weights[0].name) >= 0;
}

static int32_t checkpoint_has_part(const lnsp_trainer *t, const lnsp_file *file,
                                   const char *prefix, lnsp_error *error) {
  if (t->graph->weight_count == 0 || checkpoint_find_part(t, file, prefix)) return LNSP_OK;
  return lnspi_error_set(
      error, LNSP_E_MISSING, prefix,
      "the state file has no '%s' tensors, which this optimizer needs: resume with the "
      "optimizer text it was saved with",
      prefix);
}

/* A moment in the form that this trainer keeps. */
static int32_t checkpoint_load_moment(lnsp_trainer *t, lnsp_file *file, int32_t m,
                                      lnsp_error *error) {
  char prefix[CHECKPOINT_PREFIX];
  lnspi_moments8_values values = {t, m, 0};
  const float *square = m == t->optim.rule.optimizer->squares && !t->optim.has_moments8
                            ? t->optim.moment[m]
                            : NULL;
  checkpoint_moment_prefix(t, m, prefix);
  int32_t status = checkpoint_has_part(t, file, prefix, error);
  if (status) return status;
  if (t->optim.has_moments8)
    status = lnspi_load_rows(file, t->graph, prefix, lnspi_moments8_write_scales, &values,
                             t->row, error);
  else
    status = lnspi_load_array(file, t->graph, prefix, t->optim.moment[m], t->row, error);
  if (status) return status;
  if (square)
    for (int64_t i = 0; i < t->graph->state_floats; i++)
      if (square[i] < 0.f) values.negative = 1;
  if (values.negative)
    return lnspi_error_set(error, LNSP_E_FORMAT, NULL,
                           "the state file has a negative second moment: it is damaged");
  if (!t->optim.has_moments8) return LNSP_OK;
  lnspi_moments8_finish_scales(&values);
  return lnspi_load_rows(file, t->graph, prefix, lnspi_moments8_write_codes, &values, t->row,
                         error);
}

static int32_t checkpoint_load_metadata(lnsp_trainer *t, const lnsp_file *file,
                                        lnsp_error *error) {
  lnspi_lexer text;
  int64_t step;
  double lr;
  const char *version = lnspi_safetensors_metadata(file, "lnsp.trainer");
  const char *saved = lnspi_safetensors_metadata(file, "lnsp.optimizer"), *value;
  if (!version || !lnspi_str_equal(version, CHECKPOINT_VERSION))
    return lnspi_error_set(error, LNSP_E_UNSUPPORTED, NULL,
                           "the state file has version %s, but this library reads version %s",
                           version ? version : "none", CHECKPOINT_VERSION);
  int32_t status = checkpoint_integer(lnspi_safetensors_metadata(file, "lnsp.step"),
                                      "lnsp.step", INT64_C(1) << 52, &step, error);
  if (status) return status;
  t->step = (uint64_t)step;
  status = checkpoint_read_ages(t, lnspi_safetensors_metadata(file, "lnsp.ages"), error);
  if (!status)
    status = checkpoint_read_frozen(t, lnspi_safetensors_metadata(file, "lnsp.frozen"), error);
  /* a rate that was set by hand belongs to the text it was set over */
  if (status || !saved || !lnspi_str_equal(saved, t->optim.text)) return status;
  value = lnspi_safetensors_metadata(file, "lnsp.plateau");
  if (value && lnspi_schedule_is_plateau(&t->optim.rule))
    status = lnspi_plateau_read(t, value, error);
  value = lnspi_safetensors_metadata(file, "lnsp.lr");
  if (status || !value) return status;
  lnspi_lexer_open(&text, value);
  status = lnspi_decimal_parse(lnspi_lexer_next(&text, ""), "lnsp.lr", 0, 1e6, &lr, error);
  if (status) return status;
  t->optim.rule.lr = (double)(float)lr;
  t->optim.lr_changed = 1;
  return LNSP_OK;
}

/* Without residuals in the file there are none yet; residuals are never dropped unasked. */
static int32_t checkpoint_load_residual(lnsp_trainer *t, lnsp_file *file, lnsp_error *error) {
  if (!checkpoint_find_part(t, file, CHECKPOINT_RESIDUAL)) return LNSP_OK;
  if (t->residual)
    return lnspi_load_array(file, t->graph, CHECKPOINT_RESIDUAL, t->residual, t->row, error);
  return lnspi_error_set(
      error, LNSP_E_UNKNOWN, CHECKPOINT_RESIDUAL,
      "the state file has residuals of lossy deltas, which this optimizer would drop: add "
      "residual=1 to its text, or start again from the model");
}

int32_t lnspi_checkpoint_load(lnsp_trainer *t, lnsp_file *file, lnsp_error *error) {
  int32_t status = checkpoint_check_moments(t, file, error);
  if (status) return status;
  for (int32_t m = 0; m < t->optim.moment_count; m++) {
    status = checkpoint_load_moment(t, file, m, error);
    if (status) return status;
  }
  if (t->average) {
    status = checkpoint_has_part(t, file, "average.", error);
    if (!status)
      status = lnspi_load_array(file, t->graph, "average.", t->average, t->row, error);
    if (status) return status;
  }
  status = checkpoint_load_residual(t, file, error);
  if (status) return status;
  return checkpoint_load_metadata(t, file, error);
}

void lnspi_checkpoint_hash(const lnsp_trainer *t, int32_t what, lnspi_progress *progress,
                           uint8_t out[32]) {
  lnspi_blake2s hash;
  lnspi_blake2s_init(&hash);
  if (what == LNSP_SAVE_STATE) {
    uint8_t bytes[8];
    lnspi_state_hash(t->graph, t->state, &hash, progress);
    for (int32_t m = 0; m < t->optim.moment_count; m++) {
      const lnspi_moments8_values values = {t, m, 0};
      if (t->optim.has_moments8)
        lnspi_state_hash_rows(t->graph, lnspi_moments8_read, &values, &hash, progress);
      else
        lnspi_state_hash_array(t->graph, t->optim.moment[m], &hash, progress);
    }
    if (t->average) lnspi_state_hash_array(t->graph, t->average, &hash, progress);
    if (t->residual) lnspi_state_hash_array(t->graph, t->residual, &hash, progress);
    lnspi_store64(bytes, t->step);
    lnspi_blake2s_update(&hash, bytes, 8);
    if (lnspi_schedule_is_plateau(&t->optim.rule)) {
      char plateau[LNSPI_PLATEAU_TEXT];
      lnspi_plateau_write(t, plateau);
      lnspi_blake2s_update(&hash, plateau, lnspi_str_length(plateau));
    }
    for (int32_t i = 0; i < t->graph->weight_count; i++) {
      lnspi_store64(bytes, t->optim.age[i]);
      lnspi_blake2s_update(&hash, bytes, 8);
    }
  } else if (what == LNSP_SAVE_AVERAGE) {
    lnspi_state_hash_array(t->graph, t->average, &hash, progress);
  } else {
    lnspi_state_hash(t->graph, t->state, &hash, progress);
  }
  lnspi_blake2s_final(&hash, out);
}
