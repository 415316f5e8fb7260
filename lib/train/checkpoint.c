/* Trainer state to a file and back, to the same bits. Beside the weights, a state
 * file has the tensors optimizer.<moment>.<name> and average.<name>, and in its
 * metadata lnsp.trainer, lnsp.step, lnsp.ages, lnsp.frozen, lnsp.loss,
 * lnsp.optimizer and, after set_learning_rate, lnsp.lr. */
#include "base/problem.h"
#include "run/load.h"
#include "run/save.h"
#include "train/trainer.h"

#define CHECKPOINT_PREFIX 64
#define CHECKPOINT_AGES (LNSPI_MAX_WEIGHTS * 8)
#define CHECKPOINT_VERSION "1"

static void checkpoint_moment_prefix(const lnsp_trainer *t, int32_t m, char *to) {
  lnspi_format(to, CHECKPOINT_PREFIX, "optimizer.%s.", t->rule.optimizer->moment_name[m]);
}

/* Ages that differ from the step, as "index:age" words; 1 if they fitted. */
static int checkpoint_write_ages(const lnsp_trainer *t, char *to, size_t capacity) {
  size_t used = 0;
  to[0] = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++)
    if (t->age[i] != t->step) {
      used += lnspi_format(to + used, capacity - used, "%s%d:%llu", used ? " " : "", i,
                           (unsigned long long)t->age[i]);
      if (used >= capacity) return 0;
    }
  return 1;
}

static int32_t checkpoint_read_ages(lnsp_trainer *t, const char *string,
                                    lnsp_problem *problem) {
  lnspi_text text;
  for (int32_t i = 0; i < t->graph->weight_count; i++) t->age[i] = t->step;
  lnspi_text_open(&text, string ? string : "");
  for (;;) {
    lnspi_word word = lnspi_text_word(&text, "");
    int64_t index, age;
    if (word.length == 0) break;
    int32_t status = lnspi_word_integer(lnspi_word_split(word, ':', 0), "lnsp.ages", 0,
                                        t->graph->weight_count - 1, &index, problem);
    if (status == LNSP_OK)
      status = lnspi_word_integer(lnspi_word_split(word, ':', 1), "lnsp.ages", 0,
                                  (int64_t)t->step, &age, problem);
    if (status != LNSP_OK) return status;
    t->age[index] = (uint64_t)age;
  }
  return LNSP_OK;
}

static int32_t checkpoint_save_state(const lnsp_trainer *t, const lnsp_sink *sink,
                                     const lnsp_options *options, lnsp_problem *problem) {
  char prefix[LNSPI_MOMENTS][CHECKPOINT_PREFIX], step[24], lr[32];
  char ages[CHECKPOINT_AGES], frozen[LNSPI_MAX_WEIGHTS + 1];
  lnspi_save_part parts[LNSPI_SAVED_STATES] = {{"", t->state}};
  int32_t count = 1, pair_count = 6;
  for (int32_t m = 0; m < t->moment_count; m++) {
    checkpoint_moment_prefix(t, m, prefix[m]);
    parts[count].prefix = prefix[m];
    parts[count++].state = t->moment[m];
  }
  if (t->average) {
    parts[count].prefix = "average.";
    parts[count++].state = t->average;
  }
  lnspi_format(step, sizeof step, "%llu", (unsigned long long)t->step);
  for (int32_t i = 0; i < t->graph->weight_count; i++) frozen[i] = t->frozen[i] ? '1' : '0';
  frozen[t->graph->weight_count] = 0;
  if (!checkpoint_write_ages(t, ages, sizeof ages))
    return lnspi_fail(problem, LNSP_E_LIMIT, NULL, "too many tensors to save their ages");
  lnspi_number_text((float)t->rule.lr, lr);
  lnsp_pair pairs[7] = {{"lnsp.trainer", CHECKPOINT_VERSION}, {"lnsp.step", step},
                        {"lnsp.ages", ages},                  {"lnsp.frozen", frozen},
                        {"lnsp.loss", t->loss_text},
                        {"lnsp.optimizer", t->optimizer_text}, {"lnsp.lr", lr}};
  if (t->lr_changed) pair_count = 7;
  return lnspi_save(t->graph, parts, count, pairs, pair_count, LNSP_F32, sink, options,
                    problem);
}

int32_t lnspi_trainer_save(const lnsp_trainer *t, const lnsp_sink *sink, int32_t what,
                           lnsp_problem *problem) {
  lnsp_options options;
  lnspi_save_part part = {"", what == LNSP_SAVE_AVERAGE ? t->average : t->state};
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  if (t->block.owned) options.allocator = &t->block.allocator;
  if (what == LNSP_SAVE_STATE) return checkpoint_save_state(t, sink, &options, problem);
  return lnspi_save(t->graph, &part, 1, NULL, 0, LNSP_F32, sink, &options, problem);
}

/* ---- back ---- */

static int32_t checkpoint_load_part(lnsp_trainer *t, lnsp_file *file, const char *prefix,
                                    float *state, lnsp_problem *problem) {
  if (lnspi_load_find(file, prefix, t->graph->weights[0].name) < 0)
    return lnspi_fail(problem, LNSP_E_MISSING, prefix,
                      "the state file has no '%s' tensors, which this optimizer text needs: "
                      "resume with the text it was saved with", prefix);
  return lnspi_load(file, t->graph, prefix, 1, state, t->row, problem);
}

static int32_t checkpoint_load_metadata(lnsp_trainer *t, const lnsp_file *file,
                                        lnsp_problem *problem) {
  lnspi_text text;
  int64_t step;
  double lr;
  const char *version = lnspi_file_metadata(file, "lnsp.trainer");
  const char *value = lnspi_file_metadata(file, "lnsp.step");
  if (!version || strcmp(version, CHECKPOINT_VERSION) != 0)
    return lnspi_fail(problem, LNSP_E_UNSUPPORTED, NULL,
                      "the state file is of version %s; this library reads version %s",
                      version ? version : "none", CHECKPOINT_VERSION);
  lnspi_text_open(&text, value ? value : "");
  int32_t status = lnspi_word_integer(lnspi_text_word(&text, ""), "lnsp.step", 0,
                                      INT64_C(1) << 52, &step, problem);
  if (status != LNSP_OK) return status;
  t->step = (uint64_t)step;
  status = checkpoint_read_ages(t, lnspi_file_metadata(file, "lnsp.ages"), problem);
  if (status != LNSP_OK) return status;
  value = lnspi_file_metadata(file, "lnsp.frozen");
  if (value && strlen(value) != (size_t)t->graph->weight_count)
    return lnspi_fail(problem, LNSP_E_FORMAT, NULL, "lnsp.frozen must have a digit a tensor");
  for (int32_t i = 0; value && i < t->graph->weight_count; i++) t->frozen[i] = value[i] == '1';
  /* a rate that was set by hand belongs to the text it was set over */
  value = lnspi_file_metadata(file, "lnsp.optimizer");
  value = value && !strcmp(value, t->optimizer_text) ? lnspi_file_metadata(file, "lnsp.lr") : NULL;
  if (value) {
    lnspi_text_open(&text, value);
    status = lnspi_word_number(lnspi_text_word(&text, ""), "lnsp.lr", 0, 1e6, &lr, problem);
    if (status != LNSP_OK) return status;
    t->rule.lr = (double)(float)lr;
    t->lr_changed = 1;
  }
  return LNSP_OK;
}

int32_t lnspi_trainer_resume(lnsp_trainer *t, lnsp_file *file, const char *prefix,
                             lnsp_problem *problem) {
  int32_t status = LNSP_OK;
  if (prefix && *prefix)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                      "a state file is resumed without a prefix");
  for (int32_t m = 0; status == LNSP_OK && m < t->moment_count; m++) {
    char name[CHECKPOINT_PREFIX];
    checkpoint_moment_prefix(t, m, name);
    status = checkpoint_load_part(t, file, name, t->moment[m], problem);
  }
  if (status == LNSP_OK && t->average)
    status = checkpoint_load_part(t, file, "average.", t->average, problem);
  for (int64_t i = 0; status == LNSP_OK && t->moment_count == 2 && i < t->graph->state_floats;
       i++)
    if (t->moment[1][i] < 0.f)
      return lnspi_fail(problem, LNSP_E_FORMAT, NULL,
                        "the state file has a negative second moment: it is damaged");
  return status == LNSP_OK ? checkpoint_load_metadata(t, file, problem) : status;
}
