/* Predicts the next concept of a context: a model, or a baseline without one. */
#include "score/predictor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/model.h"
#include "data/random.h"
#include "lnsp.h"

#define PREDICTOR_CONCEPTS 4096

enum {
  PREDICTOR_MODEL,
  PREDICTOR_LAST,
  PREDICTOR_MEAN,
  PREDICTOR_WEIGHTED,
  PREDICTOR_RANDOM,
  PREDICTOR_TRAIN_MEAN,
  PREDICTOR_RIDGE
};

void predictor_baseline(const char *text, uint64_t seed, predictor *p) {
  static const struct {
    const char *name;
    int kind;
  } plain[] = {{"copy-last", PREDICTOR_LAST},
               {"mean", PREDICTOR_MEAN},
               {"random", PREDICTOR_RANDOM},
               {"train-mean", PREDICTOR_TRAIN_MEAN}};
  const char *at;
  char *end = NULL;
  size_t i;

  memset(p, 0, sizeof *p);
  p->name = text;
  p->random = seed;
  for (i = 0; i < sizeof plain / sizeof plain[0]; i++)
    if (!strcmp(text, plain[i].name)) {
      p->kind = plain[i].kind;
      return;
    }
  if (!strncmp(text, "weighted=", 9)) {
    p->kind = PREDICTOR_WEIGHTED;
    for (at = text + 9; *at && p->weight_count < PREDICTOR_WEIGHTS; at = *end ? end + 1 : end) {
      const double w = strtod(at, &end);
      if (end == at || !isfinite(w) || (*end && (*end != ',' || !end[1]))) break;
      p->weights[p->weight_count++] = w;
    }
    if (*at || !p->weight_count)
      refuse_usage(
          "the baseline %s needs 1 to %d numbers with commas between them, one for each "
          "concept of a context: write weighted=.1,.2,.7 or the like",
          text, PREDICTOR_WEIGHTS);
  } else if (!strncmp(text, "ridge", 5)) {
    p->kind = PREDICTOR_RIDGE;
    p->lambda = text[5] ? strtod(text + 6, &end) : 1;
    if (text[5] &&
        (text[5] != '=' || end == text + 6 || *end || !(p->lambda > 0) || !isfinite(p->lambda)))
      refuse_usage("the baseline %s needs a positive number: write ridge=1 or the like", text);
  } else
    refuse_usage("there is no baseline '%s': give copy-last, mean, weighted=NUMBERS, random, "
                 "train-mean or ridge=LAMBDA",
                 text);
}

void predictor_model(const args *a, const char *path, const char *output, predictor *p) {
  const lnsp_graph *graph;
  lnsp_tensor of;
  int32_t i;

  memset(p, 0, sizeof *p);
  p->name = path;
  p->output = output;
  p->kind = PREDICTOR_MODEL;
  p->model = model_load(a, path);
  graph = lnsp_model_graph(p->model);
  for (i = 0; i < lnsp_graph_output_count(graph) && !p->width; i++)
    if (!lnsp_graph_output_at(graph, i, &of, NULL) && !strcmp(of.name, p->output))
      p->width = of.dims[0];
  if (!p->width)
    refuse("'%s' has no output '%s': choose another with --on; `lnsp info %s` lists them", path,
           p->output, path);
}

void predictor_borrow(predictor *p, lnsp_session *session, int64_t batch) {
  memset(p, 0, sizeof *p);
  p->kind = PREDICTOR_MODEL;
  p->output = "output";
  p->session = session;
  p->batch = batch;
}

int predictor_fits(const predictor *p) {
  return p->kind == PREDICTOR_TRAIN_MEAN || p->kind == PREDICTOR_RIDGE;
}

void predictor_ready(const args *a, predictor *p, int64_t batch, int64_t concepts,
                     int64_t width) {
  const lnsp_options library = args_run_options(a);
  const lnsp_size_options limits = model_size_options(batch, concepts);
  lnsp_error error;

  p->batch = batch;
  if (p->kind == PREDICTOR_WEIGHTED && p->weight_count != concepts)
    refuse("the baseline %s has %d numbers, but a context has %lld concepts: give one number "
           "for each",
           p->name, p->weight_count, (long long)concepts);
  if (predictor_fits(p) && (p->fitted_out != width ||
                            (p->kind == PREDICTOR_RIDGE && p->fitted_in != concepts * width)))
    refuse("the baseline %s was fitted to predict %lld numbers from %lld, but the data ask for "
           "%lld from %lld: fit it to rows of the same shape",
           p->name, (long long)p->fitted_out, (long long)p->fitted_in, (long long)width,
           (long long)(concepts * width));
  if (p->kind != PREDICTOR_MODEL && concepts > PREDICTOR_CONCEPTS)
    refuse("the baseline %s takes contexts of up to %d concepts: choose fewer columns", p->name,
           PREDICTOR_CONCEPTS);
  if (p->kind != PREDICTOR_MODEL) {
    p->width = width;
    return;
  }
  const lnsp_graph *graph = lnsp_model_graph(p->model);
  const int64_t reads = lnsp_graph_input_width(graph);
  if (width && reads != width && !strcmp(lnsp_graph_input_name(graph, NULL), "input"))
    refuse("'%s' reads vectors of width %lld, but the data have width %lld: choose other data "
           "or another model",
           p->name, (long long)reads, (long long)width);
  lnsp_session_destroy(p->session);
  p->session = NULL;
  refuse_if(lnsp_session_create(p->model, &limits, &library, &p->session, &error), p->name,
            &error);
}

/* The weight of concept c; keep: NULL, or 0 for each that is padding. */
static double predictor_weight(const predictor *p, const int64_t *keep, int64_t c,
                               int64_t concepts) {
  int64_t i, kept = 0, last = 0;

  if (p->kind == PREDICTOR_WEIGHTED) return p->weights[c];
  for (i = 0; i < concepts; i++)
    if (!keep || keep[i]) {
      kept++;
      last = i;
    }
  if (p->kind == PREDICTOR_LAST) return c == last;
  return keep && !keep[c] ? 0 : 1 / (double)kept;
}

static void predictor_row(predictor *p, const float *x, const int64_t *keep, int64_t concepts,
                          int64_t width, float *out) {
  double weights[PREDICTOR_CONCEPTS];
  int64_t c, i;
  if (p->kind == PREDICTOR_RIDGE) {
    /* x W, summed over the context's numbers in order. */
    int64_t k, j;
    memset(out, 0, (size_t)p->fitted_out * sizeof *out);
    for (k = 0; k < p->fitted_in; k++)
      for (j = 0; j < p->fitted_out; j++) out[j] += x[k] * p->fitted[k * p->fitted_out + j];
    return;
  }
  if (p->kind == PREDICTOR_TRAIN_MEAN) {
    memcpy(out, p->fitted, (size_t)width * sizeof *out);
    return;
  }
  for (c = 0; c < concepts && p->kind != PREDICTOR_RANDOM; c++)
    weights[c] = predictor_weight(p, keep, c, concepts);
  for (i = 0; i < width; i++) {
    double sum = 0;
    /* about normal: 12 uniform numbers, less 6, the same on every machine */
    if (p->kind == PREDICTOR_RANDOM)
      for (c = 0, sum = -6; c < 12; c++) sum += random_uniform(&p->random);
    for (c = 0; p->kind != PREDICTOR_RANDOM && c < concepts; c++)
      sum += weights[c] * (double)x[c * width + i];
    out[i] = (float)sum;
  }
  if (p->kind == PREDICTOR_RANDOM) lnsp_metrics_normalize(out, 1, width, 0);
}

void predictor_run(predictor *p, const lnsp_tensor *input, lnsp_tensor *out, int64_t first) {
  const int64_t width = input->dims[input->rank - 1], rows = input->dims[0];
  /* where the output is a vector for each concept, each is its own context */
  const int64_t concepts = out->rank == 3 || input->rank == 2 ? 1 : input->dims[1];
  const int64_t contexts = out->rank == 3 ? rows * input->dims[1] : rows;
  const int64_t *keep = NULL;
  lnsp_error error;
  int64_t r;

  if (p->kind == PREDICTOR_MODEL) {
    const lnsp_tensor inputs[2] = {*input, p->mask ? *p->mask : *input};
    out->name = p->output;
    /* a network that joins no sequence, where one vector a context is wanted */
    const lnsp_graph *graph = p->model ? lnsp_model_graph(p->model) : NULL;
    lnsp_tensor shape;
    int32_t i;
    for (i = 0; graph && out->rank == 2 && i < lnsp_graph_output_count(graph); i++)
      if (!lnsp_graph_output_shape(graph, i, input, &shape, &error) &&
          !strcmp(shape.name, out->name) && shape.rank == 3)
        refuse("'%s' gives a vector for each concept of a context, but one for all is needed: "
               "end its architecture with a layer that joins them, such as last or mean",
               p->name);
    refuse_batch_if(lnsp_session_run(p->session, inputs, p->mask ? 2 : 1, out, 1, &error),
                    p->name, first, &error);
    return;
  }
  if (input->dtype != LNSP_F32)
    refuse("the baseline %s needs contexts of vectors, not of ids: leave it out", p->name);
  if (p->mask && out->rank == 2) keep = p->mask->data;
  if (keep && (p->kind == PREDICTOR_WEIGHTED || p->kind == PREDICTOR_RIDGE))
    refuse("the baseline %s cannot handle a mask: leave the baseline or the mask out", p->name);
  for (r = 0; r < contexts; r++)
    predictor_row(p, (const float *)input->data + r * concepts * width,
                  keep ? keep + r * concepts : NULL, concepts, width,
                  (float *)out->data + r * width);
}

void predictor_close(predictor *p) {
  if (p->model) /* a borrowed session is not ours */
    lnsp_session_destroy(p->session);
  lnsp_model_destroy(p->model);
  free(p->fitted);
  memset(p, 0, sizeof *p);
}
