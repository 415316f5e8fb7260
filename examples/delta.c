/* Learn on one device, share what changed, apply it on another.
 *
 *   cc -o delta delta.c $(pkg-config --cflags --libs lnsp)
 *   ./delta [MODEL.safetensors]
 *
 * The delta is exact: the second device gets the same bits, and the hashes that
 * the delta carries prove it. It fits its base and nothing else. */
#include <lnsp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_hash(const char *what, const uint8_t hash[LNSP_HASH_BYTES]) {
  printf("%-18s ", what);
  for (int i = 0; i < 8; i++) printf("%02x", hash[i]);
  printf("...\n");
}

/* Ten steps on ten vectors; the result as a new model. */
static int32_t learn(const lnsp_model *base, lnsp_model **next, lnsp_error *error) {
  int64_t width = lnsp_graph_input_width(lnsp_model_graph(base));
  float *vector = calloc((size_t)width, sizeof *vector);
  lnsp_trainer *trainer = NULL;
  int32_t status = LNSP_E_MEMORY;
  *next = NULL;
  if (!vector) {
    error->code = status;
    strcpy(error->message, "out of memory");
    return status;
  }
  status = lnsp_trainer_create(base, "cosine", "adamw lr=1e-4", NULL, NULL, &trainer, error);
  lnsp_tensor inputs[2];
  inputs[0] = lnsp_tensor_f32("input", vector, 2, 1, width, 0);
  inputs[1] = lnsp_tensor_f32("target", vector, 2, 1, width, 0);
  for (int64_t step = 0; !status && step < 10; step++) {
    for (int64_t i = 0; i < width; i++) vector[i] = (float)((i * (37 + step)) % 101 - 50) / 50;
    status = lnsp_trainer_step(trainer, inputs, 2, NULL, error);
  }
  if (!status) status = lnsp_trainer_publish(trainer, 0, NULL, next, error);
  lnsp_trainer_destroy(trainer);
  free(vector);
  return status;
}

int main(int argc, char **argv) {
  lnsp_error error;
  lnsp_model *base = NULL, *next = NULL, *copy = NULL, *wrong = NULL;
  lnsp_delta *delta = NULL, *received = NULL;
  lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;
  uint8_t hash[LNSP_HASH_BYTES], copy_hash[LNSP_HASH_BYTES];
  unsigned char *bytes = NULL;
  size_t size = 0;
  int failed = 1;

  if (argc > 1 ? lnsp_model_open(argv[1], NULL, &base, &error)
               : lnsp_model_create("student", 1, NULL, &base, &error))
    goto explain;

  /* the first device */
  if (learn(base, &next, &error) || lnsp_delta_create(base, next, NULL, NULL, &delta, &error))
    goto explain;
  if (lnsp_delta_get_info(delta, &facts, &error)) goto explain;
  printf("%lld of %lld parameters changed, delta of %lld bytes\n",
         (long long)facts.changed_count, (long long)facts.parameter_count,
         (long long)facts.encoded_bytes);

  /* on its way: bytes in memory; lnsp_delta_save writes the same to a file */
  bytes = malloc((size_t)facts.encoded_bytes);
  if (!bytes) {
    fprintf(stderr, "delta: out of memory\n");
    goto done;
  }
  if (lnsp_delta_save_memory(delta, bytes, (size_t)facts.encoded_bytes, &size, &error))
    goto explain;

  /* the second device, which has the same base */
  if (lnsp_delta_open_memory(bytes, size, NULL, &received, &error) ||
      lnsp_delta_apply(received, base, NULL, &copy, &error))
    goto explain;

  if (lnsp_model_hash(base, hash, &error)) goto explain;
  print_hash("base", hash);
  if (lnsp_model_hash(next, hash, &error) || lnsp_model_hash(copy, copy_hash, &error))
    goto explain;
  print_hash("first device", hash);
  print_hash("second device", copy_hash);

  /* A model that is not the base is refused. */
  if (lnsp_delta_apply(received, next, NULL, &wrong, &error) != LNSP_E_MISMATCH) {
    fprintf(stderr, "delta: a wrong base was taken\n");
    goto done;
  }
  printf("on another base: %s\n", error.message);
  failed = memcmp(hash, copy_hash, sizeof hash) != 0;
  goto done;

explain:
  fprintf(stderr, "delta: %s: %s\n", lnsp_status_name(error.code), error.message);
done:
  free(bytes);
  lnsp_delta_destroy(received);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(wrong);
  lnsp_model_destroy(copy);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
  return failed;
}
