/* Learning while the stream goes on: each step takes the new pair and some that are drawn
 * from a buffer of past ones, a reservoir, in which all that were seen have the same chance
 * to be. All draws follow from --seed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/model.h"
#include "loop/loop.h"
#include "train/train.h"
#include "lnsp.h"

static void learn_trainer(loop_learner *l, const char *path) {
  const args *a = l->stream->args;
  const lnsp_options library = args_options(a);
  const lnsp_size_options limits = model_size_options(l->rehearse + 1, l->stream->concepts);
  const char *loss = args_value(a, "--loss"), *optimizer = args_value(a, "--optimizer"), *name;
  lnsp_error error;
  lnsp_file *file = NULL;
  int32_t i;

  refuse_if(lnsp_file_open(path, NULL, &file, &error), path, &error);
  if (!lnsp_file_metadata(file, "lnsp.trainer")) { /* a state keeps its own texts */
    loss = loss ? loss : l->rehearse ? LOOP_LOSS : "cosine";
    optimizer = optimizer ? optimizer : LOOP_OPTIMIZER;
  }
  refuse_if(lnsp_trainer_open_file(file, loss, optimizer, &limits, &library, &l->trainer,
                                   &error),
            path, &error);
  lnsp_file_destroy(file);
  if (args_given(a, "--lr"))
    refuse_if(lnsp_trainer_set_learning_rate(l->trainer, (float)args_real(a, "--lr"), &error),
              NULL, &error);
  l->average = train_open_extras(a, l->trainer);
  /* What the loss reads must be what a stream has. */
  for (i = 0; (name = lnsp_trainer_input_name(l->trainer, i)) != NULL; i++) {
    if (!strcmp(name, "prev")) l->prevs = 1;
    if (strcmp(name, "input") && strcmp(name, "target") && (strcmp(name, "prev") || l->each))
      refuse("the loss reads '%s', but a stream has only %s: choose another --loss", name,
             l->each ? "'input' and 'target'"
                     : "'input', 'target' and 'prev', the last of the context");
  }
}

void loop_learn_open(loop_learner *l, loop_stream *s, const char *path) {
  const args *a = s->args;
  const int64_t each = s->concepts + 1, width = s->width;
  lnsp_reservoir_options settings = LNSP_RESERVOIR_OPTIONS_INIT;
  lnsp_error error;
  int64_t rows;

  l->stream = s;
  l->rehearse = args_integer(a, "--rehearse");
  rows = l->rehearse + 1;
  if (args_given(a, "--loss") && !*args_value(a, "--loss"))
    refuse_usage("--loss is empty: name a loss; `lnsp list` prints them");
  settings.dtype = LNSP_I32;
  settings.width = each;
  settings.capacity = args_integer(a, "--buffer");
  settings.seed = args_seed(a, "--seed");
  if (l->rehearse)
    refuse_if(lnsp_reservoir_create(&settings, NULL, &l->pairs, &error), NULL, &error);
  l->batch = memory_new(rows * each, sizeof *l->batch);
  l->input = memory_new(rows * s->concepts * width, sizeof(float));
  l->target = memory_new(rows * (l->each ? s->concepts : 1) * width, sizeof(float));
  l->prev = memory_new(rows * width, sizeof(float));
  learn_trainer(l, path);
  if (args_given(a, "--buffer-from")) {
    const row_index *windows = loop_stream_windows(s, "--buffer-from");
    if (!l->rehearse)
      refuse_usage("--buffer-from needs --rehearse of at least 1: leave one out");
    refuse_if(lnsp_reservoir_add(l->pairs, windows->row, windows->count, &error), NULL, &error);
  }
}

static void learn_batch(loop_learner *l, int64_t rows) {
  const int64_t n = l->stream->concepts, width = l->stream->width;
  lnsp_tensor in[3];
  lnsp_error error;
  char place[40];
  int32_t status;

  in[0] = lnsp_tensor_f32("input", l->input, 3, rows, n, width);
  in[1] =
      lnsp_tensor_f32("target", l->target, l->each ? 3 : 2, rows, l->each ? n : width, width);
  in[2] = lnsp_tensor_f32("prev", l->prev, 2, rows, width, 0);
  status = lnsp_trainer_step(l->trainer, in, l->prevs ? 3 : 2, &l->loss, &error);
  if (status == LNSP_E_NOT_FINITE) { /* nothing has changed, and the stream goes on */
    l->refused++;
    return;
  }
  snprintf(place, sizeof place, "step %lld", (long long)l->steps + 1);
  refuse_if(status, status == LNSP_E_STATE ? NULL : place, &error);
  l->loss_sum += (double)l->loss;
  l->steps++;
}

lnsp_reservoir_info loop_learn_buffer(const loop_learner *l) {
  lnsp_reservoir_info info = LNSP_RESERVOIR_INFO_INIT;
  (void)lnsp_reservoir_get_info(l->pairs, &info, NULL);
  return info;
}

void loop_learn_step(loop_learner *l, const int32_t *context, int32_t target) {
  const int64_t each = l->stream->concepts + 1;
  const int64_t past = loop_learn_buffer(l).count ? l->rehearse : 0;
  lnsp_error error;

  memcpy(l->batch, context, (size_t)(each - 1) * sizeof *context);
  l->batch[each - 1] = target;
  if (past)
    refuse_if(lnsp_reservoir_sample(l->pairs, past, l->batch + each, &error), NULL, &error);
  /* Losses over pairs need two rows: the first pair of an empty buffer is only kept. */
  if (past || !l->rehearse) {
/* Vectors of the batch: where the output has one for each concept, its target is the next
 * concept, so that of the whole context is learned what followed. */
    const int64_t n = l->stream->concepts, width = l->stream->width;
    int64_t i;

    for (i = 0; i <= past; i++) {
      const int32_t *pair = l->batch + i * (n + 1);
      float *to = l->target + i * (l->each ? n : 1) * width;
      loop_stream_read(l->stream, pair, n, l->input + i * n * width);
      loop_stream_read(l->stream, pair + (l->each ? 1 : n), l->each ? n : 1, to);
      memcpy(l->prev + i * width, l->input + (i * n + n - 1) * width,
             (size_t)width * sizeof(float));
    }
    learn_batch(l, past + 1);
  }
  if (l->pairs) refuse_if(lnsp_reservoir_add(l->pairs, l->batch, 1, &error), NULL, &error);
}

void loop_learn_close(loop_learner *l) {
  lnsp_trainer_destroy(l->trainer);
  lnsp_reservoir_destroy(l->pairs);
  free(l->batch);
  free(l->input);
  free(l->target);
  free(l->prev);
}
