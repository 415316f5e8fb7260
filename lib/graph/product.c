/* Products with the matrices of a state: which kernel a type takes. */
#include "graph/product.h"

#include "kernels/compact.h"

#define PRODUCT_WORK (INT64_C(1) << 15) /* multiply-adds that are worth being split */
/* Fewer weights than these stay in one processor's cache, and few rows are done with them
 * before others could help. */
#define PRODUCT_STATE (INT64_C(3) << 17)
#define PRODUCT_DX_ROWS 12 /* fewest rows of a task: each reads the whole matrix */

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
    int64_t floats = lnspi_compact_scratch_floats(weight->type, rows, weight->dims[1]);
    if (floats > most) most = floats;
  }
  return most;
}

/* One product, whole or for a task's share of its outputs (forward) or rows (dx). */
typedef struct product_job {
  const lnspi_call *c;
  product_matrix m;
  const float *bias, *x;
  float *y;
  int64_t ldx, ldy, rows;
  int32_t count, pad;
} product_job;

static void product_panels(void *argument, int32_t index) {
  const product_job *job = argument;
  const lnspi_kernels *k = job->c->k;
  product_matrix m = job->m;
  const int64_t panels = (m.out + 63) / 64;
  const int64_t from = 64 * lnspi_tasks_from(panels, job->count, index);
  const int64_t end = 64 * lnspi_tasks_from(panels, job->count, index + 1);
  const float *bias = job->bias ? job->bias + from : NULL;
  float *y = job->y + from;
  m.out = (end < m.out ? end : m.out) - from;
  m.data = (const uint8_t *)m.data + from * m.in * (m.type == LNSP_F32 ? 4 : 2);
  switch (m.type) {
    case LNSP_BF16:
      k->linear_bf16(m.data, bias, job->x, job->ldx, y, job->ldy, job->rows, m.in, m.out);
      break;
    case LNSP_F16:
      k->linear_f16(m.data, bias, job->x, job->ldx, y, job->ldy, job->rows, m.in, m.out);
      break;
    case LNSP_I8: /* from is 0: its codes and scales lie apart */
      k->linear_i8(m.data, bias, job->x, job->ldx, y, job->ldy, job->rows, m.in, m.out,
                   job->c->product);
      break;
    default:
      k->linear(m.data, bias, job->x, job->ldx, y, job->ldy, job->rows, m.in, m.out);
  }
}

static void product_rows_dx(void *argument, int32_t index) {
  const product_job *job = argument;
  const product_matrix m = job->m;
  const int64_t from = lnspi_tasks_from(job->rows, job->count, index);
  const int64_t rows = lnspi_tasks_from(job->rows, job->count, index + 1) - from;
  const float *d = job->x + from * job->ldx;
  float *dx = job->y + from * job->ldy;
  if (m.type == LNSP_BF16)
    job->c->k->linear_dx_bf16(m.data, d, job->ldx, dx, job->ldy, rows, m.in, m.out, job->pad);
  else
    job->c->k->linear_dx(m.data, d, job->ldx, dx, job->ldy, rows, m.in, m.out, job->pad);
}

/* n pieces, at least `least` a task, if the product is worth it. */
static int32_t product_count(const product_job *job, int64_t n, int64_t least) {
  if (job->rows * job->m.in * job->m.out < PRODUCT_WORK) return 1;
  return lnspi_tasks_count(job->c->tasks, n, least);
}

void lnspi_product(const lnspi_call *c, int32_t slot, int32_t part, const float *bias,
                   const float *x, int64_t ldx, float *y, int64_t ldy, int64_t rows) {
  product_job job = {c, product_find(c, slot, part), bias, x, y, ldx, ldy, rows, 1, 0};
  if (job.m.type != LNSP_I8 && /* each task would quantise the rows anew */
      c->graph->state_floats >= PRODUCT_STATE)
    job.count = product_count(&job, (job.m.out + 63) / 64, 1);
  lnspi_tasks_run(c->tasks, job.count, product_panels, &job);
}

void lnspi_product_dx(const lnspi_call *c, int32_t slot, int32_t part, const float *d,
                      int64_t ldd, float *dx, int64_t lddx, int64_t rows, int pad) {
  product_job job = {c, product_find(c, slot, part), NULL, d, dx, ldd, lddx, rows, 1, pad};
  job.count = product_count(&job, rows, PRODUCT_DX_ROWS);
  lnspi_tasks_run(c->tasks, job.count, product_rows_dx, &job);
}
