/* lnsp new: a fresh model from an architecture and a seed. */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/file.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "model/new.h"
#include "lnsp.h"

static const option options[] = {
    {"-o", "FILE", "model to write", OPT_OUTPUT, OPT_REQUIRED},
    {"--seed", "N", "seed of the initial weights", OPT_SEED, OPT_DEFAULT("0")},
    {"--type", "T", "how the model is stored", OPT_TYPE, OPT_DEFAULT("f32")},
    {.name = NULL},
};

char *new_text(const args *a, int *safetensors) {
  const char *path = a->positional[0];
  char *text;

  *safetensors = 0;
  if (a->positional_count == 1 && file_exists(path, safetensors))
    return *safetensors ? NULL : file_load_text(a, path, 1 << 20, NULL);
  if (a->positional_count == 1 && strpbrk(path, "./") && !strpbrk(path, " \n")) {
    refuse(
        a,
        "there is no file %s that can be read, and no architecture of that name; `lnsp list` "
        "names the architectures",
        path);
    return NULL;
  }
  text = args_join(a, 0);
  if (!text) refuse_memory(a);
  return text;
}

static int run(const args *a) {
  const char *path = args_value(a, "-o");
  lnsp_options library = LNSP_OPTIONS_INIT;
  lnsp_error error;
  lnsp_model *model = NULL;
  uint8_t hash[LNSP_HASH_BYTES];
  char *text;
  int safetensors, status = 0;
  report r;

  text = new_text(a, &safetensors);
  if (safetensors)
    return refuse(
        a, "%s is not an architecture text; `lnsp info --graph %s` prints that of a model",
        a->positional[0], a->positional[0]);
  if (!text) return EXIT_REFUSED;
  library.storage = args_type(a);
  if (lnsp_model_create(text, args_seed(a, "--seed"), &library, &model, &error))
    status = refuse_error(a, NULL, &error);
  else if (lnsp_model_hash(model, hash, &error) || lnsp_model_save(model, path, 0, &error))
    status = refuse_error(a, path, &error);
  free(text);
  if (!status) {
    const lnsp_graph *graph = lnsp_model_graph(model);
    r = report_start(a);
    report_text(&r, "architecture", "architecture", report_architecture(&r, graph));
    report_integer(&r, "parameters", "size", lnsp_graph_parameter_count(graph), "parameters");
    report_hash(&r, "hash", "hash", hash);
    report_text(&r, "file", "written", path);
    status = report_end(&r, a);
  }
  lnsp_model_destroy(model);
  return status;
}

const command command_new = {
    .name = "new",
    .usage = "ARCH [key=value ...] -o FILE",
    .summary = "make a model with initial weights",
    .detail =
        "Makes a model with PyTorch's initial distributions; the same seed gives the same "
        "bits on every machine. ARCH is a named architecture with its arguments (`lnsp list` "
        "names them), a written-out graph, or a file that holds one.",
    .examples = "new student --seed 727 -o model.safetensors\n"
                "new student heads=8 act=gelu --type bf16 -o model.safetensors",
    .options = options,
    .low = 1,
    .high = ARGS_MAX,
    .run = run,
};
