/* Every layer, and every named architecture, against a plain double-precision
 * network written here: forward, and backward against central finite differences. */
#include "examples.h"
#include "check.h"
#include "layer_net.h"

#include "graph/arch/arch.h"
#include "graph/graph.h"
#include "graph/layer.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "kernels/random.h"

/* ---- comparisons --------------------------------------------------------- */

static void check_values(const net *n, const char *text) {
  for (int32_t i = 0; i < n->graph->node_count; i++) {
    const int64_t width = n->graph->nodes[i].width;
    double worst = 0;
    for (int64_t r = 0; r < rows_of(n, i); r++)
      for (int64_t e = 0; e < width; e++) {
        const double want = n->value[i][r * width + e];
        const double have = (double)n->out[i][r * node_ld(n, i) + e];
        const double error = fabs(have - want) / (1 + fabs(want));
        if (!(error <= worst)) worst = error;
      }
    CHECK_SAY(worst < 1e-5, "%s: node %s (%d): error %g in forward", text,
              n->graph->nodes[i].name, i, worst);
  }
}

static double central_difference(net *n, double *at) {
  const double keep = *at, step = 1e-5;
  double up, down;
  *at = keep + step;
  up = ref_loss(n);
  *at = keep - step;
  down = ref_loss(n);
  *at = keep;
  return (up - down) / (2 * step);
}

/* Compares gradients with differences, at most some hundreds of a tensor. */
static void check_one(double want, double have, double scale, const char *text,
                      const char *name, int64_t e) {
  CHECK_SAY(fabs(want - have) <= 3e-5 * scale + 3e-6, "%s: d/d %s[%d] is %.9g, expected %.9g",
            text, name, (int)e, have, want);
}

/* An embedding's row for padding: PyTorch gives it no gradient. */
static int is_padding(const net *n, int32_t weight, int64_t e) {
  for (int32_t i = 0; i < n->graph->node_count; i++) {
    const lnspi_node *node = &n->graph->nodes[i];
    if (node->slot[0] == weight && !strcmp(lnspi_layer_at(node->layer)->name, "embedding") &&
        e / node->width == node->args.embedding.pad)
      return 1;
  }
  return 0;
}

static void check_gradients(net *n, const char *text, double *differences, int fresh,
                            int64_t most) {
  int64_t at = 0;
  for (int32_t i = 0; i < n->graph->weight_count; i++) {
    if (n->graph->weights[i].fixed) continue;
    const int64_t count = n->graph->weights[i].count, stride = count / most + 1;
    double scale = 1;
    for (int64_t e = 0; e < count; e++) scale = fmax(scale, fabs(weight_gradient(n, i, e)));
    for (int64_t e = 0; e < count; e += stride, at++) {
      if (fresh)
        differences[at] = is_padding(n, i, e) ? 0 : central_difference(n, &n->weight[i][e]);
      check_one(differences[at], weight_gradient(n, i, e), scale, text,
                n->graph->weights[i].name, e);
    }
  }
  const int64_t width = n->graph->nodes[0].width, stride = n->rows * width / most + 1;
  for (int64_t e = 0; e < n->rows * width && !net_has_ids(n); e += stride, at++) {
    if (fresh) differences[at] = central_difference(n, &n->input[e]);
    check_one(differences[at], (double)n->dout[0][e / width * node_ld(n, 0) + e % width], 3,
              text, "input", e);
  }
}

/* Leaves about a third of the concepts out, never all of a sequence. */
static void make_holes(net *n) {
  n->mask = zeros(n->rows, 1);
  for (int64_t r = 0; r < n->rows; r++)
    n->mask[r] = lnspi_random(5, 0, 0, (uint32_t)r) % 3 != 0;
  for (int64_t b = 0; b < n->batch; b++) n->mask[b * n->concepts + b % n->concepts] = 1;
}

static void check_with(const char *text, int64_t batch, int64_t concepts, int64_t most,
                       int holes) {
  net n;
  const lnspi_kernels *k;
  double *differences = zeros(200000, sizeof *differences);
  /* under an emulator or valgrind, fewer of the differences: they are the reference's work */
  if (check_light()) most = most / 12 + 1;
  float *first = NULL;
  int fresh = 1; /* the differences are not made yet */
  open_net(&n, text, batch, fitting(text, concepts));
  if (holes) make_holes(&n);
  for (int32_t set = 0; (k = lnspi_dispatch_at(set)) != NULL; set++) {
    const int32_t last = n.graph->node_count - 1;
    if (lnspi_dispatch_select(k->name, NULL) == NULL) continue;
    n.k = k;
    for (n.ld_extra = 0; n.ld_extra <= 16; n.ld_extra += 16) {
      const size_t bytes = (size_t)(rows_of(&n, last) * node_ld(&n, last)) * sizeof(float);
      run_forward(&n);
      ref_loss(&n);
      check_values(&n, text);
      if (n.ld_extra == 0 && !first) {
        first = zeros((int64_t)bytes, 1);
        memcpy(first, n.out[last], bytes);
      } else if (n.ld_extra == 0) {
        CHECK_SAY(!memcmp(first, n.out[last], bytes), "%s: %s gives other bits", text, k->name);
      }
      run_backward(&n, 1);
      check_gradients(&n, text, differences, fresh, most);
      fresh = 0;
    }
  }
  CHECK(!fresh);
  free(first);
  free(differences);
  close_net(&n);
}

static void check_text(const char *text, int64_t batch, int64_t concepts, int64_t most) {
  check_with(text, batch, concepts, most, 0);
}

/* ---- tests --------------------------------------------------------------- */

static const int64_t shapes[][2] = {{1, 1}, {3, 1}, {1, 2}, {2, 3}, {1, 7}};
#define SHAPES (int)(sizeof shapes / sizeof *shapes)

static void every_layer(void) {
  const lnspi_layer *layer;
  for (int32_t i = 0; (layer = lnspi_layer_at(i)) != NULL; i++) {
    CHECK_SAY(LAYER_EXAMPLES(layer)[0] != NULL || !layer->inputs_high,
              "layer %s has no example", layer->name);
    for (int32_t e = 0; LAYER_EXAMPLES(layer)[e]; e++)
      for (int s = 0; s < SHAPES; s++)
        check_text(LAYER_EXAMPLES(layer)[e], shapes[s][0], shapes[s][1], 150);
  }
}

static void every_architecture(void) {
  const lnspi_arch *arch;
  for (int32_t i = 0; (arch = lnspi_arch_at(i)) != NULL; i++)
    for (int32_t e = 0; ARCH_EXAMPLES(arch)[e]; e++) {
      void *memory;
      const lnsp_graph *graph = build(ARCH_EXAMPLES(arch)[e], &memory);
      const int small = graph && graph->parameter_count < 20000;
      free(memory);
      if (!small) continue;
      check_text(ARCH_EXAMPLES(arch)[e], 2, 1, 12);
      check_text(ARCH_EXAMPLES(arch)[e], 2, 3, 12);
    }
}

static void every_length_and_head_count(void) {
  char text[128];
  for (int heads = 1; heads <= 15; heads += 2)
    for (int64_t length = 1; length <= 7; length++) {
      if (15 % heads) continue;
      snprintf(text, sizeof text,
               "lnsp 1; x = input 15; y = attention x heads=%d w=a; output output=y", heads);
      check_text(text, 2, length, 40);
    }
}

/* A row's result is the same whatever stands in the other rows. */
static void rows_are_independent(void) {
  const lnspi_layer *layer;
  for (int32_t i = 0; (layer = lnspi_layer_at(i)) != NULL; i++)
    for (int32_t e = 0; LAYER_EXAMPLES(layer)[e]; e++)
      for (int64_t wanted = 1; wanted <= 4; wanted += 3) {
        const int64_t concepts = fitting(LAYER_EXAMPLES(layer)[e], wanted);
        net many, one;
        open_net(&many, LAYER_EXAMPLES(layer)[e], 5, concepts);
        open_net(&one, LAYER_EXAMPLES(layer)[e], 1, concepts);
        many.k = one.k = lnspi_dispatch_select(NULL, NULL);
        many.calm = one.calm = 1;
        run_forward(&many);
        run_backward(&many, 1);
        for (int64_t b = 0; b < 5; b++) {
          const int32_t last = many.graph->node_count - 1;
          const int64_t in = concepts * many.graph->nodes[0].width;
          const int64_t length = length_of(&many, last);
          const int64_t out = length * node_ld(&many, last);
          const int64_t count = length * many.graph->nodes[last].width;
          memcpy(one.input, many.input + b * in, (size_t)in * sizeof(double));
          memcpy(one.cotangent[0], many.cotangent[0] + b * count,
                 (size_t)count * sizeof(double));
          run_forward(&one);
          run_backward(&one, 1);
          CHECK_SAY(!memcmp(one.out[last], many.out[last] + b * out,
                            (size_t)out * sizeof(float)),
                    "%s: row %d differs alone", LAYER_EXAMPLES(layer)[e], (int)b);
          CHECK_SAY(!memcmp(one.dout[0], many.dout[0] + b * concepts * node_ld(&many, 0),
                            (size_t)(concepts * node_ld(&many, 0)) * sizeof(float)),
                    "%s: the gradient of row %d differs alone", LAYER_EXAMPLES(layer)[e],
                    (int)b);
        }
        close_net(&many);
        close_net(&one);
      }
}

/* q and k get no use with one concept, and their biases' gradients stay 0. */
static void one_concept_leaves_q_and_k(void) {
  net n;
  open_net(&n, "lnsp 1; x = input 12; y = attention x heads=3 w=a; output output=y", 3, 1);
  n.k = lnspi_dispatch_select(NULL, NULL);
  run_forward(&n);
  run_backward(&n, 1);
  CHECK_INT(n.part_used[0][0], 0);
  CHECK_INT(n.part_used[0][1], 0);
  CHECK_INT(n.part_used[0][2], 1);
  CHECK_INT(n.uses, 2);
  for (int64_t e = 0; e < 24; e++) CHECK(weight_gradient(&n, 1, e) == 0);
  CHECK(weight_gradient(&n, 1, 25) != 0);
  close_net(&n);
}

/* A key's bias moves all scores of a query alike: its gradient is exactly zero. */
static void key_bias_has_no_gradient(void) {
  net n;
  open_net(&n, "lnsp 1; x = input 12; y = attention x heads=3 w=a; output output=y", 2, 5);
  n.k = lnspi_dispatch_select(NULL, NULL);
  run_forward(&n);
  run_backward(&n, 1);
  CHECK_INT(n.uses, 4);
  for (int64_t e = 0; e < 12; e++) {
    CHECK(weight_gradient(&n, 1, e) != 0);
    CHECK(weight_gradient(&n, 1, 12 + e) == 0);
    CHECK(weight_gradient(&n, 1, 24 + e) != 0);
  }
  close_net(&n);
}

/* The layer's file itself, to reach its general path with one concept. */
#define lnspi_layer_attention tested_attention
extern const lnspi_layer tested_attention;
#include "graph/layers/attention.c"
#undef lnspi_layer_attention

/* Values that make the signs of zeros and tiny products count. */
static void make_delicate(net *n, int mode, int64_t d) {
  for (int64_t e = 0; e < 4 * d; e++) {
    if (mode == 0) n->input[e] = e % 5 == 0 ? -0.0 : e % 7 == 0 ? 1e-38 : n->input[e];
    if (mode != 0) n->input[e] = 1;
    if (mode == 0 && e % 4 == 0) n->cotangent[0][e] = -1e-38;
    if (mode == 2) n->cotangent[0][e] = -1e-31;
  }
  for (int64_t e = 0; e < d * d; e++) {
    double *v = &n->weight[0][2 * d * d + e];
    if (mode == 0 && e % 3 == 0) *v = -0.0;
    if (mode == 1) *v = -0.0; /* with the biases below: every v is -0 */
    if (mode == 2) *v = 1e-30; /* times tiny gradients: every product becomes -0 */
    if (mode != 0) n->weight[n->graph->nodes[1].slot[2]][e] = 1;
  }
  for (int32_t s = 1; s < 4 && mode == 1; s += 2)
    for (int64_t e = 0; n->graph->nodes[1].slot[s] >= 0 && e < (s == 1 ? 3 * d : d); e++)
      n->weight[n->graph->nodes[1].slot[s]][e] = -0.0;
  pack_state(n);
}

static void compare_general_path(int64_t d, int heads, int bias, int mode) {
  char text[128];
  net n;
  lnspi_call call;
  lnspi_need need;
  attention_parts p;
  float *saved, *out, *din, *scratch, *gradient;
  int64_t count;
  snprintf(text, sizeof text,
           "lnsp 1; x = input %d; y = attention x heads=%d w=a bias=%d; output output=y",
           (int)d, heads, bias);
  open_net(&n, text, 4, 1);
  n.k = lnspi_dispatch_select(NULL, NULL);
  make_delicate(&n, mode, d);
  run_forward(&n);
  run_backward(&n, 1);
  count = 4 * node_ld(&n, 1);
  saved = zeros(5 * count + 4 * heads, sizeof(float));
  out = zeros(count, sizeof(float));
  din = zeros(count, sizeof(float));
  scratch = zeros(64, sizeof(float));
  gradient = zeros(n.graph->state_floats, sizeof(float));
  fill_call(&n, 1, &call, &need);
  call.out = out;
  call.saved = saved;
  call.scratch = scratch;
  call.din[0] = din;
  call.dout = n.dout[1];
  if (bias) call.dweight[1] = gradient + n.graph->weights[1].offset;
  p = attention_open(&call);
  attention_project(&call, &p, 2, p.v);
  attention_mix(&call, &p);
  call.k->linear(call.weight[2], call.weight[3], p.o, p.ld, out, p.ld, 4, d, d);
  CHECK(!memcmp(out, n.out[1], (size_t)count * sizeof(float)));
  for (int64_t e = 0; e < 4 * heads; e++) CHECK(p.w[e] == 1.0f);
  call.k->linear_dx(call.weight[2], call.dout, p.ld, p.dq, p.ld, 4, d, d, 0, d, 1);
  attention_mix_backward(&call, &p);
  CHECK(!memcmp(din, n.dout[0], (size_t)count * sizeof(float)));
  for (int64_t e = 0; e < count; e++) CHECK(p.dq[e] == 0 && p.k[e] == 0);
  if (bias)
    CHECK(!memcmp(call.dweight[1], n.gradient + n.graph->weights[1].offset,
                  (size_t)n.graph->weights[1].floats * sizeof(float)));
  free(saved), free(out), free(din), free(scratch), free(gradient);
  close_net(&n);
}

static void one_concept_is_the_general_path(void) {
  for (int mode = 0; mode < 3; mode++)
    for (int bias = 0; bias <= 1; bias++) {
      compare_general_path(21, 7, bias, mode);
      compare_general_path(16, 4, bias, mode);
      compare_general_path(16, 1, bias, mode);
    }
}

/* Gradients that nobody wants are not made, and those wanted stay the same. */
static void parts_of_a_gradient(void) {
  const lnspi_layer *layer;
  for (int32_t i = 0; (layer = lnspi_layer_at(i)) != NULL; i++)
    for (int32_t skip = -1; skip < LNSPI_MAX_SLOTS; skip++) {
      net n;
      lnspi_call call;
      lnspi_need need;
      int32_t node, wanted = 0;
      float *gradient;
      if (!LAYER_EXAMPLES(layer)[0]) break;
      open_net(&n, LAYER_EXAMPLES(layer)[0], 2, fitting(LAYER_EXAMPLES(layer)[0], 3));
      n.k = lnspi_dispatch_select(NULL, NULL);
      run_forward(&n);
      run_backward(&n, 1);
      run_forward(&n); /* saved anew; dout stays from above */
      node = n.graph->node_count - 1;
      gradient = zeros(n.graph->state_floats, sizeof(float));
      n.dout[node] = zeros(rows_of(&n, node) * node_ld(&n, node), sizeof(float));
      for (int64_t r = 0; r < rows_of(&n, node); r++)
        for (int64_t e = 0; e < n.graph->nodes[node].width; e++)
          n.dout[node][r * node_ld(&n, node) + e] =
              (float)n.cotangent[0][r * n.graph->nodes[node].width + e];
      fill_call(&n, node, &call, &need);
      call.scratch = floats_with_guard(need.scratch_floats);
      call.dout = n.dout[node];
      for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
        if (s != skip && call.node->slot[s] >= 0 &&
            n.graph->weights[call.node->slot[s]].kind == LNSPI_FLAT) {
          call.dweight[s] = gradient + n.graph->weights[call.node->slot[s]].offset;
          wanted++;
        }
      layer->backward(&call); /* no din, no use */
      CHECK(guard_intact(call.scratch, need.scratch_floats));
      for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
        if (call.dweight[s]) {
          const lnspi_weight *w = &n.graph->weights[call.node->slot[s]];
          CHECK_SAY(!memcmp(call.dweight[s], n.gradient + w->offset,
                            (size_t)w->floats * sizeof(float)),
                    "%s: gradient %s changes without slot %d", layer->name, w->name, skip);
        }
      free(gradient);
      free(call.scratch);
      close_net(&n);
    }
}

static void masks_with_holes(void) {
  const lnspi_layer *layer;
  for (int32_t i = 0; (layer = lnspi_layer_at(i)) != NULL; i++)
    for (int32_t e = 0; layer->masks == LNSPI_MASKS && LAYER_EXAMPLES(layer)[e]; e++) {
      check_with(LAYER_EXAMPLES(layer)[e], 3, 2, 150, 1);
      check_with(LAYER_EXAMPLES(layer)[e], 2, 7, 150, 1);
    }
}

static int32_t readers_of(const lnsp_graph *graph, int32_t weight) {
  int32_t count = 0;
  for (int32_t i = 0; i < graph->node_count; i++)
    for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++) count += graph->nodes[i].slot[s] == weight;
  return count;
}

/* Asked again, as clip_each does, a layer gives the gradients of its small tensors once
 * more. */
static void small_gradients_again(void) {
  const lnspi_layer *layer;
  for (int32_t i = 0; (layer = lnspi_layer_at(i)) != NULL; i++)
    for (int32_t e = 0; LAYER_EXAMPLES(layer)[e] && !layer->no_dweight_only; e++) {
      net n;
      lnspi_call call;
      lnspi_need need;
      open_net(&n, LAYER_EXAMPLES(layer)[e], 2, fitting(LAYER_EXAMPLES(layer)[e], 3));
      n.k = lnspi_dispatch_select(NULL, NULL);
      run_forward(&n);
      run_backward(&n, 1);
      float *gradient = zeros(n.graph->state_floats, sizeof(float));
      for (int32_t node = n.graph->node_count - 1; node > 0; node--) {
        fill_call(&n, node, &call, &need);
        call.scratch = floats_with_guard(need.scratch_floats);
        call.dout = n.dout[node];
        call.dweight_only = 1;
        for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
          if (call.node->slot[s] >= 0 &&
              n.graph->weights[call.node->slot[s]].kind == LNSPI_FLAT)
            call.dweight[s] = gradient + n.graph->weights[call.node->slot[s]].offset;
        lnspi_layer_at(call.node->layer)->backward(&call);
        CHECK(guard_intact(call.scratch, need.scratch_floats));
        free(call.scratch);
      }
      for (int32_t w = 0; w < n.graph->weight_count; w++) {
        const lnspi_weight *weight = &n.graph->weights[w];
        if (weight->kind != LNSPI_FLAT || readers_of(n.graph, w) != 1) continue;
        CHECK_SAY(!memcmp(gradient + weight->offset, n.gradient + weight->offset,
                          (size_t)weight->floats * sizeof(float)),
                  "%s: the gradient of %s is another one the second time",
                  LAYER_EXAMPLES(layer)[e], weight->name);
      }
      free(gradient);
      close_net(&n);
    }
}

/* Padding behind a sequence changes no bits of what stands before it. */
static void compare_padded(const char *text, int64_t batch, int64_t concepts, int64_t more) {
  net whole, padded;
  open_net(&whole, text, batch, concepts);
  open_net(&padded, text, batch, concepts + more);
  const int64_t in = whole.graph->nodes[0].width;
  const int32_t last = whole.graph->node_count - 1;
  const int64_t width = whole.graph->nodes[last].width, ld = node_ld(&whole, last);
  const int64_t length = length_of(&whole, last), longer = length_of(&padded, last);
  padded.mask = zeros(batch * (concepts + more), 1);
  for (int64_t b = 0; b < batch; b++) {
    memset(padded.mask + b * (concepts + more), 1, (size_t)concepts);
    memcpy(padded.input + b * (concepts + more) * in, whole.input + b * concepts * in,
           (size_t)(concepts * in) * sizeof(double));
    memset(padded.cotangent[0] + b * longer * width, 0,
           (size_t)(longer * width) * sizeof(double));
    memcpy(padded.cotangent[0] + b * longer * width, whole.cotangent[0] + b * length * width,
           (size_t)(length * width) * sizeof(double));
  }
  whole.k = padded.k = lnspi_dispatch_select(NULL, NULL);
  run_forward(&whole);
  run_forward(&padded);
  run_backward(&whole, 1);
  run_backward(&padded, 1);
  for (int64_t b = 0; b < batch; b++) {
    CHECK_SAY(!memcmp(whole.out[last] + b * length * ld, padded.out[last] + b * longer * ld,
                      (size_t)(length * ld) * sizeof(float)),
              "%s: %d concepts of padding change the output", text, (int)more);
    CHECK_SAY(!memcmp(whole.dout[0] + b * concepts * node_ld(&whole, 0),
                      padded.dout[0] + b * (concepts + more) * node_ld(&whole, 0),
                      (size_t)(concepts * node_ld(&whole, 0)) * sizeof(float)),
              "%s: %d concepts of padding change the gradient", text, (int)more);
  }
  close_net(&whole);
  close_net(&padded);
}

static void padding_changes_no_bits(void) {
  const lnspi_layer *layer;
  for (int32_t i = 0; (layer = lnspi_layer_at(i)) != NULL; i++)
    for (int32_t e = 0; layer->masks == LNSPI_MASKS && LAYER_EXAMPLES(layer)[e]; e++)
      for (int64_t more = 1; more <= 20; more += 19) {
        const int64_t concepts = fitting(LAYER_EXAMPLES(layer)[e], 3);
        if (fitting(LAYER_EXAMPLES(layer)[e], 1) == 1 && /* not in chunks */
            fitting(LAYER_EXAMPLES(layer)[e], concepts + more) == concepts + more)
          compare_padded(LAYER_EXAMPLES(layer)[e], 2, concepts, more);
      }
}

/* Zero rows: no NaN where the reference has none. */
static void zero_rows(void) {
  static const char *const texts[] =
      {"lnsp 1; x = input 20; y = l2norm x; output output=y",
       "lnsp 1; x = input 20; y = layernorm x w=n; output output=y",
       "lnsp 1; x = input 20; y = attention x heads=2 w=n; output output=y", NULL};
  for (int t = 0; texts[t]; t++) {
    net n;
    open_net(&n, texts[t], 2, 2);
    memset(n.input, 0, 4 * 20 * sizeof(double));
    n.k = lnspi_dispatch_select(NULL, NULL);
    run_forward(&n);
    run_backward(&n, 1);
    for (int64_t e = 0; e < n.rows * node_ld(&n, 1); e++)
      CHECK(isfinite(n.out[1][e]) && isfinite(n.dout[0][e]));
    close_net(&n);
  }
}

/* A bigger call needs at least as much as a smaller one. */
static void needs_grow(void) {
  const lnspi_layer *layer;
  for (int32_t i = 0; (layer = lnspi_layer_at(i)) != NULL; i++)
    for (int32_t e = 0; LAYER_EXAMPLES(layer)[e]; e++) {
      void *memory;
      const lnsp_graph *graph = build(LAYER_EXAMPLES(layer)[e], &memory);
      const lnspi_node *node = &graph->nodes[graph->node_count - 1];
      const int64_t step = graph->concepts_step;
      for (int64_t b = 1; b <= 4; b++)
        for (int64_t c = step; c <= 8 * step; c += step) {
          const lnspi_extent small_extent = lnspi_layer_extent(graph, node, b, c);
          const lnspi_extent large_extent = lnspi_layer_extent(graph, node, b + 1, c);
          const lnspi_extent longer_extent = lnspi_layer_extent(graph, node, b, c + step);
          const lnspi_need small = lnspi_layer_need(&small_extent);
          const lnspi_need large = lnspi_layer_need(&large_extent);
          const lnspi_need longer = lnspi_layer_need(&longer_extent);
          CHECK(small.saved_floats <= large.saved_floats &&
                small.saved_floats <= longer.saved_floats);
          CHECK(small.scratch_floats <= large.scratch_floats &&
                small.scratch_floats <= longer.scratch_floats);
          CHECK(small.uses <= large.uses && small.uses <= longer.uses);
        }
      free(memory);
    }
}

int main(void) {
  RUN(every_layer);
  RUN(every_architecture);
  RUN(every_length_and_head_count);
  RUN(rows_are_independent);
  RUN(one_concept_leaves_q_and_k);
  RUN(key_bias_has_no_gradient);
  RUN(one_concept_is_the_general_path);
  RUN(parts_of_a_gradient);
  RUN(small_gradients_again);
  RUN(masks_with_holes);
  RUN(padding_changes_no_bits);
  RUN(zero_rows);
  RUN(needs_grow);
  FINISH();
}
