/* lnsp new: a fresh model from an architecture and a seed. */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/file.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "lnsp.h"

static const option options[] = {
    {"-o", "MODEL", "file to write"},
    {"--seed", "N", "seed of the initial weights; default 0"},
    {"--type", "T", "storage: f32 (default), f16, bf16 or int8"},
    {NULL, NULL, NULL},
};

static int new_model(const args *a, const char *text, uint64_t seed, int32_t type,
                     const char *path) {
  lnsp_options library = args_options(a);
  lnsp_error error;
  lnsp_model *model = NULL;
  uint8_t hash[LNSP_HASH_BYTES];
  const lnsp_graph *graph;
  report r;

  library.storage = type;
  if (lnsp_model_create(text, seed, &library, &model, &error))
    return refuse_error(a, NULL, &error);
  if (lnsp_model_hash(model, hash, &error) || lnsp_model_save(model, path, 0, &error)) {
    lnsp_model_destroy(model);
    return refuse_error(a, path, &error);
  }
  graph = lnsp_model_graph(model);
  r = report_start(a);
  report_text(&r, "architecture", "architecture", report_architecture(&r, graph));
  report_integer(&r, "parameters", "size", lnsp_graph_parameter_count(graph), "parameters");
  report_hash(&r, "hash", "hash", hash);
  report_text(&r, "file", "written", path);
  lnsp_model_destroy(model);
  return report_end(&r, a);
}

static int run(const args *a) {
  const char *path = NULL;
  uint64_t seed = 0;
  int32_t type = LNSP_F32;
  char *text;
  int safetensors, status = args_positionals(a, 1, ARGS_MAX);

  if (!status) status = args_unsigned(a, "--seed", 0, &seed);
  if (!status) status = args_type(a, &type);
  if (!status) status = args_output(a, &path);
  if (status) return status;
  if (a->positional_count == 1 && file_exists(a->positional[0], &safetensors)) {
    if (safetensors)
      return refuse(a,
                    "%s is not an architecture text; `lnsp info --graph %s` prints that of "
                    "a model",
                    a->positional[0], a->positional[0]);
    text = file_load_text(a, a->positional[0], 1 << 20, NULL);
    if (!text) return EXIT_REFUSED;
  } else {
    if (a->positional_count == 1 && strpbrk(a->positional[0], "./") &&
        !strpbrk(a->positional[0], " \n"))
      return refuse(a,
                    "there is no file %s that can be read, and no architecture of that "
                    "name; `lnsp list` names the architectures",
                    a->positional[0]);
    text = args_join(a, 0);
    if (!text) return refuse_memory(a);
  }
  status = new_model(a, text, seed, type, path);
  free(text);
  return status;
}

const command command_new = {
    "new",
    "ARCH [key=value ...] [--seed N] -o MODEL",
    "a fresh model",
    "Makes a model with PyTorch's initial distributions; the same seed gives the same bits\n"
    "everywhere. ARCH is a named architecture with its arguments (`student heads=8 act=gelu`;\n"
    "`lnsp list` names them), a written-out graph, or a file that holds one.",
    options,
    run,
};
