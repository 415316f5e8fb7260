/* `lnsp train`: checkpoints. One is the trainer's state, with the best weights so far as
 * tensors best.<name>, and in its metadata what the run was asked for (lnsp.run, a line an
 * option) and how far it is (lnsp.run.state). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/tensor.h"
#include "train/train.h"
#include "lnsp.h"

#define CHECKPOINT_RUN "lnsp.run"
#define CHECKPOINT_STATE "lnsp.run.state"
#define CHECKPOINT_BEST "best."
#define CHECKPOINT_SAMPLES 64 /* rows that stand for the data */

/* ---- what was asked for ---- */

static uint64_t checkpoint_mix(uint64_t hash, const void *bytes, size_t count) {
  const unsigned char *at = bytes;
  for (; count; count--) hash = (hash ^ *at++) * UINT64_C(0x100000001b3); /* FNV-1a */
  return hash;
}

/* Tells data apart: their shapes, which rows are meant, and the values of some rows. */
static int checkpoint_data(data *d, uint64_t *out) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  int i, n, status = 0;

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
  for (i = 0; i < CHECKPOINT_SAMPLES && i < d->rows && !status; i++) {
    status =
        data_read(d, NULL,
                  d->rows <= CHECKPOINT_SAMPLES ? i
                                                : (d->rows - 1) * i / (CHECKPOINT_SAMPLES - 1),
                  1);
    for (n = 0; n < d->needed_count && !status; n++)
      hash = checkpoint_mix(hash, d->inputs[n].data,
                            (size_t)tensor_elements(&d->inputs[n]) *
                                (d->inputs[n].dtype == LNSP_I64 ? 8 : sizeof(float)));
  }
  *out = hash;
  return status;
}

/* A line of an option's value; a newline in it is a blank. */
static void checkpoint_line(FILE *to, const char *name, const char *value) {
  fprintf(to, "%s=", name);
  for (; value && *value; value++) fputc(*value == '\n' ? ' ' : *value, to);
  fputc('\n', to);
}

static int checkpoint_options(train_job *job) {
  static const char *const given[] = {"--replay",   "--echo",       "--shuffle", "--best",
                                      "--patience", "--eval-every", "--schedule"};
  const args *a = job->args;
  const char *loss = args_value(a, "--loss"), *pattern;
  uint64_t data_hash = 0, held_hash = 0;
  size_t size = 0, i;
  int n, status = checkpoint_data(&job->d, &data_hash);
  FILE *to;

  if (!status && job->valid.there) status = checkpoint_data(&job->valid.d, &held_hash);
  if (status) return status;
  to = open_memstream(&job->options, &size);
  if (!to) return refuse_memory(a);
  checkpoint_line(to, "--normalise", args_value(a, "--normalise") ? "yes" : "");
  fprintf(to, "the data=%lld rows, fingerprint %016llx\n", (long long)job->d.rows,
          (unsigned long long)data_hash);
  fprintf(to, "the held-out data=%lld rows, fingerprint %016llx\n",
          job->valid.there ? (long long)job->valid.d.rows : 0LL, (unsigned long long)held_hash);
  checkpoint_line(to, "--loss", loss ? loss : "mse");
  fprintf(to, "--batch=%lld\n--seed=%llu\n", (long long)job->batch,
          (unsigned long long)job->seed);
  for (i = 0; i < sizeof given / sizeof given[0]; i++) {
    const char *value = args_value(a, given[i]);
    checkpoint_line(to, given[i], value && !*value ? "yes" : value);
  }
  for (n = 0; (pattern = args_value_at(a, "--freeze", n)) != NULL; n++)
    checkpoint_line(to, "--freeze", pattern);
  checkpoint_line(to, "--optimizer", job->optimizer); /* steps and epochs may be in it */
  return ferror(to) | fclose(to) ? refuse_memory(a) : 0;
}

/* Refuses the first option that differs. */
static int checkpoint_agree(const train_job *job, const char *was) {
  const char *path = args_value(job->args, "--resume"), *now = job->options;

  while (*was || *now) {
    const size_t w = strcspn(was, "\n"), n = strcspn(now, "\n");
    const size_t name = strcspn(*now ? now : was, "=\n");
    if (w != n || memcmp(was, now, w)) {
      const char *from = w > name && !strncmp(was, now, name + 1) ? was + name + 1 : was;
      const char *to = from == was ? now : now + name + 1;
      return refuse(job->args,
                    "%s is from a run in which %.*s was \"%.*s\", and now it is "
                    "\"%.*s\": continue with the same options and data",
                    path, (int)name, *now ? now : was, (int)(w - (size_t)(from - was)), from,
                    (int)(n - (size_t)(to - now)), to);
    }
    was += w + (was[w] == '\n');
    now += n + (now[n] == '\n');
  }
  return 0;
}

/* ---- how far it is ---- */

/* Numbers 6 and 7 of the counts, 1 and 2 of the reals were the plateau's in version 0.1. */
#define CHECKPOINT_COUNTS 9
#define CHECKPOINT_REALS 9

/* ---- back ---- */

int train_checkpoint_find(train_job *job) {
  const char *path = args_value(job->args, "--resume");
  lnsp_error error;

  if (!path) return 0;
  if (lnsp_file_open(path, NULL, &job->from, &error))
    return refuse_error(job->args, path, &error);
  if (lnsp_file_metadata(job->from, CHECKPOINT_RUN)) return 0;
  lnsp_file_destroy(job->from); /* a state of --state, or none */
  job->from = NULL;
  return 0;
}

int train_checkpoint_resume(train_job *job) {
  int status = job->checkpoint || job->from ? checkpoint_options(job) : 0;

  if (status || !job->from) return status;
  status = checkpoint_agree(job, lnsp_file_metadata(job->from, CHECKPOINT_RUN));
  if (status) return status;
  const char *text = lnsp_file_metadata(job->from, CHECKPOINT_STATE);
  train_validation *v = &job->valid;
  long long n[CHECKPOINT_COUNTS] = {0};
  double x[CHECKPOINT_REALS] = {0};
  char *end;
  int i, ok = text != NULL;

  for (i = 0; i < CHECKPOINT_COUNTS && ok; i++, text = end) {
    n[i] = strtoll(text, &end, 10);
    ok = end != text && n[i] >= -1 && n[i] < 1LL << 52;
  }
  for (i = 0; i < CHECKPOINT_REALS && ok; i++, text = end) {
    x[i] = strtod(text, &end);
    ok = end != text;
  }
  if (!ok || n[0] < 0 || n[0] + n[1] != (long long)lnsp_trainer_step_count(job->trainer))
    return refuse(job->args,
                  "%s is damaged: its record of the run does not fit the trainer's state",
                  args_value(job->args, "--resume"));
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
  if (status) return status;
  const char *path = args_value(job->args, "--resume");
  lnsp_options library = args_net_options(job->args);
  lnsp_error error;
  if (job->valid.best_step >= 0) {
    library.prefix = CHECKPOINT_BEST;
    if (lnsp_model_open_file(job->from, &library, &job->valid.best, &error))
      return refuse_error(job->args, path, &error);
  }
  return 0;
}

/* ---- writing ---- */

typedef struct checkpoint_bytes {
  unsigned char *data;
  size_t size, room;
} checkpoint_bytes;

static int32_t checkpoint_take(void *user, const void *from, size_t bytes) {
  checkpoint_bytes *to = user;
  if (to->room - to->size < bytes) {
    const size_t room = 2 * to->room + bytes;
    unsigned char *more = realloc(to->data, room);
    if (!more) return 1;
    to->data = more;
    to->room = room;
  }
  memcpy(to->data + to->size, from, bytes);
  to->size += bytes;
  return 0;
}

/* The files that a checkpoint is made of: the state, and the best weights. */
typedef struct checkpoint_part {
  checkpoint_bytes bytes;
  lnsp_file *file;
  const char *prefix;
} checkpoint_part;

typedef struct checkpoint_job {
  checkpoint_part part[2];
  int parts;
  lnsp_tensor *tensors;
  char *names, *state;
  lnsp_key_value *pairs;
  int32_t tensor_count, pair_count;
  size_t most; /* bytes of a tensor */
} checkpoint_job;

static int32_t checkpoint_gather(const train_job *job, checkpoint_job *c, lnsp_error *error) {
  int32_t status = LNSP_OK;
  int i;

  c->parts = job->valid.best ? 2 : 1;
  c->part[0].prefix = "";
  c->part[1].prefix = CHECKPOINT_BEST;
  for (i = 0; i < c->parts && !status; i++) {
    checkpoint_part *part = &c->part[i];
    const lnsp_sink sink = {sizeof sink, &part->bytes, checkpoint_take};
    status = i == 0 ? lnsp_trainer_save_sink(job->trainer, &sink, LNSP_SAVE_STATE, error)
                    : lnsp_model_save_sink(job->valid.best, &sink, 0, error);
    if (!status)
      status =
          lnsp_file_open_memory(part->bytes.data, part->bytes.size, NULL, &part->file, error);
    if (!status) c->tensor_count += lnsp_file_tensor_count(part->file);
  }
  return status;
}

static size_t checkpoint_element(int32_t dtype) {
  return dtype == LNSP_F32 ? 4 : 2; /* that is all that trainers write */
}

static int32_t checkpoint_copy(checkpoint_job *c, lnsp_writer *writer, void *buffer,
                               lnsp_error *error) {
  int32_t status = LNSP_OK, n, t = 0;
  int i;

  for (i = 0; i < c->parts; i++)
    for (n = 0; n < lnsp_file_tensor_count(c->part[i].file) && !status; n++, t++) {
      const lnsp_tensor *tensor = &c->tensors[t];
      const int64_t count = tensor_elements(tensor);
      status = lnsp_file_read(c->part[i].file, tensor->name + strlen(c->part[i].prefix), 0,
                              count, tensor->dtype, buffer, error);
      if (!status)
        status = lnsp_writer_write(writer, buffer,
                                   (size_t)count * checkpoint_element(tensor->dtype), error);
    }
  return status;
}

static int checkpoint_put(const train_job *job, checkpoint_job *c) {
  const size_t name_bytes = 512;
  lnsp_writer *writer = NULL;
  lnsp_error error;
  void *buffer = NULL;
  int32_t status;

  c->tensors = malloc((size_t)(c->tensor_count + 1) * sizeof *c->tensors);
  c->names = malloc((size_t)(c->tensor_count + 1) * name_bytes);
  c->pairs = malloc(64 * sizeof *c->pairs);
  if (!c->tensors || !c->names || !c->pairs) return refuse_memory(job->args);
  /* The tensors of all parts, and their names with the prefix. */
  lnsp_tensor *t = c->tensors;
  char *name = c->names;
  int32_t n;
  status = LNSP_OK;
  int i;

  for (i = 0; i < c->parts; i++)
    for (n = 0; n < lnsp_file_tensor_count(c->part[i].file) && !status; n++, t++) {
      status = lnsp_file_tensor_at(c->part[i].file, n, t, &error);
      if (status) break;
      snprintf(name, name_bytes, "%s%s", c->part[i].prefix, t->name);
      t->name = name;
      name += name_bytes;
      if ((size_t)tensor_elements(t) * checkpoint_element(t->dtype) > c->most)
        c->most = (size_t)tensor_elements(t) * checkpoint_element(t->dtype);
    }
  if (status) goto done;

  for (n = 0; !lnsp_file_metadata_at(c->part[0].file, n, &c->pairs[n], &error); n++)
    if (n == 60) break;
  c->pairs[n].key = CHECKPOINT_RUN;
  c->pairs[n++].value = job->options;
  c->pairs[n].key = CHECKPOINT_STATE;
  c->pairs[n++].value = c->state;
  c->pair_count = n;
  status = LNSP_OK;
  buffer = malloc(c->most + 1);
  if (!buffer) return refuse_memory(job->args);
  status = lnsp_writer_create(job->checkpoint, c->tensors, c->tensor_count, c->pairs,
                              c->pair_count, NULL, &writer, &error);
  if (status) goto done;
  status = checkpoint_copy(c, writer, buffer, &error);
  if (status) goto done;
  status = lnsp_writer_close(writer, &error);
done:
  lnsp_writer_destroy(writer);
  free(buffer);
  return status ? refuse_error(job->args, job->checkpoint, &error) : 0;
}

int train_checkpoint_write(train_job *job) {
  checkpoint_job c;
  lnsp_error error;
  int i, status;

  memset(&c, 0, sizeof c);
  const train_validation *v = &job->valid;
  size_t size = 0;
  FILE *to = open_memstream(&c.state, &size);

  if (!to) {
    status = refuse_memory(job->args);
    goto done;
  }
  fprintf(to, "%lld %lld %lld %lld %lld %lld %lld %lld %lld", (long long)job->first,
          (long long)job->done, (long long)v->looked, (long long)v->best_step,
          (long long)v->watch.reports, (long long)v->watch.bad, 0LL, 0LL,
          (long long)job->stopped);
  fprintf(to, " %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g", v->watch.best, 0.0, 0.0,
          (double)job->loss, (double)job->loss_first, job->loss_sum, job->seconds,
          job->wall + progress_clock() - job->started, job->flops);
  status = ferror(to) | fclose(to) ? refuse_memory(job->args) : 0;
  if (status) goto done;
  if (checkpoint_gather(job, &c, &error))
    status = refuse_error(job->args, job->checkpoint, &error);
  if (status) goto done;
  status = checkpoint_put(job, &c);
done:
  for (i = 0; i < 2; i++) {
    lnsp_file_destroy(c.part[i].file);
    free(c.part[i].bytes.data);
  }
  free(c.tensors);
  free(c.names);
  free(c.pairs);
  free(c.state);
  return status;
}
