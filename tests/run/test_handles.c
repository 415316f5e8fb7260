/* Handles as the header promises them: memory as measured in every configuration
 * and at any address, order of destruction, calls that fail without a trace. */
#include "state_edit.h"

static const char *const graphs[] =
    {"ln_min d=6 s=4", "student d=20 s=12 k=8 heads=2", "family_a s=24 heads=3",
     "lnsp 1\nx = input 4;  y = tanh   x\noutput output=y",
     "lnsp 1; x=input 6; y=linear x 5 w=a; z = linear y 5 w=b; output output=z code=y"};

/* Measured from the text's own graph, made from the text, in a block that starts
 * anywhere: exactly as many bytes, 63 for the place, and none beyond. */
static void models_are_as_measured(void) {
  for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
    support_heap heap;
    lnsp_allocator allocator = support_allocator(&heap);
    lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
    lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
    lnsp_graph *graph = NULL;
    lnsp_model *model = NULL;
    CHECK_OK(lnsp_graph_create(graphs[i], NULL, &graph, &support_error));
    CHECK_OK(lnsp_model_measure(graph, &memory, &support_error));
    CHECK_OK(lnsp_model_create(graphs[i], 1, &options, &model, &support_error));
    CHECK_INT(heap.last_bytes, memory.total_bytes);
    lnsp_model_destroy(model);
    size_t bytes = (size_t)memory.total_bytes;
    unsigned char *room = malloc(bytes + 256);
    for (size_t shift = 0; shift < 64; shift += 9) {
      unsigned char *block = room + 64 - (uintptr_t)room % 64 + shift;
      size_t end = (size_t)(block - room) + bytes + (shift ? 64 - shift : 0);
      memset(room, 0x5A, bytes + 256);
      lnsp_options in = {.struct_size = sizeof in,
                         .block = block,
                         .block_bytes = bytes + (shift ? 64 - shift : 0)};
      CHECK_OK(lnsp_model_create(graphs[i], 1, &in, &model, &support_error));
      for (unsigned char *at = room; at < block; at++) CHECK(*at == 0x5A);
      for (size_t at = end; at < bytes + 256; at++) CHECK(room[at] == 0x5A);
      lnsp_model_destroy(model);
      in.block_bytes--;
      CHECK_REFUSED(lnsp_model_create(graphs[i], 1, &in, &model, &support_error),
                    LNSP_E_MEMORY);
      CHECK(model == NULL);
    }
    free(room);
    lnsp_graph_destroy(graph);
  }
}

/* The same for sessions and trainers, made from a model and from a file. */
static void trainers_and_sessions_are_as_measured(void) {
  const lnsp_size_options limits[] = {{sizeof *limits, 1, 1, 0, 0, 0, 0},
                                      {sizeof *limits, 5, 3, 2, 0, 0, 0},
                                      {sizeof *limits, 2, 7, 3, LNSP_MARK_WEIGHTS, 0, 0}};
  const lnsp_size_options runs[] = {{sizeof *limits, 1, 1, 0, 0, 0, 0},
                                    {sizeof *limits, 5, 3, 0, 0, 1, 0},
                                    {sizeof *limits, 2, 7, 0, 0, 0, 0}};
  const char *optimizers[] = {"sgd", "sgd momentum=.5 ema=.9", "adamw"};
  for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++)
    for (int l = 0; l < 3; l++) {
      support_heap heap;
      lnsp_allocator allocator = support_allocator(&heap);
      lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
      lnsp_memory_info memory = {.struct_size = sizeof memory}, own = memory;
      lnsp_model *model = NULL, *next = NULL;
      lnsp_session *session = NULL;
      lnsp_trainer *t = NULL;
      lnsp_graph *graph = NULL;
      lnsp_file *file = NULL;
      CHECK_OK(lnsp_model_create(graphs[i], 1, NULL, &model, &support_error));
      CHECK_OK(lnsp_session_measure(lnsp_model_graph(model), &runs[l], &memory, NULL));
      CHECK_OK(lnsp_session_create(model, &runs[l], &options, &session, &support_error));
      CHECK_INT(heap.last_bytes, memory.total_bytes);
      lnsp_session_destroy(session);
      CHECK_OK(lnsp_trainer_measure(lnsp_model_graph(model), "cosine", optimizers[l],
                                    &limits[l], &memory, &support_error));
      CHECK_OK(lnsp_trainer_create(model, "cosine", optimizers[l], &limits[l], &options, &t,
                                   &support_error));
      CHECK_INT(heap.last_bytes, memory.total_bytes);
      CHECK_OK(lnsp_trainer_memory(t, &own, &support_error));
      CHECK(!memcmp(&own, &memory, sizeof own));
      CHECK_INT(own.total_bytes, own.weight_bytes + own.moment_bytes + own.average_bytes +
                                     own.residual_bytes + own.gradient_bytes + own.mark_bytes +
                                     own.activation_bytes + own.workspace_bytes +
                                     own.plan_bytes);
      CHECK_OK(lnsp_model_measure(lnsp_trainer_graph(t), &memory, &support_error));
      CHECK_OK(lnsp_trainer_publish(t, 0, &options, &next, &support_error));
      CHECK_INT(heap.last_bytes, memory.total_bytes);
      lnsp_model_destroy(next);
      /* from the file, measured from the file */
      support_bytes bytes = state_save(t, LNSP_SAVE_STATE);
      lnsp_trainer_destroy(t);
      CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
      CHECK_OK(lnsp_graph_open_file(file, NULL, &graph, &support_error));
      CHECK_OK(lnsp_trainer_measure(graph, "cosine", optimizers[l], &limits[l], &memory,
                                    &support_error));
      CHECK_OK(
          lnsp_trainer_open_file(file, NULL, NULL, &limits[l], &options, &t, &support_error));
      CHECK_INT(heap.last_bytes, memory.total_bytes);
      lnsp_trainer_destroy(t);
      unsigned char *room = malloc((size_t)memory.total_bytes + 64);
      lnsp_options in = {.struct_size = sizeof in,
                         .block = room + 1,
                         .block_bytes = (size_t)memory.total_bytes + 63};
      CHECK_OK(lnsp_trainer_open_file(file, NULL, NULL, &limits[l], &in, &t, &support_error));
      lnsp_trainer_destroy(t);
      free(room);
      free(bytes.data);
      lnsp_graph_destroy(graph);
      lnsp_file_destroy(file);
      lnsp_model_destroy(model);
      CHECK_INT(heap.live, 0);
    }
}

/* Sizes that overflow 32 bits or 64 are limits or memory that is not there. */
static void huge_handles_are_refused(void) {
  const char *wide = "lnsp 1; x = input 65536; y = linear x 65536 w=a; output output=y";
  support_heap heap;
  lnsp_allocator allocator = support_allocator(&heap);
  lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
  const lnsp_size_options most = {sizeof most, 1 << 24, 1 << 16, 1024, 0, 0, 0};
  const lnsp_size_options most_run = {sizeof most, 1 << 24, 1 << 16, 0, 0, 1, 0};
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  lnsp_model *model = NULL, *small = NULL;
  lnsp_session *session = NULL;
  lnsp_trainer *t = NULL;
  lnsp_graph *graph = NULL;
  CHECK_OK(lnsp_graph_create(wide, NULL, &graph, &support_error));
  CHECK_OK(lnsp_model_measure(graph, &memory, &support_error));
  CHECK(memory.total_bytes > UINT64_C(0x400000000));
  CHECK_OK(lnsp_trainer_measure(graph, "mse", "adamw", NULL, &memory, &support_error));
  CHECK(memory.total_bytes > UINT64_C(0xC00000000));
  lnsp_graph_destroy(graph);
  for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
    CHECK_OK(lnsp_model_create(graphs[i], 1, NULL, &small, &support_error));
    CHECK_REFUSED(lnsp_session_create(small, &most_run, &options, &session, &support_error),
                  LNSP_E_LIMIT);
    CHECK_REFUSED(lnsp_trainer_create(small, "cosine", NULL, &most, &options, &t,
                                      &support_error),
                  LNSP_E_LIMIT);
    lnsp_model_destroy(small);
  }
  heap.fail_at = heap.fail_all = 1;
  CHECK_REFUSED(lnsp_model_create("ln_min", 1, &options, &model, &support_error),
                LNSP_E_MEMORY);
  CHECK_INT(heap.live, 0);
}

/* Sessions, models and trainers may go in any order. */
static void any_order_of_destruction(void) {
  lnsp_model *a = NULL, *b = NULL;
  lnsp_session *one = NULL, *two = NULL;
  lnsp_trainer *t = NULL;
  float x[6] = {1, 2, 3, 4, 5, 6}, y[6], z[6];
  lnsp_tensor in = lnsp_tensor_f32("input", x, 2, 1, 6, 0);
  lnsp_tensor out = lnsp_tensor_f32("output", y, 2, 1, 6, 0), other = out;
  other.data = z;
  CHECK_OK(lnsp_model_create(graphs[0], 1, NULL, &a, &support_error));
  CHECK_OK(lnsp_session_create(a, NULL, NULL, &one, &support_error));
  CHECK_OK(lnsp_session_create(a, NULL, NULL, &two, &support_error));
  CHECK_OK(lnsp_trainer_create(a, "mse", "adamw lr=.1", NULL, NULL, &t, &support_error));
  lnsp_model_destroy(a);
  CHECK_OK(lnsp_trainer_publish(t, 0, NULL, &b, &support_error));
  lnsp_trainer_destroy(t);
  CHECK_OK(lnsp_session_run(one, &in, 1, &out, 1, &support_error));
  CHECK_OK(lnsp_session_rebind(two, b, &support_error));
  CHECK_OK(lnsp_session_rebind(two, b, &support_error)); /* onto what it has */
  lnsp_model_destroy(b);
  lnsp_session_destroy(one);
  CHECK_OK(lnsp_session_run(two, &in, 1, &other, 1, &support_error));
  CHECK(!memcmp(y, z, sizeof y));
  /* an output twice, and the input's own memory as output */
  lnsp_tensor twice[2] = {out, other};
  memset(y, 0, sizeof y);
  CHECK_OK(lnsp_session_run(two, &in, 1, twice, 2, &support_error));
  CHECK(!memcmp(y, z, sizeof y));
  other.data = x;
  CHECK_OK(lnsp_session_run(two, &in, 1, &other, 1, &support_error));
  CHECK(!memcmp(x, z, sizeof x));
  lnsp_session_destroy(two);
}

/* What is refused for its arguments leaves a gradient that waits to be applied. */
static void refused_calls_leave_the_gradient(void) {
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  float x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {0}, g[6];
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 6, 0),
                       lnsp_tensor_f32("target", y, 2, 1, 6, 0)},
              bad[2];
  CHECK_OK(lnsp_model_create(graphs[0], 1, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, "mse", "sgd", NULL, NULL, &t, &support_error));
  CHECK_OK(lnsp_trainer_compute_gradients(t, in, 2, NULL, &support_error));
  memcpy(bad, in, sizeof bad);
  bad[1].dims[1] = 5;
  CHECK_REFUSED(lnsp_trainer_compute_gradients(t, bad, 2, NULL, &support_error), LNSP_E_SHAPE);
  CHECK_REFUSED(lnsp_trainer_step(t, in, 1, NULL, &support_error), LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_trainer_forward(t, in + 1, 1, NULL, 0, &support_error), LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_trainer_freeze(t, "nosuch", 1, &support_error), LNSP_E_MISSING);
  CHECK_OK(lnsp_trainer_gradient(t, "align.bias", g, 6, &support_error));
  /* freezing voids a gradient, but not the values of a forward pass */
  CHECK_OK(lnsp_trainer_freeze(t, "compress.*", 1, &support_error));
  CHECK_REFUSED(lnsp_trainer_apply(t, &support_error), LNSP_E_STATE);
  CHECK_REFUSED(lnsp_trainer_gradient(t, "align.bias", g, 6, &support_error), LNSP_E_STATE);
  lnsp_tensor d = lnsp_tensor_f32("output", y, 2, 1, 6, 0);
  CHECK_OK(lnsp_trainer_forward(t, in, 1, NULL, 0, &support_error));
  CHECK_OK(lnsp_trainer_freeze(t, "compress.*", 0, &support_error));
  CHECK_OK(lnsp_trainer_backward(t, &d, 1, &support_error));
  CHECK_OK(lnsp_trainer_gradient(t, "compress.bias", g, 4, &support_error));
  CHECK_OK(lnsp_trainer_apply(t, &support_error));
  CHECK_INT(lnsp_trainer_step_count(t), 1);
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(model);
}

/* Marks of the weights alone bring the weights back and nothing else. */
static void undo_of_weights(void) {
  lnsp_size_options limits = {sizeof limits, 1, 1, 2, LNSP_MARK_WEIGHTS, 0, 0};
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  float x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {0};
  uint8_t weights[4][32], average[32], now[32];
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 6, 0),
                       lnsp_tensor_f32("target", y, 2, 1, 6, 0)};
  CHECK_OK(lnsp_model_create(graphs[0], 1, NULL, &model, &support_error));
  CHECK_OK(
      lnsp_trainer_create(model, "mse", "adamw ema=.9", &limits, NULL, &t, &support_error));
  for (int s = 0; s < 4; s++) {
    CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_WEIGHTS, weights[s], &support_error));
    CHECK_OK(lnsp_trainer_mark(t, &support_error));
    CHECK_OK(lnsp_trainer_step(t, in, 2, NULL, &support_error));
  }
  CHECK_INT(lnsp_trainer_mark_count(t), 2);
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_AVERAGE, average, &support_error));
  CHECK_OK(lnsp_trainer_rollback(t, 1, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_WEIGHTS, now, &support_error));
  CHECK(!memcmp(now, weights[2], 32));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_AVERAGE, now, &support_error));
  CHECK(!memcmp(now, average, 32));
  CHECK_INT(lnsp_trainer_step_count(t), 4);
  CHECK_INT(lnsp_trainer_mark_count(t), 1);
  CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error)); /* it stays */
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(model);
}

/* Marks, steps and ways back in random order, against a list of hashes; a session
 * on the live weights sees them go back. */
static void random_walks(void) {
  enum { HISTORY = 3, MOVES = 600 };
  for (int undo = 0; undo < 2; undo++) {
    lnsp_size_options limits = {sizeof limits, 1, 1, HISTORY, undo, 0, 0};
    const int32_t what = undo == LNSP_MARK_STATE ? LNSP_SAVE_STATE : LNSP_SAVE_WEIGHTS;
    lnsp_model *model = NULL, *published = NULL;
    lnsp_trainer *t = NULL;
    lnsp_session *live = NULL, *plain = NULL;
    float x[6], y[6], z[6];
    uint8_t marks[HISTORY][32], now[32];
    int held = 0;
    uint32_t random = 5;
    lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 6, 0),
                         lnsp_tensor_f32("target", y, 2, 1, 6, 0)};
    lnsp_tensor out = lnsp_tensor_f32("output", y, 2, 1, 6, 0), other = out;
    other.data = z;
    CHECK_OK(lnsp_model_create(graphs[0], 1, NULL, &model, &support_error));
    CHECK_OK(lnsp_trainer_create(model, "mse", "adamw lr=1e-2 ema=.9", &limits, NULL, &t,
                                 &support_error));
    CHECK_OK(lnsp_session_create_live(t, 0, NULL, NULL, &live, &support_error));
    for (int move = 0; move < MOVES; move++) {
      random = random * 1664525u + 1013904223u;
      uint32_t kind = random >> 29, back = (random >> 20) % (HISTORY + 1);
      support_fill(x, 6, random);
      support_fill(y, 6, random + 1);
      if (kind < 3) {
        CHECK_OK(lnsp_trainer_step(t, in, 2, NULL, &support_error));
      } else if (kind < 5) {
        CHECK_OK(lnsp_trainer_mark(t, &support_error));
        if (held == HISTORY) memmove(marks[0], marks[1], (HISTORY - 1) * 32);
        held -= held == HISTORY;
        lnsp_trainer_hash(t, what, marks[held++], NULL);
      } else if (kind < 7) {
        int32_t status = lnsp_trainer_rollback(t, (int32_t)back, NULL);
        CHECK((status == LNSP_OK) == ((int)back < held));
        if (status != LNSP_OK) continue;
        held -= (int)back;
        lnsp_trainer_hash(t, what, now, NULL);
        CHECK(!memcmp(now, marks[held - 1], 32));
      } else {
        CHECK_OK(lnsp_trainer_publish(t, 0, NULL, &published, &support_error));
        CHECK_OK(lnsp_session_create(published, NULL, NULL, &plain, &support_error));
        CHECK_OK(lnsp_session_run(live, in, 1, &out, 1, &support_error));
        CHECK_OK(lnsp_session_run(plain, in, 1, &other, 1, &support_error));
        CHECK(!memcmp(y, z, sizeof y));
        lnsp_session_destroy(plain);
        lnsp_model_destroy(published);
      }
      CHECK_INT(lnsp_trainer_mark_count(t), held);
    }
    lnsp_session_destroy(live);
    lnsp_trainer_destroy(t);
    lnsp_model_destroy(model);
  }
}

/* Structs of a caller that knows a longer header, through every call that passes
 * them on. */
static void longer_structs(void) {
  struct {
    lnsp_options known;
    char tail[300];
  } options;
  struct {
    lnsp_allocator known;
    char tail[300];
  } allocator;
  support_heap heap;
  lnsp_model *model = NULL, *again = NULL;
  lnsp_trainer *t = NULL;
  support_bytes bytes;
  lnsp_sink sink = support_sink(&bytes);
  memset(&options, 0, sizeof options);
  memset(&allocator, 0, sizeof allocator);
  allocator.known = support_allocator(&heap);
  allocator.known.struct_size = sizeof allocator;
  options.known.struct_size = sizeof options;
  options.known.allocator = &allocator.known;
  CHECK_OK(lnsp_model_create(graphs[0], 1, &options.known, &model, &support_error));
  CHECK_OK(lnsp_model_save_sink(model, &sink, LNSP_F32, &support_error));
  CHECK_OK(
      lnsp_model_open_memory(bytes.data, bytes.size, &options.known, &again, &support_error));
  CHECK_OK(lnsp_trainer_create(model, "mse", NULL, NULL, &options.known, &t, &support_error));
  support_bytes state = state_save(t, LNSP_SAVE_STATE);
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(model);
  lnsp_model_destroy(again);
  CHECK_INT(heap.live, 0);
  free(bytes.data);
  free(state.data);
}

int main(void) {
  support_use_all();
  RUN(models_are_as_measured);
  RUN(trainers_and_sessions_are_as_measured);
  RUN(huge_handles_are_refused);
  RUN(any_order_of_destruction);
  RUN(refused_calls_leave_the_gradient);
  RUN(undo_of_weights);
  RUN(random_walks);
  RUN(longer_structs);
  FINISH();
}
