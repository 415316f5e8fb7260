/* Recurrent networks whole: sizes of fresh ones, padding, one step, and gradients that are
 * clipped example by example. */
#include "support.h"
#include "graph/graph.h"
#include "run/model.h"
#include "train/trainer.h"

#define ROWS 4
#define MOST 4096

static lnsp_trainer *open(const char *text, const char *optimizer, int32_t concepts) {
  lnsp_size_options limits = {sizeof limits, ROWS, concepts, 0, 0, 0, 0};
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  CHECK_OK(lnsp_model_create(text, 3, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, "mse", optimizer, &limits, NULL, &t, &support_error));
  lnsp_model_destroy(model);
  return t;
}

/* ---- sizes --------------------------------------------------------------- */

static void fresh_networks_have_their_size(void) {
  static const struct {
    const char *text;
    int64_t parameters;
  } nets[] = {
      {"gru", 7095552},
      {"lstm", 5120768},
      {"lstm_stack", 9196800},
      {"lstm_mlp", 5384448},
      {"lstm d=1024 head=relu", 17581824},
      {"gru_prenorm", 7359232},
      {"latent784", 5006608},
      {"hierarchical_gru", 8602112},
      {"memory_gru", 11292160},
  };
  for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
    lnsp_graph *graph = NULL;
    CHECK_OK(lnsp_graph_create(nets[i].text, NULL, &graph, &support_error));
    CHECK_INT(lnsp_graph_parameter_count(graph), nets[i].parameters);
    lnsp_graph_destroy(graph);
  }
}

/* ---- clipping by example ------------------------------------------------- */

typedef struct sample {
  float in[ROWS * 6 * 8], target[ROWS * 6 * 16];
  lnsp_tensor tensors[2];
} sample;

/* Rows from first on, of concepts vectors, and a target of every one-th row. */
static void sample_make(sample *s, const lnsp_graph *g, int64_t first, int64_t rows,
                        int64_t concepts) {
  const lnspi_node *out = &g->nodes[g->outputs[0].node];
  const int64_t in = g->nodes[0].width,
                length = lnspi_graph_rows(g, g->outputs[0].node, concepts);
  support_fill(s->in, sizeof s->in / sizeof *s->in, 1);
  support_fill(s->target, sizeof s->target / sizeof *s->target, 2);
  s->tensors[0] =
      lnsp_tensor_f32("input", s->in + first * concepts * in, 3, rows, concepts, in);
  s->tensors[1] =
      lnsp_tensor_f32("target", s->target + first * length * out->width, out->every ? 3 : 2,
                      rows, out->every ? length : out->width, out->width);
}

static double gradients(lnsp_trainer *t, float *to) {
  double square = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *w = &t->graph->weights[i];
    memset(to, 0, (size_t)w->count * sizeof *to);
    if (t->grad.touched[i])
      CHECK_OK(lnsp_trainer_gradient(t, w->name, to, w->count, &support_error));
    for (int64_t e = 0; e < w->count; e++) square += (double)to[e] * (double)to[e];
    to += w->count;
  }
  return sqrt(square);
}

static void check_clipping(const char *text, int64_t concepts) {
  static float one[MOST], all[MOST];
  static double sum[MOST];
  lnsp_trainer *plain = open(text, "sgd", 6), *t = open(text, "sgd clip_each=.02", 6);
  int64_t total = 0;
  int clipped = 0;
  sample s;
  for (int32_t i = 0; i < t->graph->weight_count; i++) total += t->graph->weights[i].count;
  CHECK(total <= MOST);
  memset(sum, 0, sizeof sum);
  for (int64_t r = 0; r < ROWS; r++) {
    sample_make(&s, t->graph, r, 1, concepts);
    CHECK_OK(lnsp_trainer_compute_gradients(plain, s.tensors, 2, NULL, &support_error));
    const double norm = gradients(plain, one), factor = norm > .02 ? .02 / norm : 1;
    clipped += norm > .02;
    for (int64_t e = 0; e < total; e++) sum[e] += factor * (double)one[e] / ROWS;
  }
  CHECK_SAY(clipped > 0, "%s: nothing was clipped", text);
  sample_make(&s, t->graph, 0, ROWS, concepts);
  CHECK_OK(lnsp_trainer_compute_gradients(t, s.tensors, 2, NULL, &support_error));
  gradients(t, all);
  for (int64_t e = 0; e < total; e++)
    CHECK_SAY(fabs((double)all[e] - sum[e]) < 2e-7, "%s: element %d is %g, expected %g", text,
              (int)e, (double)all[e], sum[e]);
  lnsp_trainer_destroy(plain);
  lnsp_trainer_destroy(t);
}

static void examples_are_clipped_each(void) {
  static const char *const texts[] =
      {"lnsp 1; x = input 8; y = gru x 6 w=a; y = gru y 7 w=a layer=1; output output=y",
       "lnsp 1; x = input 8; y = lstm x 6 w=a; y = lstm y 7 w=a layer=1; output output=y",
       "lnsp 1; x = input 8; y = gru x 6 w=a chunk=2; y = last y chunk=2; y = lstm y 5 w=b;"
       "y = last y; output output=y",
       "lnsp 1; x = input 8; y = gru x 6 w=a; y = last y; y = memory_read y 5 7 w=m;"
       "y = linear y 9 w=l; output output=y",
       "memory_gru in=8 d=6 slots=5 layers=1",
       "lnsp 1; x = input 8; h = gru_classic x 6 w=a; l = last h; y = gru_classic h l 6 w=b;"
       " output output=y",
       NULL};
  for (int i = 0; texts[i]; i++) {
    check_clipping(texts[i], 4);
    check_clipping(texts[i], i == 2 ? 6 : 1);
  }
}

/* ---- the memory's gate --------------------------------------------------- */

/* Neither decay nor moments move what no gradient reaches. */
static void the_write_gate_stays(void) {
  static float before[MOST], after[MOST];
  static const char *const still[] = {"memory.memory", "memory.write_gate.weight",
                                      "memory.write_gate.bias", NULL};
  lnsp_trainer *t =
      open("memory_gru in=8 d=6 slots=5 layers=2", "adamw lr=.1 weight_decay=.1", 4);
  sample s;
  sample_make(&s, t->graph, 0, ROWS, 4);
  for (int i = 0; still[i]; i++) {
    const int32_t w = lnspi_graph_find_weight(t->graph, still[i]);
    const size_t bytes = (size_t)t->graph->weights[w].bytes;
    memcpy(before, (const uint8_t *)t->state + t->graph->weights[w].at, bytes);
    CHECK_OK(lnsp_trainer_step(t, s.tensors, 2, NULL, &support_error));
    memcpy(after, (const uint8_t *)t->state + t->graph->weights[w].at, bytes);
    CHECK_SAY(!memcmp(before, after, bytes), "%s moved", still[i]);
  }
  lnsp_trainer_destroy(t);
}

/* With write=1 the memory moves, and going back takes that back, too. */
static void writes_are_undone(void) {
  static const char text[] = "memory_gru in=8 d=6 slots=5 layers=1 write=1";
  lnsp_size_options limits = {sizeof limits, ROWS, 4, 1, 0, 0, 0};
  uint8_t before[32], after[32], again[32];
  float memory[5 * 8];
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  sample s;
  CHECK_OK(lnsp_model_create(text, 3, NULL, &model, &support_error));
  CHECK_REFUSED(lnsp_trainer_create(model, "mse", "sgd clip_each=1", &limits, NULL, &t,
                                    &support_error),
                LNSP_E_UNSUPPORTED);
  CHECK_OK(lnsp_trainer_create(model, "mse", "adamw", &limits, NULL, &t, &support_error));
  lnsp_model_destroy(model);
  sample_make(&s, t->graph, 0, ROWS, 4);
  const int32_t w = lnspi_graph_find_weight(t->graph, "memory.memory");
  const float *live = t->state + t->graph->weights[w].at / 4;
  memcpy(memory, live, sizeof memory);
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, before, &support_error));
  CHECK_OK(lnsp_trainer_mark(t, &support_error));
  CHECK_OK(lnsp_trainer_compute_gradients(t, s.tensors, 2, NULL, &support_error));
  CHECK(!memcmp(memory, live, sizeof memory));
  CHECK_OK(lnsp_trainer_apply(t, &support_error));
  for (int i = 0; i < 5 * 8; i++) CHECK(memory[i] != live[i]);
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, after, &support_error));
  CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, again, &support_error));
  CHECK(!memcmp(before, again, 32) && memcmp(before, after, 32));
  CHECK_OK(lnsp_trainer_step(t, s.tensors, 2, NULL, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, again, &support_error));
  CHECK(!memcmp(after, again, 32));
  lnsp_trainer_destroy(t);
}

/* ---- refusals ------------------------------------------------------------ */

static void texts_are_refused(void) {
  static const char *const texts[] =
      {"lnsp 1; x = input 8; y = gru x w=a; output output=y",
       "lnsp 1; x = input 8; y = gru x 0 w=a; output output=y",
       "lnsp 1; x = input 8; y = gru x 30000 w=a; output output=y",
       "lnsp 1; x = input 8; y = lstm x 16385 w=a; output output=y",
       "lnsp 1; x = input 8; y = gru x 4; output output=y",
       "lnsp 1; x = input 8; y = gru x 4 w=a chunk=-1; output output=y",
       "lnsp 1; x = input 8; h = last x; y = gru h 4 w=a chunk=3; output output=y",
       "lnsp 1; x = input 8; y = gru x 4 w=a; y = gru y 4 w=a; output output=y",
       "lnsp 1; x = input 8; y = gru_classic x x 8 w=a; output output=y",
       "lnsp 1; x = input 8; h = last x; y = gru_classic x h 7 w=a; output output=y",
       "lnsp 1; x = input 8; y = memory_read x 5 w=m; output output=y",
       "lnsp 1; x = input 8; y = memory_read x 5 6 w=m zero=-2; output output=y",
       "gru layers=0",
       "gru d=70000",
       "lstm head=two",
       "hierarchical_gru chunk=0",
       "memory_gru slots=0",
       NULL};
  for (int i = 0; texts[i]; i++) {
    lnsp_graph *graph = NULL;
    CHECK_SAY(lnsp_graph_create(texts[i], NULL, &graph, &support_error) != LNSP_OK,
              "%s is taken", texts[i]);
    CHECK(graph == NULL);
  }
}

int main(void) {
  RUN(fresh_networks_have_their_size);
  RUN(examples_are_clipped_each);
  RUN(the_write_gate_stays);
  RUN(writes_are_undone);
  RUN(texts_are_refused);
  FINISH();
}
