/* The public lnsp_graph_ functions. */
#include "check.h"
#include "graph_build.h"

#include "lnsp.h"

#include "format/safetensors.h"
#include "graph/graph.h"

static void public_graph(void) {
  lnsp_graph *graph = NULL;
  lnsp_tensor tensor;
  char text[2048], small[10];
  size_t needed = 0;
  CHECK_INT(lnsp_graph_create("student", NULL, &graph, &error), LNSP_OK);
  CHECK_INT(lnsp_graph_parameter_count(graph), 545088);
  CHECK_INT(lnsp_graph_tensor_count(graph), 22);
  CHECK_INT(lnsp_graph_tensor_at(graph, 10, &tensor, &error), LNSP_OK);
  CHECK_STR(tensor.name, "layers.multi_head_attention.in_proj_weight");
  CHECK(tensor.rank == 2 && tensor.dims[0] == 576 && tensor.dims[1] == 192 && !tensor.data &&
        tensor.dtype == LNSP_F32);
  CHECK_INT(lnsp_graph_tensor_at(graph, 22, &tensor, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_graph_tensor_at(graph, -1, &tensor, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_graph_input_width(graph), 384);
  CHECK_INT(lnsp_graph_output_count(graph), 3);
  CHECK_INT(lnsp_graph_output_at(graph, 2, &tensor, &error), LNSP_OK);
  CHECK_STR(tensor.name, "code");
  CHECK(tensor.rank == 1 && tensor.dims[0] == 192);
  CHECK_INT(lnsp_graph_output_at(graph, 3, &tensor, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_graph_flops(graph, 1), 1082112);
  CHECK_INT(lnsp_graph_flops(graph, 0), 0);
  CHECK_INT(lnsp_graph_flops(graph, INT64_MAX), 0);
  CHECK(strncmp(lnsp_graph_architecture(graph), "student d=384 ", 14) == 0);
  CHECK_INT(lnsp_graph_text(graph, NULL, 0, &needed, &error), LNSP_E_LIMIT);
  CHECK_INT(lnsp_graph_text(graph, small, sizeof small, NULL, &error), LNSP_E_LIMIT);
  CHECK_INT(lnsp_graph_text(graph, NULL, 5, &needed, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_graph_text(graph, text, needed - 1, NULL, &error), LNSP_E_LIMIT);
  CHECK_INT(lnsp_graph_text(graph, text, needed, NULL, &error), LNSP_OK);
  CHECK_INT(strlen(text), needed - 1);
  lnsp_graph_destroy(graph);
  CHECK_INT(lnsp_graph_create(text, NULL, &graph, &error), LNSP_OK);
  CHECK_STR(lnsp_graph_architecture(graph), text);
  lnsp_graph_destroy(graph);
  lnsp_graph_destroy(NULL);
}

static void public_refusals(void) {
  static unsigned char block[20000];
  lnsp_options options = LNSP_OPTIONS_INIT;
  lnsp_graph *graph = (lnsp_graph *)(void *)block;
  lnsp_tensor tensor;
  CHECK_INT(lnsp_graph_create("student teh=1", NULL, &graph, &error), LNSP_E_UNKNOWN);
  CHECK(graph == NULL && error.column == 9);
  CHECK_INT(lnsp_graph_create(NULL, NULL, &graph, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_graph_create("student", NULL, NULL, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_graph_open_file(NULL, NULL, &graph, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_graph_tensor_at(NULL, 0, &tensor, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_graph_output_at(NULL, 0, &tensor, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_graph_text(NULL, NULL, 0, NULL, NULL), LNSP_E_ARGUMENT);
  CHECK(lnsp_graph_architecture(NULL) == NULL && lnsp_graph_parameter_count(NULL) == 0 &&
        lnsp_graph_tensor_count(NULL) == 0 && lnsp_graph_output_count(NULL) == 0 &&
        lnsp_graph_input_width(NULL) == 0 && lnsp_graph_flops(NULL, 1) == 0);
  options.block = block + 1; /* the caller's memory, at any alignment */
  options.block_bytes = sizeof block - 1;
  CHECK_INT(lnsp_graph_create("student", &options, &graph, &error), LNSP_OK);
  CHECK((unsigned char *)graph > block && (unsigned char *)graph < block + 128);
  lnsp_graph_destroy(graph);
  options.block_bytes = 1000;
  CHECK_INT(lnsp_graph_create("student", &options, &graph, &error), LNSP_E_MEMORY);
  CHECK(graph == NULL);
}

/* A file with zeros for every tensor of a graph, under a prefix; names that have an
 * alias under the alias. */
static size_t make_file(const char *text, const char *prefix, const char *metadata,
                        unsigned char *to, size_t capacity) {
  void *memory;
  const lnsp_graph *g = build_well(text, &memory);
  char *header = (char *)to + 8, *at = header;
  int64_t offset = 0;
  memset(to, 0, capacity);
  at += sprintf(at, "{\"__metadata__\":{%s}", metadata);
  for (int32_t i = 0; i < g->weight_count; i++) {
    const lnspi_weight *w = &g->weights[i];
    char alias[LNSPI_NAME_BYTES];
    const char *name = lnspi_graph_tensor_alias(w->name, 0, alias) ? alias : w->name;
    at += sprintf(at, ",\"%s%s\":{\"dtype\":\"F32\",\"shape\":[%d", prefix, name,
                  (int)w->dims[0]);
    if (w->rank == 2) at += sprintf(at, ",%d", (int)w->dims[1]);
    at += sprintf(at, "],\"data_offsets\":[%d,%d]}", (int)offset, (int)(offset + 4 * w->count));
    offset += 4 * w->count;
  }
  at += sprintf(at, "}");
  while ((at - header) % 8) *at++ = ' ';
  for (int i = 0; i < 8; i++) to[i] = (unsigned char)((uint64_t)(at - header) >> 8 * i);
  free(memory);
  CHECK((size_t)(at - header) + 8 + (size_t)offset <= capacity);
  return (size_t)(at - header) + 8 + (size_t)offset;
}

static void from_a_file(void) {
  static const char text[] = "student d=12 s=9 k=6 heads=3 act=relu teacher=0 nuclear_norm=0";
  static unsigned char bytes[20000];
  lnsp_options options = LNSP_OPTIONS_INIT;
  lnsp_file *file = NULL;
  lnsp_graph *graph = NULL, *want = NULL;
  size_t size = make_file(text, "model.", "\"lnsp.arch\":\"student heads=3 act=relu\"", bytes,
                          sizeof bytes);
  CHECK_INT(lnsp_file_open_memory(bytes, size, NULL, &file, &error), LNSP_OK);
  CHECK_INT(lnsp_graph_open_file(file, NULL, &graph, &error), LNSP_E_MISSING);
  CHECK(graph == NULL && strstr(error.message, "prefix"));
  options.prefix = "model.";
  CHECK_INT(lnsp_graph_open_file(file, &options, &graph, &error), LNSP_OK);
  CHECK_INT(lnsp_graph_create(text, NULL, &want, &error), LNSP_OK);
  CHECK_STR(lnsp_graph_architecture(graph), lnsp_graph_architecture(want));
  lnsp_graph_destroy(graph);
  options.architecture = "student heads=2 act=relu"; /* instead of the file's */
  CHECK_INT(lnsp_graph_open_file(file, &options, &graph, &error), LNSP_OK);
  CHECK(!lnspi_graph_equal(graph, want));
  lnsp_graph_destroy(graph);
  options.architecture = "student heads=3 d=13";
  CHECK_INT(lnsp_graph_open_file(file, &options, &graph, &error), LNSP_E_SHAPE);
  lnsp_file_destroy(file);
  size = make_file("ln_min d=6 s=5", "",
                   "\"lnsp.graph\":\"lnsp 1; x = input 6; "
                   "y = layernorm x w=input_norm; output output=y\"",
                   bytes, sizeof bytes);
  CHECK_INT(lnsp_file_open_memory(bytes, size, NULL, &file, &error), LNSP_OK);
  CHECK_INT(lnsp_graph_open_file(file, NULL, &graph, &error), LNSP_OK);
  CHECK_INT(lnsp_graph_parameter_count(graph), 12);
  lnsp_graph_destroy(graph);
  lnsp_file_destroy(file);
  size = make_file("ln_min d=6 s=5", "", "\"format\":\"pt\"", bytes, sizeof bytes);
  CHECK_INT(lnsp_file_open_memory(bytes, size, NULL, &file, &error), LNSP_OK);
  CHECK_INT(lnsp_graph_open_file(file, NULL, &graph, &error), LNSP_E_MISSING);
  CHECK_STR(error.name, "lnsp.arch");
  lnsp_file_destroy(file);
  lnsp_graph_destroy(want);
}

int main(void) {
  RUN(public_graph);
  RUN(public_refusals);
  RUN(from_a_file);
  FINISH();
}
