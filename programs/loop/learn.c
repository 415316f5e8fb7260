/* Learning while the stream goes on: each step takes the new pair and some that are drawn
 * from a buffer of past ones, a reservoir, in which all that were seen have the same chance
 * to be. All draws follow from --seed. */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/model.h"
#include "loop/loop.h"
#include "lnsp.h"

/* splitmix64; low bits of a product would do, but this is the shuffle's generator too. */
static uint64_t learn_random(loop_learner *l, uint64_t below) {
  uint64_t z = (l->random += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (z ^ (z >> 31)) % below;
}

/* Algorithm R: the pair number n stays with the chance capacity / n. */
static void learn_keep(loop_learner *l, const int32_t *pair) {
  const int64_t each = l->stream->concepts + 1;
  int64_t at = l->count;

  l->seen++;
  if (l->count < l->capacity)
    l->count++;
  else
    at = (int64_t)learn_random(l, (uint64_t)l->seen);
  if (at < l->capacity) memcpy(l->pairs + at * each, pair, (size_t)each * sizeof *pair);
}

static int learn_trainer(loop_learner *l, const char *path) {
  const args *a = l->args;
  const lnsp_options library = args_options(a);
  const lnsp_size_options limits = model_size_options(l->rehearse + 1, l->stream->concepts);
  const char *loss = args_value(a, "--loss"), *optimizer = args_value(a, "--optimizer");
  const char *pattern;
  lnsp_memory_info memory;
  lnsp_error error;
  lnsp_file *file = NULL;
  int i, status = 0;

  if (lnsp_file_open(path, NULL, &file, &error)) return refuse_error(a, path, &error);
  if (!lnsp_file_metadata(file, "lnsp.trainer")) { /* a state keeps its own texts */
    loss = loss ? loss : l->rehearse ? LOOP_LOSS : "cosine";
    optimizer = optimizer ? optimizer : LOOP_OPTIMIZER;
  }
  if (lnsp_trainer_open_file(file, loss, optimizer, &limits, &library, &l->trainer, &error))
    status = refuse_error(a, path, &error);
  lnsp_file_destroy(file);
  if (!status && args_given(a, "--lr") &&
      lnsp_trainer_set_learning_rate(l->trainer, (float)args_real(a, "--lr"), &error))
    status = refuse_error(a, NULL, &error);
  for (i = 0; !status && (pattern = args_value_at(a, "--freeze", i)) != NULL; i++)
    if (lnsp_trainer_freeze(l->trainer, pattern, 1, &error))
      status = refuse_error(a, NULL, &error);
  memset(&memory, 0, sizeof memory);
  memory.struct_size = sizeof memory;
  if (!status && lnsp_trainer_memory(l->trainer, &memory, &error))
    status = refuse_error(a, NULL, &error);
  l->average = memory.average_bytes > 0;
  return status;
}

static int learn_replay(loop_learner *l) {
  const char *path = args_value(l->args, "--replay");
  lnsp_replay *replay = NULL;
  lnsp_error error;
  int status = 0;

  if (path && (lnsp_replay_open(path, NULL, &replay, &error) ||
               lnsp_trainer_set_replay(l->trainer, replay, &error)))
    status = refuse_error(l->args, path, &error);
  lnsp_replay_destroy(replay);
  return status;
}

/* What the loss reads must be what a stream has. */
static int learn_inputs(loop_learner *l) {
  const char *name;
  int32_t i;
  for (i = 0; (name = lnsp_trainer_input_name(l->trainer, i)) != NULL; i++)
    if (strcmp(name, "input") && strcmp(name, "target") && (strcmp(name, "prev") || l->each))
      return refuse(l->args,
                    "the loss reads %s, which a stream does not have: it has input, "
                    "target and prev, the last of the context; choose another --loss",
                    name);
  return 0;
}

static int learn_room(loop_learner *l) {
  const int64_t each = l->stream->concepts + 1, rows = l->rehearse + 1;
  const int64_t width = l->stream->width;
  const size_t many = (size_t)(rows * l->stream->concepts * width) * sizeof(float);

  l->pairs = malloc((size_t)(l->capacity * each + 1) * sizeof *l->pairs);
  l->batch = malloc((size_t)(rows * each) * sizeof *l->batch);
  l->input = malloc(many);
  l->target = malloc(l->each ? many : (size_t)(rows * width) * sizeof(float));
  l->prev = malloc((size_t)(rows * width) * sizeof(float));
  return l->pairs && l->batch && l->input && l->target && l->prev ? 0 : refuse_memory(l->args);
}

static int learn_fill(loop_learner *l) {
  const row_index *windows = NULL;
  int64_t i;
  int status = 0;

  if (!args_value(l->args, "--buffer-from")) return 0;
  if (!l->rehearse)
    return refuse_usage(l->args, "--buffer-from needs --rehearse of at least 1");
  status = loop_stream_windows(l->stream, "--buffer-from", &windows);
  for (i = 0; !status && i < windows->count; i++)
    learn_keep(l, windows->row + i * windows->columns);
  return status;
}

int loop_learn_open(loop_learner *l, loop_stream *s, const char *path) {
  const args *a = s->args;
  int status;

  l->args = a;
  l->stream = s;
  l->rehearse = args_integer(a, "--rehearse");
  l->capacity = l->rehearse ? args_integer(a, "--buffer") : 0;
  l->random = args_seed(a, "--seed");
  if (args_given(a, "--loss") && !*args_value(a, "--loss"))
    return refuse_usage(a, "--loss is empty; `lnsp list` names the losses");
  status = learn_room(l);
  if (!status) status = learn_trainer(l, path);
  if (!status) status = learn_inputs(l);
  if (!status) status = learn_replay(l);
  return status ? status : learn_fill(l);
}

/* Vectors of the batch: where the output has one for each concept, its target is the next
 * concept, so that of the whole context is learnt what followed. */
static int learn_read(loop_learner *l, int64_t rows) {
  const int64_t n = l->stream->concepts, width = l->stream->width;
  int64_t r;
  int status = 0;

  for (r = 0; r < rows && !status; r++) {
    const int32_t *pair = l->batch + r * (n + 1);
    float *target = l->target + r * (l->each ? n : 1) * width;
    status = loop_stream_read(l->stream, pair, n, l->input + r * n * width);
    if (!status)
      status = loop_stream_read(l->stream, pair + (l->each ? 1 : n), l->each ? n : 1, target);
    memcpy(l->prev + r * width, l->input + (r * n + n - 1) * width,
           (size_t)width * sizeof(float));
  }
  return status;
}

static int learn_batch(loop_learner *l, int64_t rows) {
  const int64_t n = l->stream->concepts, width = l->stream->width;
  lnsp_tensor in[3];
  lnsp_error error;
  int32_t status, count = 2, i;
  const char *name;

  in[0] = lnsp_tensor_f32("input", l->input, 3, rows, n, width);
  in[1] =
      lnsp_tensor_f32("target", l->target, l->each ? 3 : 2, rows, l->each ? n : width, width);
  in[2] = lnsp_tensor_f32("prev", l->prev, 2, rows, width, 0);
  for (i = 0; (name = lnsp_trainer_input_name(l->trainer, i)) != NULL; i++)
    count += !strcmp(name, "prev");
  status = lnsp_trainer_step(l->trainer, in, count, &l->loss, &error);
  if (status == LNSP_E_NOT_FINITE) { /* nothing has changed, and the stream goes on */
    l->refused++;
    return 0;
  }
  if (status) return refuse(l->args, "step %lld: %s", (long long)l->steps + 1, error.message);
  l->loss_sum += (double)l->loss;
  l->steps++;
  return 0;
}

int loop_learn_step(loop_learner *l, const int32_t *context, int32_t target) {
  const int64_t each = l->stream->concepts + 1;
  const int64_t past = l->count ? l->rehearse : 0;
  int64_t r;
  int status = 0;

  memcpy(l->batch, context, (size_t)(each - 1) * sizeof *context);
  l->batch[each - 1] = target;
  for (r = 1; r <= past; r++)
    memcpy(l->batch + r * each, l->pairs + (int64_t)learn_random(l, (uint64_t)l->count) * each,
           (size_t)each * sizeof *l->batch);
  /* Losses over pairs need two rows: the first pair of an empty buffer is only kept. */
  if (past || !l->rehearse) {
    status = learn_read(l, past + 1);
    if (!status) status = learn_batch(l, past + 1);
  }
  if (!status && l->rehearse) learn_keep(l, l->batch);
  return status;
}

int64_t loop_learn_buffer_bytes(const loop_learner *l) {
  return l->capacity * (l->stream->concepts + 1) * (int64_t)sizeof *l->pairs;
}

void loop_learn_close(loop_learner *l) {
  lnsp_trainer_destroy(l->trainer);
  free(l->pairs);
  free(l->batch);
  free(l->input);
  free(l->target);
  free(l->prev);
  memset(l, 0, sizeof *l);
}
