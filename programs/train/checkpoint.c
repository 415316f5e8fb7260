/* `lnsp train`: checkpoints. One is the trainer's state, with the best weights so far as
 * tensors best.<name>, and in its metadata what the run was asked for (lnsp.run, a line an
 * option) and how far it is (lnsp.run.state). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/tensor.h"
#include "train/train.h"
#include "lnsp.h"

#define CHECKPOINT_RUN "lnsp.run"
#define CHECKPOINT_STATE "lnsp.run.state"
#define CHECKPOINT_BEST "best."
#define CHECKPOINT_PAIRS 60 /* most of a state's own */
#define CHECKPOINT_SAMPLES 64 /* rows that represent the data */

/* ---- what was asked for ---- */

static uint64_t checkpoint_mix(uint64_t hash, const void *bytes, size_t count) {
  const unsigned char *at = bytes;
  for (; count; count--) hash = (hash ^ *at++) * UINT64_C(0x100000001b3); /* FNV-1a */
  return hash;
}

/* Tells data apart: their shapes, which rows are meant, and the values of some rows. */
static uint64_t checkpoint_data(data *d) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  int i, n;

  for (i = 0; i < d->count; i++) {
    const data_column *c = &d->column[i];
    const int64_t sizes[4] = {c->rows, c->concepts, c->width, c->index_first};
    if (!c->needed) continue;
    hash = checkpoint_mix(hash, c->name, strlen(c->name));
    hash = checkpoint_mix(hash, sizes, sizeof sizes);
    if (c->index)
      hash = checkpoint_mix(hash, c->index->row,
                            (size_t)(c->index->count * c->index->columns) * sizeof(int32_t));
  }
  for (i = 0; i < CHECKPOINT_SAMPLES && i < d->rows; i++) {
    const int64_t row =
        d->rows <= CHECKPOINT_SAMPLES ? i : (d->rows - 1) * i / (CHECKPOINT_SAMPLES - 1);
    data_read(d, NULL, row, 1);
    for (n = 0; n < d->needed_count; n++)
      hash = checkpoint_mix(hash, d->inputs[n].data,
                            (size_t)tensor_elements(&d->inputs[n]) *
                                lnsp_dtype_bytes(d->inputs[n].dtype));
  }
  return hash;
}

/* A line of an option's value; a newline in it is a blank. */
static void checkpoint_line(FILE *to, const char *name, const char *value) {
  fprintf(to, "%s=", name);
  for (; value && *value; value++) fputc(*value == '\n' ? ' ' : *value, to);
  fputc('\n', to);
}

static void checkpoint_options(train_job *job) {
  static const char *const given[] = {"--replay",   "--echo",       "--shuffle", "--best",
                                      "--patience", "--eval-every", "--schedule"};
  const args *a = job->args;
  const uint64_t held_hash = job->valid.there ? checkpoint_data(&job->valid.d) : 0;
  const uint64_t data_hash = checkpoint_data(&job->d);
  const char *pattern;
  size_t size = 0, i;
  int n;
  FILE *to = open_memstream(&job->options, &size);

  if (!to) memory_refuse();
  checkpoint_line(to, "--normalise", args_value(a, "--normalise") ? "yes" : "");
  fprintf(to, "the data=%lld rows, fingerprint %016llx\n", (long long)job->d.rows,
          (unsigned long long)data_hash);
  fprintf(to, "the held-out data=%lld rows, fingerprint %016llx\n",
          job->valid.there ? (long long)job->valid.d.rows : 0LL, (unsigned long long)held_hash);
  checkpoint_line(to, "--loss", args_value(a, "--loss"));
  fprintf(to, "--batch=%lld\n--seed=%llu\n", (long long)job->batch,
          (unsigned long long)job->seed);
  for (i = 0; i < sizeof given / sizeof given[0]; i++) {
    const char *value = args_value(a, given[i]);
    checkpoint_line(to, given[i], value && !*value ? "yes" : value);
  }
  for (n = 0; (pattern = args_value_at(a, "--freeze", n)) != NULL; n++)
    checkpoint_line(to, "--freeze", pattern);
  checkpoint_line(to, "--optimizer", job->optimizer); /* steps and epochs may be in it */
  if (ferror(to) | fclose(to)) memory_refuse();
}

/* Refuses the first option that differs. */
static void checkpoint_agree(const train_job *job, const char *was) {
  const char *path = args_value(job->args, "--resume"), *now = job->options;

  while (*was || *now) {
    const size_t w = strcspn(was, "\n"), n = strcspn(now, "\n");
    const size_t name = strcspn(*now ? now : was, "=\n");
    if (w != n || memcmp(was, now, w)) {
      const char *from = w > name && !strncmp(was, now, name + 1) ? was + name + 1 : was;
      const char *to = from == was ? now : now + name + 1;
      refuse("'%s' is from a run in which %.*s was '%.*s', and now it is '%.*s': continue with "
             "the same options and data",
             path, (int)name, *now ? now : was, (int)(w - (size_t)(from - was)), from,
             (int)(n - (size_t)(to - now)), to);
    }
    was += w + (was[w] == '\n');
    now += n + (now[n] == '\n');
  }
}

/* ---- how far it is ---- */

/* Numbers 6 and 7 of the counts, 1 and 2 of the reals were the plateau's in version 0.1. */
#define CHECKPOINT_COUNTS 9
#define CHECKPOINT_REALS 9

/* ---- back ---- */

void train_checkpoint_find(train_job *job) {
  const char *path = args_value(job->args, "--resume");
  lnsp_error error;

  if (!path) return;
  refuse_if(lnsp_file_open(path, NULL, &job->from, &error), path, &error);
  if (lnsp_file_metadata(job->from, CHECKPOINT_RUN)) return;
  lnsp_file_destroy(job->from); /* a state of --state, or none */
  job->from = NULL;
}

/* Takes up the run where the text says it was; 0: the text does not fit. */
static int checkpoint_read(train_job *job, const char *text) {
  train_validation *v = &job->valid;
  long long n[CHECKPOINT_COUNTS] = {0};
  double x[CHECKPOINT_REALS] = {0};
  char *end;
  int i;

  if (!text) return 0;
  for (i = 0; i < CHECKPOINT_COUNTS; i++, text = end) {
    n[i] = strtoll(text, &end, 10);
    if (end == text || n[i] < -1 || n[i] >= 1LL << 52) return 0;
  }
  for (i = 0; i < CHECKPOINT_REALS; i++, text = end) {
    x[i] = strtod(text, &end);
    if (end == text) return 0;
  }
  if (n[0] < 0 || n[0] + n[1] != (long long)lnsp_trainer_step_count(job->trainer)) return 0;
  job->first = n[0];
  job->done = n[1];
  v->looked = n[2];
  v->best_step = n[3];
  v->watch.reports = n[4];
  v->watch.bad = n[5];
  job->stopped = n[8] != 0 && lnsp_early_stop_over(&v->watch);
  v->watch.best = x[0];
  job->loss = (float)x[3];
  job->loss_first = (float)x[4];
  job->loss_sum = x[5];
  job->seconds = x[6];
  job->wall = x[7];
  job->flops = x[8];
  return 1;
}

void train_checkpoint_resume(train_job *job) {
  const char *path = args_value(job->args, "--resume");
  lnsp_options library = args_net_options(job->args);
  lnsp_error error;

  if (job->checkpoint || job->from) checkpoint_options(job);
  if (!job->from) return;
  checkpoint_agree(job, lnsp_file_metadata(job->from, CHECKPOINT_RUN));
  if (!checkpoint_read(job, lnsp_file_metadata(job->from, CHECKPOINT_STATE)))
    refuse(
        "'%s' is damaged: its record of the run does not fit the trainer's state; resume from "
        "another checkpoint",
        path);
  if (job->valid.best_step < 0) return;
  library.prefix = CHECKPOINT_BEST;
  refuse_if(lnsp_model_open_file(job->from, &library, &job->valid.best, &error), path, &error);
}

/* ---- writing ---- */

typedef struct checkpoint_bytes {
  unsigned char *data;
  size_t size, room;
} checkpoint_bytes;

static int32_t checkpoint_take(void *user, const void *from, size_t bytes) {
  checkpoint_bytes *to = user;
  if (to->room - to->size < bytes) {
    to->room = 2 * to->room + bytes;
    to->data = memory_grow(to->data, (int64_t)to->room, 1);
  }
  memcpy(to->data + to->size, from, bytes);
  to->size += bytes;
  return 0;
}

/* The files that a checkpoint is made of: the state, and the best weights. */
typedef struct checkpoint_part {
  checkpoint_bytes bytes;
  lnsp_file *file;
} checkpoint_part;

typedef struct checkpoint_job {
  checkpoint_part part[2];
  int parts;
  lnsp_tensor *tensors; /* of all parts */
  const char **names;   /* as their part has them; in the checkpoint they have a prefix */
  int32_t count;
} checkpoint_job;

static size_t checkpoint_size(const lnsp_tensor *t) {
  return (size_t)tensor_elements(t) * lnsp_dtype_bytes(t->dtype);
}

static void checkpoint_gather(const train_job *job, checkpoint_job *c) {
  lnsp_error error;
  int32_t n;
  int i;

  c->parts = job->valid.best ? 2 : 1;
  for (i = 0; i < c->parts; i++) {
    checkpoint_part *part = &c->part[i];
    const lnsp_sink sink = {sizeof sink, &part->bytes, checkpoint_take};
    refuse_if(i == 0 ? lnsp_trainer_save_sink(job->trainer, &sink, LNSP_SAVE_STATE, &error)
                     : lnsp_model_save_sink(job->valid.best, &sink, 0, &error),
              job->checkpoint, &error);
    refuse_if(lnsp_file_open_memory(part->bytes.data, part->bytes.size, NULL, &part->file,
                                    &error),
              job->checkpoint, &error);
    n = c->count + lnsp_file_tensor_count(part->file);
    c->tensors = memory_grow(c->tensors, n + 1, sizeof *c->tensors);
    c->names = memory_grow(c->names, n + 1, sizeof *c->names);
    for (n = 0; !lnsp_file_tensor_at(part->file, n, &c->tensors[c->count], NULL); n++) {
      lnsp_tensor *t = &c->tensors[c->count];
      c->names[c->count++] = t->name;
      t->name = memory_format("%s%s", i ? CHECKPOINT_BEST : "", t->name);
    }
  }
}

static int32_t checkpoint_put(const train_job *job, const checkpoint_job *c, const char *state,
                              lnsp_error *error) {
  const int32_t first = lnsp_file_tensor_count(c->part[0].file);
  lnsp_key_value pairs[CHECKPOINT_PAIRS + 2];
  lnsp_writer *writer = NULL;
  void *buffer = NULL;
  int32_t status, n = 0, count = 0;

  while (count < CHECKPOINT_PAIRS &&
         !lnsp_file_metadata_at(c->part[0].file, count, &pairs[count], NULL))
    count++;
  pairs[count].key = CHECKPOINT_RUN;
  pairs[count++].value = job->options;
  pairs[count].key = CHECKPOINT_STATE;
  pairs[count++].value = state;
  status = lnsp_writer_create(job->checkpoint, c->tensors, c->count, pairs, count, NULL,
                              &writer, error);
  for (n = 0; n < c->count && !status; n++) {
    const lnsp_tensor *t = &c->tensors[n];
    buffer = memory_grow(buffer, (int64_t)checkpoint_size(t) + 1, 1);
    status = lnsp_file_read(c->part[n >= first].file, c->names[n], 0, tensor_elements(t),
                            t->dtype, buffer, error);
    if (!status) status = lnsp_writer_write(writer, buffer, checkpoint_size(t), error);
  }
  if (!status) status = lnsp_writer_close(writer, error);
  lnsp_writer_destroy(writer); /* before a refusal: it removes what was begun */
  free(buffer);
  return status;
}

void train_checkpoint_write(train_job *job) {
  const train_validation *v = &job->valid;
  char *state = memory_format(
      "%lld %lld %lld %lld %lld %lld 0 0 %lld %.17g 0 0 %.17g %.17g %.17g %.17g %.17g %.17g",
      (long long)job->first, (long long)job->done, (long long)v->looked,
      (long long)v->best_step, (long long)v->watch.reports, (long long)v->watch.bad,
      (long long)job->stopped, v->watch.best, (double)job->loss, (double)job->loss_first,
      job->loss_sum, job->seconds, job->wall + progress_clock() - job->started, job->flops);
  checkpoint_job c;
  lnsp_error error;
  int32_t n;
  int i;

  memset(&c, 0, sizeof c);
  checkpoint_gather(job, &c);
  refuse_if(checkpoint_put(job, &c, state, &error), job->checkpoint, &error);
  for (n = 0; n < c.count; n++) free((char *)(uintptr_t)c.tensors[n].name);
  for (i = 0; i < c.parts; i++) {
    lnsp_file_destroy(c.part[i].file);
    free(c.part[i].bytes.data);
  }
  free(c.tensors);
  free(c.names);
  free(state);
}
