/* Learn and run without malloc: every handle in memory of the caller's.
 *
 *   cc -o no_malloc no_malloc.c $(pkg-config --cflags --libs lnsp)
 *   ./no_malloc
 *
 * On a device the arrays would be what the linker sets aside. Their sizes are
 * known beforehand and the same on every host: the measure calls print them.
 * The allocator that is handed in as well always fails, which proves that no
 * call asks for memory. */
#include <lnsp.h>
#include <stdio.h>
#include <string.h>

/* A small network written out: 32 -> 16 -> 32, output of unit length. */
static const char *const network = "lnsp 1\n"
                                   "x = input 32\n"
                                   "h = linear x 16  w=down\n"
                                   "h = gelu h\n"
                                   "o = linear h 32  w=up\n"
                                   "o = l2norm o\n"
                                   "output output=o\n";

/* The measured sizes, rounded up; a handle whose block is too small is refused
 * with the size that it needs. */
static unsigned char graph_block[16384], model_block[32768], trainer_block[65536],
    session_block[32768];

static int asked; /* times that the library wanted memory of the allocator */

static void *refuse(void *user, size_t bytes) {
  (void)user;
  (void)bytes;
  asked++;
  return NULL;
}
static void nothing(void *user, void *block, size_t bytes) {
  (void)user;
  (void)block;
  (void)bytes;
}

static lnsp_allocator no_memory = LNSP_ALLOCATOR_INIT;

static lnsp_options in_block(void *block, size_t bytes) {
  lnsp_options options = LNSP_OPTIONS_INIT;
  options.allocator = &no_memory;
  options.block = block;
  options.block_bytes = bytes;
  return options;
}

static void print_size(const char *what, const lnsp_memory_info *memory, size_t room) {
  printf("%-8s %6llu bytes of %6lu\n", what, (unsigned long long)memory->total_bytes,
         (unsigned long)room);
}

int main(void) {
  lnsp_error error;
  lnsp_graph *graph = NULL;
  lnsp_model *model = NULL;
  lnsp_trainer *trainer = NULL;
  lnsp_session *session = NULL;
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  lnsp_options options;
  float vector[32], output[32], first = 0, last = 0;
  const char *optimizer = "adamw lr=1e-2 weight_decay=0";
  int failed = 1;

  no_memory.allocate = refuse;
  no_memory.release = nothing;

  /* Sizes first. A graph holds no weights; measuring needs nothing else. */
  options = in_block(graph_block, sizeof graph_block);
  if (lnsp_graph_create(network, &options, &graph, &error)) goto explain;
  if (lnsp_model_measure(graph, &memory, &error)) goto explain;
  print_size("model", &memory, sizeof model_block);
  if (lnsp_trainer_measure(graph, "cosine", optimizer, NULL, &memory, &error)) goto explain;
  print_size("trainer", &memory, sizeof trainer_block);
  if (lnsp_session_measure(graph, NULL, &memory, &error)) goto explain;
  print_size("session", &memory, sizeof session_block);

  options = in_block(model_block, sizeof model_block);
  if (lnsp_model_create(network, 1, &options, &model, &error)) goto explain;
  options = in_block(trainer_block, sizeof trainer_block);
  if (lnsp_trainer_create(model, "cosine", optimizer, NULL, &options, &trainer, &error))
    goto explain;
  /* In place: this session runs the trainer's own weights. */
  options = in_block(session_block, sizeof session_block);
  if (lnsp_session_create_live(trainer, 0, NULL, &options, &session, &error)) goto explain;

  for (int i = 0; i < 32; i++) vector[i] = (float)((i * 37) % 31 - 15) / 16;
  lnsp_tensor inputs[2];
  inputs[0] = lnsp_tensor_f32("input", vector, 2, 1, 32, 0);
  inputs[1] = lnsp_tensor_f32("target", vector, 2, 1, 32, 0);
  for (int step = 0; step < 100; step++) {
    if (lnsp_trainer_step(trainer, inputs, 2, &last, &error)) goto explain;
    if (step == 0) first = last;
  }
  lnsp_tensor out = lnsp_tensor_f32("output", output, 2, 1, 32, 0);
  if (lnsp_session_run(session, inputs, 1, &out, 1, &error)) goto explain;

  printf("loss %.4f at the first step, %.4f at step 100; memory asked for: %d times\n",
         (double)first, (double)last, asked);
  failed = asked != 0 || !(last < first);
  goto done;

explain:
  fprintf(stderr, "no_malloc: %s: %s\n", lnsp_status_name(error.code), error.message);
done:
  lnsp_session_destroy(session); /* a live session before its trainer */
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(model);
  lnsp_graph_destroy(graph);
  return failed;
}
