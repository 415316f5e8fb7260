/* Options that a call does not use are refused: every call that takes lnsp_options, with every
 * field set alone. What a call uses is read from the table in lnsp.h, so that the table, the
 * masks in lib/api and what the calls do cannot differ. */
#include "support.h"

#define NET "lnsp 1\nx = input 4\no = linear x 3 w=fc\noutput output=o\n"
#define NOWHERE "build/no/such/folder/file"

static unsigned char block[400000];
static lnsp_model *model;
static lnsp_trainer *trainer;
static lnsp_file *file;
static lnsp_delta *delta;
static lnsp_store *store;
static const char *store_path;
static lnsp_index *index_of_vectors;
static support_bytes model_file, index_file;
static lnsp_tensor x;
static const float row[4] = {1, 2, 3, 4};

static void run_here(void *user, int32_t count, void (*task)(void *argument, int32_t index),
                     void *argument) {
  (void)user;
  for (int32_t i = 0; i < count; i++) task(argument, i);
}

static int32_t read_device(void *user, uint64_t offset, void *to, size_t bytes) {
  (void)user, (void)offset;
  memset(to, 0xFF, bytes);
  return 0;
}

/* A call with these options, and the handle that it gave destroyed. */
#define CALL(name, type, ...)                                                  \
  static int32_t call_##name(const lnsp_options *options, lnsp_error *error) { \
    lnsp_##type *out = NULL;                                                   \
    int32_t status = lnsp_##name(__VA_ARGS__, options, &out, error);           \
    lnsp_##type##_destroy(out);                                                \
    return status;                                                             \
  }

#define SOURCE(name) \
  static const lnsp_source name = {sizeof(lnsp_source), NULL, 64, read_device}

SOURCE(source);
static support_bytes nothing;
static lnsp_sink to_nothing = LNSP_SINK_INIT;
static lnsp_device device = LNSP_DEVICE_INIT;
static lnsp_index_options vectors = LNSP_INDEX_OPTIONS_INIT;
static lnsp_reservoir_options pairs = LNSP_RESERVOIR_OPTIONS_INIT;

CALL(file_open, file, NOWHERE)
CALL(file_open_memory, file, model_file.data, model_file.size)
CALL(file_open_source, file, &source)
CALL(writer_create, writer, NOWHERE, &x, 1, NULL, 0)
CALL(writer_create_sink, writer, &to_nothing, &x, 1, NULL, 0)
CALL(graph_create, graph, NET)
CALL(graph_open_file, graph, file)
CALL(graph_convert, graph, lnsp_model_graph(model), LNSP_F16)
CALL(model_open, model, NOWHERE)
CALL(model_open_memory, model, model_file.data, model_file.size)
CALL(model_open_file, model, file)
CALL(model_create, model, NET, 1)
CALL(model_convert, model, model, LNSP_F16)
CALL(session_create, session, model, NULL)
CALL(session_create_live, session, trainer, LNSP_WEIGHTS_LIVE, NULL)
CALL(replay_create, replay, 4)
CALL(replay_open, replay, NOWHERE)
CALL(trainer_create, trainer, model, "mse", "sgd", NULL)
CALL(trainer_open, trainer, NOWHERE, "mse", "sgd", NULL)
CALL(trainer_open_file, trainer, file, "mse", "sgd", NULL)
CALL(trainer_publish, model, trainer, LNSP_WEIGHTS_LIVE)
CALL(delta_create, delta, model, model, NULL)
CALL(delta_create_live, delta, model, trainer, NULL, LNSP_NO_SNAP)
CALL(delta_apply, model, delta, model)
CALL(delta_invert, delta, delta)
CALL(delta_merge, delta, (const lnsp_delta *const *)&delta, 1)
CALL(delta_open, delta, NOWHERE)
CALL(delta_open_memory, delta, model_file.data, model_file.size)
CALL(delta_accept, model, delta, model, NULL)
CALL(store_create, store, NOWHERE, trainer, NULL, NULL)
CALL(store_create_device, store, &device, trainer, NULL, NULL)
CALL(store_open, store, NOWHERE, NULL)
CALL(store_open_device, store, &device, NULL)
CALL(store_checkout, model, store, 0)
CALL(index_create, index, &vectors)
CALL(index_open, index, NOWHERE, NULL)
CALL(index_open_file, index, file, NULL)
CALL(index_open_borrowed, index, index_file.data, index_file.size, NULL)
CALL(reservoir_create, reservoir, &pairs)
CALL(reservoir_open, reservoir, NOWHERE)
CALL(reservoir_open_file, reservoir, file)
CALL(search_create, search, index_of_vectors, NULL)

static int32_t call_loss_evaluate(const lnsp_options *options, lnsp_error *error) {
  float value;
  const lnsp_tensor inputs[2] = {lnsp_tensor_view("p", LNSP_F32, row, 2, x.dims),
                                 lnsp_tensor_view("t", LNSP_F32, row, 2, x.dims)};
  return lnsp_loss_evaluate("mse", inputs, 2, &value, NULL, options, error);
}

static int32_t call_metrics_rank(const lnsp_options *options, lnsp_error *error) {
  const int64_t truth = 0;
  lnsp_rank rank;
  return lnsp_metrics_rank(&x, &x, &truth, NULL, options, &rank, error);
}

static int32_t call_metrics_collapse(const lnsp_options *options, lnsp_error *error) {
  static const float unit[8] = {1, 0, 0, 0, 0, 1, 0, 0};
  static const int64_t dims[2] = {2, 4};
  const lnsp_tensor rows = lnsp_tensor_view("x", LNSP_F32, unit, 2, dims);
  lnsp_collapse_info info = LNSP_COLLAPSE_INFO_INIT;
  return lnsp_metrics_collapse(&rows, options, &info, error);
}

static int32_t call_session_score(const lnsp_options *options, lnsp_error *error) {
  static const int64_t in_dims[2] = {1, 4}, out_dims[2] = {1, 3};
  const lnsp_tensor in = lnsp_tensor_view("input", LNSP_F32, row, 2, in_dims);
  const lnsp_tensor target = lnsp_tensor_view("target", LNSP_F32, row, 2, out_dims);
  lnsp_score_info score = LNSP_SCORE_INFO_INIT;
  lnsp_session *session = NULL;
  int32_t status = lnsp_session_create(model, NULL, NULL, &session, error);
  if (!status) status = lnsp_session_score(session, &in, 1, &target, options, &score, error);
  lnsp_session_destroy(session);
  return status;
}

static int32_t call_delta_norm(const lnsp_options *options, lnsp_error *error) {
  return lnsp_delta_norm(delta, model, NULL, NULL, options, error);
}

static int32_t call_delta_check(const lnsp_options *options, lnsp_error *error) {
  return lnsp_delta_check(delta, model, NULL, options, error);
}

static int32_t call_delta_aggregate(const lnsp_options *options, lnsp_error *error) {
  lnsp_delta *out = NULL;
  int32_t status = lnsp_delta_aggregate(model, (const lnsp_delta *const *)&delta, NULL, 1, NULL,
                                        options, NULL, &out, error);
  lnsp_delta_destroy(out);
  return status;
}

static int32_t call_store_load(const lnsp_options *options, lnsp_error *error) {
  return lnsp_store_load(store, 0, trainer, options, error);
}

static int32_t call_store_apply(const lnsp_options *options, lnsp_error *error) {
  return lnsp_store_apply(store, delta, NULL, NULL, NULL, options, NULL, error);
}

#define ENTRY(name) {"lnsp_" #name, call_##name}
static const struct {
  const char *name;
  int32_t (*call)(const lnsp_options *options, lnsp_error *error);
} calls[] = {
    ENTRY(file_open),         ENTRY(file_open_memory),    ENTRY(file_open_source),
    ENTRY(writer_create),     ENTRY(writer_create_sink),  ENTRY(graph_create),
    ENTRY(graph_open_file),   ENTRY(graph_convert),       ENTRY(model_open),
    ENTRY(model_open_memory), ENTRY(model_open_file),     ENTRY(model_create),
    ENTRY(model_convert),     ENTRY(session_create),      ENTRY(session_create_live),
    ENTRY(replay_create),     ENTRY(replay_open),         ENTRY(trainer_create),
    ENTRY(trainer_open),      ENTRY(trainer_open_file),   ENTRY(trainer_publish),
    ENTRY(loss_evaluate),     ENTRY(delta_create),        ENTRY(delta_create_live),
    ENTRY(delta_apply),       ENTRY(delta_invert),        ENTRY(delta_merge),
    ENTRY(delta_open),        ENTRY(delta_open_memory),   ENTRY(delta_norm),
    ENTRY(delta_check),       ENTRY(delta_accept),        ENTRY(delta_aggregate),
    ENTRY(store_create),      ENTRY(store_create_device), ENTRY(store_open),
    ENTRY(store_open_device), ENTRY(store_load),          ENTRY(store_checkout),
    ENTRY(store_apply),       ENTRY(index_create),        ENTRY(index_open),
    ENTRY(index_open_file),   ENTRY(index_open_borrowed), ENTRY(search_create),
    ENTRY(metrics_rank),      ENTRY(metrics_collapse),    ENTRY(session_score),
    ENTRY(reservoir_create),  ENTRY(reservoir_open),      ENTRY(reservoir_open_file),
};
#define CALLS ((int)(sizeof calls / sizeof *calls))

/* A field, and its word in the table of lnsp.h. */
static const char *const fields[][2] = {
    {"max_header_bytes", "header"}, {"block", "block"}, {"isa", "isa"},
    {"architecture", "net"},        {"prefix", "net"},  {"storage", "storage"},
    {"parallel", "parallel"},
};
#define FIELDS ((int)(sizeof fields / sizeof *fields))

static char header[400000];

static int read_header(void) {
  FILE *from = fopen("include/lnsp.h", "rb");
  if (!from) return 0;
  size_t bytes = fread(header, 1, sizeof header - 1, from);
  fclose(from);
  header[bytes] = 0;
  return bytes > 0;
}

/* The words of a call's row in the table, " header, block " or so; NULL where there is none.
 * A row begins with the call, or with others that it ends like: "lnsp_file_open, _memory". */
static const char *table_row(const char *name, char to[128]) {
  char *line = strstr(header, "Which call reads which field");
  for (; line && (line = strchr(line, '\n')) && strncmp(line, "\n */", 4); line++) {
    char base[64], other[64], first[64];
    int at = 0, found;
    if (sscanf(line, "\n *   lnsp_%63[a-z_]%n", first, &at) != 1) continue;
    snprintf(base, sizeof base, "lnsp_%.50s", first);
    found = !strcmp(base, name);
    for (const char *p = line + at; !found && sscanf(p, ", _%63[a-z_]%n", other, &at) == 1;
         p += at) {
      char whole[160];
      snprintf(whole, sizeof whole, "%s_%s", base, other);
      found = !strcmp(whole, name);
    }
    if (!found) continue;
    const char *words = strstr(line, ": ");
    const size_t length = strcspn(words ? words : "", "\n");
    if (!words || length > 100) return NULL;
    snprintf(to, 128, " %.*s, ", (int)length - 2, words + 2);
    return to;
  }
  return NULL;
}

static void set(lnsp_options *options, int field, const lnsp_parallel *parallel) {
  if (field == 0) options->max_header_bytes = 1u << 20;
  if (field == 1) options->block = block, options->block_bytes = sizeof block;
  if (field == 2) options->isa = "scalar";
  if (field == 3) options->architecture = NET;
  if (field == 4) options->prefix = "net.";
  if (field == 5) options->storage = LNSP_F32;
  if (field == 6) options->parallel = parallel;
}

static void every_call_with_every_field(void) {
  lnsp_parallel parallel = LNSP_PARALLEL_INIT;
  parallel.run = run_here;
  for (int c = 0; c < CALLS; c++) {
    char row_of[128], word[32];
    const char *words = table_row(calls[c].name, row_of);
    CHECK_SAY(words != NULL, "the table in lnsp.h has no row for %s", calls[c].name);
    for (int f = 0; words && f < FIELDS; f++) {
      lnsp_options options = LNSP_OPTIONS_INIT;
      lnsp_error error;
      memset(&error, 0, sizeof error);
      set(&options, f, &parallel);
      int32_t status = calls[c].call(&options, &error);
      int refused =
          status == LNSP_E_ARGUMENT && strstr(error.message, "does not use options->");
      snprintf(word, sizeof word, " %s,", fields[f][1]);
      CHECK_SAY(refused == !strstr(words, word), "%s with %s: %s (%s), but lnsp.h says:%s",
                calls[c].name, fields[f][0], lnsp_status_name(status), error.message, words);
      if (refused) {
        CHECK_STR(error.name, fields[f][0]);
        CHECK(!strncmp(error.message, calls[c].name, strlen(calls[c].name)));
      }
    }
  }
}

/* No function of lnsp.h that takes lnsp_options is left out above. */
static void every_call_is_here(void) {
  int found = 0;
  for (const char *at = header; (at = strstr(at, "LNSP_API ")); at++) {
    const char *end = strchr(at, ';'), *takes = strstr(at, "const lnsp_options *options");
    const char *name = strstr(at, "lnsp_");
    char whole[64];
    while (name && strcspn(name, "( *;") != strcspn(name, "("))
      name = strstr(name + 1, "lnsp_");
    if (!end || !takes || takes > end || !name) continue;
    snprintf(whole, sizeof whole, "%.*s", (int)strcspn(name, "("), name);
    int known = 0;
    for (int c = 0; c < CALLS; c++) known |= !strcmp(calls[c].name, whole);
    CHECK_SAY(known, "%s takes options, but is not tested here", whole);
    found++;
  }
  CHECK_INT(found, CALLS);
}

static void defaults_are_no_setting(void) {
  lnsp_graph *graph = NULL;
  lnsp_options options = LNSP_OPTIONS_INIT;
  options.isa = "auto";
  options.prefix = "";
  options.architecture = "";
  CHECK_OK(lnsp_graph_create(NET, &options, &graph, &support_error));
  lnsp_graph_destroy(graph);
}

static void sizes_of_the_other(void) {
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  const lnsp_graph *graph = lnsp_model_graph(model);
  lnsp_session *session = NULL;
  lnsp_trainer *other = NULL;
  lnsp_size_options sizes = LNSP_SIZE_OPTIONS_INIT;
  sizes.max_marks = 1;
  CHECK_REFUSED(lnsp_session_create(model, &sizes, NULL, &session, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_STR(support_error.name, "max_marks");
  CHECK_REFUSED(lnsp_session_create_live(trainer, 0, &sizes, NULL, &session, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_session_measure(graph, &sizes, &memory, &support_error), LNSP_E_ARGUMENT);
  CHECK_OK(lnsp_trainer_measure(graph, "mse", "sgd", &sizes, &memory, &support_error));
  sizes.max_marks = 0;
  sizes.keep_nodes = 1;
  CHECK_REFUSED(lnsp_trainer_measure(graph, "mse", "sgd", &sizes, &memory, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_STR(support_error.name, "keep_nodes");
  CHECK_REFUSED(lnsp_trainer_create(model, "mse", "sgd", &sizes, NULL, &other, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_trainer_open_file(file, "mse", "sgd", &sizes, NULL, &other,
                                       &support_error),
                LNSP_E_ARGUMENT);
  CHECK_OK(lnsp_session_measure(graph, &sizes, &memory, &support_error));
}

static int make_handles(void) {
  const int64_t dims[2] = {1, 4};
  lnsp_sink sink = support_sink(&model_file), index_sink;
  static unsigned char flash[65536];
  x = lnsp_tensor_view("x", LNSP_F32, row, 2, dims);
  to_nothing.write = sink.write;
  to_nothing.user = &nothing;
  device.read = read_device;
  device.user = flash;
  device.size_bytes = sizeof flash;
  device.erase_bytes = 4096;
  device.program_bytes = 16;
  pairs.width = 4;
  pairs.capacity = 2;
  vectors.width = 4;
  vectors.capacity = 2;
  int32_t status = lnsp_model_create(NET, 1, NULL, &model, &support_error);
  if (!status) status = lnsp_model_save_sink(model, &sink, 0, &support_error);
  if (!status)
    status =
        lnsp_file_open_memory(model_file.data, model_file.size, NULL, &file, &support_error);
  if (!status)
    status = lnsp_trainer_create(model, "mse", "sgd", NULL, NULL, &trainer, &support_error);
  if (!status) status = lnsp_delta_create(model, model, NULL, NULL, &delta, &support_error);
  if (!status) status = lnsp_index_create(&vectors, NULL, &index_of_vectors, &support_error);
  if (!status) status = lnsp_index_add(index_of_vectors, &x, NULL, &support_error);
  index_sink = support_sink(&index_file);
  if (!status) status = lnsp_index_save_sink(index_of_vectors, &index_sink, &support_error);
  store_path = support_path("options.store");
  remove(store_path);
  if (!status)
    status = lnsp_store_create(store_path, trainer, NULL, NULL, NULL, &store, &support_error);
  if (!status) status = lnsp_store_commit(store, trainer, NULL, NULL, &support_error);
  if (status) printf("# %s\n", support_error.message);
  return status == LNSP_OK;
}

static void destroy_handles(void) {
  lnsp_store_destroy(store);
  remove(store_path);
  lnsp_index_destroy(index_of_vectors);
  lnsp_delta_destroy(delta);
  lnsp_trainer_destroy(trainer);
  lnsp_file_destroy(file);
  lnsp_model_destroy(model);
  free(model_file.data);
  free(index_file.data);
  free(nothing.data);
}

int main(void) {
  support_use_all();
  if (!read_header() || !make_handles()) return 2;
  RUN(every_call_with_every_field);
  RUN(every_call_is_here);
  RUN(defaults_are_no_setting);
  RUN(sizes_of_the_other);
  destroy_handles();
  FINISH();
}
