/* Which call reads which field of lnsp_options: the table is in lnsp.h. */
#ifndef LNSPI_API_OPTIONS_H
#define LNSPI_API_OPTIONS_H

#include "run/plan.h"

/* Fields, as bits. Every call reads allocator and progress. */
#define LNSPI_OPTIONS_HEADER 1u /* max_header_bytes */
#define LNSPI_OPTIONS_BLOCK 2u  /* and block_bytes */
#define LNSPI_OPTIONS_ISA 4u
#define LNSPI_OPTIONS_ARCHITECTURE 8u
#define LNSPI_OPTIONS_PREFIX 16u
#define LNSPI_OPTIONS_STORAGE 32u
#define LNSPI_OPTIONS_PARALLEL 64u

/* What a network is found with in a file that is open, and in one with a path. */
#define LNSPI_OPTIONS_NET \
  (LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_ARCHITECTURE | LNSPI_OPTIONS_PREFIX)
/* What runs a network. */
#define LNSPI_OPTIONS_RUN (LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_ISA | LNSPI_OPTIONS_PARALLEL)

/* Reads the options of a public function, which is named in messages: any struct_size, NULL
 * for all defaults. A field that is set although the call does not read it is refused, so
 * that nobody believes in a setting that has no effect. */
int32_t lnspi_options_read(const lnsp_options *from, const char *call, uint32_t reads,
                           lnsp_options *to, lnsp_error *error);

/* The same options with these fields alone, and allocator and progress: for a public function
 * that calls others, which would refuse the rest. */
lnsp_options lnspi_options_pick(const lnsp_options *from, uint32_t fields);

/* For a call that opens a file, makes a handle from it and closes it: reads the header's limit
 * and the fields `reads`, and splits them into options for the file and for the handle. The
 * caller's block goes to the handle alone; the file, which ends with the call, gets its memory
 * from the allocator. */
int32_t lnspi_options_split(const lnsp_options *from, const char *call, uint32_t reads,
                            lnsp_options *file, lnsp_options *handle, lnsp_error *error);

/* Reads the sizes of a session, or of a trainer, and refuses those of the other. */
int32_t lnspi_options_read_sizes(const lnsp_size_options *from, const char *call, int trains,
                                 lnsp_size_options *to, lnsp_error *error);

#define API_OPTIONS(from, reads, to, error) \
  lnspi_options_read((from), __func__, (reads), (to), (error))
#define API_SPLIT(from, reads, file, handle, error) \
  lnspi_options_split((from), __func__, (reads), (file), (handle), (error))
#define API_SIZES(from, trains, to, error) \
  lnspi_options_read_sizes((from), __func__, (trains), (to), (error))

#endif
