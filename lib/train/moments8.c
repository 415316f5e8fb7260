/* Moments in 8 bits: where their blocks are, and their values.
 *
 * Adam's two moments take twice the memory of the weights. With moments=8bit an element takes
 * a byte, and a block of 128 elements a float scale: 2.06 bytes instead of 8 (Dettmers and
 * others, "8-bit Optimizers via Block-wise Quantization", 2022; the coding here is linear).
 * The first moment is a code from -127 to 127 times the scale. The second is stored as its
 * square root, 1 to 255, because that is what the update divides by, and a linear code of the
 * square would have too little resolution for small values.
 *
 * Blocks follow the packed layout. A panel of a matrix has whole blocks and perhaps a shorter
 * last one, and never shares a block with the next panel, so that tasks write to different
 * scales. Tiles of an update have a multiple of 8 inputs, of 16 lanes or more, which are whole
 * blocks. block_at is the number of a weight's first block.
 *
 * Reading gives values for files and hashes. Writing needs two rounds over all rows, because
 * the scale of a block is known only when all its elements were seen, and rows of a file run
 * across blocks. Values that were read come back to the same codes and scales: that is what
 * makes a resumed run equal to the bit. */
#include "train/moments8.h"

#include <math.h>

#include "base/fpenv.h"
#include "base/min_max.h"
#include "run/weight.h"

#define MOMENTS8_BLOCK LNSPI_MOMENT_BLOCK

static int64_t moments8_whole(int64_t elements) {
  return (elements + MOMENTS8_BLOCK - 1) / MOMENTS8_BLOCK;
}

/* A tensor in pieces, each with blocks of its own: the panels of the matrices, or one.
 * All but the last panel of a part are equal. */
typedef struct moments8_pieces {
  int64_t panel, part;               /* elements */
  int64_t panel_blocks, part_blocks;
} moments8_pieces;

static moments8_pieces moments8_split(const lnspi_weight *weight) {
  moments8_pieces pieces = {weight->floats, weight->floats, 0, 0};
  if (weight->kind == LNSPI_MATRIX) {
    pieces.panel = 64 * weight->dims[1];
    pieces.part = lnspi_packed_floats(weight->dims[1], weight->dims[0] / weight->parts);
  }
  pieces.panel_blocks = moments8_whole(pieces.panel);
  pieces.part_blocks = pieces.part / pieces.panel * pieces.panel_blocks +
                       moments8_whole(pieces.part % pieces.panel);
  return pieces;
}

void lnspi_moments8_place_blocks(const lnsp_graph *graph, int64_t *block_at) {
  int64_t used = 0;
  for (int32_t i = 0; i < graph->weight_count; i++) {
    const lnspi_weight *weight = &graph->weights[i];
    int32_t parts = weight->kind == LNSPI_MATRIX ? weight->parts : 1;
    block_at[i] = used;
    used += parts * moments8_split(weight).part_blocks;
  }
  block_at[graph->weight_count] = used;
}

int64_t lnspi_moments8_block_count(const lnsp_graph *graph) {
  int64_t used = 0;
  for (int32_t i = 0; i < graph->weight_count; i++) {
    const lnspi_weight *weight = &graph->weights[i];
    used +=
        (weight->kind == LNSPI_MATRIX ? weight->parts : 1) * moments8_split(weight).part_blocks;
  }
  return used;
}

/* Number of the block, among the weight's, that begins with an element or holds it. */
static int64_t moments8_block(const lnspi_weight *weight, int64_t element) {
  const moments8_pieces p = moments8_split(weight);
  int64_t in_part = element % p.part;
  return element / p.part * p.part_blocks + in_part / p.panel * p.panel_blocks +
         in_part % p.panel / MOMENTS8_BLOCK;
}

lnspi_moments8 lnspi_moments8_at(const lnsp_trainer *t, int32_t index, int64_t element,
                                 const uint32_t key[2]) {
  const lnspi_weight *weight = &t->graph->weights[index];
  int64_t block = moments8_block(weight, element), at = weight->offset + element;
  lnspi_moments8 moments = {(int8_t *)t->optim.code[0] + at,
                            t->optim.code[1] + at,
                            t->optim.scale[0] + t->optim.block_at[index] + block,
                            t->optim.scale[1] + t->optim.block_at[index] + block,
                            {key[0], key[1]},
                            (uint32_t)block};
  return moments;
}

double lnspi_moments8_max_abs(const lnsp_trainer *t, int32_t m) {
  double top = (double)t->engine.k->max_abs(t->optim.scale[m],
                                            t->optim.block_at[t->graph->weight_count]);
  return top * (m == t->optim.rule.optimizer->squares ? 255 : 127);
}

/* ---- values ---- */

/* A row of a tensor in a moment: where its elements are, and their scales. */
typedef struct moments8_row {
  uint8_t *code;     /* of column 0; the others follow at a distance of step */
  float *scale;      /* of the blocks of the piece that the row is in */
  int64_t from, step, columns;
} moments8_row;

static moments8_row moments8_find_row(const lnspi_moments8_values *values,
                                      const lnspi_weight *weight, int64_t row) {
  const lnsp_trainer *t = values->trainer;
  int64_t columns = lnspi_weight_columns(weight), piece = 0;
  const int64_t block = t->optim.block_at[weight - t->graph->weights];
  moments8_row r = {t->optim.code[values->m] + weight->offset,
                    t->optim.scale[values->m] + block, 0, 1, columns};
  if (weight->kind == LNSPI_MATRIX) {
    int64_t out = weight->dims[0] / weight->parts, o = row % out;
    int64_t left = lnspi_round16(out) - o / 64 * 64;
    piece = row / out * lnspi_packed_floats(columns, out) + o / 64 * 64 * columns;
    r.from = o % 64;
    r.step = lnspi_min_i64(left, 64);
  } else {
    r.from = row * (weight->rank <= 1 ? lnspi_round16(columns) : columns);
  }
  r.code += piece + r.from;
  r.scale += moments8_block(weight, piece);
  return r;
}

static int moments8_are_squares(const lnspi_moments8_values *values) {
  return values->m == values->trainer->optim.rule.optimizer->squares;
}

void lnspi_moments8_read(const void *user, const lnspi_weight *weight, int64_t row,
                         int64_t first, int64_t count, float *out) {
  const lnspi_moments8_values *values = user;
  const moments8_row r = moments8_find_row(values, weight, row);
  int squares = moments8_are_squares(values);
  lnspi_fpenv fp = lnspi_fpenv_enter(); /* for the squares */
  for (int64_t c = first; c < first + count; c++) {
    uint8_t code = r.code[c * r.step];
    float scale = r.scale[(r.from + c * r.step) / MOMENTS8_BLOCK];
    float root = (float)code * scale;
    out[c - first] = squares ? root * root : (float)(code < 128 ? code : code - 256) * scale;
  }
  lnspi_fpenv_leave(fp);
}

void lnspi_moments8_write_scales(void *user, const lnspi_weight *weight, int64_t row,
                                 const float *in) {
  lnspi_moments8_values *values = user;
  const moments8_row r = moments8_find_row(values, weight, row);
  int squares = moments8_are_squares(values);
  for (int64_t c = 0; c < r.columns; c++) {
    float *scale = &r.scale[(r.from + c * r.step) / MOMENTS8_BLOCK], size = fabsf(in[c]);
    if (squares && in[c] < 0.f) values->negative = 1;
    if (size > *scale) *scale = size;
  }
}

/* What is far below anything that a step leaves becomes zero. */
void lnspi_moments8_finish_scales(const lnspi_moments8_values *values) {
  const lnsp_trainer *t = values->trainer;
  float *scale = t->optim.scale[values->m];
  int squares = moments8_are_squares(values);
  for (int64_t b = 0; b < t->optim.block_at[t->graph->weight_count]; b++) {
    float top = squares ? sqrtf(scale[b]) : scale[b];
    scale[b] = top < (squares ? 0x1p-55f : 0x1p-113f)
                   ? 0.f
                   : lnspi_moment_scale(top, squares ? 255 : 127);
  }
}

void lnspi_moments8_write_codes(void *user, const lnspi_weight *weight, int64_t row,
                                const float *in) {
  const lnspi_moments8_values *values = user;
  const moments8_row r = moments8_find_row(values, weight, row);
  int squares = moments8_are_squares(values);
  for (int64_t c = 0; c < r.columns; c++) {
    float scale = r.scale[(r.from + c * r.step) / MOMENTS8_BLOCK];
    float size = squares ? sqrtf(in[c]) : fabsf(in[c]);
    int code = scale > 0.f ? (int)(size / scale + .5f) : 0;
    if (squares && code < 1) code = 1;
    r.code[c * r.step] = (uint8_t)(in[c] < 0.f ? 256 - code : code);
  }
}
