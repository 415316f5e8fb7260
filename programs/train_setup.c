/* `lnsp train`: the trainer from the command's options, held-out data, the
 * report. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/works.h"
#include "train.h"

/* Appends to the optimizer's text. */
static int setup_append(train_job *job, const char *format, ...) {
  const size_t used = strlen(job->optimizer);
  va_list list;
  int length;

  va_start(list, format);
  length = vsnprintf(job->optimizer + used, sizeof job->optimizer - used, format, list);
  va_end(list);
  if (length < 0 || (size_t)length >= sizeof job->optimizer - used)
    return usage_error(job->args, "the optimizer's text is longer than %d bytes",
                       TRAIN_TEXT_BYTES - 1);
  return 0;
}

/* --lr, --clip and --ema are keys of the optimizer's text, given apart. */
static int setup_key(train_job *job, const char *name) {
  const char *value = args_value(job->args, name);
  char key[32], *end;

  if (!value)
    return 0;
  snprintf(key, sizeof key, " %s=", name + 2);
  if (strstr(job->optimizer, key))
    return usage_error(job->args, "%s stands in --optimizer already; give it once", name);
  strtod(value, &end);
  if (!*value || *end || strpbrk(value, " \t="))
    return usage_error(job->args, "%s is \"%s\", and must be a number", name, value);
  return setup_append(job, "%s%s", key, value);
}

static int setup_schedule(train_job *job) {
  const char *text = args_value(job->args, "--schedule");
  int status = 0;

  if (text && strstr(job->optimizer, " schedule="))
    return usage_error(job->args, "--schedule stands in --optimizer already; give it once");
  if (text)
    status = setup_append(job, " schedule=%s", text);
  if (!status && strstr(job->optimizer, " schedule=cosine") &&
      !strstr(job->optimizer, " steps="))
    status = setup_append(job, " steps=%lld", (long long)job->steps);
  return status;
}

/* The text, or none for a resumed state that keeps its own. */
static int setup_optimizer(train_job *job) {
  const args *a = job->args;
  const char *text = args_value(a, "--optimizer");
  int status;

  if (args_value(a, "--resume") && !text) {
    if (args_value(a, "--clip") || args_value(a, "--ema") || args_value(a, "--schedule"))
      return usage_error(a, "--resume keeps the saved optimizer; to change clip, ema or "
                            "schedule name the whole text with --optimizer");
    return 0;
  }
  status = setup_append(job, "%s", text ? text : "adamw");
  if (!status)
    status = setup_key(job, "--lr");
  if (!status)
    status = setup_key(job, "--clip");
  if (!status)
    status = setup_key(job, "--ema");
  if (!status && job->share > 0 && strstr(job->optimizer, " clip_each=") &&
      !strstr(job->optimizer, " lot="))
    status = setup_append(job, " lot=%lld", (long long)job->batch);
  return status ? status : setup_schedule(job);
}

static int setup_trainer(train_job *job) {
  const args *a = job->args;
  const char *resume = args_value(a, "--resume"), *loss = args_value(a, "--loss");
  const char *path = resume ? resume : a->positional[0];
  const lnsp_options library = args_options(a);
  const lnsp_limits limits = limits_for(job->room, job->d.max_concepts);
  lnsp_memory memory;
  lnsp_problem problem;
  lnsp_file *file = NULL;
  double lr;
  int status = 0;

  if (lnsp_file_open(path, NULL, &file, &problem))
    return refuse_problem(a, path, &problem);
  if (resume && !lnsp_file_metadata(file, "lnsp.trainer"))
    status = refuse(a, "%s is no state that --state wrote; a model is given as MODEL, without "
                       "--resume", path);
  else if (lnsp_trainer_open(file, loss || resume ? loss : "mse",
                        job->optimizer[0] ? job->optimizer : NULL, &limits, &library,
                        &job->trainer, &problem))
    status = refuse_problem(a, path, &problem);
  lnsp_file_destroy(file);
  if (!status && resume && !job->optimizer[0]) {
    status = args_real(a, "--lr", 0, 0, &lr);
    if (!status && args_value(a, "--lr") &&
        lnsp_trainer_set_learning_rate(job->trainer, (float)lr, &problem))
      status = refuse_problem(a, NULL, &problem);
  }
  memset(&memory, 0, sizeof memory);
  memory.struct_size = sizeof memory;
  if (!status && lnsp_trainer_memory(job->trainer, &memory, &problem))
    status = refuse_problem(a, NULL, &problem);
  job->average = memory.average_bytes > 0;
  return status;
}

/* Frozen tensors and replay statistics. */
static int setup_extras(train_job *job) {
  const char *pattern, *path = args_value(job->args, "--replay");
  const char *loss = args_value(job->args, "--loss");
  lnsp_replay *replay = NULL;
  lnsp_problem problem;
  int i, status = 0;

  if (loss && strstr(loss, "replay") && !path)
    return refuse(job->args, "the loss has a replay term: give its statistics with --replay "
                             "FILE, which `lnsp replay fit` writes");
  for (i = 0; !status && (pattern = args_value_at(job->args, "--freeze", i)) != NULL; i++)
    if (lnsp_trainer_freeze(job->trainer, pattern, 1, &problem))
      status = refuse_problem(job->args, NULL, &problem);
  if (!status && path && (lnsp_replay_open(path, NULL, &replay, &problem) ||
                          lnsp_trainer_set_replay(job->trainer, replay, &problem)))
    status = refuse_problem(job->args, path, &problem);
  lnsp_replay_destroy(replay);
  return status;
}

/* The columns that the loss reads, room for a batch, and the order of rows. */
static int setup_data(train_job *job) {
  const char *name;
  int32_t i;
  int status = 0;

  for (i = 0; !status && (name = lnsp_trainer_input_name(job->trainer, i)) != NULL; i++)
    status = data_need(&job->d, name);
  if (status)
    return status;
  if (job->d.rows < job->d.max_rows) { /* a shorter tensor is the one that counts */
    if (job->share > 0)
      return usage_error(job->args, "--poisson needs tensors of equally many rows");
    if (job->batch > job->d.rows)
      job->room = job->batch = job->d.rows;
    job->epoch_steps = job->d.rows / job->batch + (job->d.rows % job->batch > 1);
  }
  status = data_reserve(&job->d, job->room);
  if (!status && (args_value(job->args, "--shuffle") || job->share > 0)) {
    job->order = malloc((size_t)job->d.rows * sizeof *job->order);
    job->order_epoch = UINT64_MAX;
    if (!job->order)
      status = refuse_memory(job->args);
  }
  return status;
}

static int setup_held_out(train_job *job) {
  const args *a = job->args;
  const char *input = args_value(a, "--eval-input"), *rows = args_value(a, "--eval-rows");
  const lnsp_options library = args_options(a);
  lnsp_limits limits;
  lnsp_problem problem;
  data_spec spec;
  int status;

  memset(&spec, 0, sizeof spec);
  spec.path = args_value(a, "--eval");
  spec.rows = rows;
  spec.input = input ? input : rows && !spec.path ? job->spec.input : NULL;
  spec.normalise = job->spec.normalise;
  if (!spec.path && !spec.input) {
    if (rows || job->eval_every)
      return usage_error(a, "held-out data are missing: give --eval DATA or --eval-input");
    return 0;
  }
  status = data_open(&job->held_out, a, &spec);
  if (!status)
    status = data_need(&job->held_out, "input");
  if (!status)
    status = data_need(&job->held_out, "target");
  job->eval_batch = job->held_out.rows < 32 ? job->held_out.rows : 32;
  if (!status)
    status = data_reserve(&job->held_out, job->eval_batch);
  limits = limits_for(job->eval_batch, job->held_out.max_concepts);
  if (!status && lnsp_session_create_live(job->trainer, job->average, &limits, &library,
                                          &job->session, &problem))
    status = refuse_problem(a, NULL, &problem);
  return status;
}

int train_open(train_job *job) {
  int status = setup_optimizer(job);
  if (!status)
    status = setup_trainer(job);
  if (!status)
    status = train_private_key(job);
  if (!status)
    status = setup_extras(job);
  if (!status)
    status = setup_data(job);
  return status ? status : setup_held_out(job);
}

int train_evaluate(train_job *job) {
  score s;
  train_point *more;
  int status;

  if (!job->session)
    return 0;
  status = score_session(&job->held_out, job->session, job->eval_batch, NULL, &s);
  if (status)
    return status;
  more = realloc(job->points, (size_t)(job->point_count + 1) * sizeof *more);
  if (!more)
    return refuse_memory(job->args);
  job->points = more;
  more[job->point_count].step = (int64_t)lnsp_trainer_step_count(job->trainer);
  more[job->point_count].cosine = s.cosine;
  more[job->point_count++].mse = s.mse;
  if (!job->args->json) {
    char number[NUMBER_BYTES];
    printf("step %10s  held-out cosine %.4f  mse %.6g\n",
           number_text(more[job->point_count - 1].step, number), s.cosine, s.mse);
    fflush(stdout);
  }
  return 0;
}

static void report_points(const train_job *job) {
  int64_t i;
  json_open("held_out", '[');
  for (i = 0; i < job->point_count; i++) {
    json_open(NULL, '{');
    json_integer("step", job->points[i].step);
    json_real("cosine", job->points[i].cosine);
    json_real("mse", job->points[i].mse);
    json_close('}');
  }
  json_close(']');
}

int train_report(const train_job *job) {
  const args *a = job->args;
  const char *state = args_value(a, "--state");
  uint8_t hash[LNSP_HASH_BYTES];
  lnsp_memory memory;
  lnsp_problem problem;
  report r;

  memset(&memory, 0, sizeof memory);
  memory.struct_size = sizeof memory;
  if (lnsp_trainer_memory(job->trainer, &memory, &problem) ||
      lnsp_trainer_hash(job->trainer, job->average ? LNSP_SAVE_AVERAGE : LNSP_SAVE_WEIGHTS,
                        hash, &problem))
    return refuse_problem(a, NULL, &problem);
  r = report_start(a);
  if (r.json)
    report_points(job);
  if (job->interrupted)
    report_text(&r, "interrupted", "interrupted", "yes, after the step it was in");
  report_integer(&r, "steps", "steps", job->done, "");
  report_integer(&r, "batch", "rows a step", job->batch, "");
  report_integer(&r, "rows", "rows of data", job->d.rows, "");
  report_real(&r, "loss_first", "loss, first step", (double)job->loss_first, "6");
  report_real(&r, "loss_last", "loss, last step", (double)job->loss, "6");
  report_real(&r, "loss_mean", "loss, mean", job->done ? job->loss_sum / (double)job->done : 0,
              "6");
  report_real(&r, "us_per_step", "us a step",
              job->done ? 1e6 * job->seconds / (double)job->done : 0, "1");
  report_text(&r, "isa", "kernels", lnsp_trainer_isa(job->trainer));
  report_memory(&r, "memory", "trainer", &memory);
  if (peak_resident_kb() >= 0)
    report_integer(&r, "peak_resident_kb", "peak resident", peak_resident_kb(), "kB");
  report_hash(&r, "hash", "hash", hash);
  if (state)
    report_text(&r, "state", "state written", state);
  report_text(&r, "file", job->average ? "average written" : "written", job->path);
  return report_end(&r, a);
}

void train_close(train_job *job) {
  lnsp_session_destroy(job->session);
  lnsp_trainer_destroy(job->trainer);
  data_close(&job->held_out);
  data_close(&job->d);
  free(job->order);
  free(job->points);
}
