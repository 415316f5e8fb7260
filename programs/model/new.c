/* lnsp new: a fresh model from an architecture and a seed. */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/file.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "model/info.h"
#include "lnsp.h"

static const option options[] = {
    {"-o", "FILE", "model to write", OPT_OUTPUT, OPT_REQUIRED},
    {"--seed", "N", "seed of the initial weights", OPT_SEED, OPT_DEFAULT("0")},
    {"--type", "T", "how the model is stored", OPT_TYPE, OPT_DEFAULT("f32")},
    {.name = NULL},
};

char *info_architecture(const args *a, int *safetensors) {
  const char *path = a->positional[0];

  *safetensors = 0;
  if (a->positional_count == 1 && file_exists(path, safetensors))
    return *safetensors ? NULL : file_load_text(path, 1 << 20, NULL);
  if (a->positional_count == 1 && strpbrk(path, "./") && !strpbrk(path, " \n"))
    refuse("there is no file '%s', and no architecture of that name: check the path; `lnsp "
           "list` names the architectures",
           path);
  return args_join(a, 0);
}

static void run(const args *a) {
  const char *path = args_value(a, "-o");
  lnsp_options library = LNSP_OPTIONS_INIT;
  lnsp_error error;
  lnsp_model *model = NULL;
  uint8_t hash[LNSP_HASH_BYTES];
  int safetensors;
  char *text = info_architecture(a, &safetensors);

  if (safetensors)
    refuse("'%s' is not an architecture text: `lnsp info --graph %s` prints that of a model",
           a->positional[0], a->positional[0]);
  library.storage = args_type(a);
  refuse_if(lnsp_model_create(text, args_seed(a, "--seed"), &library, &model, &error), NULL,
            &error);
  free(text);
  refuse_if(lnsp_model_hash(model, hash, &error), path, &error);
  refuse_if(lnsp_model_save(model, path, 0, &error), path, &error);
  report_start(a);
  report_architecture(lnsp_model_graph(model));
  report_integer("parameters", "size", lnsp_graph_parameter_count(lnsp_model_graph(model)),
                 "parameters");
  report_hash("hash", "hash", hash);
  report_text("file", "written", path);
  report_end();
  lnsp_model_destroy(model);
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
