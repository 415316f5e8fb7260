/* lnsp loop: predict the next concept, look it up, see what came, learn it, and on. */
#include "loop/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "command.h"
#include "data/model.h"
#include "data/texts.h"
#include "lnsp.h"

static volatile sig_atomic_t loop_interrupted;

static void loop_interrupt(int signal_number) {
  (void)signal_number;
  loop_interrupted = 1;
}

static const option options[] = {
    {"--rows", "FILE:TENSOR",
     "rows in the order they arrive [M], or windows [M, L] whose last column arrives (default "
     "all rows in order)",
     OPT_TEXT},
    {"--context", "N", "concepts of a context (default 5, or what the network takes)",
     OPT_INTEGER(1, LOOP_CONCEPTS)},
    {"--group", "FILE:TENSOR",
     "a number for each row, such as its page: contexts stay within a group", OPT_TEXT},
    {"--normalise", NULL, "scale every vector to length 1 as it is loaded", OPT_TEXT},
    {"--texts", "FILE[:A,B]", "a text for each row; A,B are columns named in the first line",
     OPT_TEXT},
    {"--columns", "A,B", "the same columns as an option of their own", OPT_TEXT,
     OPT_NEEDS("--texts")},
    {"--pool", "WHICH",
     "what can be found: all rows, those that are arriving, or FILE:TENSOR for those and the "
     "rows it names",
     OPT_TEXT, OPT_DEFAULT("all")},
    {"--index", "FILE", "search this index, whose ids are rows", OPT_TEXT,
     OPT_WITHOUT("--pool --index-type")},
    {"--index-type", "T", "how the index stores vectors", OPT_CHOICE("f32|f16|int8"),
     OPT_DEFAULT("f32")},
    {"--keep-context", NULL, "allow a context's own concepts as results", OPT_TEXT},
    {"--on", "NAME", "output of the network that predicts", OPT_TEXT, OPT_DEFAULT("output")},
    {"--learn", NULL, "learn from each concept after it has arrived, together with past pairs",
     OPT_TEXT, OPT_HEADING("options of learning")},
    {"--loss", "TEXT", "loss (default \"" LOOP_LOSS "\", or cosine without past pairs)",
     OPT_TEXT, OPT_NEEDS("--learn")},
    {"--optimizer", "TEXT", "optimizer (default \"" LOOP_OPTIMIZER "\", or that of a state)",
     OPT_TEXT, OPT_NEEDS("--learn")},
    {"--lr", "X", "learning rate", OPT_REAL(0), OPT_NEEDS("--learn")},
    {"--freeze", "PATTERN", "tensors that do not change; * and ? match; may be repeated",
     OPT_TEXT, OPT_NEEDS("--learn")},
    {"--rehearse", "N", "past pairs to learn again in each step", OPT_INTEGER(0, 65535),
     OPT_DEFAULT("31"), OPT_NEEDS("--learn")},
    {"--buffer", "N", "past pairs to keep and choose from", OPT_INTEGER(1, 1 << 30),
     OPT_DEFAULT("4096"), OPT_NEEDS("--learn")},
    {"--buffer-from", "FILE:TENSOR",
     "windows that fill the buffer at the start, such as those of old text", OPT_TEXT,
     OPT_NEEDS("--learn")},
    {"--replay", "FILE", "statistics for a replay term of the loss, from `lnsp replay fit`",
     OPT_TEXT, OPT_NEEDS("--learn")},
    {"--seed", "N", "seed of all draws", OPT_SEED, OPT_DEFAULT("0")},
    {"--rollout", "H", "continue from the predictions for H concepts",
     OPT_INTEGER(1, LOOP_STEPS), OPT_DEFAULT("1"), OPT_HEADING("options of what is shown")},
    {"--snap", NULL, "in a rollout, replace each prediction by the nearest concept", OPT_TEXT},
    {"--top", "K", "nearest concepts to show", OPT_INTEGER(1, LOOP_TOP), OPT_DEFAULT("3")},
    {"--show", "N", "show every Nth concept; 0 shows only the figures at the end",
     OPT_INTEGER(0, 0), OPT_DEFAULT("1")},
    {"--window", "N", "concepts of the sliding figures", OPT_INTEGER(1, 0), OPT_DEFAULT("100")},
    {"--parts", "N", "parts of the stream to report separately at the end", OPT_INTEGER(1, 100),
     OPT_DEFAULT("5")},
    {"--from", "N", "start at concept number N of the stream", OPT_INTEGER(0, 0),
     OPT_DEFAULT("0")},
    {"--count", "N", "stop after N concepts (default at the end of the stream)",
     OPT_INTEGER(1, 0)},
    {"-o", "FILE", "model to write at the end", OPT_OUTPUT, OPT_NEEDS("--learn"),
     OPT_HEADING("options of files")},
    {"--state", "FILE", "also write the trainer's whole state", OPT_OUTPUT,
     OPT_NEEDS("--learn")},
    {"--store", "STORE",
     "commit the result as a version; the store is made if it does not exist", OPT_TEXT,
     OPT_NEEDS("--learn")},
    {"--commit-every", "N", "also commit after every N concepts", OPT_INTEGER(1, 0),
     OPT_NEEDS("--store")},
    {.name = NULL},
};

/* The shape of what predicts: a vector, or one a concept, of which the last counts. */
static void loop_output(loop_job *job, const lnsp_graph *graph) {
  const loop_stream *s = &job->stream;
  lnsp_tensor input = lnsp_tensor_f32("input", NULL, 3, 1, s->concepts, s->width), out;
  lnsp_error error;
  int32_t i;

  for (i = 0; i < lnsp_graph_output_count(graph); i++) {
    refuse_if(lnsp_graph_output_shape(graph, i, &input, &out, &error), job->path, &error);
    if (strcmp(out.name, job->output)) continue;
    if (out.dims[out.rank - 1] != s->width)
      refuse(
          "output '%s' of '%s' has width %lld, but the stream has width %lld: choose another "
          "with --on, or another model",
          job->output, job->path, (long long)out.dims[out.rank - 1], (long long)s->width);
    if (out.rank == 3 && out.dims[1] != s->concepts)
      refuse("output '%s' of '%s' has %lld vectors for a context of %lld: choose another with "
             "--on",
             job->output, job->path, (long long)out.dims[1], (long long)s->concepts);
    job->out_each = out.rank == 3;
    return;
  }
  refuse("'%s' has no output '%s': choose another with --on; `lnsp info %s` lists them",
         job->path, job->output, job->path);
}

static void loop_network(loop_job *job) {
  const lnsp_options library = args_run_options(job->args);
  const lnsp_size_options limits = model_size_options(1, job->stream.concepts);
  loop_learner *l = &job->learner;
  lnsp_error error;

  loop_output(job, lnsp_model_graph(job->model));
  if (!job->learns) {
    refuse_if(lnsp_session_create(job->model, &limits, &library, &job->session, &error),
              job->path, &error);
    return;
  }
  lnsp_model_destroy(job->model); /* the trainer's weights are the only ones */
  job->model = NULL;
  l->each = job->out_each != 0;
  loop_learn_open(l, &job->stream, job->path);
  refuse_if(lnsp_session_create_live(l->trainer, l->average, &limits, &library, &job->session,
                                     &error),
            job->path, &error);
}

static void loop_open(loop_job *job) {
  const args *a = job->args;
  loop_stream *s = &job->stream;
  int64_t low = 0, high = 0, step = 1, ids = 0, width, h;
  const lnsp_graph *graph;
  lnsp_error error;

  /* The model, and how many concepts of which width it takes. */
  job->model = model_load(a, job->path);
  graph = lnsp_model_graph(job->model);
  (void)lnsp_graph_input_name(graph, &ids);
  width = lnsp_graph_input_width(graph);
  if (ids)
    refuse("'%s' reads ids of tokens, but a stream has vectors: give a model of vectors",
           job->path);
  refuse_if(lnsp_graph_concept_range(graph, &low, &high, &step, &error), job->path, &error);
  refuse_if(lnsp_model_hash(job->model, job->hash, &error), job->path, &error);
  loop_stream_open(s, a, low, high, step < 1 ? 1 : step);
  if (s->width != width)
    refuse(
        "'%s' takes vectors of width %lld, but those of %s have width %lld: give a stream or "
        "a model that fits",
        job->path, (long long)width, a->positional[1], (long long)s->width);
  if (job->first >= s->count)
    refuse("--from is %lld, but the stream has concepts 0 to %lld: give one of them",
           (long long)job->first, (long long)s->count - 1);
  texts_open_rows(a, s->stored, &job->texts);
  loop_network(job);
  loop_lookup_open(&job->bank, s, job->top);
  if (job->count > s->count - job->first) job->count = s->count - job->first;
  loop_stats_open(&job->meter, job->count);
  for (h = 1; h < job->rollout && !s->windows; h++) loop_stats_open(&job->ahead[h], job->count);
  job->context = memory_new(2 * s->concepts * s->width, sizeof(float));
  job->out = memory_new(s->concepts * s->width, sizeof(float));
  loop_save_open(job);
}

/* Predicts, and goes on from there; rows: what the context has, predictions by their nearest
 * concept. Behind the first step what came is no longer seen. */
static void loop_ahead_of(loop_job *job, const loop_place *p, loop_ahead *ahead) {
  loop_stream *s = &job->stream;
  const int64_t n = s->concepts;
  const size_t bytes = (size_t)s->width * sizeof(float);
  int32_t rows[LOOP_CONCEPTS];
  float *truth = job->context + n * s->width, *newest = truth - s->width;
  int64_t h;

  loop_stream_read(s, p->context, n, job->context);
  memcpy(rows, p->context, (size_t)n * sizeof *rows);
  for (h = 0; h < job->rollout; h++) {
    loop_ahead *at = &ahead[h];
    /* The prediction after job->context, of length 1. */
    const lnsp_tensor in = lnsp_tensor_f32("input", job->context, 3, 1, s->concepts, s->width);
    const lnsp_tensor to = lnsp_tensor_f32(job->output, job->out, job->out_each ? 3 : 2, 1,
                                           job->out_each ? s->concepts : s->width, s->width);
    float *last = job->out + (job->out_each ? s->concepts - 1 : 0) * s->width;
    lnsp_error error;

    if (lnsp_session_run(job->session, &in, 1, &to, 1, &error))
      refuse("concept %lld: %s", (long long)(job->first + job->done), error.message);
    lnsp_metrics_normalize(last, 1, s->width, 0);
    at->truth = !h ? p->target : h - 1 < p->future_count ? p->future[h - 1] : -1;
    loop_lookup_find(&job->bank, last, rows, job->keep_context ? 0 : n, at->truth, &at->found);
    if (at->truth >= 0) loop_stream_read(s, &at->truth, 1, truth);
    at->cosine = at->truth >= 0 ? lnsp_metrics_cosine(last, truth, s->width, 0) : 0;
    memmove(job->context, job->context + s->width, (size_t)(n - 1) * bytes);
    memmove(rows, rows + 1, (size_t)(n - 1) * sizeof *rows);
    rows[n - 1] = at->found.count ? at->found.row[0] : -1;
    memcpy(newest, last, bytes);
    if (job->snap && at->found.count) loop_stream_read(s, &rows[n - 1], 1, newest);
  }
}

/* Predicts the next concept, looks at it, learns it and says so. */
static void loop_concept(loop_job *job, loop_ahead *ahead) {
  const loop_place place = loop_stream_at(&job->stream, job->first + job->done);
  loop_learner *l = &job->learner;
  const int64_t steps = l->steps;
  int64_t h;

  loop_ahead_of(job, &place, ahead);
  loop_stats_add(&job->meter, ahead[0].found.rank, ahead[0].cosine);
  for (h = 1; h < job->rollout && !job->stream.windows; h++)
    if (ahead[h].truth >= 0)
      loop_stats_add(&job->ahead[h], ahead[h].found.rank, ahead[h].cosine);
  if (job->learns) loop_learn_step(l, place.context, place.target);
  job->done++;
  if (job->show && (job->done - 1) % job->show == 0)
    loop_print_concept(job, &place, ahead, l->steps > steps);
  if (job->store && job->commit_every && job->done % job->commit_every == 0 &&
      job->done < job->count)
    loop_save_commit(job);
  if (!job->show && progress_due()) {
    const loop_figures f = loop_stats_part(&job->meter, job->done - job->window, job->window);
    progress_show("%lld of %lld concepts  R@5 %.3f  MRR %.3f of the last %lld",
                  (long long)job->done, (long long)job->count, f.hit5, f.mrr,
                  (long long)f.count);
  }
}

static void run(const args *a) {
  loop_job *job = memory_new(1, sizeof *job);
  struct sigaction action, interrupt, terminate;
  loop_ahead *ahead;
  int64_t h;

  job->args = a;
  job->path = a->positional[0];
  job->output = args_value(a, "--on");
  job->learns = args_given(a, "--learn");
  job->snap = args_given(a, "--snap");
  job->keep_context = args_given(a, "--keep-context");
  job->top = args_integer(a, "--top");
  job->rollout = args_integer(a, "--rollout");
  job->show = args_integer(a, "--show");
  job->window = args_integer(a, "--window");
  job->parts = args_integer(a, "--parts");
  job->first = args_integer(a, "--from");
  job->count = args_given(a, "--count") ? args_integer(a, "--count") : INT64_MAX;
  job->commit_every = args_integer(a, "--commit-every");
  if (job->learns && strcmp(job->output, "output"))
    refuse_usage("--on is for a network that only runs: leave it out, and name the output in "
                 "--loss with on=");
  loop_open(job);
  loop_print_start(job);
  ahead = memory_new(job->rollout, sizeof *ahead);
  memset(&action, 0, sizeof action);
  action.sa_handler = loop_interrupt;
  sigaction(SIGINT, &action, &interrupt);
  sigaction(SIGTERM, &action, &terminate);
  while (job->done < job->count && !loop_interrupted) loop_concept(job, ahead);
  progress_clear();
  sigaction(SIGINT, &interrupt, NULL);
  sigaction(SIGTERM, &terminate, NULL);
  job->interrupted = loop_interrupted != 0;
  free(ahead);
  if (job->learns) loop_save_end(job);
  loop_print_end(job);
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

const command command_loop = {
    .name = "loop",
    .usage = "MODEL STREAM [option ...]",
    .summary = "predict a stream concept by concept, and learn from it",
    .detail =
        "STREAM is FILE:TENSOR with the vectors [rows, width] of all concepts, which arrive "
        "row by row or as --rows says. After each context the network predicts, the nearest "
        "concepts are found, and the true next concept arrives and is ranked among them; with "
        "--learn one training step follows, on this concept and on past pairs from a buffer. "
        "All figures are of predictions made before their concept was learned. The same seed "
        "gives the same bits. With --json each concept is one object on a line of its own, "
        "between one at the start and one with the figures at the end. An interrupt (ctrl-c) "
        "stops after the current concept and writes the files.",
    .examples = "loop model.st day.st:vectors --texts day.tsv --show 1\n"
                "loop model.st day.st:vectors --learn --lr 1e-4 --rehearse 31 -o learned.st",
    .options = options,
    .low = 2,
    .high = 2,
    .run = run,
};
