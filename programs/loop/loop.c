/* lnsp loop: predict the next concept, look it up, see what came, learn it, and on. */
#include "loop/loop.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "command.h"
#include "data/model.h"
#include "data/texts.h"
#include "score/metrics.h"
#include "lnsp.h"

static volatile sig_atomic_t loop_interrupted;

static void loop_interrupt(int signal_number) {
  (void)signal_number;
  loop_interrupted = 1;
}

static const option options[] = {
    {"--rows", "FILE:TENSOR",
     "rows in the order they arrive [M], or windows [M, L], whose last\n"
     "                             column arrives; default: all rows in order"},
    {"--context", "N", "concepts of a context; default 5, or what the network takes"},
    {"--group", "FILE:TENSOR", "a number a row (its page): no context goes across two of them"},
    {"--normalise", NULL, "scale every vector to length 1 as it is loaded"},
    {"--texts", "FILE[:A,B]",
     "a text a row; of which columns, by their names in the first line"},
    {"--columns", "A,B", "the same, given apart"},
    {"--pool", "all|arriving|FILE:TENSOR",
     "what can be found: all rows (the default), those that arrive,\n"
     "                             or those and the rows that are named"},
    {"--index", "FILE", "find in this index, whose ids are rows, instead"},
    {"--index-type", "T", "how the index keeps vectors: f32 (default), f16 or int8"},
    {"--keep-context", NULL, "let a context's own concepts be found too"},
    {"--on", "NAME", "output of the network that predicts; default output"},
    LOOP_LEARN_OPTIONS,
    {"--seed", "N", "of all draws; default 0"},
    {"--rollout", "H", "go on from predictions for H concepts; default 1"},
    {"--snap", NULL, "in a rollout, put the nearest concept in place of each prediction"},
    {"--top", "K", "nearest concepts that are shown; default 3"},
    {"--show", "N", "show every Nth concept; 0: only the figures at the end; default 1"},
    {"--window", "N", "concepts of the sliding figures; default 100"},
    {"--parts", "N", "parts of the stream whose figures are told apart at the end; default 5"},
    {"--from", "N", "begin with concept number N of the stream; default 0"},
    {"--count", "N", "end after N concepts; default: at the stream's end"},
    {"-o", "OUT", "model to write, with what was learnt"},
    {"--state", "FILE", "also write the trainer's whole state"},
    {"--store", "STORE", "commit what was learnt as a version; made if it is not there"},
    {"--commit-every", "N", "also commit after every N concepts"},
    {NULL, NULL, NULL},
};

static int loop_read(loop_job *job) {
  const args *a = job->args;
  const int64_t many = INT64_C(1) << 50;
  int status = args_integer(a, "--top", 1, LOOP_TOP, 3, &job->top);

  job->learns = args_value(a, "--learn") != NULL;
  job->snap = args_value(a, "--snap") != NULL;
  job->keep_context = args_value(a, "--keep-context") != NULL;
  job->output = args_value(a, "--on") ? args_value(a, "--on") : "output";
  job->path = a->positional[0];
  if (!status) status = args_integer(a, "--rollout", 1, LOOP_STEPS, 1, &job->rollout);
  if (!status) status = args_integer(a, "--show", 0, many, 1, &job->show);
  if (!status) status = args_integer(a, "--window", 1, many, 100, &job->window);
  if (!status) status = args_integer(a, "--parts", 1, 100, 5, &job->parts);
  if (!status) status = args_integer(a, "--from", 0, many, 0, &job->first);
  if (!status) status = args_integer(a, "--count", 1, many, many, &job->count);
  if (!status) status = args_integer(a, "--commit-every", 1, many, 0, &job->commit_every);
  if (!status && job->learns && strcmp(job->output, "output"))
    status =
        refuse_usage(a, "--on is for a network that only runs; losses name their output with "
                        "on= in their text");
  return status ? status : loop_save_check(job);
}

/* The model, and how many concepts of which width it takes. */
static int loop_limits(loop_job *job, int64_t *low, int64_t *high, int64_t *step,
                       int64_t *width) {
  const lnsp_graph *graph;
  lnsp_error error;
  int64_t ids = 0;
  int status = model_load(job->args, job->path, &job->model);

  if (status) return status;
  graph = lnsp_model_graph(job->model);
  (void)lnsp_graph_input_name(graph, &ids);
  *width = lnsp_graph_input_width(graph);
  if (ids)
    return refuse(job->args, "%s takes ids of tokens, and a stream has vectors", job->path);
  if (lnsp_graph_concept_range(graph, low, high, step, &error) ||
      lnsp_model_hash(job->model, job->hash, &error))
    return refuse_error(job->args, job->path, &error);
  return 0;
}

/* The shape of what predicts: a vector, or one a concept, of which the last counts. */
static int loop_output(loop_job *job, const lnsp_graph *graph) {
  const loop_stream *s = &job->stream;
  lnsp_tensor input = lnsp_tensor_f32("input", NULL, 3, 1, s->concepts, s->width), out;
  lnsp_error error;
  int32_t i;

  for (i = 0; i < lnsp_graph_output_count(graph); i++) {
    if (lnsp_graph_output_shape(graph, i, &input, &out, &error))
      return refuse_error(job->args, job->path, &error);
    if (strcmp(out.name, job->output)) continue;
    if (out.dims[out.rank - 1] != s->width)
      return refuse(job->args,
                    "output \"%s\" of %s is %lld wide, and the concepts of the stream "
                    "%lld",
                    job->output, job->path, (long long)out.dims[out.rank - 1],
                    (long long)s->width);
    if (out.rank == 3 && out.dims[1] != s->concepts)
      return refuse(job->args,
                    "output \"%s\" of %s has %lld vectors for a context of %lld; "
                    "name another with --on",
                    job->output, job->path, (long long)out.dims[1], (long long)s->concepts);
    job->out_each = out.rank == 3;
    return 0;
  }
  return refuse(job->args, "%s has no output \"%s\"; `lnsp info %s` lists them", job->path,
                job->output, job->path);
}

static int loop_network(loop_job *job) {
  const args *a = job->args;
  const lnsp_options library = args_options(a);
  const lnsp_size_options limits = model_size_options(1, job->stream.concepts);
  loop_learner *l = &job->learner;
  lnsp_error error;
  int status = loop_output(job, lnsp_model_graph(job->model));

  if (!status && !job->learns &&
      lnsp_session_create(job->model, &limits, &library, &job->session, &error))
    status = refuse_error(a, job->path, &error);
  if (status || !job->learns) return status;
  lnsp_model_destroy(job->model); /* the trainer's weights are the only ones */
  job->model = NULL;
  l->each = job->out_each != 0;
  status = loop_learn_open(l, &job->stream, job->path);
  if (!status && lnsp_session_create_live(l->trainer, l->average, &limits, &library,
                                          &job->session, &error))
    status = refuse_error(a, job->path, &error);
  return status;
}

static int loop_open(loop_job *job) {
  const args *a = job->args;
  loop_stream *s = &job->stream;
  int64_t low = 0, high = 0, step = 1, width = 0, h;
  int status = loop_limits(job, &low, &high, &step, &width);

  if (!status) status = loop_stream_open(s, a, low, high, step < 1 ? 1 : step);
  if (!status && s->width != width)
    status = refuse(a, "%s takes vectors of width %lld, and those of %s are %lld wide",
                    job->path, (long long)width, a->positional[1], (long long)s->width);
  if (!status && job->first >= s->count)
    status = refuse(a, "--from is %lld, but the stream has concepts 0 to %lld",
                    (long long)job->first, (long long)s->count - 1);
  if (!status) status = texts_open_rows(a, s->stored, &job->texts);
  if (!status) status = loop_network(job);
  if (!status) status = loop_lookup_open(&job->bank, s, job->top);
  if (status) return status;
  if (job->count > s->count - job->first) job->count = s->count - job->first;
  if (!loop_stats_open(&job->meter, job->count)) return refuse_memory(a);
  for (h = 1; h < job->rollout && !s->windows; h++)
    if (!loop_stats_open(&job->ahead[h], job->count)) return refuse_memory(a);
  job->context = malloc((size_t)(2 * s->concepts * s->width) * sizeof(float));
  job->out = malloc((size_t)(s->concepts * s->width) * sizeof(float));
  if (!job->context || !job->out) return refuse_memory(a);
  return loop_save_open(job);
}

/* The prediction after job->context, of length 1 in *out. */
static int loop_predict(loop_job *job, const float **out) {
  const loop_stream *s = &job->stream;
  const lnsp_tensor in = lnsp_tensor_f32("input", job->context, 3, 1, s->concepts, s->width);
  const lnsp_tensor to = lnsp_tensor_f32(job->output, job->out, job->out_each ? 3 : 2, 1,
                                         job->out_each ? s->concepts : s->width, s->width);
  float *last = job->out + (job->out_each ? s->concepts - 1 : 0) * s->width;
  lnsp_error error;

  if (lnsp_session_run(job->session, &in, 1, &to, 1, &error))
    return refuse(job->args, "concept %lld: %s", (long long)(job->first + job->done),
                  error.message);
  metric_unit(last, 1, s->width, 0);
  *out = last;
  return 0;
}

/* Predicts, and goes on from there; rows: what the context has, predictions by their nearest
 * concept. Behind the first step what came is no longer seen. */
static int loop_ahead_of(loop_job *job, const loop_place *p, loop_ahead *ahead) {
  loop_stream *s = &job->stream;
  const int64_t n = s->concepts;
  const size_t bytes = (size_t)s->width * sizeof(float);
  int32_t rows[LOOP_CONCEPTS];
  float *truth = job->context + n * s->width;
  const float *out = NULL;
  int64_t h;
  int status = loop_stream_read(s, p->context, n, job->context);

  memcpy(rows, p->context, (size_t)n * sizeof *rows);
  for (h = 0; h < job->rollout && !status; h++) {
    loop_ahead *at = &ahead[h];
    at->truth = !h ? p->target : h - 1 < p->future_count ? p->future[h - 1] : -1;
    status = loop_predict(job, &out);
    if (!status)
      status = loop_lookup_find(&job->bank, job->args, out, rows, job->keep_context ? 0 : n,
                                at->truth, &at->found);
    if (!status && at->truth >= 0) status = loop_stream_read(s, &at->truth, 1, truth);
    at->cosine = at->truth >= 0 && !status ? metric_cosine(out, truth, s->width, 0) : 0;
    memmove(job->context, job->context + s->width, (size_t)(n - 1) * bytes);
    memmove(rows, rows + 1, (size_t)(n - 1) * sizeof *rows);
    rows[n - 1] = at->found.count ? at->found.row[0] : -1;
    memcpy(job->context + (n - 1) * s->width, out, bytes);
    if (!status && job->snap && at->found.count)
      status = loop_stream_read(s, &rows[n - 1], 1, job->context + (n - 1) * s->width);
  }
  return status;
}

static int loop_concept(loop_job *job, loop_ahead *ahead) {
  const loop_place place = loop_stream_at(&job->stream, job->first + job->done);
  loop_learner *l = &job->learner;
  const int64_t steps = l->steps;
  int64_t h;
  int status = loop_ahead_of(job, &place, ahead);

  if (status) return status;
  loop_stats_add(&job->meter, ahead[0].found.rank, ahead[0].cosine);
  for (h = 1; h < job->rollout && !job->stream.windows; h++)
    if (ahead[h].truth >= 0)
      loop_stats_add(&job->ahead[h], ahead[h].found.rank, ahead[h].cosine);
  if (job->learns) status = loop_learn_step(l, place.context, place.target);
  job->done++;
  if (!status && job->show && (job->done - 1) % job->show == 0)
    status = loop_print_concept(job, &place, ahead, l->steps > steps);
  if (!status && job->store && job->commit_every && job->done % job->commit_every == 0 &&
      job->done < job->count)
    status = loop_save_commit(job);
  return status;
}

static int loop_go(loop_job *job) {
  loop_ahead *ahead = calloc((size_t)job->rollout, sizeof *ahead);
  struct sigaction action, interrupt, terminate;
  progress show;
  int status = ahead ? 0 : refuse_memory(job->args);

  memset(&action, 0, sizeof action);
  action.sa_handler = loop_interrupt;
  sigaction(SIGINT, &action, &interrupt);
  sigaction(SIGTERM, &action, &terminate);
  progress_start(&show);
  while (!status && job->done < job->count && !loop_interrupted) {
    status = loop_concept(job, ahead);
    if (!status && !job->show && progress_due(&show)) {
      const loop_figures f = loop_stats_part(&job->meter, job->done - job->window, job->window);
      progress_show(&show, "%lld of %lld concepts  R@5 %.3f  MRR %.3f of the last %lld",
                    (long long)job->done, (long long)job->count, f.hit5, f.mrr,
                    (long long)f.count);
    }
  }
  progress_clear(&show);
  sigaction(SIGINT, &interrupt, NULL);
  sigaction(SIGTERM, &terminate, NULL);
  job->interrupted = loop_interrupted != 0;
  free(ahead);
  return status;
}

static void loop_close(loop_job *job) {
  int64_t h;
  lnsp_store_destroy(job->store);
  lnsp_session_destroy(job->session);
  lnsp_model_destroy(job->model);
  loop_learn_close(&job->learner);
  loop_lookup_close(&job->bank);
  loop_stats_close(&job->meter);
  for (h = 0; h < LOOP_STEPS; h++) loop_stats_close(&job->ahead[h]);
  texts_close(&job->texts);
  loop_stream_close(&job->stream);
  free(job->context);
  free(job->out);
  free(job);
}

static int run(const args *a) {
  loop_job *job = calloc(1, sizeof *job);
  int status = args_positionals(a, 2, 2);

  if (!job) return refuse_memory(a);
  job->args = a;
  if (!status) status = loop_read(job);
  if (!status) status = loop_open(job);
  if (!status) status = loop_print_start(job);
  if (!status) status = loop_go(job);
  if (!status && job->learns) status = loop_save_end(job);
  if (!status) status = loop_print_end(job);
  loop_close(job);
  return status;
}

const command command_loop = {
    "loop",
    "MODEL STREAM [option ...]",
    "predict the next concept, see it come, learn it, and on",
    "STREAM is FILE:TENSOR with the vectors [rows, width] of all concepts. They arrive row by row,\n"
    "or as --rows says. After each context the network predicts, the nearest concepts are looked\n"
    "up, the true next one arrives and is ranked among them, and with --learn one training step\n"
    "follows on it and on past pairs from a buffer. Figures are of predictions made before their\n"
    "concept was learnt. The same seed gives the same bits. With --json each concept is one\n"
    "object on a line of its own, between one at the start and one with the figures at the end.\n"
    "An interrupt (ctrl-c) ends after the present concept and writes what was asked for.",
    options,
    run,
};
