/* Index files. */
#ifndef LNSPI_INDEX_INDEX_FILE_H
#define LNSPI_INDEX_INDEX_FILE_H

#include "format/safetensors.h"
#include "index/index.h"

/* base: the bytes of the file in memory, which the index then borrows; NULL: it copies. */
int32_t lnspi_index_file_open(lnsp_file *file, const void *base,
                              const lnsp_index_options *settings, const lnsp_options *options,
                              lnsp_index **out, lnsp_error *error);
int32_t lnspi_index_file_save(const lnsp_index *index, const lnsp_sink *sink,
                              lnsp_error *error);

#endif
