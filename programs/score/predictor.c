/* What predicts the next concept of a context: a model, or a baseline without one. */
#include "score/predictor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "command.h"
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

static int predictor_lambda(const args *a, const char *text, predictor *p) {
  char *end = NULL;
  p->kind = PREDICTOR_RIDGE;
  p->lambda = *text ? strtod(text + 1, &end) : 1;
  if (*text &&
      (*text != '=' || end == text + 1 || *end || !(p->lambda > 0) || !isfinite(p->lambda)))
    return refuse_usage(a, "the baseline ridge%s needs a positive number, e.g. ridge=1", text);
  return 0;
}

int predictor_baseline(const args *a, const char *text, uint64_t seed, predictor *p) {
  memset(p, 0, sizeof *p);
  p->name = text;
  p->random = seed;
  if (!strcmp(text, "copy-last"))
    p->kind = PREDICTOR_LAST;
  else if (!strcmp(text, "mean"))
    p->kind = PREDICTOR_MEAN;
  else if (!strncmp(text, "weighted=", 9))
    p->kind = PREDICTOR_WEIGHTED;
  else if (!strcmp(text, "random"))
    p->kind = PREDICTOR_RANDOM;
  else if (!strcmp(text, "train-mean"))
    p->kind = PREDICTOR_TRAIN_MEAN;
  else if (!strncmp(text, "ridge", 5))
    return predictor_lambda(a, text + 5, p);
  else
    return refuse_usage(a,
                        "there is no baseline \"%s\"; it can be copy-last, mean, "
                        "weighted=NUMBERS, random, train-mean or ridge=LAMBDA",
                        text);
  if (p->kind == PREDICTOR_WEIGHTED) {
    const char *numbers = text + 9;
    const char *at = numbers;
    char *end;

    while (*at && p->weight_count < PREDICTOR_WEIGHTS) {
      const double w = strtod(at, &end);
      if (end == at || !isfinite(w) || (*end && (*end != ',' || !end[1]))) break;
      p->weights[p->weight_count++] = w;
      at = *end ? end + 1 : end;
    }
    if (*at || !p->weight_count)
      return refuse_usage(a,
                          "the baseline weighted=%s needs up to %d numbers with commas between "
                          "them, one for each concept of a context, e.g. .05,.1,.15,.25,.45",
                          numbers, PREDICTOR_WEIGHTS);
    return 0;
  }
  return 0;
}

int predictor_model(const args *a, const char *path, const char *output, predictor *p) {
  const lnsp_graph *graph;
  lnsp_tensor of;
  lnsp_error error;
  int32_t i;
  int status;

  memset(p, 0, sizeof *p);
  p->name = path;
  p->output = output ? output : "output";
  p->kind = PREDICTOR_MODEL;
  status = model_load(a, path, &p->model);
  if (status) return status;
  graph = lnsp_model_graph(p->model);
  for (i = 0; i < lnsp_graph_output_count(graph) && !p->width; i++)
    if (!lnsp_graph_output_at(graph, i, &of, &error) && !strcmp(of.name, p->output))
      p->width = of.dims[0];
  if (!p->width) {
    status = refuse(a, "%s has no output \"%s\"; `lnsp info %s` lists its outputs", path,
                    p->output, path);
    predictor_close(p);
  }
  return status;
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

int predictor_ready(const args *a, predictor *p, int64_t batch, int64_t concepts,
                    int64_t width) {
  const lnsp_options library = args_run_options(a);
  const lnsp_size_options limits = model_size_options(batch, concepts);
  lnsp_error error;

  p->batch = batch;
  if (p->kind == PREDICTOR_WEIGHTED && p->weight_count != concepts)
    return refuse(a, "the baseline %s has %d numbers, but a context here has %lld concepts",
                  p->name, p->weight_count, (long long)concepts);
  if (predictor_fits(p) && (p->fitted_out != width ||
                            (p->kind == PREDICTOR_RIDGE && p->fitted_in != concepts * width)))
    return refuse(
        a,
        "the baseline %s was fitted to predict %lld numbers from %lld, but the data have %lld "
        "and %lld",
        p->name, (long long)p->fitted_out, (long long)p->fitted_in, (long long)width,
        (long long)(concepts * width));
  if (p->kind != PREDICTOR_MODEL && concepts > PREDICTOR_CONCEPTS)
    return refuse(a, "the baseline %s takes contexts of up to %d concepts", p->name,
                  PREDICTOR_CONCEPTS);
  if (p->kind != PREDICTOR_MODEL) {
    p->width = width;
    return 0;
  }
  lnsp_session_destroy(p->session);
  p->session = NULL;
  if (lnsp_session_create(p->model, &limits, &library, &p->session, &error))
    return refuse_error(a, p->name, &error);
  return 0;
}

/* About normal: the sum of 12 uniform numbers, less 6, the same on every machine. */
static double predictor_normal(uint64_t *state) {
  double sum = -6;
  int i;
  for (i = 0; i < 12; i++) sum += random_uniform(state);
  return sum;
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
    if (p->kind == PREDICTOR_RANDOM) sum = predictor_normal(&p->random);
    for (c = 0; p->kind != PREDICTOR_RANDOM && c < concepts; c++)
      sum += weights[c] * (double)x[c * width + i];
    out[i] = (float)sum;
  }
  if (p->kind == PREDICTOR_RANDOM) lnsp_metrics_normalize(out, 1, width, 0);
}

int predictor_run(const args *a, predictor *p, const lnsp_tensor *input, lnsp_tensor *out,
                  int64_t first) {
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
        return refuse(a,
                      "%s gives a vector for each concept of a context, and one for all is "
                      "needed; end its text with a layer that joins them, as last or mean",
                      p->name);
    if (lnsp_session_run(p->session, inputs, p->mask ? 2 : 1, out, 1, &error))
      return refuse_batch(a, p->name, first, &error);
    return 0;
  }
  if (input->dtype != LNSP_F32)
    return refuse(a, "the baseline %s needs contexts of vectors, not ids", p->name);
  if (p->mask && out->rank == 2) keep = p->mask->data;
  if (keep && (p->kind == PREDICTOR_WEIGHTED || p->kind == PREDICTOR_RIDGE))
    return refuse(a, "the baseline %s has no rule for masks; leave it out", p->name);
  for (r = 0; r < contexts; r++)
    predictor_row(p, (const float *)input->data + r * concepts * width,
                  keep ? keep + r * concepts : NULL, concepts, width,
                  (float *)out->data + r * width);
  return 0;
}

void predictor_close(predictor *p) {
  if (p->model) /* a borrowed session is not ours */
    lnsp_session_destroy(p->session);
  lnsp_model_destroy(p->model);
  free(p->fitted);
  memset(p, 0, sizeof *p);
}
