/* lnsp bench: microseconds of runs and training steps on this machine. */
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define BENCH_SAMPLES 20000
#define BENCH_TRAIN "adam lr=1e-7"

static const option options[] = {
  { "--seconds", "X", "time to measure each row for; default .3" },
  { NULL, NULL, NULL },
};

/* The networks that liblnsp is compared on. */
static const struct {
  const char *name, *text;
} nets[] = {
  { "W1", "family_b_doc act=relu normalise=0" },
  { "W1g", "family_b_doc act=gelu normalise=0" },
  { "W2",
    "lnsp 1; x = input 384; h = linear x 256 w=l1; h = layernorm h w=n1; h = relu h;"
    "h = linear h 192 w=l2; h = layernorm h w=n2; h = relu h;"
    "h = linear h 256 w=l3; h = layernorm h w=n3; h = relu h;"
    "o = linear h 384 w=l4; output output=o" },
  { "W3",
    "lnsp 1; x = input 768; h = linear x 1536 w=l1; h = relu h; o = linear h 768 w=l2;"
    "output output=o" },
  { "S1", "student" },
};
#define NETS ((int)(sizeof nets / sizeof *nets))

typedef struct work {
  lnsp_session *session;
  lnsp_trainer *trainer;
  lnsp_tensor in[2], out;
} work;

static int32_t work_once(work *w, lnsp_problem *problem) {
  if (w->trainer)
    return lnsp_trainer_step(w->trainer, w->in, 2, NULL, problem);
  return lnsp_session_run(w->session, w->in, 1, &w->out, 1, problem);
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* Samples of at least 50 us each, for the given time, after a few calls unseen. */
static int32_t work_time(work *w, double seconds, double *least, double *median,
                         lnsp_problem *problem) {
  double *sample = malloc(BENCH_SAMPLES * sizeof *sample), start, end;
  int count = 0, calls, i;
  int32_t status = sample ? LNSP_OK : LNSP_E_MEMORY;

  for (i = 0; i < 5 && !status; i++)
    status = work_once(w, problem);
  start = clock_seconds();
  if (!status)
    status = work_once(w, problem);
  calls = (int)(50e-6 / (clock_seconds() - start + 1e-9)) + 1;
  end = clock_seconds() + seconds;
  while (!status && count < BENCH_SAMPLES && (count == 0 || clock_seconds() < end)) {
    start = clock_seconds();
    for (i = 0; i < calls && !status; i++)
      status = work_once(w, problem);
    sample[count++] = 1e6 * (clock_seconds() - start) / calls;
  }
  if (!status) {
    qsort(sample, (size_t)count, sizeof *sample, compare);
    *least = sample[0];
    *median = sample[count / 2];
  }
  free(sample);
  return status;
}

/* Values around zero, the same in every run. */
static float *fill(int64_t count, uint32_t seed) {
  float *values = malloc((size_t)count * sizeof *values);
  int64_t i;
  for (i = 0; values && i < count; i++) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = (float)(seed >> 8) / 8388608.f - 1.f;
  }
  return values;
}

static int bench_row(const args *a, const report *r, int net, int train, int64_t batch,
                     double seconds) {
  const lnsp_options library = args_options(a);
  const lnsp_limits limits = limits_for(batch, 1);
  lnsp_problem problem;
  lnsp_model *model = NULL;
  lnsp_tensor output;
  work w;
  float *x = NULL, *y = NULL;
  double least = 0, median = 0;
  char name[24];
  int32_t status;

  memset(&w, 0, sizeof w);
  memset(&problem, 0, sizeof problem);
  status = lnsp_model_new(nets[net].text, 1, &library, &model, &problem);
  if (!status)
    status = train ? lnsp_trainer_create(model, "mse", BENCH_TRAIN, &limits, &library,
                                         &w.trainer, &problem)
                   : lnsp_session_create(model, &limits, &library, &w.session, &problem);
  if (!status) {
    const lnsp_graph *graph = lnsp_model_graph(model);
    const int64_t wide = lnsp_graph_input_width(graph);
    lnsp_graph_output_at(graph, 0, &output, NULL);
    x = fill(batch * wide, 1);
    y = fill(batch * output.dims[0], 2);
    w.in[0] = lnsp_tensor_f32("input", x, 2, batch, wide, 0);
    w.in[1] = lnsp_tensor_f32("target", y, 2, batch, output.dims[0], 0);
    w.out = lnsp_tensor_f32("output", y, 2, batch, output.dims[0], 0);
    if (w.trainer) { /* the weights are in the trainer: the copy would count as memory */
      lnsp_model_destroy(model);
      model = NULL;
    }
    status = x && y ? work_time(&w, seconds, &least, &median, &problem) : LNSP_E_MEMORY;
  }
  lnsp_session_destroy(w.session);
  lnsp_trainer_destroy(w.trainer);
  lnsp_model_destroy(model);
  free(x);
  free(y);
  if (status)
    return problem.code ? refuse_problem(a, NULL, &problem) : refuse_memory(a);
  snprintf(name, sizeof name, "%s.%s", nets[net].name, train ? "train" : "fwd");
  if (r->json) {
    json_open(NULL, '{');
    json_text("work", name);
    json_integer("batch", batch);
    json_real("us_min", least);
    json_real("us_median", median);
    json_integer("peak_rss_kb", peak_resident_kb());
    json_close('}');
  } else {
    printf("%-9s %5lld %10.2f %10.2f %8lld\n", name, (long long)batch, least, median,
           (long long)peak_resident_kb());
    fflush(stdout);
  }
  return EXIT_DONE;
}

/* "W1", "W1.fwd", "W1.train" or all; 1 if the work is meant. */
static int wanted(const char *text, int net, int train) {
  const size_t length = strlen(nets[net].name);
  if (!text)
    return 1;
  if (strncmp(text, nets[net].name, length))
    return 0;
  return !text[length] || !strcmp(text + length, train ? ".train" : ".fwd");
}

static int run(const args *a) {
  static const int64_t usual[] = { 1, 32, 256 };
  const char *text = a->positional_count > 0 ? a->positional[0] : NULL;
  int64_t only = 0;
  double seconds = .3;
  int net, train, b, found = 0, status = args_positionals(a, 0, 2);
  lnsp_problem problem;
  report r;

  if (!status)
    status = args_real(a, "--seconds", 0, .3, &seconds);
  if (!status && a->positional_count == 2) {
    char *end;
    only = strtol(a->positional[1], &end, 10);
    if (*end || only < 1 || only > 65536)
      return usage_error(a, "BATCH is \"%s\", and must be a number from 1 to 65536",
                         a->positional[1]);
  }
  for (net = 0; net < NETS; net++)
    for (train = 0; train < 2; train++)
      found |= wanted(text, net, train);
  if (!status && !found)
    return usage_error(a, "there is no work \"%s\"; `lnsp help bench` lists them", text);
  if (status)
    return status;
  if (lnsp_isa_check(args_options(a).isa, &problem)) /* before anything is printed */
    return refuse_problem(a, NULL, &problem);
  r = report_start(a);
  if (r.json)
    json_open("rows", '[');
  else
    printf("# work    batch     us_min  us_median peak_rss_kb\n");
  for (net = 0; net < NETS && !status; net++)
    for (train = 0; train < 2 && !status; train++)
      for (b = 0; b < (only ? 1 : 3) && !status; b++)
        if (wanted(text, net, train))
          status = bench_row(a, &r, net, train, only ? only : usual[b], seconds);
  if (status)
    return status;
  if (r.json)
    json_close(']');
  return report_end(&r, a);
}

const command command_bench = {
  "bench", "[WORK [BATCH]]", "microseconds of runs and steps here",
  "Measures networks of fixed shape on made-up vectors, one thread: the least and the median\n"
  "time of a call, and the peak resident memory of the process so far. WORK is one of these, or\n"
  "one with .fwd (a run) or .train (a step: mse, Adam) behind it; BATCH is 1, 32 and 256\n"
  "without the argument.\n\n"
  "  W1   384-256-192-256-384, ReLU, 296,000 parameters\n"
  "  W1g  the same with GELU\n"
  "  W2   W1 with LayerNorm before each ReLU\n"
  "  W3   768-1536-768, ReLU\n"
  "  S1   the student SN727 whole: LayerNorm, GELU, attention",
  options, run,
};
