/* `lnsp train`: the log, a line a step, and the report at the end. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "train/train.h"
#include "lnsp.h"
#include "common/works.h"

#define LOG_PF_DAY 8.64e19 /* 1e15 operations a second for a day */

static void log_check(const train_job *job, int failed) {
  if (failed)
    refuse("--log '%s' could not be written: make room, or leave it out",
           args_value(job->args, "--log"));
}

void train_log_open(train_job *job) {
  const char *path = args_value(job->args, "--log");
  const long long last = (long long)lnsp_trainer_step_count(job->trainer);
  char *earlier = NULL, *line = NULL, name[32];
  size_t size = 0, room = 0;
  FILE *file;

  if (!path) return;
  if (job->from && (file = fopen(path, "r")) != NULL) {
    /* the lines of an earlier run up to the step that it goes on from */
    FILE *to = open_memstream(&earlier, &size);
    if (!to) memory_refuse();
    while (getline(&line, &room, file) > 0)
      if (!strncmp(line, "step,", 5) || (line[0] >= '0' && line[0] <= '9' &&
                                         strchr(line, '\n') && strtoll(line, NULL, 10) <= last))
        fputs(line, to);
    free(line);
    fclose(to);
    fclose(file);
  }
  job->log = fopen(path, "w");
  log_check(job, !job->log);
  setvbuf(job->log, NULL, _IOLBF, BUFSIZ);
  if (earlier && !strncmp(earlier, "step,", 5)) {
    fputs(earlier, job->log);
  } else {
    fputs("step,epoch,seconds,lr,loss,val_loss,val_cosine,", job->log);
    if (job->valid.pool.truth)
      fprintf(job->log, "val_%s,", train_validation_measure(&job->valid, name));
    fputs("gradient_norm,flops,total_flops,pf_days\n", job->log);
  }
  free(earlier);
  log_check(job, fflush(job->log));
}

static void log_value(const train_job *job, int there, double value) {
  if (there && !isnan(value)) fprintf(job->log, "%.9g", value);
  fputc(',', job->log);
}

void train_log_step(train_job *job) {
  const train_validation *v = &job->valid;
  const int64_t step = (int64_t)lnsp_trainer_step_count(job->trainer);
  const int looked = v->looked == step && v->point_count > 0;
  const train_point none = {0, 0, 0, 0, 0};
  const train_point *p = looked ? &v->points[v->point_count - 1] : &none;
  const double norm = (double)lnsp_trainer_gradient_norm(job->trainer);

  if (!job->log) return;
  fprintf(job->log, "%lld,%.8g,%.3f,%.9g,%.9g,", (long long)step,
          (double)step * (double)job->accumulate / (double)job->epoch_calls,
          job->wall + progress_clock() - job->started, job->rate, (double)job->loss);
  log_value(job, looked, p->loss);
  log_value(job, looked, p->cosine);
  if (v->pool.truth) log_value(job, looked, p->rank);
  log_value(job, norm > 0, norm);
  fprintf(job->log, "%.0f,%.0f,%.9g\n", job->step_flops, job->flops, job->flops / LOG_PF_DAY);
  log_check(job, ferror(job->log));
}

void train_log_close(train_job *job) {
  if (job->log) log_check(job, ferror(job->log) | fclose(job->log));
}

/* ---- the report ---- */

static void report_value(const char *key, double value) {
  if (!isnan(value)) json_real(key, value);
}

static void report_points(const train_validation *v) {
  char name[32];
  int64_t i;

  json_open("held_out", '[');
  for (i = 0; i < v->point_count; i++) {
    json_open(NULL, '{');
    json_integer("step", v->points[i].step);
    report_value("cosine", v->points[i].cosine);
    report_value("mse", v->points[i].mse);
    report_value("loss", v->points[i].loss);
    report_value(train_validation_measure(v, name), v->points[i].rank);
    json_close('}');
  }
  json_close(']');
}

void train_log_report(const train_job *job) {
  const args *a = job->args;
  const char *state = args_value(a, "--state");
  const int what = job->average ? LNSP_SAVE_AVERAGE : LNSP_SAVE_WEIGHTS;
  const train_validation *v = &job->valid;
  char name[32], text[96];
  uint8_t hash[LNSP_HASH_BYTES];
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  lnsp_error error;

  refuse_if(lnsp_trainer_memory(job->trainer, &memory, &error), NULL, &error);
  refuse_if(v->best ? lnsp_model_hash(v->best, hash, &error)
                    : lnsp_trainer_hash(job->trainer, what, hash, &error),
            NULL, &error);
  report_start(a);
  report_points(&job->valid);
  if (job->interrupted)
    report_text("interrupted", "interrupted", "yes, after the step it was in");
  if (job->stopped) {
    snprintf(text, sizeof text, "yes, after %lld evaluations without improvement",
             (long long)v->watch.bad);
    report_text("stopped", "stopped early", text);
  }
  if (v->best) {
    snprintf(text, sizeof text, "best %s", train_validation_measure(v, name));
    report_text("best_by", "kept by", name);
    report_real("best", text, v->watch.best, "%.6g");
    report_integer("best_step", "of step", v->best_step, "");
  }
  report_integer("steps", "steps", job->done, "");
  report_integer("batch", "rows a step", job->batch, "");
  if (job->accumulate > 1) report_integer("accumulate", "batches a step", job->accumulate, "");
  report_integer("rows", "rows of data", job->d.rows, "");
  report_real("loss_first", "loss, first step", (double)job->loss_first, "%.6g");
  report_real("loss_last", "loss, last step", (double)job->loss, "%.6g");
  report_real("loss_mean", "loss, mean", job->done ? job->loss_sum / (double)job->done : 0,
              "%.6g");
  report_real("us_per_step", "us a step",
              job->done ? 1e6 * job->seconds / (double)job->done : 0, "%.1f");
  report_real("flops", "FLOPs", job->flops, "%.6g");
  report_real("pf_days", "PF-days", job->flops / LOG_PF_DAY, "%.6g");
  report_text("isa", "kernels", lnsp_trainer_isa(job->trainer));
  report_memory("memory", "trainer", &memory);
  if (peak_resident_kb() >= 0)
    report_integer("peak_resident_kb", "peak resident", peak_resident_kb(), "kB");
  report_hash("hash", "hash", hash);
  if (state) report_text("state", "state written", state);
  if (job->checkpoint) report_text("checkpoint", "checkpoint", job->checkpoint);
  report_text("file", job->average ? "average written" : "written", job->path);
  report_end();
}
