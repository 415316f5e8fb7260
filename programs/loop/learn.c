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
#include "train/open.h"
#include "lnsp.h"

static int learn_trainer(loop_learner *l, const char *path) {
  const args *a = l->args;
  const lnsp_options library = args_options(a);
  const lnsp_size_options limits = model_size_options(l->rehearse + 1, l->stream->concepts);
  const char *loss = args_value(a, "--loss"), *optimizer = args_value(a, "--optimizer");
  lnsp_error error;
  lnsp_file *file = NULL;
  int status = 0;

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
  if (!status) status = train_open_extras(a, loss, l->trainer, &l->average);
  return status;
}

int loop_learn_open(loop_learner *l, loop_stream *s, const char *path) {
  const args *a = s->args;
  int status;

  l->args = a;
  l->stream = s;
  l->rehearse = args_integer(a, "--rehearse");
  if (args_given(a, "--loss") && !*args_value(a, "--loss"))
    return refuse_usage(a, "--loss is empty; `lnsp list` names the losses");
  const int64_t each = l->stream->concepts + 1, rows = l->rehearse + 1;
  const int64_t width = l->stream->width;
  const size_t many = (size_t)(rows * l->stream->concepts * width) * sizeof(float);

  const lnsp_reservoir_options settings = {sizeof settings, LNSP_I32, each,
                                           args_integer(a, "--buffer"), args_seed(a, "--seed")};
  lnsp_error error;
  if (l->rehearse && lnsp_reservoir_create(&settings, NULL, &l->pairs, &error))
    return refuse_error(a, NULL, &error);
  l->batch = malloc((size_t)(rows * each) * sizeof *l->batch);
  l->input = malloc(many);
  l->target = malloc(l->each ? many : (size_t)(rows * width) * sizeof(float));
  l->prev = malloc((size_t)(rows * width) * sizeof(float));
  status = l->batch && l->input && l->target && l->prev ? 0 : refuse_memory(l->args);
  if (status) return status;
  status = learn_trainer(l, path);
  if (status) return status;
  /* What the loss reads must be what a stream has. */
  const char *name;
  int32_t i;
  for (i = 0; (name = lnsp_trainer_input_name(l->trainer, i)) != NULL; i++)
    if (strcmp(name, "input") && strcmp(name, "target") && (strcmp(name, "prev") || l->each))
      return refuse(l->args,
                    "the loss reads %s, which a stream does not have: it has input, "
                    "target and prev, the last of the context; choose another --loss",
                    name);
  const row_index *windows = NULL;
  int64_t k;
  if (args_value(l->args, "--buffer-from")) {
    if (!l->rehearse)
      return refuse_usage(l->args, "--buffer-from needs --rehearse of at least 1");
    status = loop_stream_windows(l->stream, "--buffer-from", &windows);
    for (k = 0; !status && k < windows->count; k++)
      if (lnsp_reservoir_add(l->pairs, windows->row + k * windows->columns, 1, &error))
        status = refuse_error(a, NULL, &error);
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

lnsp_reservoir_info loop_learn_buffer(const loop_learner *l) {
  lnsp_reservoir_info info;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  (void)lnsp_reservoir_get_info(l->pairs, &info, NULL);
  return info;
}

int loop_learn_step(loop_learner *l, const int32_t *context, int32_t target) {
  const int64_t each = l->stream->concepts + 1;
  const int64_t past = loop_learn_buffer(l).count ? l->rehearse : 0;
  lnsp_error error;
  int status = 0;

  memcpy(l->batch, context, (size_t)(each - 1) * sizeof *context);
  l->batch[each - 1] = target;
  if (past && lnsp_reservoir_sample(l->pairs, past, l->batch + each, &error))
    return refuse_error(l->args, NULL, &error);
  /* Losses over pairs need two rows: the first pair of an empty buffer is only kept. */
  if (past || !l->rehearse) {
    /* Vectors of the batch: where the output has one for each concept, its target is the
     * next concept, so that of the whole context is learned what followed. */
    const int64_t rows = past + 1;
    const int64_t n = l->stream->concepts, width = l->stream->width;
    int64_t i;
    status = 0;

    for (i = 0; i < rows && !status; i++) {
      const int32_t *pair = l->batch + i * (n + 1);
      float *to = l->target + i * (l->each ? n : 1) * width;
      status = loop_stream_read(l->stream, pair, n, l->input + i * n * width);
      if (!status)
        status = loop_stream_read(l->stream, pair + (l->each ? 1 : n), l->each ? n : 1, to);
      memcpy(l->prev + i * width, l->input + (i * n + n - 1) * width,
             (size_t)width * sizeof(float));
    }
    if (!status) status = learn_batch(l, past + 1);
  }
  if (!status && l->pairs && lnsp_reservoir_add(l->pairs, l->batch, 1, &error))
    status = refuse_error(l->args, NULL, &error);
  return status;
}

void loop_learn_close(loop_learner *l) {
  lnsp_trainer_destroy(l->trainer);
  lnsp_reservoir_destroy(l->pairs);
  free(l->batch);
  free(l->input);
  free(l->target);
  free(l->prev);
  memset(l, 0, sizeof *l);
}
