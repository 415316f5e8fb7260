/* The works that liblnsp is measured on, and the one routine that times them. */
#define _POSIX_C_SOURCE 200809L

#include "common/works.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A tiny learning rate: with a usual one the fixed sample is learnt within the
 * measurement, and a step of another kind is timed. That one is the work `converged`;
 * its weights stay, and a smaller beta2 lets the moments fade sooner. */
static const char *const works_optimizer[] = {"", "adam lr=1e-7", "adam lr=1e-30 betas=.9,.95"};
static const char *const works_sequence_optimizer[] =
    {"", "adamw lr=1e-7 weight_decay=.01", "adamw lr=1e-30 betas=.9,.95 weight_decay=0"};
#define WORKS_FRESH 50     /* steps that give the moments values                    */
#define WORKS_SETTLED 2000 /* steps without a gradient: .95^2000 is far below 2^-149 */

static const char *const works_kind[] = {"fwd", "train", "converged"};
#define WORKS_KINDS 3

static const struct {
  const char *name;
  int32_t storage; /* of a run's matrices */
  int moment_bytes;
  int steps; /* the type is one of steps, not of runs */
} works_type[] = {
    {"", LNSP_F32, 4, 0},     {".bf16", LNSP_BF16, 4, 0}, {".f16", LNSP_F16, 4, 0},
    {".int8", LNSP_I8, 4, 0}, {".m8", LNSP_F32, 1, 1},
};
#define WORKS_TYPES ((int)(sizeof works_type / sizeof *works_type))

static const struct {
  const char *name, *text, *unreached; /* WORKS_HELP says what they are */
  int concepts; /* above 1: asked for by name only, and output `raw` is trained */
} works_net[] = {
    {"W1", "family_b_doc act=relu normalise=0", NULL, 1},
    {"W1g", "family_b_doc act=gelu normalise=0", NULL, 1},
    {"W2",
     "lnsp 1; x = input 384; h = linear x 256 w=l1; h = layernorm h w=n1; h = relu h;"
     "h = linear h 192 w=l2; h = layernorm h w=n2; h = relu h;"
     "h = linear h 256 w=l3; h = layernorm h w=n3; h = relu h;"
     "o = linear h 384 w=l4; output output=o",
     NULL, 1},
    {"W3",
     "lnsp 1; x = input 768; h = linear x 1536 w=l1; h = relu h; o = linear h 768 w=l2;"
     "output output=o",
     NULL, 1},
    {"S1", "student", "layers.teacher_align", 1},
    {"amn", "amn", NULL, 5},
    {"gru", "gru", NULL, 5},
    {"transformer", "transformer", NULL, 5},
    {"mamba", "mamba_s", NULL, 5},
};
#define WORKS_NETS ((int)(sizeof works_net / sizeof *works_net))

/* ---- names ---- */

/* The length of the network's name that text begins with, 0 if it begins with none. */
static size_t works_read_net(const char *text, work_spec *spec) {
  const size_t length = strcspn(text, ".");
  int i, used = 0;
  long in, out;

  for (i = 0; i < WORKS_NETS; i++)
    if (strlen(works_net[i].name) == length && !strncmp(text, works_net[i].name, length)) {
      snprintf(spec->text, sizeof spec->text, "%s", works_net[i].text);
      spec->unreached = works_net[i].unreached;
      spec->concepts = works_net[i].concepts;
      return length;
    }
  if (sscanf(text, "L:%6ld:%6ld%n", &in, &out, &used) == 2 && (size_t)used == length &&
      in > 0 && out > 0) {
    snprintf(spec->text, sizeof spec->text,
             "lnsp 1; x = input %ld; o = linear x %ld w=l; output output=o", in, out);
    spec->concepts = 1;
    return length;
  }
  return 0;
}

static int works_add(work_spec *list, int count, const work_spec *of, size_t net,
                     const char *text, int kind, int type) {
  list[count] = *of;
  list[count].kind = kind;
  list[count].storage = works_type[type].storage;
  list[count].moment_bytes = works_type[type].moment_bytes;
  snprintf(list[count].name, sizeof list[count].name, "%.*s.%s%s", (int)net, text,
           works_kind[kind], works_type[type].name);
  return count + 1;
}

/* Whether ".kind.type" names this kind and type; "" names the usual two. */
static int works_is(const char *text, int kind, int type) {
  const size_t length = strlen(works_kind[kind]);
  if (!*text) return kind != WORK_CONVERGED && type == 0;
  return (type == 0 || (kind != WORK_FWD) == works_type[type].steps) &&
         !strncmp(text + 1, works_kind[kind], length) &&
         !strcmp(text + 1 + length, works_type[type].name);
}

int works_select(const char *text, work_spec list[WORKS_MAX]) {
  work_spec spec;
  size_t length;
  int i, kind, type, count = 0;

  if (!text) {
    for (i = 0; i < WORKS_NETS; i++)
      if (works_net[i].concepts == 1) count += works_select(works_net[i].name, list + count);
    return count;
  }
  memset(&spec, 0, sizeof spec);
  length = works_read_net(text, &spec);
  if (!length || length >= 24) return 0;
  for (kind = 0; kind < WORKS_KINDS; kind++)
    for (type = 0; type < WORKS_TYPES; type++)
      if (works_is(text + length, kind, type)) {
        if (kind == WORK_CONVERGED)
          count = works_add(list, count, &spec, length, text, WORK_TRAIN, type);
        count = works_add(list, count, &spec, length, text, kind, type);
      }
  return count;
}

/* ---- making ---- */

/* Values around zero, the same in every run. */
static void work_fill(float *to, int64_t count, uint32_t seed) {
  int64_t i;
  for (i = 0; i < count; i++) {
    seed = seed * 1664525u + 1013904223u;
    to[i] = (float)(seed >> 8) / 8388608.f - 1.f;
  }
}

static int32_t work_no_memory(lnsp_error *error) {
  if (error) {
    memset(error, 0, sizeof *error);
    error->code = LNSP_E_MEMORY;
    snprintf(error->message, sizeof error->message,
             "there is not enough memory for the vectors: take a smaller batch");
  }
  return LNSP_E_MEMORY;
}

static int64_t work_elements(const lnsp_tensor *t) {
  int64_t count = 1;
  int32_t i;
  for (i = 0; i < t->rank; i++) count *= t->dims[i];
  return count;
}

/* The outputs that a call writes, or is trained on, without their memory: every one of a
 * network of vectors, the first being that of a step's target; of a network of sequences
 * its result, or `raw` in a step. */
static int32_t work_outputs(work *w, const work_spec *spec, const lnsp_graph *graph,
                            lnsp_error *error) {
  int32_t i, count = lnsp_graph_output_count(graph), status = LNSP_OK;

  for (i = 0; i < count && w->out_count < WORK_OUTPUTS && !status; i++) {
    lnsp_tensor *out = &w->out[w->out_count];
    status = lnsp_graph_output_shape(graph, i, &w->in[0], out, error);
    if (spec->concepts == 1 || !strcmp(out->name, spec->kind == WORK_FWD ? "output" : "raw"))
      w->out_count++;
  }
  return status;
}

static int32_t work_vectors(work *w, const work_spec *spec, const lnsp_graph *graph,
                            int64_t batch, lnsp_error *error) {
  const int64_t wide = lnsp_graph_input_width(graph);
  int64_t total;
  float *at;
  int32_t i, status;

  w->in[0] = spec->concepts > 1 ? lnsp_tensor_f32("input", NULL, 3, batch, spec->concepts, wide)
                                : lnsp_tensor_f32("input", NULL, 2, batch, wide, 0);
  status = work_outputs(w, spec, graph, error);
  if (status) return status;
  total = work_elements(&w->in[0]);
  for (i = 0; i < w->out_count; i++) total += work_elements(&w->out[i]);
  at = w->memory = malloc((size_t)total * sizeof *at);
  if (!at) return work_no_memory(error);
  w->in[0].data = at;
  work_fill(at, work_elements(&w->in[0]), 1);
  at += work_elements(&w->in[0]);
  for (i = 0; i < w->out_count; i++) {
    w->out[i].data = at;
    at += work_elements(&w->out[i]);
  }
  work_fill(w->out[0].data, work_elements(&w->out[0]), 2);
  w->in[1] = w->out[0];
  w->in[1].name = "target";
  return LNSP_OK;
}

/* Brings a trainer to where its sample has been learnt: the target is what the network
 * gives, every gradient is zero, and the moments have faded through the subnormal
 * numbers. Where those are kept, each step is several times slower. */
static int32_t work_settle(work *w, lnsp_error *error) {
  int32_t status = LNSP_OK;
  float loss = 0;
  int i;

  for (i = 0; i < WORKS_FRESH && !status; i++) status = work_call(w, error);
  if (!status) /* out[0] and the target are one array */
    status = lnsp_trainer_forward(w->trainer, w->in, 1, w->out, 1, error);
  for (i = 0; i < WORKS_SETTLED && !status; i++)
    status = lnsp_trainer_step(w->trainer, w->in, 2, &loss, error);
  if (!status && loss != 0.f) {
    status = error->code = LNSP_E_INTERNAL;
    snprintf(error->message, sizeof error->message, "the sample was not learnt: its loss is %g",
             (double)loss);
  }
  return status;
}

int32_t work_open(const work_spec *spec, int64_t batch, const lnsp_options *options, int tasks,
                  work *w, lnsp_error *error) {
  lnsp_options storage = LNSP_OPTIONS_INIT;
  lnsp_model *model = NULL;
  lnsp_size_options limits = LNSP_SIZE_OPTIONS_INIT;
  char optimizer[80];
  int32_t status;

  storage.storage = spec->storage;
  memset(w, 0, sizeof *w);
  limits.max_rows = (int32_t)batch;
  limits.max_concepts = spec->concepts;
  limits.tasks = tasks;
  snprintf(optimizer, sizeof optimizer, "%s%s",
           (spec->concepts > 1 ? works_sequence_optimizer : works_optimizer)[spec->kind],
           spec->moment_bytes == 1 ? " moments=8bit" : "");
  status = lnsp_model_create(spec->text, 1, &storage, &model, error);
  if (!status)
    status = spec->kind == WORK_FWD
                 ? lnsp_session_create(model, &limits, options, &w->session, error)
                 : lnsp_trainer_create(model, spec->concepts > 1 ? "mse on=raw" : "mse",
                                       optimizer, &limits, options, &w->trainer, error);
  if (!status) status = work_vectors(w, spec, lnsp_model_graph(model), batch, error);
  lnsp_model_destroy(model); /* a session keeps it; a trainer has copied the weights */
  if (!status && spec->kind == WORK_CONVERGED) status = work_settle(w, error);
  if (status) work_close(w);
  return status;
}

void work_close(work *w) {
  lnsp_session_destroy(w->session);
  lnsp_trainer_destroy(w->trainer);
  free(w->memory);
  memset(w, 0, sizeof *w);
}

/* ---- timing ---- */

int32_t work_call(work *w, lnsp_error *error) {
  if (w->trainer) return lnsp_trainer_step(w->trainer, w->in, 2, NULL, error);
  return lnsp_session_run(w->session, w->in, 1, w->out, w->out_count, error);
}

static clockid_t works_time = CLOCK_MONOTONIC;

void works_use_processor_time(void) { works_time = CLOCK_PROCESS_CPUTIME_ID; }

static double work_clock_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double work_clock(void) { return work_clock_of(works_time); }

/* Of a call: by the wall's clock, since a processor's may stand still where the machine is
 * shared. */
static int32_t work_length(work *w, double *seconds, lnsp_error *error) {
  const double start = work_clock_of(CLOCK_MONOTONIC);
  const int32_t status = work_call(w, error);
  *seconds = work_clock_of(CLOCK_MONOTONIC) - start;
  return status;
}

#define WORK_WARM_CALLS 5   /* before the first sample, */
#define WORK_WARM_SECONDS .1 /* of which none begins later than this */

int work_sample(work *w, double seconds, double sample_seconds, double *sample, int capacity,
                lnsp_error *error) {
  int count = 0, calls, i;
  double start, end, length = 0;
  int32_t status = LNSP_OK;

  start = work_clock();
  for (i = 0; i < WORK_WARM_CALLS && work_clock() - start < WORK_WARM_SECONDS && !status; i++)
    status = work_call(w, error);
  if (!status) status = work_length(w, &length, error);
  calls = (int)(sample_seconds / (length + 1e-9)) + 1;
  end = work_clock() + seconds;
  while (!status && count < capacity && (count == 0 || work_clock() < end)) {
    int64_t made = 0;
    double now = start = work_clock();
    while (!status && now <= start) { /* a clock that stood still has measured nothing */
      for (i = 0; i < calls && !status; i++) status = work_call(w, error);
      made += calls;
      now = work_clock();
    }
    sample[count++] = 1e6 * (now - start) / (double)made;
  }
  return status ? 0 : count;
}

static int work_compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

int32_t work_time(work *w, double seconds, work_times *times, lnsp_error *error) {
  double *sample = malloc(WORK_SAMPLES * sizeof *sample);
  int count;

  if (!sample) return work_no_memory(error);
  count = work_sample(w, seconds, 50e-6, sample, WORK_SAMPLES, error);
  if (count) {
    qsort(sample, (size_t)count, sizeof *sample, work_compare);
    times->least = sample[0];
    times->median = sample[count / 2];
  }
  free(sample);
  return count ? LNSP_OK : error->code;
}

int64_t peak_resident_kb(void) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[128];
  int64_t kb = -1;

  if (!file) return -1;
  while (fgets(line, sizeof line, file))
    if (!strncmp(line, "VmHWM:", 6)) kb = strtoll(line + 6, NULL, 10);
  fclose(file);
  return kb;
}
