/* Learn from one vector: one training step, and the loss before and after.
 *
 *   cc -o train_step train_step.c $(pkg-config --cflags --libs lnsp)
 *   ./train_step [MODEL.safetensors]
 *
 * The network, a fresh "student" if no file is given, learns to give back the
 * vector that it is shown. */
#include <lnsp.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  lnsp_error error;
  lnsp_model *model = NULL;
  lnsp_trainer *trainer = NULL;
  float *vector = NULL;
  float before, loss, after;
  int failed = 1;

  if (argc > 1 ? lnsp_model_open(argv[1], NULL, &model, &error)
               : lnsp_model_create("student", 1, NULL, &model, &error))
    goto explain;

  /* A trainer has its own copy of the weights, and their moments. Losses and
   * optimizers are named by text; lnsp_list_help tells what there is. */
  const char *optimizer = "adamw lr=1e-3 weight_decay=0";
  if (lnsp_trainer_create(model, "cosine", optimizer, NULL, NULL, &trainer, &error))
    goto explain;

  int64_t width = lnsp_graph_input_width(lnsp_model_graph(model));
  vector = malloc((size_t)width * sizeof *vector);
  if (!vector) {
    fprintf(stderr, "train_step: out of memory\n");
    goto done;
  }
  for (int64_t i = 0; i < width; i++) vector[i] = (float)((i * 37) % 101 - 50) / 50;

  /* What a loss needs: lnsp_trainer_input_name. Here the input is the target. */
  lnsp_tensor inputs[2];
  inputs[0] = lnsp_tensor_f32("input", vector, 2, 1, width, 0);
  inputs[1] = lnsp_tensor_f32("target", vector, 2, 1, width, 0);

  /* evaluate gives the loss and gradients without a change; step gives the loss
   * that it found, then updates. A step that would make anything infinite or
   * NaN is refused and changes nothing. */
  if (lnsp_trainer_compute_gradients(trainer, inputs, 2, &before, &error) ||
      lnsp_trainer_step(trainer, inputs, 2, &loss, &error) ||
      lnsp_trainer_compute_gradients(trainer, inputs, 2, &after, &error))
    goto explain;
  printf("loss %.6f before the step, %.6f after it\n", (double)before, (double)after);
  failed = !(after < before);
  goto done;

explain:
  fprintf(stderr, "train_step: %s: %s\n", lnsp_status_name(error.code), error.message);
done:
  free(vector);
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(model);
  return failed;
}
