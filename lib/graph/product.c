/* Products with the matrices of a state: which kernel a type of storage takes, and which part
 * of the work goes to which task.
 *
 * Every layer multiplies through here, so that no layer knows how a matrix is stored. A matrix
 * is stored in panels of 64 outputs (kernels.h), which is also the unit of work: an output is
 * computed by one chain of multiply-adds over its inputs, so that outputs can be computed
 * apart, in any order and on any thread, to the same bits. No sum ever crosses a border
 * between tasks.
 *
 * Forward (lnspi_product), a task takes consecutive panels. With many rows a unit is one row
 * of one panel, so that the first and the last panel of a task may be shared with its
 * neighbours; with fewer than PRODUCT_ROWS rows it is a whole panel, since loading its weights
 * is then most of the work. The share of a task is about the weights that the update gives to
 * the same task number, so that they are still in that processor's cache.
 *
 * Backward to the input (lnspi_product_dx), each dx[k] is a sum over all outputs. It is split
 * by inputs for float32, where a task then reads the same columns of every panel that it has
 * updated, and by rows for bfloat16, whose kernel has no part of the inputs.
 *
 * Small products are not split: waking threads takes longer than 2^15 multiply-adds. Nor are
 * those of a network whose whole state stays in one processor's cache, unless the caller says
 * that others split as well (call->split). The limits decide who computes, never what is
 * computed. */
#include "graph/product.h"

#include "base/min_max.h"
#include "kernels/lowp.h"

#define PRODUCT_WORK (INT64_C(1) << 15) /* multiply-adds that are worth being split */
/* Fewer weights than these stay in one processor's cache, and few rows are done with them
 * before others could help. */
#define PRODUCT_STATE (INT64_C(3) << 17)
#define PRODUCT_ROWS 16 /* of a panel that are worth tasks of their own */
#define PRODUCT_DX_ROWS 12 /* fewest rows for a task */

typedef struct product_matrix {
  const void *data; /* of the part */
  int64_t in, out;
  int32_t type;
} product_matrix;

static product_matrix product_find(const lnspi_call *c, int32_t slot, int32_t part) {
  const lnspi_weight *weight = &c->graph->weights[c->node->slot[slot]];
  product_matrix m;
  m.data = (const uint8_t *)c->weight[slot] + part * (weight->bytes / weight->parts);
  m.in = weight->dims[1];
  m.out = weight->dims[0] / weight->parts;
  m.type = weight->type;
  return m;
}

int64_t lnspi_product_floats(const lnsp_graph *graph, const lnspi_node *node, int64_t rows) {
  int64_t most = 0;
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++) {
    if (node->slot[s] < 0) continue;
    const lnspi_weight *weight = &graph->weights[node->slot[s]];
    most = lnspi_max_i64(most, lnspi_lowp_scratch_floats(weight->type, rows, weight->dims[1]));
  }
  return most;
}

/* One product, whole or for a task's share of its outputs (forward) or inputs (dx). */
typedef struct product_job {
  const lnspi_call *c;
  product_matrix m;
  const float *bias, *x;
  float *y;
  int64_t ldx, ldy, rows;
  int32_t count, pad;
} product_job;

/* Outputs from .. end-1, whole panels, of some rows. */
static void product_block(const product_job *job, int64_t from, int64_t end, int64_t row,
                          int64_t rows) {
  const lnspi_kernels *k = job->c->k;
  product_matrix m = job->m;
  const float *bias = job->bias ? job->bias + from : NULL, *x = job->x + row * job->ldx;
  float *y = job->y + row * job->ldy + from;
  if (from >= end || rows < 1) return;
  m.out = lnspi_min_i64(end, m.out) - from;
  m.data = (const uint8_t *)m.data + from * m.in * (m.type == LNSP_F32 ? 4 : 2);
  switch (m.type) {
    case LNSP_BF16:
      k->linear_bf16(m.data, bias, x, job->ldx, y, job->ldy, rows, m.in, m.out);
      break;
    case LNSP_F16:
      k->linear_f16(m.data, bias, x, job->ldx, y, job->ldy, rows, m.in, m.out);
      break;
    case LNSP_I8: /* from is 0: codes and scales are stored one after the other */
      k->linear_i8(m.data, bias, x, job->ldx, y, job->ldy, rows, m.in, m.out, job->c->product);
      break;
    default: k->linear(m.data, bias, x, job->ldx, y, job->ldy, rows, m.in, m.out);
  }
}

/* Consecutive panels, the first and the last perhaps for a part of the rows: about the
 * weights that the update gives the task, too. */
static void product_panels(void *argument, int32_t index) {
  const product_job *job = argument;
  const int64_t rows = job->rows < PRODUCT_ROWS ? 1 : job->rows;
  const int64_t units = (job->m.out + 63) / 64 * rows;
  const int64_t from = lnspi_tasks_from(units, job->count, index);
  const int64_t end = lnspi_tasks_from(units, job->count, index + 1);
  const int64_t o0 = from / rows * 64, o1 = end / rows * 64, r0 = from % rows, r1 = end % rows;
  if (rows == 1) {
    product_block(job, o0, o1, 0, job->rows);
  } else if (o0 == o1) {
    product_block(job, o0, o0 + 64, r0, r1 - r0);
  } else {
    if (r0) product_block(job, o0, o0 + 64, r0, rows - r0);
    product_block(job, r0 ? o0 + 64 : o0, o1, 0, rows);
    product_block(job, o1, o1 + 64, 0, r1);
  }
}

/* Of the weights of a share of the inputs, a task has updated its part itself; by rows it
 * would read those of all others. */
static void product_inputs_dx(void *argument, int32_t index) {
  const product_job *job = argument;
  const product_matrix m = job->m;
  const int64_t blocks = (m.in + 15) / 16;
  const int64_t k0 = 16 * lnspi_tasks_from(blocks, job->count, index);
  const int64_t k1 = 16 * lnspi_tasks_from(blocks, job->count, index + 1);
  job->c->k->linear_dx(m.data, job->x, job->ldx, job->y, job->ldy, job->rows, m.in, m.out, k0,
                       lnspi_min_i64(k1, m.in) - k0, job->pad);
}

/* Of bfloat16, some rows. */
static void product_rows_dx(void *argument, int32_t index) {
  const product_job *job = argument;
  const product_matrix m = job->m;
  const int64_t from = lnspi_tasks_from(job->rows, job->count, index);
  const int64_t rows = lnspi_tasks_from(job->rows, job->count, index + 1) - from;
  const float *d = job->x + from * job->ldx;
  float *dx = job->y + from * job->ldy;
  job->c->k->linear_dx_bf16(m.data, d, job->ldx, dx, job->ldy, rows, m.in, m.out, job->pad);
}

/* n pieces, at least `least` a task, if the product is worth it. */
static int32_t product_count(const product_job *job, int64_t n, int64_t least) {
  if (job->rows * job->m.in * job->m.out < PRODUCT_WORK) return 1;
  return lnspi_tasks_count(job->c->tasks, n, least);
}

void lnspi_product(const lnspi_call *c, int32_t slot, int32_t part, const float *bias,
                   const float *x, int64_t ldx, float *y, int64_t ldy, int64_t rows) {
  product_job job = {c, product_find(c, slot, part), bias, x, y, ldx, ldy, rows, 1, 0};
  if (job.m.type != LNSP_I8 && /* each task would quantise the rows again */
      (c->split || c->graph->state_floats >= PRODUCT_STATE))
    job.count =
        product_count(&job,
                      (job.m.out + 63) / 64 * (rows < PRODUCT_ROWS ? 1 : rows / PRODUCT_ROWS),
                      1);
  lnspi_tasks_run(c->tasks, job.count, product_panels, &job);
}

void lnspi_product_dx(const lnspi_call *c, int32_t slot, int32_t part, const float *d,
                      int64_t ldd, float *dx, int64_t lddx, int64_t rows, int pad) {
  product_job job = {c, product_find(c, slot, part), NULL, d, dx, ldd, lddx, rows, 1, pad};
  job.count = product_count(&job, rows, PRODUCT_DX_ROWS);
  lnspi_tasks_run(c->tasks, job.count,
                  job.m.type == LNSP_BF16 ? product_rows_dx : product_inputs_dx, &job);
}
