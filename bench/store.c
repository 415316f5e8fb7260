/* Times of a store of a trainer's states in a file. */
#define _POSIX_C_SOURCE 200809L
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lnsp.h"

#define STORE_ROLLBACKS 5

typedef struct store_work {
  lnsp_model *model;
  lnsp_trainer *trainer;
  lnsp_store *store;
  float *vector;
  int64_t width;
  double commit_ms;
  int made; /* the file is ours to remove */
} store_work;

static double store_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* Room for all versions whole, in each of the two banks. */
static int32_t store_make(store_work *w, const char *model, const char *path, int versions,
                          lnsp_error *error) {
  lnsp_store_options settings = LNSP_STORE_OPTIONS_INIT;
  int32_t status = lnsp_model_open(model, NULL, &w->model, error);
  if (!status)
    status =
        lnsp_trainer_create(w->model, "cosine", "adam lr=1e-3", NULL, NULL, &w->trainer, error);
  if (status) return status;
  w->width = lnsp_graph_input_width(lnsp_model_graph(w->model));
  w->vector = malloc((size_t)w->width * sizeof *w->vector);
  if (!w->vector) {
    snprintf(error->message, sizeof error->message, "out of memory");
    return LNSP_E_MEMORY;
  }
  settings.size_bytes = (uint64_t)(versions + 16) * 32 *
                        (uint64_t)lnsp_graph_parameter_count(lnsp_model_graph(w->model));
  status = lnsp_store_create(path, w->trainer, NULL, &settings, NULL, &w->store, error);
  w->made = status == LNSP_OK;
  return status;
}

static int32_t store_learn(store_work *w, int version, lnsp_error *error) {
  lnsp_tensor inputs[2];
  double start;
  int32_t status;
  for (int64_t i = 0; i < w->width; i++)
    w->vector[i] = (float)((i * 37 + version * 101) % 211 - 105) / 105;
  inputs[0] = lnsp_tensor_f32("input", w->vector, 2, 1, w->width, 0);
  inputs[1] = lnsp_tensor_f32("target", w->vector, 2, 1, w->width, 0);
  status = lnsp_trainer_step(w->trainer, inputs, 2, NULL, error);
  start = store_ms();
  if (!status) status = lnsp_store_commit(w->store, w->trainer, NULL, NULL, error);
  w->commit_ms += store_ms() - start;
  return status;
}

static int32_t store_back(store_work *w, lnsp_error *error) {
  for (int i = 0; i < STORE_ROLLBACKS; i++) {
    lnsp_store_version_info newest = LNSP_STORE_VERSION_INFO_INIT;
    double start = store_ms(), middle;
    int32_t status;
    status = lnsp_store_version_at(w->store, 0, &newest, error);
    if (!status) status = lnsp_store_rollback(w->store, newest.number - 1, NULL, NULL, error);
    middle = store_ms();
    if (!status) status = lnsp_store_load(w->store, 0, w->trainer, NULL, error);
    if (status) return status;
    printf("rollback_ms %.2f load_ms %.2f\n", middle - start, store_ms() - middle);
  }
  return LNSP_OK;
}

static int32_t store_run(store_work *w, const char *model, const char *path, int versions,
                         lnsp_error *error) {
  lnsp_store_info facts = LNSP_STORE_INFO_INIT;
  double start;
  int32_t status = store_make(w, model, path, versions, error);
  for (int i = 0; i < versions && !status; i++) status = store_learn(w, i, error);
  if (status) return status;
  lnsp_store_destroy(w->store);
  w->store = NULL;
  start = store_ms();
  status = lnsp_store_open(path, NULL, NULL, &w->store, error);
  if (status) return status;
  start = store_ms() - start;
  status = lnsp_store_get_info(w->store, &facts, error);
  if (status) return status;
  printf("versions %llu state_bytes %llu used_bytes %llu commit_ms %.2f open_ms %.2f\n",
         (unsigned long long)facts.versions, (unsigned long long)facts.state_bytes,
         (unsigned long long)facts.used_bytes, w->commit_ms / versions, start);
  return store_back(w, error);
}

int store_print(const char *model, const char *path, int versions) {
  lnsp_error error;
  store_work w;
  int32_t status;
  memset(&w, 0, sizeof w);
  status = store_run(&w, model, path, versions, &error);
  if (status) fprintf(stderr, "lnsp-bench: %s\n", error.message);
  if (w.made) remove(path);
  lnsp_store_destroy(w.store);
  lnsp_trainer_destroy(w.trainer);
  lnsp_model_destroy(w.model);
  free(w.vector);
  return status != LNSP_OK;
}
