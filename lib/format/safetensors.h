/* A safetensors file that is open for reading; see docs/format.md. */
#ifndef LNSPI_FORMAT_SAFETENSORS_H
#define LNSPI_FORMAT_SAFETENSORS_H

#include "base/block.h"
#include "base/progress.h"

/* A tensor of the file. */
typedef struct lnspi_entry {
  const char *name; /* unescaped, terminated, inside the header; the first member */
  int32_t dtype;
  int32_t rank;
  int64_t dims[4];  /* 0 or more; their product and its bytes fit into int64_t */
  uint64_t begin;   /* bytes from the start of the data; end - begin is what dims say */
  uint64_t end;
} lnspi_entry;

struct lnsp_file {
  lnspi_block block;
  lnsp_source source;
  lnspi_progress progress; /* of bytes of data that were read */
  uint64_t data_offset; /* where the data begin in the source */
  uint64_t data_bytes;  /* up to its end; the tensors fill them exactly */
  int32_t tensor_count;
  int32_t pair_count;
  lnspi_entry *entries;
  lnsp_key_value *pairs;
  int32_t *by_name;      /* entries in the order of their names */
  int32_t *by_key;       /* pairs in the order of their keys */
  char *header;          /* the JSON, strings unescaped in place */
  /* called by destroy when the source was opened by the library, else NULL */
  void (*release_source)(void *user);
};

/* options: already read. The source is copied. */
int32_t lnspi_safetensors_open(const lnsp_source *source, const lnsp_options *options,
                               lnsp_file **out, lnsp_error *error);
void lnspi_safetensors_close(lnsp_file *file);
int32_t lnspi_safetensors_find(const lnsp_file *file, const char *name); /* index or -1 */
void lnspi_safetensors_tensor(const lnsp_file *file, int32_t index, lnsp_tensor *out);
const char *lnspi_safetensors_metadata(const lnsp_file *file, const char *key); /* or NULL */

#endif
