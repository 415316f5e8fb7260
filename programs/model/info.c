/* lnsp info: what a file or an architecture is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/tensor.h"
#include "model/info_memory.h"
#include "model/new.h"
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

static int info_graph(const args *a, const lnsp_graph *graph) {
  lnsp_error error;
  size_t needed = 0;
  char *text;
  int status = EXIT_DONE;

  lnsp_graph_text(graph, NULL, 0, &needed, &error); /* LNSP_E_LIMIT: only the size */
  text = malloc(needed + 1);
  if (!text) return refuse_memory(a);
  if (lnsp_graph_text(graph, text, needed, &needed, &error)) {
    status = refuse_error(a, NULL, &error);
  } else if (a->json) {
    const report r = report_start(a);
    report_text(&r, "graph", "graph", text);
    status = report_end(&r, a);
  } else {
    fputs(text, stdout);
    if (needed > 1 && text[needed - 2] != '\n') putchar('\n');
    if (fflush(stdout) || ferror(stdout))
      status = refuse(a, "the graph could not be written to standard output");
  }
  free(text);
  return status;
}

/* Parameters, widths and FLOP. The line of counts reads as the documents do. */
static int info_network(const args *a, const report *r, const lnsp_graph *graph,
                        const info_memory_plan *memory) {
  const int64_t parameters = lnsp_graph_parameter_count(graph), concepts = memory->concepts;
  int64_t fixed =
      0; /* numbers of tensors that are never trained, such as tables of positions */
  char count[FORMAT_NUMBER_BYTES], bytes[FORMAT_NUMBER_BYTES], line[112];
  lnsp_error error;
  lnsp_tensor of;
  int32_t i;

  for (i = 0; !lnsp_graph_tensor_at(graph, i, &of, &error); i++)
    if (!lnsp_graph_tensor_trained(graph, i)) fixed += tensor_elements(&of);
  report_text(r, "architecture", "architecture", report_architecture(r, graph));
  if (r->json) {
    json_integer("parameters", parameters);
    json_integer("bytes", parameters * 4);
    json_integer("fixed", fixed);
  } else {
    snprintf(line, sizeof line, "%s parameters, %s bytes as float32",
             format_number(parameters, count), format_number(parameters * 4, bytes));
    report_text(r, "", "size", line);
    if (fixed) report_integer(r, "", "fixed", fixed, "numbers that are never trained");
  }
  report_integer(r, "input_width", "input", lnsp_graph_input_width(graph), "wide");
  if (r->json) json_open("outputs", '{');
  for (i = 0; i < lnsp_graph_output_count(graph); i++) {
    if (lnsp_graph_output_at(graph, i, &of, &error)) return refuse_error(a, NULL, &error);
    report_integer(r, of.name, of.name, of.dims[0], "wide");
  }
  if (r->json) json_close('}');
  snprintf(line, sizeof line, concepts == 1 ? "FLOP a vector" : "FLOP a row of %lld concepts",
           (long long)concepts);
  report_integer(r, "flop", "forward", lnsp_graph_flops(graph, concepts), line);
  if (r->json) json_integer("concepts", concepts);
  if (args_value(a, "--memory")) info_memory_report(r, memory);
  return 0;
}

static int info_tensor(const report *r, const lnsp_tensor *tensor) {
  char shape[96];
  if (r->json) {
    json_open(NULL, '{');
    json_text("name", tensor->name);
    json_text("dtype", lnsp_dtype_name(tensor->dtype));
    json_shape("shape", tensor);
    json_close('}');
  } else {
    format_shape(tensor, shape, sizeof shape);
    printf("  %-48s %-5s %s\n", tensor->name, lnsp_dtype_name(tensor->dtype), shape);
  }
  return 0;
}

static int info_tensors(const args *a, const report *r, const lnsp_file *file) {
  const int32_t count = lnsp_file_tensor_count(file);
  lnsp_error error;
  lnsp_tensor tensor;
  lnsp_key_value pair;
  int64_t bytes = 0;
  int32_t i;

  if (r->json) json_open("metadata", '{');
  for (i = 0; !lnsp_file_metadata_at(file, i, &pair, &error); i++) {
    if (r->json)
      json_text(pair.key, pair.value);
    else
      printf("%s%s = %s\n", i ? "  " : "metadata\n  ", pair.key, pair.value);
  }
  if (r->json) {
    json_close('}');
    json_open("tensors", '[');
  } else {
    printf("tensors\n");
  }
  for (i = 0; i < count; i++) {
    if (lnsp_file_tensor_at(file, i, &tensor, &error)) return refuse_error(a, NULL, &error);
    info_tensor(r, &tensor);
    bytes += tensor_elements(&tensor) * (int64_t)lnsp_dtype_bytes(tensor.dtype);
  }
  if (r->json) json_close(']');
  report_integer(r, "tensor_bytes", "tensor data", bytes, "bytes");
  return 0;
}

/* The memory is computed before the model is loaded, which its hash needs. */
static int info_model_file(const args *a, const report *r, lnsp_file *file) {
  const lnsp_options library = args_net_options(a);
  lnsp_model *model = NULL;
  lnsp_graph *graph = NULL;
  lnsp_error error;
  uint8_t hash[LNSP_HASH_BYTES];
  info_memory_plan memory;
  int status;

  if (lnsp_graph_open_file(file, &library, &graph, &error))
    return refuse_error(a, a->positional[0], &error);
  status = info_memory_measure(a, graph, &memory);
  lnsp_graph_destroy(graph);
  if (status) return status;
  if (lnsp_model_open_file(file, &library, &model, &error) ||
      lnsp_model_hash(model, hash, &error)) {
    lnsp_model_destroy(model);
    return refuse_error(a, a->positional[0], &error);
  }
  report_text(r, "kind", "kind", "model");
  report_text(r, "storage", "storage",
              lnsp_dtype_name(lnsp_graph_storage(lnsp_model_graph(model))));
  status = info_network(a, r, lnsp_model_graph(model), &memory);
  report_hash(r, "hash", "hash", hash);
  lnsp_model_destroy(model);
  return status;
}

static int info_file(const args *a) {
  lnsp_file *file = NULL;
  lnsp_error error;
  lnsp_graph *graph = NULL;
  const lnsp_options library = args_net_options(a);
  int status = 0;
  report r;

  if (lnsp_file_open(a->positional[0], NULL, &file, &error))
    return refuse_error(a, a->positional[0], &error);
  if (args_value(a, "--graph")) {
    if (lnsp_graph_open_file(file, &library, &graph, &error))
      status = refuse_error(a, a->positional[0], &error);
    else
      status = info_graph(a, graph);
    lnsp_graph_destroy(graph);
    lnsp_file_destroy(file);
    return status;
  }
  r = report_start(a);
  /* a network, if the file says so or --arch does; a delta, if a key of its metadata says so */
  if (args_given(a, "--arch") || lnsp_file_metadata(file, "lnsp.arch") ||
      lnsp_file_metadata(file, "lnsp.graph"))
    status = info_model_file(a, &r, file);
  else if (lnsp_file_metadata(file, "lnsp.delta.version")) {
    lnsp_delta *delta = NULL;
    lnsp_delta_info facts;

    memset(&facts, 0, sizeof facts);
    facts.struct_size = sizeof facts;
    if (lnsp_delta_open(a->positional[0], NULL, &delta, &error) ||
        lnsp_delta_get_info(delta, &facts, &error)) {
      status = refuse_error(a, a->positional[0], &error);
      lnsp_delta_destroy(delta);
      goto done;
    }
    report_text(&r, "kind", "kind", "delta");
    report_text(&r, "codec", "codec", facts.codec);
    report_integer(&r, "parameters", "size", facts.parameter_count, "parameters");
    if (facts.changed_count >= 0)
      report_integer(&r, "changed", "changed", facts.changed_count, "parameters");
    report_hash(&r, "base_hash", "base", facts.base_hash);
    report_hash(&r, "result_hash", "result", facts.result_hash);
    lnsp_delta_destroy(delta);
    status = 0;
  } else if (args_value(a, "--memory"))
    status = refuse(a,
                    "%s holds data and no network, so that there is no memory to measure; "
                    "give a model or an architecture",
                    a->positional[0]);
  else
    report_text(&r, "kind", "kind", "data");
  if (status) goto done;
  status = info_tensors(a, &r, file);
done:
  lnsp_file_destroy(file);
  return status ? status : report_end(&r, a);
}

/* An architecture without a file: its network and the tensors it would have. */
static int info_text(const args *a, const char *text) {
  lnsp_graph *graph = NULL;
  lnsp_error error;
  lnsp_tensor tensor;
  info_memory_plan memory;
  int32_t i;
  int status;
  report r;

  if (lnsp_graph_create(text, NULL, &graph, &error)) return refuse_error(a, NULL, &error);
  if (args_value(a, "--graph")) {
    status = info_graph(a, graph);
    lnsp_graph_destroy(graph);
    return status;
  }
  status = info_memory_measure(a, graph, &memory);
  if (status) {
    lnsp_graph_destroy(graph);
    return status;
  }
  r = report_start(a);
  report_text(&r, "kind", "kind", "architecture");
  status = info_network(a, &r, graph, &memory);
  if (r.json)
    json_open("tensors", '[');
  else
    printf("tensors\n");
  for (i = 0; i < lnsp_graph_tensor_count(graph) && !status; i++)
    if (lnsp_graph_tensor_at(graph, i, &tensor, &error))
      status = refuse_error(a, NULL, &error);
    else
      info_tensor(&r, &tensor);
  if (r.json) json_close(']');
  lnsp_graph_destroy(graph);
  return status ? status : report_end(&r, a);
}

static int run(const args *a) {
  int safetensors, status;
  char *text = new_text(a, &safetensors);

  if (safetensors) return info_file(a);
  if (!text) return EXIT_REFUSED;
  status = info_text(a, text);
  free(text);
  return status;
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
