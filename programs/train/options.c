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
    {"--loss", "TEXT", "loss; terms are joined by +, as in \"cosine + 4*replay rows=7\"",
     OPT_TEXT, OPT_DEFAULT("mse")},
    {"--optimizer", "TEXT",
     "optimizer (default adamw with lr 1e-3, betas .9,.999, eps 1e-8, decay .01)", OPT_TEXT},
    {"--lr", "X", "learning rate", OPT_REAL(0)},
    {"--clip", "X", "largest global norm of the gradient (default off)", OPT_REAL(0)},
    {"--ema", "X",
     "decay of a moving average of the weights, such as .999; the average is what is written",
     OPT_REAL(0)},
    {"--accumulate", "N", "batches whose mean gradient makes one step (default 1)",
     OPT_INTEGER(1, 0)},
    {"--schedule", "TEXT",
     "\"cosine warmup=1epoch min_lr=1%\" over all steps, linear, \"step every=2epochs\", or "
     "\"plateau factor=.5 patience=3\" of the held-out loss",
     OPT_TEXT},
    {"--batch", "N|all", "rows a step, at most all rows", OPT_INTEGER(1, INT32_MAX),
     .choices = "all", OPT_DEFAULT("32")},
    {"--steps", "N", "number of steps; starts again at the end of the data", OPT_INTEGER(1, 0),
     OPT_WITHOUT("--epochs")},
    {"--epochs", "N", "passes over the data (default 1)", OPT_INTEGER(1, 1 << 30)},
    {"--shuffle", NULL, "take the rows of each epoch in another order (default file order)",
     OPT_TEXT},
    {"--poisson", NULL, "draw each row of a step at random, --batch of them on average",
     OPT_TEXT, OPT_WITHOUT("--shuffle --checkpoint")},
    {"--seed", "N", "seed of --shuffle (default 0), or of --poisson (default random)",
     OPT_SEED},
    {"--noise-key", "FILE",
     "32 secret bytes for noise= (default from the system's random generator)", OPT_TEXT},
    {"--freeze", "PATTERN", "tensors that do not change; * and ? match; may be repeated",
     OPT_TEXT},
    {"--replay", "FILE", "statistics for a replay term, from `lnsp replay fit`", OPT_TEXT},
    {"--echo", "INDEX",
     "concepts for an echo term, from `lnsp index build`: the echo of an output is the "
     "nearest of them",
     OPT_TEXT},
    {.also = data_options},
    {.name = NULL},
};

/* Appends to the optimizer's text. */
static int options_append(train_job *job, const char *format, ...) {
  const size_t used = strlen(job->optimizer);
  va_list list;
  int length;

  va_start(list, format);
  length = vsnprintf(job->optimizer + used, sizeof job->optimizer - used, format, list);
  va_end(list);
  if (length < 0 || (size_t)length >= sizeof job->optimizer - used)
    return refuse_usage(job->args, "the optimizer's text is longer than %d bytes",
                        TRAIN_TEXT_BYTES - 1);
  return 0;
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

int64_t train_options_calls(const train_job *job, const char *text) {
  const double epochs = options_epochs(text, strlen(text));
  char *end;
  long long steps;

  if (epochs > 0) {
    const double calls = floor(epochs * (double)job->epoch_calls + .5);
    return calls < 1 ? 1 : calls > 1e15 ? (int64_t)1e15 : (int64_t)calls;
  }
  steps = strtoll(text, &end, 10);
  return end == text || *end || steps < 1 || steps > INT64_C(1) << 46
             ? 0
             : (int64_t)steps * job->accumulate;
}

int train_options_every(const train_job *job, const char *name, int64_t initial,
                        int64_t *calls) {
  const char *text = args_value(job->args, name);

  *calls = initial;
  if (!text) return 0;
  *calls = train_options_calls(job, text);
  return *calls ? 0
                : refuse_usage(job->args,
                               "%s is \"%s\", and must be a whole number of "
                               "steps, or 1epoch, .5epoch and the like",
                               name, text);
}

/* ---- schedules ---- */

/* The words of a schedule, epochs in them as steps. */
static int options_words(train_job *job, const char *text) {
  int status = options_append(job, " schedule=");
  size_t length;

  for (text += strspn(text, " \t"); *text && !status; text += strspn(text, " \t")) {
    const char *equals;
    double epochs = -1;
    length = strcspn(text, " \t");
    equals = memchr(text, '=', length);
    if (equals) epochs = options_epochs(equals + 1, length - (size_t)(equals + 1 - text));
    if (epochs >= 0)
      status =
          options_append(job, "%.*s%.0f", (int)(equals + 1 - text), text,
                         floor(epochs * (double)job->epoch_calls / (double)job->accumulate +
                               .5));
    else
      status = options_append(job, "%.*s", (int)length, text);
    text += length;
    if (text[strspn(text, " \t")]) status = status ? status : options_append(job, " ");
  }
  return status;
}

/* A rate that falls by the held-out loss needs that to be measured. */
static void options_plateau(train_job *job, const char *text) {
  const char *schedule = text ? train_options_key(text, "schedule") : NULL;
  job->valid.has_plateau = schedule && !strncmp(schedule, "plateau", 7);
}

/* ---- all of it ---- */

/* How many calls make a step, and how many steps there are. */
static int options_steps(train_job *job, const char *text) {
  const char *value = text ? train_options_key(text, "accumulate") : NULL;
  const int64_t calls = (job->epochs ? job->epochs : 1) * job->epoch_calls;

  job->accumulate = value ? strtoll(value, NULL, 10) : 1;
  if (job->accumulate < 1) job->accumulate = 1; /* the trainer says what is wrong */
  if (job->steps) return 0;
  job->steps = calls / job->accumulate;
  if (job->steps) return 0;
  return refuse_usage(job->args,
                      "there are %lld batches in all, fewer than the %lld that "
                      "accumulate takes for a step: give more --epochs or a smaller --batch",
                      (long long)calls, (long long)job->accumulate);
}

int train_options_optimizer(train_job *job) {
  static const char *const keys[] = {"--lr", "--clip", "--ema", "--accumulate"};
  const args *a = job->args;
  const char *text = args_value(a, "--optimizer");
  size_t i;
  int status;

  if (args_value(a, "--resume") && !job->from && !text) {
    lnsp_file *file = NULL; /* a state keeps its own text */
    lnsp_error error;
    if (args_value(a, "--clip") || args_value(a, "--ema") || args_value(a, "--schedule") ||
        args_value(a, "--accumulate"))
      return refuse_usage(a, "--resume keeps the saved optimizer; to change clip, ema, "
                             "accumulate or schedule name the whole text with --optimizer");
    if (lnsp_file_open(args_value(a, "--resume"), NULL, &file, &error))
      return refuse_error(a, args_value(a, "--resume"), &error);
    text = lnsp_file_metadata(file, "lnsp.optimizer");
    status = options_steps(job, text);
    options_plateau(job, text);
    lnsp_file_destroy(file);
    return status;
  }
  status = options_append(job, "%s", text ? text : "adamw");
  for (i = 0; i < sizeof keys / sizeof keys[0] && !status; i++) {
    /* --lr, --clip, --ema and --accumulate are keys of the optimizer's text, given apart. */
    const char *value = args_value(job->args, keys[i]);
    if (value) {
      if (train_options_key(job->optimizer, keys[i] + 2))
        return refuse_usage(job->args, "%s is in --optimizer already; give it once", keys[i]);
      status = options_append(job, " %s=%s", keys[i] + 2, value);
    }
  }
  if (!status) status = options_steps(job, job->optimizer);
  if (!status && job->share > 0 && train_options_key(job->optimizer, "clip_each") &&
      !train_options_key(job->optimizer, "lot"))
    status = options_append(job, " lot=%lld", (long long)job->batch);
  if (status) return status;
  text = args_value(job->args, "--schedule");
  int ends;
  status = 0;

  if (text && train_options_key(job->optimizer, "schedule"))
    return refuse_usage(job->args, "--schedule is in --optimizer already; give it once");
  if (text) status = options_words(job, text);
  text = train_options_key(job->optimizer, "schedule");
  ends = text && (!strncmp(text, "cosine", 6) || !strncmp(text, "linear", 6));
  text = train_options_key(job->optimizer, "warmup");
  if (text && text[strcspn(text, " \t%")] == '%') ends = 1;
  if (!status && ends && !train_options_key(job->optimizer, "steps"))
    status = options_append(job, " steps=%lld", (long long)job->steps);
  options_plateau(job, job->optimizer);
  return status;
}
