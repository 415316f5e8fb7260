/* Where every value is stored: the buffers of a handle, laid out for its largest batch.
 *
 * lnspi_plan_make runs at least twice. First it only counts, so that the caller learns the
 * bytes of a handle; once the arrays of offsets are there, it fills them in. It is the same
 * code, so what was measured is what is used. Numbers depend on the graph and the limits
 * alone, and are the same on every host.
 *
 * Three modes. A session that only runs (REUSE) lets values share buffers: a value takes the
 * smallest free buffer that is large enough, or a new one, and the buffer is free again after
 * its last reader. Outputs are never free. This is greedy and not always the least memory.
 * With limits.keep_nodes (KEEP) every value has its own buffer. A trainer (TRAIN) needs all
 * values for backward, and what layers saved.
 *
 * With tasks, each task runs a part of the batch at its own pace. Two values may then share a
 * buffer only if their rows have the same length, because a task's rows must be in the same
 * place in both: otherwise one task would overwrite what another still reads.
 *
 * saved, scratch and product are sized for all rows in one call, or for as many parts as there
 * are tasks, whichever is more. A part counts at least twice LNSPI_PART_ROWS: with so few rows
 * that they, and not the tasks, limit the number of parts, one may have nearly that many. */
#include "run/plan.h"

#include "base/error.h"
#include "base/struct.h"
#include "graph/product.h"
#include "run/engine.h"

#define PLAN_MOST_FLOATS ((int64_t)1 << 40)

/* Buffers of the reuse mode: a node takes the smallest free one that is large
 * enough, or a new one; a value's buffer is free after its last reader. Where tasks run
 * parts of the batch, each at its own pace, only values of equal width and length share one: a
 * task's rows are then its own. */
typedef struct plan_buffers {
  int32_t count;
  int32_t reserved;
  int64_t offset[LNSPI_MAX_NODES];
  int64_t floats[LNSPI_MAX_NODES];
  int64_t every[LNSPI_MAX_NODES];
  int32_t free_after[LNSPI_MAX_NODES]; /* node */
} plan_buffers;

int32_t lnspi_plan_read_sizes(const lnsp_size_options *from, lnsp_size_options *to,
                              lnsp_error *error) {
  int32_t status = lnspi_struct_read(to, sizeof *to, from, "lnsp_size_options", error);
  if (status) return status;
  if (to->max_rows == 0) to->max_rows = 1;
  if (to->max_concepts == 0) to->max_concepts = 1;
  if (to->max_rows < 1 || to->max_rows > 1 << 24)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "max_rows is %d: give 1 to 16777216",
                           to->max_rows);
  if (to->max_concepts < 1 || to->max_concepts > 1 << 16)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "max_concepts is %d: give 1 to 65536",
                           to->max_concepts);
  if (to->max_marks < 0 || to->max_marks > 1024)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "max_marks is %d: give 0 to 1024",
                           to->max_marks);
  if (to->mark_contents < LNSP_MARK_STATE || to->mark_contents > LNSP_MARK_WEIGHTS)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "mark_contents is %d: give LNSP_MARK_STATE or _WEIGHTS",
                           to->mark_contents);
  if (to->tasks == 0) to->tasks = 1;
  if (to->tasks < 1 || to->tasks > LNSPI_MAX_TASKS)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "tasks is %d: give 1 to %d", to->tasks,
                           LNSPI_MAX_TASKS);
  return LNSP_OK;
}

/* Last node that reads a value; past the last for outputs, which stay. */
static int32_t plan_last_reader(const lnsp_graph *graph, int32_t node) {
  int32_t last = node;
  for (int32_t o = 0; o < graph->output_count; o++)
    if (graph->outputs[o].node == node) return graph->node_count;
  for (int32_t n = node + 1; n < graph->node_count; n++)
    for (int32_t i = 0; i < graph->nodes[n].input_count; i++)
      if (graph->nodes[n].input[i] == node) last = n;
  return last;
}

static int64_t plan_take_buffer(plan_buffers *buffers, int32_t node, int64_t floats,
                                int64_t every, int32_t free_after, int equal, int64_t *total) {
  int32_t best = -1;
  for (int32_t b = 0; b < buffers->count; b++)
    if (buffers->free_after[b] < node && buffers->floats[b] >= floats &&
        (!equal || (buffers->floats[b] == floats && buffers->every[b] == every)) &&
        (best < 0 || buffers->floats[b] < buffers->floats[best]))
      best = b;
  if (best < 0) {
    best = buffers->count++;
    buffers->offset[best] = *total;
    buffers->floats[best] = floats;
    buffers->every[best] = every;
    *total += floats;
  }
  buffers->free_after[best] = free_after;
  return buffers->offset[best];
}

static void plan_most(int64_t floats, int64_t part_floats, int64_t tasks, int64_t *part,
                      int64_t *whole) {
  floats = lnspi_round16(floats);
  part_floats = lnspi_round16(part_floats);
  if (tasks > 1 && part_floats > *part) *part = part_floats;
  if (floats > *whole) *whole = floats;
  if (*part * tasks > *whole) *whole = *part * tasks;
}

/* What calls of one node write to besides values: for all rows at once, or for each task
 * that has a part of them. need: of all rows. */
static void plan_work(const lnsp_graph *graph, const lnspi_node *node, lnspi_plan *plan,
                      const lnspi_need *need) {
  int64_t part = (plan->batch + plan->tasks - 1) / plan->tasks;
  const int64_t least = 2 * LNSPI_PART_ROWS(plan->mode);
  if (part < least) part = least;
  if (part > plan->batch) part = plan->batch;
  const lnspi_extent all = lnspi_layer_extent(graph, node, plan->batch, plan->concepts);
  const lnspi_extent some = lnspi_layer_extent(graph, node, part, plan->concepts);
  const lnspi_need few = lnspi_layer_need(&some);
  if (plan->mode != LNSPI_MODE_TRAIN)
    plan_most(need->saved_floats, few.saved_floats, plan->tasks, &plan->saved_part,
              &plan->saved_floats);
  plan_most(need->scratch_floats, few.scratch_floats, plan->tasks, &plan->scratch_part,
            &plan->scratch_floats);
  plan_most(lnspi_product_floats(graph, node, all.most_rows),
            lnspi_product_floats(graph, node, some.most_rows), plan->tasks, &plan->product_part,
            &plan->product_floats);
}

static int32_t plan_place(const lnsp_graph *graph, lnspi_plan *plan, plan_buffers *buffers) {
  for (int32_t n = 0; n < graph->node_count; n++) {
    const lnspi_node *node = &graph->nodes[n];
    const lnspi_extent extent = lnspi_layer_extent(graph, node, plan->batch, plan->concepts);
    int64_t floats = extent.rows * lnspi_node_ld(graph, n), offset;
    lnspi_need need = lnspi_layer_need(&extent);
    need.saved_floats = lnspi_round16(need.saved_floats);
    if (plan->mode == LNSPI_MODE_REUSE) {
      offset = plan_take_buffer(buffers, n, floats, node->every, plan_last_reader(graph, n),
                                plan->tasks > 1, &plan->value_floats);
    } else {
      offset = plan->value_floats;
      plan->value_floats += floats;
    }
    if (plan->value_offset) plan->value_offset[n] = offset;
    if (plan->saved_offset) plan->saved_offset[n] = plan->saved_floats;
    if (plan->mode == LNSPI_MODE_TRAIN) {
      plan->saved_floats += need.saved_floats;
    } else if (plan->saved_offset) {
      plan->saved_offset[n] = 0; /* scratch when nothing goes backward */
    }
    plan_work(graph, node, plan, &need);
    plan->uses += need.uses;
    if (plan->value_floats > PLAN_MOST_FLOATS || plan->saved_floats > PLAN_MOST_FLOATS ||
        plan->scratch_floats > PLAN_MOST_FLOATS)
      return 0;
  }
  return 1;
}

int32_t lnspi_plan_make(const lnsp_graph *graph, const lnsp_size_options *limits, int32_t mode,
                        lnspi_plan *plan, lnsp_error *error) {
  plan_buffers buffers;
  int64_t *value_offset = plan->value_offset, *saved_offset = plan->saved_offset;
  buffers.count = 0;
  memset(plan, 0, sizeof *plan);
  plan->value_offset = value_offset;
  plan->saved_offset = saved_offset;
  plan->batch = limits->max_rows;
  plan->concepts = limits->max_concepts;
  plan->mode = mode;
  if (graph->concepts_low > plan->concepts)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, NULL,
        "this network takes rows of at least %lld concepts, but max_concepts is %lld: raise it",
        (long long)graph->concepts_low, (long long)plan->concepts);
  if (graph->concepts_high && plan->concepts > graph->concepts_high)
    plan->concepts = graph->concepts_high;
  plan->tasks = limits->tasks > 1 ? limits->tasks : 1;
  if (!plan_place(graph, plan, &buffers))
    return lnspi_error_set(
        error, LNSP_E_LIMIT, NULL,
        "%d rows of %d concepts need more memory than this machine can address: lower max_rows "
        "or max_concepts",
        limits->max_rows, limits->max_concepts);
  return LNSP_OK;
}
