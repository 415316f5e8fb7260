/* Hashes of results that must be the same on every CPU, kernel set, compiler
 * and batch size: forward passes and training runs of fresh networks.
 *
 *   golden [quick|full] [ISA...]
 *
 * prints lines "NAME ISA HASH" for each kernel set named, or for all that run
 * here. tests/golden.txt holds what is expected, tests/golden.sh compares.
 * "full" (the default) trains SN727 for 1,000 steps besides. */
#include "lnsp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The student in small, with widths that fill no vector register. */
static const char small[] = "lnsp 1\n"
                            "x = input 40\n"
                            "h = layernorm x  w=layers.input_norm\n"
                            "h = linear h 24  w=layers.compress_1\n"
                            "h = gelu h\n"
                            "h = layernorm h  w=layers.compress_norm_1\n"
                            "z = linear h 12  w=layers.nuclear_compress\n"
                            "z = gelu z\n"
                            "z = layernorm z  w=layers.nuclear_norm\n"
                            "a = attention z heads=3  w=layers.multi_head_attention\n"
                            "c = add z a\n"
                            "e = linear c 24  w=layers.nuclear_expand\n"
                            "e = gelu e\n"
                            "e = layernorm e  w=layers.expand_norm_1\n"
                            "o = linear e 40  w=layers.expand_2\n"
                            "t = linear e 40  w=layers.teacher_align\n"
                            "o = l2norm o\n"
                            "output output=o teacher=t code=c\n";

/* The other activations, and a linear layer without bias. */
static const char mixed[] = "lnsp 1\n"
                            "x = input 70\n"
                            "h = linear x 65  w=a bias=0\n"
                            "h = relu h\n"
                            "h = linear h 33  w=b\n"
                            "h = silu h\n"
                            "h = linear h 17  w=c\n"
                            "h = tanh h\n"
                            "o = linear h 70  w=d\n"
                            "output output=o\n";

typedef struct golden_run {
  const char *name;
  const char *net;
  int32_t rows, concepts;
  const char *loss;
  const char *optimizer;
  int32_t steps;
  int32_t full; /* only in a full run */
} golden_run;

static const golden_run golden_runs[] = {
    {"small_online", small, 1, 1, "cosine", "adamw lr=1e-3 clip=1", 1000, 0},
    {"small_sequences", small, 5, 3, "cosine + .5*mse",
     "adamw lr=2e-3 weight_decay=.1 clip=.5 ema=.99 schedule=cosine warmup=100 steps=1000",
     1000, 0},
    {"small_student", small, 5, 1, "student", "sgd lr=.02 momentum=.9 weight_decay=.01", 1000,
     0},
    {"mixed_batch", mixed, 7, 1, "mse", "adam lr=1e-3", 300, 0},
    {"mixed_online", mixed, 1, 1, "mse", "sgd lr=.05", 300, 0},
    {"sn727_start", "student", 1, 1, "cosine", "adamw lr=1e-3", 10, 0},
    {"sn727_batch", "student", 5, 3, "cosine", "adamw lr=1e-3 clip=1", 4, 0},
    {"mixed_narrow", mixed, 7, 1, "mse", "adam lr=1e-3 weight_decay=.01 moments=8bit", 300, 0},
    {"sn727_narrow", "student", 1, 1, "cosine", "adamw lr=1e-3 moments=8bit clip=1 seed=5", 10,
     0},
    {"small_bf16", small, 5, 3, "cosine + .5*mse", "sgd lr=.02 momentum=.9 weights=bf16", 300,
     0},
    {"mixed_bf16", mixed, 7, 1, "mse", "adam lr=1e-3 weights=bf16", 300, 0},
    {"sn727_bf16", "student", 1, 1, "cosine",
     "adamw lr=1e-3 weights=bf16 moments=8bit clip=1 seed=5", 10, 0},
    {"sn727_private", "student", 5, 3, "cosine", "adamw lr=1e-3 clip_each=.02 noise=1 lot=4", 4,
     0},
    {"mamba_hybrid", "mamba_hybrid in=40 d=24 state=21 layers=3 every=3 heads=3 window=2", 5, 4,
     "cosine", "adamw lr=1e-3 clip=1", 50, 0},
    {"mamba_gated", "mamba_gated in=40 d=20 state=9 layers=2 hidden=13 conv=2", 3, 5, "mse",
     "adamw lr=1e-3 weight_decay=.1", 50, 0},
    {"gru", "gru in=40 d=37 layers=2 dropout=.1", 5, 4, "cosine",
     "adamw lr=1e-3 clip=1 accumulate=2 seed=3", 50, 0},
    {"lstm", "lstm in=21 d=33 layers=2", 3, 5, "mse", "adamw lr=1e-3 weights=bf16 seed=1", 50,
     0},
    {"memory_gru", "memory_gru in=24 d=20 slots=37 layers=1 write=1", 5, 3, "cosine",
     "adamw lr=1e-3 moments=8bit", 50, 0},
    {"amn", "amn in=40 d=24 hidden=33", 9, 5, "info_nce tau=.1", "adamw lr=1e-3", 50, 0},
    {"transformer", "transformer in=40 d=36 heads=3 layers=2", 5, 5, "cosine",
     "adamw lr=1e-3 clip=1", 50, 0},
    {"mamba_s", "mamba_s in=40 d=20 state=17 layers=2", 4, 6, "cosine",
     "adamw lr=1e-3 clip_each=.05 noise=1 lot=4", 20, 0},
    {"encoder", "encoder ids=300 d=36 heads=3 layers=2 ff=70 positions=9 compress=20 expand=24",
     5, 7, "cosine", "adamw lr=1e-3", 20, 0},
    {"sn727_1000", "student", 1, 1, "cosine", "adamw lr=1e-4 clip=1", 1000, 1},
    {"sn727_student", "student", 5, 1, "student", "adamw lr=1e-3 ema=.999", 100, 1},
};

#define GOLDEN_TENSORS 8

static void golden_stop(const char *what, const lnsp_error *error) {
  fprintf(stderr, "golden: %s: %s\n", what, error ? error->message : "out of memory");
  exit(2);
}

/* Multiples of 2^-23 in [-1, 1): exact, and the same everywhere (splitmix64). */
static void golden_fill(float *to, int64_t count, uint64_t *state) {
  for (int64_t i = 0; i < count; i++) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    to[i] = (float)((int32_t)(z >> 40) - 8388608) / 8388608.0f;
  }
}

/* FNV-1a over the bits of floats, little end first. */
static uint64_t golden_hash(uint64_t hash, const float *values, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, &values[i], sizeof bits);
    for (int byte = 0; byte < 4; byte++) {
      hash ^= (bits >> (8 * byte)) & 255;
      hash *= 0x100000001b3u;
    }
  }
  return hash;
}

static void golden_print(const char *name, const char *what, const char *isa,
                         const uint8_t *bytes, int count) {
  printf("%s_%s %s ", name, what, isa);
  for (int i = 0; i < count; i++) printf("%02x", bytes[i]);
  printf("\n");
  fflush(stdout);
}

static void golden_print64(const char *name, const char *what, const char *isa, uint64_t hash) {
  uint8_t bytes[8];
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(hash >> (56 - 8 * i));
  golden_print(name, what, isa, bytes, 8);
}

/* The input of a network: vectors, or ids made of numbers of [-1, 1) in their place. */
static lnsp_tensor golden_input(const lnsp_graph *graph, float *values, int64_t rows,
                                int64_t concepts) {
  int64_t ids, width = lnsp_graph_input_width(graph);
  const char *name = lnsp_graph_input_name(graph, &ids);
  if (!ids) return lnsp_tensor_f32(name, values, 3, rows, concepts, width);
  lnsp_tensor tensor = lnsp_tensor_f32(name, values, 2, rows, concepts, 0);
  tensor.dtype = LNSP_I32;
  for (int64_t i = 0; i < rows * concepts; i++) {
    const int32_t id = (int32_t)((values[i] + 1) * .5f * (float)ids);
    memcpy(values + i, &id, sizeof id);
  }
  return tensor;
}

/* Every output of a session on this input of all rows, rows at a time; returns a hash. */
static uint64_t golden_forward(lnsp_session *session, const lnsp_graph *graph,
                               const lnsp_tensor *input, int32_t rows, int32_t at_a_time) {
  lnsp_error error;
  uint64_t hash = 0xcbf29ce484222325u;
  int64_t width = lnsp_graph_input_width(graph);
  for (int32_t output = 0; output < lnsp_graph_output_count(graph); output++) {
    lnsp_tensor in = *input, out;
    in.dims[0] = at_a_time;
    if (lnsp_graph_output_shape(graph, output, &in, &out, &error))
      golden_stop("output", &error);
    int64_t each = out.dims[1] * (out.rank == 3 ? out.dims[2] : 1);
    float *values = malloc((size_t)(rows * each) * sizeof *values);
    if (!values) golden_stop("output", NULL);
    for (int32_t row = 0; row < rows; row += at_a_time) {
      in.data = (float *)input->data + row * input->dims[1] * width;
      out.data = values + row * each;
      if (lnsp_session_run(session, &in, 1, &out, 1, &error)) golden_stop("run", &error);
    }
    hash = golden_hash(hash, values, rows * each);
    free(values);
  }
  return hash;
}

/* Runs the session on the whole batch and row by row: the same bits. */
static void golden_outputs(const golden_run *run, const char *what, const char *isa,
                           lnsp_session *session, const lnsp_graph *graph, float *values) {
  const lnsp_tensor input = golden_input(graph, values, run->rows, run->concepts);
  uint64_t whole = golden_forward(session, graph, &input, run->rows, run->rows);
  uint64_t single = golden_forward(session, graph, &input, run->rows, 1);
  if (whole != single) {
    fprintf(stderr, "golden: %s %s: batch and single rows differ\n", run->name, isa);
    exit(2);
  }
  golden_print64(run->name, what, isa, whole);
}

/* What the trainer asks for: targets as the output is, the rest as the input. */
static int32_t golden_wanted(const golden_run *run, const lnsp_trainer *trainer, float *data,
                             int64_t count, lnsp_tensor *inputs) {
  const lnsp_graph *graph = lnsp_trainer_graph(trainer);
  int32_t wanted = 0;
  const char *name;
  for (; wanted < GOLDEN_TENSORS && (name = lnsp_trainer_input_name(trainer, wanted));
       wanted++) {
    lnsp_tensor *in = &inputs[wanted];
    *in = golden_input(graph, data + wanted * count, run->rows, run->concepts);
    if (!strcmp(name, "target")) {
      lnsp_tensor input = *in;
      if (lnsp_graph_output_shape(graph, 0, &input, in, NULL)) golden_stop("target", NULL);
      in->data = input.data;
    }
    in->name = name;
  }
  return wanted;
}

static const uint8_t golden_key[LNSP_NOISE_KEY_BYTES] = {1, 22, 33, 44};

static void golden_train(const golden_run *run, const char *isa) {
  lnsp_error error;
  lnsp_model *model = NULL;
  lnsp_session *session = NULL;
  lnsp_trainer *trainer = NULL;
  lnsp_options options = LNSP_OPTIONS_INIT;
  lnsp_size_options limits = LNSP_SIZE_OPTIONS_INIT;
  options.isa = isa;
  limits.max_rows = run->rows;
  limits.max_concepts = run->concepts;

  if (lnsp_model_create(run->net, 1, NULL, &model, &error)) golden_stop("model", &error);
  const lnsp_graph *graph = lnsp_model_graph(model);
  int64_t width = lnsp_graph_input_width(graph);
  lnsp_tensor out;
  if (lnsp_graph_output_at(graph, 0, &out, &error)) golden_stop("output", &error);
  if (width < out.dims[0]) width = out.dims[0]; /* room for the target */
  int64_t count = run->rows * run->concepts * width;
  float *data = malloc((size_t)(GOLDEN_TENSORS * count) * sizeof *data);
  if (!data) golden_stop("data", NULL);
  uint64_t random = 727;
  golden_fill(data, count, &random);

  if (lnsp_session_create(model, &limits, &options, &session, &error))
    golden_stop("session", &error);
  golden_outputs(run, "fresh", isa, session, graph, data);
  lnsp_session_destroy(session);

  if (lnsp_trainer_create(model, run->loss, run->optimizer, &limits, &options, &trainer,
                          &error))
    golden_stop("trainer", &error);
  if (strstr(run->optimizer, "noise=") &&
      lnsp_trainer_set_noise_key(trainer, golden_key, &error))
    golden_stop("key", &error);
  lnsp_tensor inputs[GOLDEN_TENSORS];
  int32_t wanted = golden_wanted(run, trainer, data, count, inputs);
  uint64_t losses = 0xcbf29ce484222325u;
  for (int32_t step = 0; step < run->steps; step++) {
    float loss;
    golden_fill(data, wanted * count, &random);
    (void)golden_wanted(run, trainer, data, count, inputs); /* ids of the new numbers */
    if (lnsp_trainer_step(trainer, inputs, wanted, &loss, &error))
      golden_stop(run->name, &error);
    losses = golden_hash(losses, &loss, 1);
  }
  golden_print64(run->name, "losses", isa, losses);
  uint8_t hash[LNSP_HASH_BYTES];
  if (lnsp_trainer_hash(trainer, LNSP_SAVE_WEIGHTS, hash, &error)) golden_stop("hash", &error);
  golden_print(run->name, "weights", isa, hash, LNSP_HASH_BYTES);
  if (lnsp_trainer_hash(trainer, LNSP_SAVE_STATE, hash, &error)) golden_stop("hash", &error);
  golden_print(run->name, "state", isa, hash, LNSP_HASH_BYTES);

  if (inputs[0].dtype != LNSP_F32) golden_fill(data, count, &random);
  if (lnsp_session_create_live(trainer, 0, &limits, &options, &session, &error))
    golden_stop("session", &error);
  golden_outputs(run, "trained", isa, session, graph, data);
  lnsp_session_destroy(session);
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(model);
  free(data);
}

/* One forward pass a storage type: rows enough for more than one tile, 3 concepts. */
static void golden_stored(const char *isa) {
  static const golden_run run = {"stored", "student", 37, 3, NULL, NULL, 0, 0};
  static const struct {
    const char *what;
    int32_t storage;
  } types[] = {{"bf16", LNSP_BF16}, {"f16", LNSP_F16}, {"int8", LNSP_I8}};
  enum { COUNT = 37 * 3 * 384 };
  static float data[COUNT];
  uint64_t random = 727;
  golden_fill(data, COUNT, &random);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    lnsp_error error;
    lnsp_model *model = NULL;
    lnsp_session *session = NULL;
    lnsp_options options = {.struct_size = sizeof options, .isa = isa};
    lnsp_options stored = LNSP_OPTIONS_INIT;
    lnsp_size_options limits = {.struct_size = sizeof limits,
                                .max_rows = 37,
                                .max_concepts = 3};
    stored.storage = types[i].storage;
    if (lnsp_model_create(run.net, 1, &stored, &model, &error)) golden_stop("model", &error);
    if (lnsp_session_create(model, &limits, &options, &session, &error))
      golden_stop("session", &error);
    golden_outputs(&run, types[i].what, isa, session, lnsp_model_graph(model), data);
    lnsp_session_destroy(session);
    lnsp_model_destroy(model);
  }
}

static void golden_all(const char *isa, int full) {
  for (size_t i = 0; i < sizeof golden_runs / sizeof *golden_runs; i++)
    if (full || !golden_runs[i].full) golden_train(&golden_runs[i], isa);
  golden_stored(isa);
}

int main(int argc, char **argv) {
  int first = 1, full = 1;
  if (argc > 1 && (!strcmp(argv[1], "quick") || !strcmp(argv[1], "full"))) {
    full = argv[1][0] == 'f';
    first = 2;
  }
  if (argc > first) {
    for (int i = first; i < argc; i++) golden_all(argv[i], full);
    return 0;
  }
  const char *isa;
  for (int32_t i = 0; (isa = lnsp_list_name(LNSP_LIST_ISAS, i)) != NULL; i++)
    if (strcmp(isa, "cblas") && !lnsp_isa_check(isa, NULL)) golden_all(isa, full);
  return 0;
}
