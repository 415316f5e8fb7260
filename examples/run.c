/* Run a network on one vector.
 *
 *   cc -o run run.c $(pkg-config --cflags --libs lnsp)
 *   ./run [MODEL.safetensors]
 *
 * Without a model file the network is a fresh "student" (384-256-192-256-384
 * with attention): its output is a unit vector, of no meaning before training. */
#include <lnsp.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  lnsp_error error;
  lnsp_model *model = NULL;
  lnsp_session *session = NULL;
  float *input = NULL, *output = NULL;
  int failed = 1;

  /* A model is an immutable version of the weights. Seed 1 gives the same fresh
   * weights on every machine. NULL options: malloc, the widest kernels. */
  if (argc > 1 ? lnsp_model_open(argv[1], NULL, &model, &error)
               : lnsp_model_create("student", 1, NULL, &model, &error))
    goto explain;

  /* What goes in and out is a matter of the model's graph. */
  const lnsp_graph *graph = lnsp_model_graph(model);
  int64_t width = lnsp_graph_input_width(graph);
  lnsp_tensor shape;
  if (lnsp_graph_output_at(graph, 0, &shape, &error)) goto explain;
  int64_t output_width = shape.dims[0];

  /* A session is the working memory of one thread. NULL limits: one row at a
   * time. All it ever needs is allocated here. */
  if (lnsp_session_create(model, NULL, NULL, &session, &error)) goto explain;

  input = malloc((size_t)width * sizeof *input);
  output = malloc((size_t)output_width * sizeof *output);
  if (!input || !output) {
    fprintf(stderr, "run: out of memory\n");
    goto done;
  }
  for (int64_t i = 0; i < width; i++) input[i] = (float)(i % 7 - 3) / 8;

  /* Tensors are views of the caller's memory, found by their names. */
  lnsp_tensor in = lnsp_tensor_f32("input", input, 2, 1, width, 0);
  lnsp_tensor out = lnsp_tensor_f32("output", output, 2, 1, output_width, 0);
  if (lnsp_session_run(session, &in, 1, &out, 1, &error)) goto explain;

  printf("%s\n", lnsp_graph_architecture(graph));
  printf("%lld parameters, %s kernels\n", (long long)lnsp_graph_parameter_count(graph),
         lnsp_session_isa(session));
  printf("output %.6f %.6f %.6f ...\n", (double)output[0], (double)output[1],
         (double)output[2]);
  failed = 0;
  goto done;

explain:
  /* Every refusal comes with a sentence that says what to do. */
  fprintf(stderr, "run: %s: %s\n", lnsp_status_name(error.code), error.message);
done:
  free(output);
  free(input);
  lnsp_session_destroy(session); /* in any order; NULL is allowed */
  lnsp_model_destroy(model);
  return failed;
}
