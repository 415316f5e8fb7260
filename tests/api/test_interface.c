/* Facts that callers of lnsp.h rely on: versions, initialisers, names of codes, tensors,
 * named constants, sizes. */
#include "support.h"

static void version(void) {
  CHECK_INT(lnsp_version(), LNSP_VERSION);
  CHECK_INT(LNSP_VERSION,
            LNSP_VERSION_MAJOR * 10000 + LNSP_VERSION_MINOR * 100 + LNSP_VERSION_PATCH);
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", LNSP_VERSION_MAJOR, LNSP_VERSION_MINOR,
           LNSP_VERSION_PATCH);
  CHECK_STR(lnsp_version_text(), text);
  CHECK_INT(lnsp_arithmetic_version(), LNSP_ARITHMETIC_VERSION);
}

static void status_names_and_texts(void) {
  for (int32_t a = LNSP_OK; a <= LNSP_E_CANCELLED; a++) {
    CHECK(strlen(lnsp_status_text(a)) >= 8 && strlen(lnsp_status_text(a)) < 64);
    for (int32_t b = LNSP_OK; b < a; b++)
      CHECK(strcmp(lnsp_status_text(a), lnsp_status_text(b)) &&
            strcmp(lnsp_status_name(a), lnsp_status_name(b)));
  }
  CHECK_STR(lnsp_status_text(LNSP_E_UNKNOWN), "a name is not known");
  CHECK_STR(lnsp_status_text(LNSP_E_CANCELLED + 1), "unknown error");
  CHECK_STR(lnsp_status_text(-1), "unknown error");
  CHECK_STR(lnsp_status_name(-1), "LNSP_E_?");
}

static void struct_init(void) {
  lnsp_options options, zeros;
  memset(&options, 0xA5, sizeof options);
  zeros = (lnsp_options)LNSP_OPTIONS_INIT;
  lnsp_struct_init(&options, sizeof options);
  CHECK(!memcmp(&options, &zeros, sizeof zeros));
  const lnsp_options macro = LNSP_OPTIONS_INIT;
  CHECK(macro.struct_size == sizeof macro && !macro.block && !macro.parallel);
  /* an older program's struct is shorter: nothing behind it is written */
  memset(&options, 0xA5, sizeof options);
  lnsp_struct_init(&options, 16);
  CHECK(options.struct_size == 16 && ((unsigned char *)&options)[16] == 0xA5);
  lnsp_struct_init(NULL, 16);
  lnsp_struct_init(&options, 3); /* no room for struct_size */
  CHECK(options.struct_size == 16);
}

static void tensor_view(void) {
  static const int64_t ids[6] = {1, 2, 3, 4, 5, 6};
  const int64_t dims[5] = {2, 3, 4, 5, 6};
  lnsp_tensor t = lnsp_tensor_view("ids", LNSP_I64, ids, 2, dims);
  CHECK_STR(t.name, "ids");
  CHECK(t.dtype == LNSP_I64 && t.rank == 2 && t.dims[0] == 2 && t.dims[1] == 3);
  CHECK(t.dims[2] == 0 && t.dims[3] == 0 && t.data == (const void *)ids);
  for (int d = 0; d < LNSP_MAX_RANK; d++) CHECK(t.strides[d] == 0);
  t = lnsp_tensor_view("w", LNSP_F32, NULL, 4, dims);
  CHECK(t.rank == 4 && t.dims[3] == 5 && !t.data);
  t = lnsp_tensor_view("w", LNSP_F32, NULL, 5, dims); /* the call that gets it refuses */
  CHECK(t.rank == 5 && t.dims[3] == 5);
  t = lnsp_tensor_view("scalar", LNSP_F64, NULL, 0, NULL);
  CHECK(t.rank == 0 && t.dims[0] == 0);
  float x[6];
  t = lnsp_tensor_f32("x", x, 2, 2, 3, 9);
  CHECK(t.dtype == LNSP_F32 && t.dims[0] == 2 && t.dims[1] == 3 && t.dims[2] == 0);
}

#define NET "lnsp 1\nx = input 4\no = linear x 3 w=fc\noutput output=o\n"

static void named_flags(void) {
  lnsp_model *model = NULL, *published = NULL;
  lnsp_trainer *t = NULL;
  lnsp_delta *delta = NULL;
  lnsp_session *session = NULL;
  float value, row[12];
  CHECK_OK(lnsp_model_create(NET, 1, NULL, &model, &support_error));
  CHECK_OK(
      lnsp_trainer_create(model, "mse", "sgd lr=.1 ema=.9", NULL, NULL, &t, &support_error));
  support_fill(row, 12, 1);
  const lnsp_tensor inputs[2] = {lnsp_tensor_f32("input", row, 2, 1, 4, 0),
                                 lnsp_tensor_f32("target", row, 2, 1, 3, 0)};
  CHECK_OK(lnsp_trainer_validate(t, inputs, 2, LNSP_WEIGHTS_AVERAGE, &value, &support_error));
  CHECK_REFUSED(lnsp_trainer_validate(t, inputs, 2, 2, &value, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_trainer_publish(t, -1, NULL, &published, &support_error), LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_trainer_tensor_read(t, "fc.weight", 2, row, 12, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_session_create_live(t, 2, NULL, NULL, &session, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_trainer_freeze(t, "*", 2, &support_error), LNSP_E_ARGUMENT);
  CHECK_OK(lnsp_trainer_freeze(t, "*", LNSP_FROZEN, &support_error));
  CHECK_OK(lnsp_trainer_freeze(t, "*", LNSP_TRAINABLE, &support_error));
  CHECK_REFUSED(lnsp_trainer_set_weights(t, model, 2, &support_error), LNSP_E_ARGUMENT);
  CHECK_OK(lnsp_trainer_set_weights(t, model, LNSP_RESET_MOMENTS, &support_error));
  CHECK_REFUSED(lnsp_delta_create_live(model, t, NULL, 2, NULL, &delta, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_OK(lnsp_delta_create_live(model, t, NULL, LNSP_SNAP, NULL, &delta, &support_error));
  lnsp_delta_destroy(delta);
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(model);
}

/* What a handle says of its memory is what the measure call said before. */
static void memory_of_handles(void) {
  lnsp_model *model = NULL;
  lnsp_session *session = NULL;
  lnsp_memory_info measured = LNSP_MEMORY_INFO_INIT, told = measured;
  lnsp_size_options sizes = LNSP_SIZE_OPTIONS_INIT;
  sizes.max_rows = sizes.max_concepts = 5;
  for (int keep = 0; keep < 2; keep++) {
    sizes.keep_nodes = keep;
    CHECK_OK(lnsp_model_create("mlp in=8 hidden=16", 1, NULL, &model, &support_error));
    CHECK_OK(lnsp_model_measure(lnsp_model_graph(model), &measured, &support_error));
    CHECK_OK(lnsp_model_memory(model, &told, &support_error));
    CHECK(!memcmp(&measured, &told, sizeof told) && told.weight_bytes > 0);
    CHECK_OK(lnsp_session_create(model, &sizes, NULL, &session, &support_error));
    CHECK_OK(lnsp_session_measure(lnsp_model_graph(model), &sizes, &measured, &support_error));
    CHECK_OK(lnsp_session_memory(session, &told, &support_error));
    CHECK(!memcmp(&measured, &told, sizeof told) && told.activation_bytes > 0);
    CHECK_REFUSED(lnsp_session_memory(NULL, &told, &support_error), LNSP_E_ARGUMENT);
    CHECK_REFUSED(lnsp_session_memory(session, NULL, &support_error), LNSP_E_ARGUMENT);
    CHECK_REFUSED(lnsp_model_memory(NULL, &told, &support_error), LNSP_E_ARGUMENT);
    CHECK_REFUSED(lnsp_model_memory(model, NULL, &support_error), LNSP_E_ARGUMENT);
    lnsp_session_destroy(session);
    lnsp_model_destroy(model);
  }
}

/* A trainer from a path: one allocation for itself, in the caller's block if there is one. */
static void trainer_from_a_path(void) {
  static unsigned char block[200000];
  const char *path = support_path("interface.safetensors");
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL, *again = NULL;
  uint8_t a[LNSP_HASH_BYTES], b[LNSP_HASH_BYTES];
  CHECK_OK(lnsp_model_create(NET, 7, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, "mse", "adamw", NULL, NULL, &t, &support_error));
  CHECK_OK(lnsp_trainer_save(t, path, LNSP_SAVE_STATE, &support_error));
  lnsp_options options = LNSP_OPTIONS_INIT;
  options.block = block;
  options.block_bytes = sizeof block;
  CHECK_OK(lnsp_trainer_open(path, NULL, NULL, NULL, &options, &again, &support_error));
  CHECK((unsigned char *)again >= block && (unsigned char *)again < block + 64);
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, a, &support_error));
  CHECK_OK(lnsp_trainer_hash(again, LNSP_SAVE_STATE, b, &support_error));
  CHECK(!memcmp(a, b, sizeof a));
  lnsp_trainer_destroy(again);
  remove(path);
  CHECK_REFUSED(lnsp_trainer_open(path, NULL, NULL, NULL, NULL, &again, &support_error),
                LNSP_E_MISSING);
  CHECK(!again);
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(model);
}

/* A text, what becomes of it, and the column that the error names (0: none). */
static void texts(void) {
  static const struct {
    int32_t list;
    const char *text;
    int32_t status, column;
  } cases[] = {
      {LNSP_LIST_ARCHITECTURES, "student heads=8", LNSP_OK, 0},
      {LNSP_LIST_ARCHITECTURES, "student teh=1", LNSP_E_UNKNOWN, 9},
      {LNSP_LIST_ARCHITECTURES, "lnsp 1\nx = input 4\n", LNSP_E_MISSING, -1},
      {LNSP_LIST_LOSSES, "triplet margin=.3 + .1*alignment", LNSP_OK, 0},
      {LNSP_LIST_LOSSES, "cosine + nope", LNSP_E_UNKNOWN, 10},
      {LNSP_LIST_OPTIMIZERS, "adamw lr=1e-3 ema=.9", LNSP_OK, 0},
      {LNSP_LIST_OPTIMIZERS, "adamw lr=fast", LNSP_E_SYNTAX, 10},
      {LNSP_LIST_SCHEDULES, "schedule=cosine steps=100", LNSP_OK, 0},
      {LNSP_LIST_SCHEDULES, "schedule=cosin", LNSP_E_UNKNOWN, 10},
      {LNSP_LIST_ISAS, "scalar", LNSP_OK, 0},
      {LNSP_LIST_ISAS, "abacus", LNSP_E_UNKNOWN, -1},
      {LNSP_LIST_CODECS, "int8 block=64 only=*.weight", LNSP_OK, 0},
      {LNSP_LIST_CODECS, "int8 blocks=64", LNSP_E_UNKNOWN, 6},
      {LNSP_LIST_RULES, "trimmed share=.2 clip=median", LNSP_OK, 0},
      {LNSP_LIST_RULES, "mean share=.2", LNSP_E_UNKNOWN, 6},
      {LNSP_LIST_LAYERS, "linear", LNSP_E_ARGUMENT, -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    memset(&support_error, 0, sizeof support_error);
    const int32_t status = lnsp_text_check(cases[i].list, cases[i].text, &support_error);
    CHECK_SAY(status == cases[i].status, "'%s' gave %s: %s", cases[i].text,
              lnsp_status_name(status), support_error.message);
    if (cases[i].column > 0) CHECK_INT(support_error.column, cases[i].column);
    CHECK_INT(lnsp_text_check(cases[i].list, cases[i].text, NULL), cases[i].status);
  }
  CHECK_REFUSED(lnsp_text_check(LNSP_LIST_LOSSES, NULL, &support_error), LNSP_E_ARGUMENT);
  /* each name of a list that needs no keys is a text */
  for (int32_t i = 0; lnsp_list_name(LNSP_LIST_RULES, i); i++)
    CHECK_OK(
        lnsp_text_check(LNSP_LIST_RULES, lnsp_list_name(LNSP_LIST_RULES, i), &support_error));
  for (int32_t list = LNSP_LIST_ARCHITECTURES; list <= LNSP_LIST_CODECS; list++)
    for (int32_t i = 0; list != LNSP_LIST_LAYERS && list != LNSP_LIST_SCHEDULES &&
                        list != LNSP_LIST_ISAS && lnsp_list_name(list, i);
         i++)
      CHECK_OK(lnsp_text_check(list, lnsp_list_name(list, i), &support_error));
}

/* Every call that takes a sink reads it as it reads other structs. */
static void sinks(void) {
  const lnsp_index_options of = {sizeof of, LNSP_F32, 4, 1, 0, 0};
  const lnsp_tensor empty = lnsp_tensor_f32("t", NULL, 1, 0, 0, 0);
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  lnsp_index *index = NULL;
  lnsp_writer *writer = NULL;
  CHECK_OK(lnsp_model_create(NET, 1, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, "mse", "sgd", NULL, NULL, &t, &support_error));
  CHECK_OK(lnsp_index_create(&of, NULL, &index, &support_error));
  for (int bare = 0; bare < 2; bare++) {
    support_bytes bytes;
    lnsp_sink sink = support_sink(&bytes);
    if (bare)
      sink.struct_size = 0;
    else
      sink.write = NULL;
    CHECK_REFUSED(lnsp_model_save_sink(model, &sink, 0, &support_error), LNSP_E_ARGUMENT);
    CHECK(strstr(support_error.message, bare ? "struct_size" : "write") != NULL);
    CHECK_REFUSED(lnsp_trainer_save_sink(t, &sink, LNSP_SAVE_STATE, &support_error),
                  LNSP_E_ARGUMENT);
    CHECK_REFUSED(lnsp_index_save_sink(index, &sink, &support_error), LNSP_E_ARGUMENT);
    CHECK_REFUSED(lnsp_writer_create_sink(&sink, &empty, 1, NULL, 0, NULL, &writer,
                                          &support_error),
                  LNSP_E_ARGUMENT);
  }
  lnsp_index_destroy(index);
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(model);
}

/* A message about an argument names the function that was called, not one that it calls. */
#define CHECK_NAMED(name, ...)                                                               \
  do {                                                                                       \
    CHECK_REFUSED(name(__VA_ARGS__), LNSP_E_ARGUMENT);                                       \
    CHECK(strstr(support_error.message, #name ": the argument '") == support_error.message); \
  } while (0)

static void null_paths(void) {
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  lnsp_index *index = NULL;
  lnsp_delta *delta = NULL;
  lnsp_replay *replay = NULL;
  lnsp_reservoir *reservoir = NULL;
  CHECK_NAMED(lnsp_model_open, NULL, NULL, &model, &support_error);
  CHECK_NAMED(lnsp_model_open_memory, NULL, 9, NULL, &model, &support_error);
  CHECK_NAMED(lnsp_trainer_open, NULL, NULL, NULL, NULL, NULL, &t, &support_error);
  CHECK_NAMED(lnsp_index_open, NULL, NULL, NULL, &index, &support_error);
  CHECK_NAMED(lnsp_index_open_borrowed, NULL, 9, NULL, NULL, &index, &support_error);
  CHECK_NAMED(lnsp_delta_open, NULL, NULL, &delta, &support_error);
  CHECK_NAMED(lnsp_delta_open_memory, NULL, 9, NULL, &delta, &support_error);
  CHECK_NAMED(lnsp_replay_open, NULL, NULL, &replay, &support_error);
  CHECK_NAMED(lnsp_reservoir_open, NULL, NULL, &reservoir, &support_error);
}

int main(void) {
  support_use_all();
  RUN(version);
  RUN(status_names_and_texts);
  RUN(struct_init);
  RUN(tensor_view);
  RUN(named_flags);
  RUN(memory_of_handles);
  RUN(trainer_from_a_path);
  RUN(texts);
  RUN(sinks);
  RUN(null_paths);
  FINISH();
}
