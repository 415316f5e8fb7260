/* `lnsp train`: the optimizer's text, schedules, and lengths of time in epochs. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "train/train.h"
#include "lnsp.h"

const option train_recipe[] = {
    {"--loss", "TEXT",
     "what training lowers; terms are joined by +, as in \"cosine + 4*replay rows=7\"",
     OPT_TEXT, OPT_DEFAULT("mse")},
    {"--optimizer", "TEXT",
     "optimizer and its keys (default adamw with lr 1e-3, betas .9,.999, eps 1e-8, "
     "decay .01)",
     OPT_TEXT},
    {"--lr", "X", "learning rate", OPT_REAL(0)},
    {"--clip", "X", "scale a gradient down to this norm if it is longer (default off)",
     OPT_REAL(0)},
    {"--ema", "X",
     "keep an average of the weights that forgets with this factor a step, such as .999, and "
     "write the average",
     OPT_REAL(0)},
    {"--accumulate", "N", "take one step for the mean gradient of N batches (default 1)",
     OPT_INTEGER(1, 0)},
    {"--schedule", "TEXT",
     "how the learning rate changes: \"cosine warmup=1epoch min_lr=1%\" over all steps, "
     "linear, \"step every=2epochs\", or \"plateau factor=.5 patience=3\" by the held-out "
     "loss",
     OPT_TEXT},
    {"--batch", "N|all", "rows for each step, at most all rows", OPT_INTEGER(1, INT32_MAX),
     .choices = "all", OPT_DEFAULT("32")},
    {"--steps", "N", "stop after N steps; at the end of the data they are read again",
     OPT_INTEGER(1, 0), OPT_WITHOUT("--epochs")},
    {"--epochs", "N", "passes over the data (default 1)", OPT_INTEGER(1, 1 << 30)},
    {"--shuffle", NULL,
     "read the rows in a new random order in each epoch (default in the order of the "
     "file)",
     OPT_TEXT},
    {"--poisson", NULL,
     "choose the rows of each step at random, --batch of them on average, as privacy "
     "needs",
     OPT_TEXT, OPT_WITHOUT("--shuffle --checkpoint")},
    {"--seed", "N", "seed of --shuffle (default 0), or of --poisson (default random)",
     OPT_SEED},
    {"--noise-key", "FILE",
     "32 secret bytes that the noise of noise= is made from (default from the system)",
     OPT_TEXT},
    {"--freeze", "PATTERN",
     "tensors that do not change; * matches any letters, ? one letter; may be repeated",
     OPT_TEXT},
    {"--replay", "FILE",
     "statistics of old data for a replay term of the loss, from `lnsp replay fit`", OPT_TEXT},
    {"--echo", "INDEX", "known concepts for an echo term of the loss, from `lnsp index build`",
     OPT_TEXT},
    {.also = data_options, OPT_HEADING("options of the data")},
    {.name = NULL},
};

/* Appends to the optimizer's text. */
static void options_append(train_job *job, const char *format, ...) {
  const size_t used = strlen(job->optimizer);
  va_list list;
  int length;

  va_start(list, format);
  length = vsnprintf(job->optimizer + used, sizeof job->optimizer - used, format, list);
  va_end(list);
  if (length < 0 || (size_t)length >= sizeof job->optimizer - used)
    refuse_usage("the optimizer's text is longer than %d bytes: shorten --optimizer or "
                 "--schedule",
                 TRAIN_TEXT_BYTES - 1);
}

const char *train_options_key(const char *text, const char *key) {
  const size_t length = strlen(key);
  const char *at = text;

  while ((at = strstr(at, key)) != NULL) {
    if (at > text && (at[-1] == ' ' || at[-1] == '\t') && at[length] == '=')
      return at + length + 1;
    at += length;
  }
  return NULL;
}

/* ---- epochs ---- */

/* "1epoch", "2.5epochs": how many; negative if it is no such word. */
static double options_epochs(const char *word, size_t length) {
  static const char *const ends[] = {"epochs", "epoch"};
  char number[32], *end;
  size_t i;

  for (i = 0; i < 2; i++) {
    const size_t tail = strlen(ends[i]);
    if (length <= tail || length - tail >= sizeof number ||
        memcmp(word + length - tail, ends[i], tail))
      continue;
    memcpy(number, word, length - tail);
    number[length - tail] = 0;
    const double value = strtod(number, &end);
    return *end || !(value >= 0 && value <= 1e9) ? -1 : value;
  }
  return -1;
}

int64_t train_options_every(const train_job *job, const char *name) {
  const char *text = args_value(job->args, name);
  const double epochs = text ? options_epochs(text, strlen(text)) : 1;
  char *end;
  long long steps;

  if (epochs > 0) {
    const double calls = floor(epochs * (double)job->epoch_calls + .5);
    return calls < 1 ? 1 : calls > 1e15 ? (int64_t)1e15 : (int64_t)calls;
  }
  steps = strtoll(text, &end, 10);
  if (end == text || *end || steps < 1 || steps > INT64_C(1) << 46)
    refuse_usage("%s is '%s': give a whole number of steps, or 1epoch, .5epoch and the like",
                 name, text);
  return (int64_t)steps * job->accumulate;
}

/* ---- schedules ---- */

/* The words of a schedule, epochs in them as steps. */
static void options_words(train_job *job, const char *text) {
  const double calls = (double)job->epoch_calls;
  const char *gap = "";

  options_append(job, " schedule=");
  for (text += strspn(text, " \t"); *text; text += strspn(text, " \t")) {
    const size_t length = strcspn(text, " \t");
    const char *equals = memchr(text, '=', length);
    const size_t key = equals ? (size_t)(equals + 1 - text) : 0;
    const double epochs = equals ? options_epochs(equals + 1, length - key) : -1;
    if (epochs >= 0)
      options_append(job, "%s%.*s%.0f", gap, (int)key, text,
                     floor(epochs * calls / (double)job->accumulate + .5));
    else
      options_append(job, "%s%.*s", gap, (int)length, text);
    gap = " ";
    text += length;
  }
}

/* A rate that falls by the held-out loss needs that to be measured. */
static void options_plateau(train_job *job, const char *text) {
  const char *schedule = text ? train_options_key(text, "schedule") : NULL;
  job->valid.has_plateau = schedule && !strncmp(schedule, "plateau", 7);
}

/* ---- all of it ---- */

/* How many calls make a step, and how many steps there are. */
static void options_steps(train_job *job, const char *text) {
  const char *value = text ? train_options_key(text, "accumulate") : NULL;
  const int64_t calls = (job->epochs ? job->epochs : 1) * job->epoch_calls;

  job->accumulate = value ? strtoll(value, NULL, 10) : 1;
  if (job->accumulate < 1) job->accumulate = 1; /* the trainer says what is wrong */
  if (job->steps) return;
  job->steps = calls / job->accumulate;
  if (job->steps) return;
  refuse_usage(
      "there are %lld batches in all, but one step accumulates %lld: give more --epochs "
      "or a smaller --batch",
      (long long)calls, (long long)job->accumulate);
}

/* An option that is a key of the optimizer's text must not be in it already. */
static void options_once(const train_job *job, const char *name) {
  if (train_options_key(job->optimizer, name + 2))
    refuse_usage("%s is in --optimizer already: give it once", name);
}

void train_options_optimizer(train_job *job) {
  static const char *const keys[] = {"--lr", "--clip", "--ema", "--accumulate"};
  const args *a = job->args;
  const char *text = args_value(a, "--optimizer"), *resume = args_value(a, "--resume");
  size_t i;
  int ends;

  if (resume && !job->from && !text) {
    lnsp_file *file = NULL; /* a state keeps its own text */
    lnsp_error error;
    if (args_given(a, "--clip") || args_given(a, "--ema") || args_given(a, "--schedule") ||
        args_given(a, "--accumulate"))
      refuse_usage("--resume keeps the saved optimizer: to change clip, ema, accumulate or the "
                   "schedule, give the whole text with --optimizer");
    refuse_if(lnsp_file_open(resume, NULL, &file, &error), resume, &error);
    text = lnsp_file_metadata(file, "lnsp.optimizer");
    options_steps(job, text);
    options_plateau(job, text);
    lnsp_file_destroy(file);
    return;
  }
  options_append(job, "%s", text ? text : "adamw");
  for (i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    if (!args_given(a, keys[i])) continue;
    options_once(job, keys[i]);
    options_append(job, " %s=%s", keys[i] + 2, args_value(a, keys[i]));
  }
  options_steps(job, job->optimizer);
  if (job->share > 0 && train_options_key(job->optimizer, "clip_each") &&
      !train_options_key(job->optimizer, "lot"))
    options_append(job, " lot=%lld", (long long)job->batch);
  if (args_given(a, "--schedule")) {
    options_once(job, "--schedule");
    options_words(job, args_value(a, "--schedule"));
  }
  text = train_options_key(job->optimizer, "schedule");
  ends = text && (!strncmp(text, "cosine", 6) || !strncmp(text, "linear", 6));
  text = train_options_key(job->optimizer, "warmup");
  if (text && text[strcspn(text, " \t%")] == '%') ends = 1;
  if (ends && !train_options_key(job->optimizer, "steps"))
    options_append(job, " steps=%lld", (long long)job->steps);
  options_plateau(job, job->optimizer);
}
