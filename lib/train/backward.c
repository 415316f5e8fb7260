/* Backward: from the outputs' gradients to every value's gradient.
 *
 * Reverse-mode differentiation over the list of nodes, from the last to the first. A node runs
 * if its value has a gradient (reached) and some weight that may change is in it or before it
 * (wanted). A layer writes the gradients of its inputs. If an input already has one from
 * another reader, the layer writes into a second buffer, which is then added: sums of more
 * than two readers are made in the order of the walk, which is fixed, so that bits do not
 * depend on tasks.
 *
 * Gradients of matrices are not computed. A layer only records a use: the rows x that went in
 * and the rows d that came back, whose products d x^T, summed over rows and uses, are the
 * gradient. A weight that is used at five time steps has five uses. grad_tiles.c forms that
 * sum a few kilobytes at a time when the update needs it. Therefore x and d must stay as they
 * are until then. Gradients of FLAT weights (biases, norms) are small, and layers add to them
 * directly.
 *
 * Tiny gradients are flushed to zero before each layer, so that no denormal number slows a
 * step. No weight changes here: a step can still be refused afterwards. */
#include "train/backward.h"

#include "train/privacy.h"

static float *backward_value(const lnsp_trainer *t, int32_t node) {
  return t->grad.values + t->engine.plan.value_offset[node];
}

static size_t backward_bytes(const lnsp_trainer *t, int32_t node) {
  int64_t rows = t->engine.batch * lnspi_graph_rows(t->graph, node, t->engine.concepts);
  return (size_t)(rows * lnspi_node_ld(t->graph, node)) * sizeof(float);
}

/* A value's gradient is wanted where a weight that may change is upstream. */
static void backward_want(lnsp_trainer *t) {
  for (int32_t n = 0; n < t->graph->node_count; n++) {
    const lnspi_node *node = &t->graph->nodes[n];
    t->grad.wanted[n] = 0;
    const uint32_t untrained = lnspi_layer_at(node->layer)->untrained;
    for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
      if (node->slot[s] >= 0 && !t->frozen[node->slot[s]] && !(untrained >> s & 1))
        t->grad.wanted[n] = 1;
    for (int32_t i = 0; i < node->input_count; i++)
      if (t->grad.wanted[node->input[i]]) t->grad.wanted[n] = 1;
  }
}

void lnspi_backward_start(lnsp_trainer *t) {
  memset(t->grad.reached, 0, (size_t)t->graph->node_count);
  memset(t->grad.touched, 0, (size_t)t->graph->weight_count);
  t->grad.use_count = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++)
    if (t->graph->weights[i].kind == LNSPI_FLAT)
      memset(t->grad.flat + t->grad.flat_offset[i], 0,
             (size_t)t->graph->weights[i].floats * sizeof(float));
}

void lnspi_backward_seed(lnsp_trainer *t, int32_t node) {
  if (t->grad.reached[node]) return;
  memset(backward_value(t, node), 0, backward_bytes(t, node));
  t->grad.reached[node] = 1;
}

static void backward_use(const lnspi_call *call, int32_t slot, int32_t part, const float *x,
                         int64_t ldx, const float *d, int64_t ldd, int64_t rows) {
  lnsp_trainer *t = call->use_data;
  int32_t weight = call->node->slot[slot];
  if (weight < 0 || t->frozen[weight] || t->grad.use_count >= t->engine.plan.uses) return;
  t->grad.uses[t->grad.use_count++] = (lnspi_use){x, d, ldx, ldd, rows, weight, part};
}

/* One node's backward, whole or in parts of the batch. */
typedef struct backward_job {
  lnsp_trainer *t;
  lnspi_call call; /* whole; dout and the totals may be written */
  float *dout, *total[LNSPI_MAX_INPUTS]; /* total: what has other readers' gradients */
  int32_t count, reserved;
} backward_job;

static void backward_part(void *argument, int32_t index) {
  const backward_job *job = argument;
  const lnspi_kernels *k = job->t->engine.k;
  lnspi_call call = job->call;
  int64_t first = 0;
  if (job->count > 1)
    first = lnspi_engine_select_part(&job->t->engine, &call, job->count, index);
  float *dout = job->dout + first * call.out_ld;
  k->flush(dout, dout, call.rows * call.out_ld);
  lnspi_layer_at(call.node->layer)->backward(&call);
  for (int32_t i = 0; i < call.node->input_count; i++)
    if (job->total[i]) {
      const int64_t skip = call.first * call.in_concepts[i] * call.in_ld[i];
      float *total = job->total[i] + skip;
      k->add(total, total, call.din[i], call.in_rows[i] * call.in_ld[i]);
    }
}

/* A layer without tensors has no sums over rows, so that its rows may be parted. */
static int32_t backward_count(const lnsp_trainer *t, int32_t index) {
  const lnspi_node *node = &t->graph->nodes[index];
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
    if (node->slot[s] >= 0) return 1;
  return lnspi_engine_can_split(&t->engine, index) ? lnspi_engine_part_count(&t->engine) : 1;
}

static void backward_node(lnsp_trainer *t, int32_t index) {
  const lnspi_node *node = &t->graph->nodes[index];
  backward_job job;
  memset(&job, 0, sizeof job);
  job.t = t;
  job.dout = backward_value(t, index);
  job.count = backward_count(t, index);
  lnspi_engine_fill_call(&t->engine, t->state, index, &job.call);
  job.call.dout = job.dout;
  job.call.use = backward_use;
  job.call.use_data = t;
  const uint32_t untrained = lnspi_layer_at(node->layer)->untrained;
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++) {
    int32_t weight = node->slot[s];
    if (weight < 0 || t->frozen[weight] || (untrained >> s & 1)) continue;
    t->grad.touched[weight] = 1;
    if (t->graph->weights[weight].kind == LNSPI_FLAT)
      job.call.dweight[s] = t->grad.flat + t->grad.flat_offset[weight];
  }
  for (int32_t i = 0; i < node->input_count; i++) {
    int32_t input = node->input[i];
    if (!t->grad.wanted[input]) continue;
    if (t->grad.reached[input]) job.total[i] = backward_value(t, input);
    job.call.din[i] = job.total[i] ? t->grad.second[i] : backward_value(t, input);
    t->grad.reached[input] = 1;
  }
  lnspi_tasks_run(&t->engine.tasks, job.count, backward_part, &job);
}

void lnspi_backward(lnsp_trainer *t) {
  backward_want(t);
  for (int32_t n = t->graph->node_count - 1; n > 0; n--)
    if (t->grad.reached[n] && t->grad.wanted[n]) backward_node(t, n);
  if (t->optim.rule.clip_each > 0) lnspi_privacy_clip(t);
  t->pass.phase = LNSPI_PHASE_GRADIENT;
}
