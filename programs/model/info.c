/* lnsp info: what a file or an architecture is. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/args.h"
#include "cli/file.h"
#include "cli/memory.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/delta.h"
#include "data/tensor.h"
#include "model/info.h"
#include "lnsp.h"

static const option options[] = {
    {"--graph", NULL,
     "print the network as text, a line for each layer; `lnsp new` reads it back", OPT_TEXT,
     OPT_WITHOUT("--memory")},
    {"--concepts", "N",
     "concepts a row for FLOP and --memory (default 1, or 5 where they are joined)",
     OPT_INTEGER(1, 1 << 16)},
    {"--memory", NULL,
     "print the bytes to run it, to train it, and to train one while another runs", OPT_TEXT},
    {"--batch", "N", "largest number of rows a call", OPT_INTEGER(1, 1 << 20), OPT_DEFAULT("1"),
     OPT_NEEDS("--memory")},
    {"--loss", "TEXT", "loss of the trainer", OPT_TEXT, OPT_DEFAULT("mse"),
     OPT_NEEDS("--memory")},
    {"--optimizer", "TEXT", "optimizer of the trainer", OPT_TEXT, OPT_DEFAULT("adamw"),
     OPT_NEEDS("--memory")},
    {"--type", "T", "how models that run are stored (default as it is)", OPT_TYPE,
     OPT_NEEDS("--memory")},
    {.name = NULL},
};

/* With --graph. */
static void info_graph(const args *a, const lnsp_graph *graph) {
  lnsp_error error;
  size_t needed = 0;
  char *text;

  lnsp_graph_text(graph, NULL, 0, &needed, NULL); /* LNSP_E_LIMIT: only the size */
  text = memory_new((int64_t)needed + 1, 1);
  refuse_if(lnsp_graph_text(graph, text, needed, &needed, &error), NULL, &error);
  report_start(a);
  json_text("graph", text);
  report_print("%s%s", text, needed > 1 && text[needed - 2] != '\n' ? "\n" : "");
  report_end();
  free(text);
}

/* Parameters, widths and FLOP. The line of counts reads as the documents do. */
static void info_network(const args *a, const lnsp_graph *graph,
                         const info_memory_plan *memory) {
  const int64_t parameters = lnsp_graph_parameter_count(graph), concepts = memory->concepts;
  int64_t fixed = 0; /* numbers that are never trained, such as tables of positions */
  char count[FORMAT_NUMBER_BYTES], bytes[FORMAT_NUMBER_BYTES], line[112];
  lnsp_tensor of;
  int32_t i;

  for (i = 0; !lnsp_graph_tensor_at(graph, i, &of, NULL); i++)
    if (!lnsp_graph_tensor_trained(graph, i)) fixed += tensor_elements(&of);
  report_architecture(graph);
  json_integer("parameters", parameters);
  json_integer("bytes", parameters * 4);
  json_integer("fixed", fixed);
  report_line("size", "%s parameters, %s bytes as float32", format_number(parameters, count),
              format_number(parameters * 4, bytes));
  if (fixed)
    report_line("fixed", "%s numbers that are never trained", format_number(fixed, count));
  report_integer("input_width", "input", lnsp_graph_input_width(graph), "wide");
  json_open("outputs", '{');
  for (i = 0; !lnsp_graph_output_at(graph, i, &of, NULL); i++)
    report_integer(of.name, of.name, of.dims[0], "wide");
  json_close('}');
  snprintf(line, sizeof line, concepts == 1 ? "FLOP a vector" : "FLOP a row of %lld concepts",
           (long long)concepts);
  report_integer("flop", "forward", lnsp_graph_flops(graph, concepts), line);
  json_integer("concepts", concepts);
  if (args_given(a, "--memory")) info_memory_report(memory);
}

static void info_tensor(const lnsp_tensor *tensor) {
  char shape[96];
  format_shape(tensor, shape, sizeof shape);
  json_open(NULL, '{');
  json_text("name", tensor->name);
  json_text("dtype", lnsp_dtype_name(tensor->dtype));
  json_shape("shape", tensor);
  json_close('}');
  report_print("  %-48s %-5s %s\n", tensor->name, lnsp_dtype_name(tensor->dtype), shape);
}

static void info_tensors(const lnsp_file *file) {
  lnsp_tensor tensor;
  lnsp_key_value pair;
  int64_t bytes = 0;
  int32_t i;

  json_open("metadata", '{');
  for (i = 0; !lnsp_file_metadata_at(file, i, &pair, NULL); i++) {
    json_text(pair.key, pair.value);
    report_print("%s%s = %s\n", i ? "  " : "metadata\n  ", pair.key, pair.value);
  }
  json_close('}');
  json_open("tensors", '[');
  report_print("tensors\n");
  for (i = 0; !lnsp_file_tensor_at(file, i, &tensor, NULL); i++) {
    info_tensor(&tensor);
    bytes += tensor_elements(&tensor) * (int64_t)lnsp_dtype_bytes(tensor.dtype);
  }
  json_close(']');
  report_integer("tensor_bytes", "tensor data", bytes, "bytes");
}

/* The memory is computed before the model is loaded, which its hash needs. */
static void info_model(const args *a, lnsp_file *file) {
  const lnsp_options library = args_net_options(a);
  const char *path = a->positional[0];
  lnsp_model *model = NULL;
  lnsp_graph *graph = NULL;
  lnsp_error error;
  uint8_t hash[LNSP_HASH_BYTES];
  info_memory_plan memory;

  refuse_if(lnsp_graph_open_file(file, &library, &graph, &error), path, &error);
  info_memory_measure(a, graph, &memory);
  lnsp_graph_destroy(graph);
  refuse_if(lnsp_model_open_file(file, &library, &model, &error), path, &error);
  refuse_if(lnsp_model_hash(model, hash, &error), path, &error);
  report_text("kind", "kind", "model");
  report_text("storage", "storage",
              lnsp_dtype_name(lnsp_graph_storage(lnsp_model_graph(model))));
  info_network(a, lnsp_model_graph(model), &memory);
  report_hash("hash", "hash", hash);
  lnsp_model_destroy(model);
}

static void info_file(const args *a) {
  const lnsp_options library = args_net_options(a);
  const char *path = a->positional[0];
  lnsp_file *file = NULL;
  lnsp_graph *graph = NULL;
  lnsp_error error;

  refuse_if(lnsp_file_open(path, NULL, &file, &error), path, &error);
  if (args_given(a, "--graph")) {
    refuse_if(lnsp_graph_open_file(file, &library, &graph, &error), path, &error);
    info_graph(a, graph);
    lnsp_graph_destroy(graph);
    lnsp_file_destroy(file);
    return;
  }
  report_start(a);
  /* a network, if the file says so or --arch does; a delta, if a key of its metadata says so */
  if (args_given(a, "--arch") || lnsp_file_metadata(file, "lnsp.arch") ||
      lnsp_file_metadata(file, "lnsp.graph"))
    info_model(a, file);
  else if (lnsp_file_metadata(file, "lnsp.delta.version")) {
    lnsp_delta *delta = delta_load(path);
    lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;

    refuse_if(lnsp_delta_get_info(delta, &facts, &error), path, &error);
    report_text("kind", "kind", "delta");
    report_text("codec", "codec", facts.codec);
    report_integer("parameters", "size", facts.parameter_count, "parameters");
    if (facts.changed_count >= 0)
      report_integer("changed", "changed", facts.changed_count, "parameters");
    report_hash("base_hash", "base", facts.base_hash);
    report_hash("result_hash", "result", facts.result_hash);
    lnsp_delta_destroy(delta);
  } else if (args_given(a, "--memory"))
    refuse("'%s' holds data and no network, so there is no memory to measure: give a model or "
           "an architecture",
           path);
  else
    report_text("kind", "kind", file_kind(path));
  info_tensors(file);
  lnsp_file_destroy(file);
  report_end();
}

/* An architecture without a file: its network and the tensors it would have. */
static void info_text(const args *a, const char *text) {
  lnsp_graph *graph = NULL;
  lnsp_error error;
  lnsp_tensor tensor;
  info_memory_plan memory;
  int32_t i;

  refuse_if(lnsp_graph_create(text, NULL, &graph, &error), NULL, &error);
  if (args_given(a, "--graph")) {
    info_graph(a, graph);
  } else {
    info_memory_measure(a, graph, &memory);
    report_start(a);
    report_text("kind", "kind", "architecture");
    info_network(a, graph, &memory);
    json_open("tensors", '[');
    report_print("tensors\n");
    for (i = 0; !lnsp_graph_tensor_at(graph, i, &tensor, NULL); i++) info_tensor(&tensor);
    json_close(']');
    report_end();
  }
  lnsp_graph_destroy(graph);
}

static void run(const args *a) {
  int safetensors;
  char *text = info_architecture(a, &safetensors);

  if (safetensors)
    info_file(a);
  else
    info_text(a, text);
  free(text);
}

const command command_info = {
    .name = "info",
    .usage = "[--graph] [--memory] FILE | ARCH [key=value ...]",
    .summary = "describe a file or an architecture",
    .detail =
        "FILE is any safetensors file (a model, data, a delta) or a text with an "
        "architecture; ARCH is a named architecture with its arguments. Prints the number of "
        "parameters and their bytes as float32, the outputs, FLOP, the hash, tensors and "
        "metadata.",
    .examples = "info model.safetensors\n"
                "info --memory --batch 32 student heads=8",
    .options = options,
    .low = 1,
    .high = ARGS_MAX,
    .run = run,
};
