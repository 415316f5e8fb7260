/* Options of public functions: read at any struct_size, and refused where they would be
 * ignored. A call says with a mask of fields what it reads; this is the one place that
 * compares that with what is set. The table of all calls is in lnsp.h, under lnsp_options,
 * and tests/api/test_options.c holds the table, the masks and the calls together.
 *
 * Reading has two steps. base/struct.c copies the struct into this library's layout: what a
 * shorter, older struct lacks is zero, and a longer, newer one is accepted as long as its tail
 * is zero. It also checks the structs that options point to (allocator, parallel, progress),
 * and block_bytes without block. Then the fields that are set are compared with the mask. A
 * new field gets a bit, a line in each of the three places below, and nothing else: a call
 * that does not name the bit refuses the field from the first day.
 *
 * After that a function of a room above takes an `lnsp_options *` that is "already read": it
 * is never NULL, and no check is left. Pointers in it are still the caller's; a handle that
 * needs them later copies what they point to, so that options may end with the call: block.c
 * keeps the allocator and progress with the block, tasks.c parallel.
 *
 * Progress reaches a loop as an lnspi_progress that a call begins with its options and the
 * number of things to do, and that the loop adds to. Calls of a handle that have no options of
 * their own (saving, hashing) begin it with those of the block (lnspi_block_options). A call
 * that is made of others gives each a part of the whole (lnspi_progress_split). */
#include "api/options.h"

#include "base/error.h"
#include "base/str.h"
#include "base/struct.h"

/* A field, and what a message says to do about it. The first field of this table that is set
 * and not read is the one that is named. */
typedef struct options_field {
  uint32_t field;
  const char *name, *advice;
} options_field;

static const options_field options_fields[] = {
    {LNSPI_OPTIONS_HEADER, "max_header_bytes", "leave it 0; calls that read a file use it"},
    {LNSPI_OPTIONS_BLOCK, "block", "leave it NULL; calls that give a single handle use it"},
    {LNSPI_OPTIONS_ISA, "isa",
     "leave it NULL; calls that create a session, trainer or index use it"},
    {LNSPI_OPTIONS_ARCHITECTURE, "architecture",
     "leave it NULL; calls that open a network's file use it"},
    {LNSPI_OPTIONS_PREFIX, "prefix", "leave it NULL; calls that open a network's file use it"},
    {LNSPI_OPTIONS_STORAGE, "storage",
     "leave it 0; calls that give a model or a graph use it, and a trainer's optimizer text "
     "has weights="},
    {LNSPI_OPTIONS_PARALLEL, "parallel",
     "leave it NULL; calls that create a session, trainer or search use it"},
};

#define OPTIONS_FIELDS (sizeof options_fields / sizeof *options_fields)

/* A text that asks for the default is as good as none: "auto" is accepted everywhere. */
static int options_text_is_set(const char *text, const char *none) {
  return text && *text && !lnspi_str_equal(text, none);
}

/* The fields that are set, as bits. */
static uint32_t options_set(const lnsp_options *options) {
  uint32_t set = 0;
  if (options->max_header_bytes) set |= LNSPI_OPTIONS_HEADER;
  if (options->block) set |= LNSPI_OPTIONS_BLOCK;
  if (options_text_is_set(options->isa, "auto")) set |= LNSPI_OPTIONS_ISA;
  if (options_text_is_set(options->architecture, "")) set |= LNSPI_OPTIONS_ARCHITECTURE;
  if (options_text_is_set(options->prefix, "")) set |= LNSPI_OPTIONS_PREFIX;
  if (options->storage) set |= LNSPI_OPTIONS_STORAGE;
  if (options->parallel) set |= LNSPI_OPTIONS_PARALLEL;
  return set;
}

int32_t lnspi_options_read(const lnsp_options *from, const char *call, uint32_t reads,
                           lnsp_options *to, lnsp_error *error) {
  int32_t status = lnspi_struct_read_options(from, to, error);
  if (status) return status;
  const uint32_t ignored = options_set(to) & ~reads;
  for (size_t i = 0; i < OPTIONS_FIELDS; i++)
    if (ignored & options_fields[i].field)
      return lnspi_error_set(error, LNSP_E_ARGUMENT, options_fields[i].name,
                             "%s does not use options->%s: %s", call, options_fields[i].name,
                             options_fields[i].advice);
  return LNSP_OK;
}

lnsp_options lnspi_options_pick(const lnsp_options *from, uint32_t fields) {
  lnsp_options to = LNSP_OPTIONS_INIT;
  to.allocator = from->allocator;
  to.progress = from->progress;
  if (fields & LNSPI_OPTIONS_HEADER) to.max_header_bytes = from->max_header_bytes;
  if (fields & LNSPI_OPTIONS_BLOCK) to.block = from->block, to.block_bytes = from->block_bytes;
  if (fields & LNSPI_OPTIONS_ISA) to.isa = from->isa;
  if (fields & LNSPI_OPTIONS_ARCHITECTURE) to.architecture = from->architecture;
  if (fields & LNSPI_OPTIONS_PREFIX) to.prefix = from->prefix;
  if (fields & LNSPI_OPTIONS_STORAGE) to.storage = from->storage;
  if (fields & LNSPI_OPTIONS_PARALLEL) to.parallel = from->parallel;
  return to;
}

int32_t lnspi_options_split(const lnsp_options *from, const char *call, uint32_t reads,
                            lnsp_options *file, lnsp_options *handle, lnsp_error *error) {
  lnsp_options read;
  int32_t status = lnspi_options_read(from, call, LNSPI_OPTIONS_HEADER | reads, &read, error);
  if (status) return status;
  *file = lnspi_options_pick(&read, LNSPI_OPTIONS_HEADER);
  *handle = lnspi_options_pick(&read, reads);
  return LNSP_OK;
}

int32_t lnspi_options_read_sizes(const lnsp_size_options *from, const char *call, int trains,
                                 lnsp_size_options *to, lnsp_error *error) {
  int32_t status = lnspi_plan_read_sizes(from, to, error);
  if (status) return status;
  const char *ignored = NULL;
  if (trains && to->keep_nodes) ignored = "keep_nodes";
  if (!trains && to->mark_contents) ignored = "mark_contents";
  if (!trains && to->max_marks) ignored = "max_marks";
  if (ignored)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, ignored,
                           "%s does not use %s of the sizes: leave it 0; %s have it", call,
                           ignored, trains ? "sessions" : "trainers");
  return LNSP_OK;
}
