/* A file's description of its network: architecture text and shapes. */
#include "run/file_arch.h"

#include "base/error.h"
#include "run/load.h"

static int file_arch_find(void *user, const char *name, int32_t *rank, int64_t dims[4]) {
  const lnspi_file_shapes *shapes = user;
  const int32_t index = lnspi_load_find(shapes->file, shapes->prefix, name);
  if (index < 0) return 0;
  *rank = shapes->file->entries[index].rank;
  memcpy(dims, shapes->file->entries[index].dims, 4 * sizeof *dims);
  return 1;
}

void lnspi_file_arch_shapes(lnspi_file_shapes *shapes, const lnsp_file *file,
                            const char *prefix) {
  shapes->shapes.user = shapes;
  shapes->shapes.find = file_arch_find;
  shapes->file = file;
  shapes->prefix = prefix;
}

int32_t lnspi_file_arch_text(const lnsp_file *file, const lnsp_options *options,
                             const char **text, lnsp_error *error) {
  *text = options->architecture;
  if (!*text) *text = lnspi_safetensors_metadata(file, "lnsp.arch");
  if (!*text) *text = lnspi_safetensors_metadata(file, "lnsp.graph");
  if (*text) return LNSP_OK;
  if (lnspi_safetensors_metadata(file, "lnsp.delta.checksum"))
    return lnspi_error_set(error, LNSP_E_MISSING, "lnsp.arch",
                           "this file is a delta, not a model: apply it to its base first");
  return lnspi_error_set(
      error, LNSP_E_MISSING, "lnsp.arch",
      "the file does not say what its architecture is (no lnsp.arch or lnsp.graph in its "
      "metadata): give the text, such as \"student heads=8\", as options->architecture");
}
