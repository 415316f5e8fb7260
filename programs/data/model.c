/* A model of a file, and the size options of sessions that run it. */
#include "data/model.h"

#include "cli/args.h"
#include "cli/refuse.h"
#include "lnsp.h"

lnsp_model *model_load(const args *a, const char *path) {
  const lnsp_options options = args_net_options(a);
  lnsp_model *model = NULL;
  lnsp_error error;

  refuse_if(lnsp_model_open(path, &options, &model, &error), path, &error);
  return model;
}

lnsp_size_options model_size_options(int64_t rows, int64_t concepts) {
  lnsp_size_options limits = LNSP_SIZE_OPTIONS_INIT;
  limits.max_rows = rows > INT32_MAX ? INT32_MAX : (int32_t)rows;
  limits.max_concepts = concepts > INT32_MAX ? INT32_MAX : (int32_t)concepts;
  return limits;
}
