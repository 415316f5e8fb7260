/* Learn, regret, go back: to the bit.
 *
 *   cc -o rollback rollback.c $(pkg-config --cflags --libs lnsp)
 *   ./rollback [MODEL.safetensors]
 *
 * A mark holds weights, moments and step count, so that what is learned after a
 * rollback is also the same as if the steps in between had never been. */
#include <lnsp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* count steps on vectors that depend on which */
static int32_t learn(lnsp_trainer *trainer, float *vector, int64_t width, int which, int count,
                     lnsp_error *error) {
  lnsp_tensor inputs[2];
  int32_t status = LNSP_OK;
  inputs[0] = lnsp_tensor_f32("input", vector, 2, 1, width, 0);
  inputs[1] = lnsp_tensor_f32("target", vector, 2, 1, width, 0);
  for (int step = 0; !status && step < count; step++) {
    for (int64_t i = 0; i < width; i++)
      vector[i] = (float)((i * (37 + 10 * which + step)) % 101 - 50) / 50;
    status = lnsp_trainer_step(trainer, inputs, 2, NULL, error);
  }
  return status;
}

int main(int argc, char **argv) {
  lnsp_error error;
  lnsp_model *model = NULL;
  lnsp_trainer *trainer = NULL;
  lnsp_memory_info memory;
  uint8_t marked[LNSP_HASH_BYTES], moved[LNSP_HASH_BYTES], back[LNSP_HASH_BYTES];
  float *vector = NULL;
  int failed = 1;

  if (argc > 1 ? lnsp_model_open(argv[1], NULL, &model, &error)
               : lnsp_model_create("student", 1, NULL, &model, &error))
    goto explain;
  int64_t width = lnsp_graph_input_width(lnsp_model_graph(model));
  vector = malloc((size_t)width * sizeof *vector);
  if (!vector) {
    fprintf(stderr, "rollback: out of memory\n");
    goto done;
  }

  /* Room for two marks; what they cost is known beforehand. */
  lnsp_size_options limits = LNSP_SIZE_OPTIONS_INIT;
  limits.max_marks = 2;
  if (lnsp_trainer_create(model, "cosine", "adamw lr=1e-4", &limits, NULL, &trainer, &error))
    goto explain;
  memory = (lnsp_memory_info)LNSP_MEMORY_INFO_INIT;
  if (lnsp_trainer_memory(trainer, &memory, &error)) goto explain;
  printf("%llu bytes, %llu of them for the marks\n", (unsigned long long)memory.total_bytes,
         (unsigned long long)memory.mark_bytes);

  /* LNSP_SAVE_STATE: the hash of weights, moments and step count together. */
  if (learn(trainer, vector, width, 1, 5, &error) || lnsp_trainer_mark(trainer, &error) ||
      lnsp_trainer_hash(trainer, LNSP_SAVE_STATE, marked, &error) ||
      learn(trainer, vector, width, 2, 20, &error) ||
      lnsp_trainer_hash(trainer, LNSP_SAVE_STATE, moved, &error) ||
      lnsp_trainer_rollback(trainer, 0, &error) ||
      lnsp_trainer_hash(trainer, LNSP_SAVE_STATE, back, &error))
    goto explain;

  printf("20 steps later the state %s, after the rollback it is %s\n",
         memcmp(marked, moved, sizeof marked) ? "has changed" : "is the same",
         memcmp(marked, back, sizeof marked) ? "different" : "the marked one, to the bit");
  failed = !memcmp(marked, moved, sizeof marked) || memcmp(marked, back, sizeof marked) ||
           lnsp_trainer_step_count(trainer) != 5;
  goto done;

explain:
  fprintf(stderr, "rollback: %s: %s\n", lnsp_status_name(error.code), error.message);
done:
  free(vector);
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(model);
  return failed;
}
