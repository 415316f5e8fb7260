/* lnsp_replay_*: statistics of an old domain's vectors (train/replay.c says what they are).
 *
 * A handle is in one of two states. While it gathers, it has sums of the rows so far and add
 * is allowed; finish makes the mean and the factor from the sums, once, and from then on it
 * can be drawn from, saved and given to a trainer. A handle that was opened is finished from
 * the start and has no room for sums. Each call refuses the wrong state.
 *
 * Add must take all rows or none, and the sums cannot be undone. So it goes through the rows
 * twice, eight at a time: first every row is copied, normalised and checked, then the same
 * again with the row added. That costs a second pass and no memory that depends on the call.
 *
 * A file has two tensors: mean [D] as F32, and the lower triangle of the factor by rows as F16,
 * rows joined without padding, D (D + 1) / 2 numbers. In memory the factor is kept by columns
 * (draws add columns), so rows are gathered and scattered one at a time through the handle's
 * scratch, and no second copy of the triangle is needed. The metadata have lnsp.replay, the
 * version, and lnsp.replay.rows, how many rows were gathered. What a file says is checked as
 * one would check a stranger's: header, shapes, finite values, and that the statistics can be
 * those of unit vectors. */
#include "api/api.h"
#include "base/decimal.h"
#include "base/lexer.h"
#include "base/str.h"
#include "base/struct.h"
#include "format/read_tensor.h"
#include "format/writer.h"
#include "run/batch.h"
#include "run/tensor.h"
#include "train/replay.h"

#define API_REPLAY_VERSION "1"

int32_t lnsp_replay_create(int64_t width, const lnsp_options *options, lnsp_replay **out,
                           lnsp_error *error) {
  lnsp_options read;
  API_OUT(out, error);
  int32_t status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_ISA, &read, error);
  if (status) return status;
  return lnspi_replay_create(width, 1, &read, out, error);
}

void lnsp_replay_destroy(lnsp_replay *replay) { lnspi_replay_release(replay); }

int64_t lnsp_replay_width(const lnsp_replay *replay) { return replay ? replay->width : 0; }

/* Loads rows from `first` on, at most a batch, into the handle's batch and normalises them
 * there; *count: how many. rows was checked, but for its values. */
static int32_t api_replay_load(lnsp_replay *replay, const lnsp_tensor *rows, int64_t first,
                               int64_t *count, lnsp_error *error) {
  lnsp_tensor part = *rows;
  int64_t ld = lnspi_round16(replay->width);
  int contiguous = rows->strides[0] == 0 && rows->strides[1] == 0;
  int64_t stride = contiguous ? replay->width : rows->strides[0];
  *count = rows->dims[0] - first;
  if (*count > LNSPI_REPLAY_BATCH) *count = LNSPI_REPLAY_BATCH;
  part.dims[0] = *count;
  part.data = (float *)rows->data + first * stride;
  const lnspi_tensor_rows load = {&part, rows->name ? rows->name : "rows", replay->batch, ld};
  int32_t status = lnspi_tensor_load(&load, 1, replay->k, NULL, error);
  if (status) return status;
  for (int64_t r = 0; r < *count; r++) {
    float *x = replay->batch + r * ld;
    float norm = replay->k->unit(x, x, replay->width, LNSPI_REPLAY_EPS);
    if (!(norm > LNSPI_REPLAY_EPS) || !replay->k->finite(&norm, 1))
      return lnspi_error_set(error, LNSP_E_ARGUMENT, "rows",
                             "row %lld has no direction (its length is 0 or overflows): "
                             "leave it out",
                             (long long)(first + r));
  }
  return LNSP_OK;
}

/* The two passes: the second cannot fail, since it repeats the first. */
static int32_t api_replay_add(lnsp_replay *replay, const lnsp_tensor *rows, lnsp_error *error) {
  int64_t count;
  for (int add = 0; add < 2; add++) {
    for (int64_t first = 0; first < rows->dims[0]; first += count) {
      int32_t status = api_replay_load(replay, rows, first, &count, error);
      if (status) return status;
      if (add) lnspi_replay_gather(replay, count);
    }
  }
  return LNSP_OK;
}

/* Refuses a handle that is finished. */
static int32_t api_replay_gathering(const lnsp_replay *replay, lnsp_error *error) {
  if (replay->finished)
    return lnspi_error_set(error, LNSP_E_STATE, NULL,
                           "the replay statistics are finished: create new ones to add rows");
  return LNSP_OK;
}

int32_t lnsp_replay_add(lnsp_replay *replay, const lnsp_tensor *rows, lnsp_error *error) {
  int64_t batch = 0, concepts = 1;
  API_NEED(replay, error);
  int32_t status = api_replay_gathering(replay, error);
  if (status) return status;
  API_NEED(rows, error);
  if (rows->rank != 2)
    return lnspi_error_set(error, LNSP_E_SHAPE, "rows", "rows must be [n, %lld]",
                           (long long)replay->width);
  status = lnspi_batch_check_tensor(rows, "rows", replay->width, &batch, &concepts, error);
  if (status) return status;
  API_RETURN(api_replay_add(replay, rows, error));
}

int32_t lnsp_replay_finish(lnsp_replay *replay, lnsp_error *error) {
  API_NEED(replay, error);
  int32_t status = api_replay_gathering(replay, error);
  if (status) return status;
  if (replay->rows < 2)
    return lnspi_error_set(error, LNSP_E_STATE, NULL,
                           "the replay statistics have %lld rows: add at least two",
                           (long long)replay->rows);
  API_COMPUTE(lnspi_replay_finish(replay));
  return LNSP_OK;
}

/* Refuses a handle that still gathers. */
static int32_t api_replay_finished(const lnsp_replay *replay, lnsp_error *error) {
  if (!replay->finished)
    return lnspi_error_set(error, LNSP_E_STATE, NULL,
                           "the replay statistics are not finished: call lnsp_replay_finish");
  return LNSP_OK;
}

/* One row at a time: a row is a function of seed, step and its number, so the rows of the
 * caller's tensor need no working memory of their own. Trainers draw the same numbers. */
int32_t lnsp_replay_draw(const lnsp_replay *replay, uint64_t seed, uint64_t step,
                         const lnsp_tensor *out, lnsp_error *error) {
  int64_t batch = 0, concepts = 1;
  API_NEED(replay, error);
  int32_t status = api_replay_finished(replay, error);
  if (status) return status;
  if (!out || out->rank != 2)
    return lnspi_error_set(error, LNSP_E_SHAPE, "out", "out must be [rows, %lld]",
                           (long long)replay->width);
  status = lnspi_batch_check_tensor(out, "out", replay->width, &batch, &concepts, error);
  if (status) return status;
  int64_t ld = lnspi_round16(replay->width);
  if (batch > (int64_t)UINT32_MAX / ld)
    return lnspi_error_set(error, LNSP_E_LIMIT, "out", "at most %lld rows are drawn a step",
                           (long long)((int64_t)UINT32_MAX / ld));
  int contiguous = out->strides[0] == 0 && out->strides[1] == 0;
  int64_t stride = contiguous ? replay->width : out->strides[0];
  lnspi_fpenv fp = lnspi_fpenv_enter();
  for (int64_t r = 0; r < batch; r++) {
    lnsp_tensor row = *out;
    row.dims[0] = 1;
    row.data = (float *)out->data + r * stride;
    lnspi_replay_draw_row(replay->k, replay->statistics, replay->width, seed, step, r,
                          replay->batch, ld, replay->scratch);
    lnspi_tensor_store(&row, NULL, replay->batch, ld);
  }
  lnspi_fpenv_leave(fp);
  return LNSP_OK;
}

/* ---- files ---- */

/* Writes the mean, then the factor row by row through scratch, and closes. */
static int32_t api_replay_write(const lnsp_replay *replay, lnsp_writer *writer,
                                lnsp_error *error) {
  uint16_t *half = (uint16_t *)(void *)replay->scratch;
  int32_t status = lnsp_writer_write(writer, replay->statistics,
                                     (size_t)replay->width * sizeof(float), error);
  for (int64_t i = 0; i < replay->width && !status; i++) {
    lnspi_replay_factor_read(replay, i, half);
    status = lnsp_writer_write(writer, half, (size_t)(i + 1) * sizeof *half, error);
  }
  return status ? status : lnsp_writer_close(writer, error);
}

int32_t lnsp_replay_save(const lnsp_replay *replay, const char *path, lnsp_error *error) {
  lnsp_writer *writer = NULL;
  char rows[24];
  API_NEED(replay, error);
  int32_t status = api_replay_finished(replay, error);
  if (status) return status;
  const lnsp_options options = lnspi_block_options(&replay->block);
  lnsp_tensor tensors[2];
  lnsp_key_value pairs[2] = {{"lnsp.replay", API_REPLAY_VERSION}, {"lnsp.replay.rows", rows}};
  tensors[0] = lnsp_tensor_f32("mean", NULL, 1, replay->width, 0, 0);
  tensors[1] = tensors[0];
  tensors[1].name = "factor";
  tensors[1].dims[0] = replay->width * (replay->width + 1) / 2;
  tensors[1].dtype = LNSP_F16;
  lnspi_format(rows, sizeof rows, "%lld", (long long)replay->rows);
  status = lnsp_writer_create(path, tensors, 2, pairs, 2, &options, &writer, error);
  if (status) return status;
  status = api_replay_write(replay, writer, error);
  lnsp_writer_destroy(writer);
  return status;
}

/* What the file says about itself; the width and the tensors' indices. */
static int32_t api_replay_header(const lnsp_file *file, int64_t *width, int64_t *rows,
                                 int32_t index[2], lnsp_error *error) {
  const char *version = lnspi_safetensors_metadata(file, "lnsp.replay");
  const char *count = lnspi_safetensors_metadata(file, "lnsp.replay.rows");
  lnspi_lexer text;
  if (!version || !count)
    return lnspi_error_set(error, LNSP_E_MISSING, version ? "lnsp.replay.rows" : "lnsp.replay",
                           "the file has no replay statistics: its metadata lacks %s",
                           version ? "lnsp.replay.rows" : "lnsp.replay");
  if (!lnspi_str_equal(version, API_REPLAY_VERSION))
    return lnspi_error_set(error, LNSP_E_UNSUPPORTED, "lnsp.replay",
                           "replay statistics of version '%s'; this library reads version 1",
                           version);
  lnspi_lexer_open(&text, count);
  int32_t status = lnspi_decimal_parse_integer(lnspi_lexer_next(&text, NULL),
                                               "lnsp.replay.rows", 2, INT64_MAX, rows, error);
  if (status) return status;
  if (!lnspi_lexer_at_end(&text))
    return lnspi_error_set(error, LNSP_E_SYNTAX, "lnsp.replay.rows",
                           "lnsp.replay.rows is '%s', not one number", count);
  index[0] = lnspi_safetensors_find(file, "mean");
  index[1] = lnspi_safetensors_find(file, "factor");
  if (index[0] < 0 || index[1] < 0 || file->tensor_count != 2)
    return lnspi_error_set(error, LNSP_E_MISSING, index[0] < 0 ? "mean" : "factor",
                           "replay statistics are exactly two tensors, mean and factor");
  const lnspi_entry *mean = &file->entries[index[0]], *factor = &file->entries[index[1]];
  if (mean->dtype != LNSP_F32 || factor->dtype != LNSP_F16)
    return lnspi_error_set(error, LNSP_E_DTYPE, mean->dtype != LNSP_F32 ? "mean" : "factor",
                           "mean must be F32 and factor F16");
  *width = mean->rank == 1 ? mean->dims[0] : 0;
  if (*width < 1 || *width > LNSPI_REPLAY_MAX_WIDTH || factor->rank != 1 ||
      factor->dims[0] != *width * (*width + 1) / 2)
    return lnspi_error_set(error, LNSP_E_SHAPE, "factor",
                           "mean must be [D] with D at most %d, and factor [D (D + 1) / 2]",
                           LNSPI_REPLAY_MAX_WIDTH);
  return LNSP_OK;
}

/* Reads the mean and the factor into a new handle, and checks what they are. */
static int32_t api_replay_fill(lnsp_file *file, const int32_t index[2], lnsp_replay *replay,
                               lnsp_error *error) {
  uint16_t *half = (uint16_t *)(void *)replay->scratch;
  int32_t status =
      lnspi_read_tensor(file, index[0], 0, replay->width, LNSP_F32, replay->statistics, error);
  for (int64_t i = 0; i < replay->width && !status; i++) {
    status = lnspi_read_tensor(file, index[1], i * (i + 1) / 2, i + 1, LNSP_F16, half, error);
    if (!status) lnspi_replay_factor_write(replay, i, half);
  }
  return status ? status : lnspi_replay_check(replay, error);
}

/* Makes a finished handle from an open file; options: already read. */
static int32_t api_replay_open(lnsp_file *file, const lnsp_options *options, lnsp_replay **out,
                               lnsp_error *error) {
  lnsp_replay *replay = NULL;
  int64_t width = 0, rows = 0;
  int32_t index[2] = {-1, -1};
  int32_t status = api_replay_header(file, &width, &rows, index, error);
  if (!status) status = lnspi_replay_create(width, 0, options, &replay, error);
  if (status) return status;
  API_COMPUTE(status = api_replay_fill(file, index, replay, error));
  if (status) {
    lnspi_replay_release(replay);
    return status;
  }
  replay->rows = rows;
  replay->finished = 1;
  *out = replay;
  return LNSP_OK;
}

int32_t lnsp_replay_open(const char *path, const lnsp_options *options, lnsp_replay **out,
                         lnsp_error *error) {
  lnsp_options small, own;
  lnsp_file *file = NULL;
  API_OUT(out, error);
  API_NEED(path, error);
  int32_t status =
      API_SPLIT(options, LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_ISA, &small, &own, error);
  if (!status) status = lnsp_file_open(path, &small, &file, error);
  if (!status) status = api_replay_open(file, &own, out, error);
  lnsp_file_destroy(file);
  return status;
}
