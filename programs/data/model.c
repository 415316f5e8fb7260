/* A model of a file, and the size options of sessions that run it. */
#include "data/model.h"

#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "lnsp.h"

int model_load(const args *a, const char *path, lnsp_model **out) {
  const lnsp_options options = args_net_options(a);
  lnsp_error error;

  if (lnsp_model_open(path, &options, out, &error)) return refuse_error(a, path, &error);
  return 0;
}

lnsp_size_options model_size_options(int64_t rows, int64_t concepts) {
  lnsp_size_options limits;
  memset(&limits, 0, sizeof limits);
  limits.struct_size = sizeof limits;
  limits.max_rows = rows > INT32_MAX ? INT32_MAX : (int32_t)rows;
  limits.max_concepts = concepts > INT32_MAX ? INT32_MAX : (int32_t)concepts;
  return limits;
}
