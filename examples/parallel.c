/* Split the work of one session over your own threads.
 *
 *   cc -pthread -o parallel parallel.c $(pkg-config --cflags --libs lnsp)
 *   ./parallel [THREADS]
 *
 * The library starts no thread. It hands pieces of a call to a function of yours,
 * here a small pool: thread t does the pieces t, t + n, t + 2n, ... and always the
 * same ones, so that what it needs stays in its cache. A piece takes microseconds,
 * which is less than to wake a thread: the threads look for the next one for a
 * while before they sleep. The results have the same bits for any number. */
#define _POSIX_C_SOURCE 200809L

#include <lnsp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST 16
#define ROWS 64
#define LOOKS 20000 /* for a new piece, before a thread sleeps */

typedef struct pool {
  int threads; /* with the one that calls run */
  int order;   /* number of the job; a new number is a new job, -1 the end */
  int done[MOST];
  int32_t count;
  void (*task)(void *argument, int32_t index);
  void *argument;
  pthread_mutex_t lock;
  pthread_cond_t news;
  pthread_t id[MOST];
} pool;

typedef struct seat {
  pool *of;
  int number;
} seat;

static int look(const int *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }

static void do_share(pool *p, int number) {
  for (int32_t i = number; i < p->count; i += p->threads) p->task(p->argument, i);
}

static void *work(void *argument) {
  const seat *s = argument;
  pool *p = s->of;
  int seen = 0;
  for (;;) {
    for (int i = 0; i < LOOKS && look(&p->order) == seen; i++) continue;
    pthread_mutex_lock(&p->lock);
    while (p->order == seen) pthread_cond_wait(&p->news, &p->lock);
    seen = p->order;
    pthread_mutex_unlock(&p->lock);
    if (seen < 0) return NULL;
    do_share(p, s->number);
    __atomic_store_n(&p->done[s->number], seen, __ATOMIC_RELEASE);
  }
}

static void give_order(pool *p, int order) {
  pthread_mutex_lock(&p->lock);
  __atomic_store_n(&p->order, order, __ATOMIC_RELEASE);
  pthread_cond_broadcast(&p->news);
  pthread_mutex_unlock(&p->lock);
}

/* What the library calls: returns when all tasks have returned. */
static void run(void *user, int32_t count, void (*task)(void *argument, int32_t index),
                void *argument) {
  pool *p = user;
  const int order = p->order % 1000000 + 1;
  p->count = count;
  p->task = task;
  p->argument = argument;
  give_order(p, order);
  do_share(p, 0);
  for (int t = 1; t < p->threads; t++)
    while (look(&p->done[t]) != order) continue;
}

/* Microseconds of the fastest of many calls, or a negative number. */
static double measure(lnsp_session *session, const lnsp_tensor *in, const lnsp_tensor *out,
                      lnsp_error *error) {
  double best = 1e9;
  for (int i = 0; i < 500; i++) {
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    if (lnsp_session_run(session, in, 1, out, 1, error)) return -1;
    clock_gettime(CLOCK_MONOTONIC, &b);
    const double us =
        1e6 * (double)(b.tv_sec - a.tv_sec) + 1e-3 * (double)(b.tv_nsec - a.tv_nsec);
    if (us < best) best = us;
  }
  return best;
}

int main(int argc, char **argv) {
  static pool p;
  static seat seats[MOST];
  static float x[ROWS * 384], y[2][ROWS * 384];
  lnsp_error error;
  lnsp_model *model = NULL;
  lnsp_session *session = NULL;
  int failed = 1, started = 1;

  p.threads = argc > 1 ? atoi(argv[1]) : 2;
  if (p.threads < 1 || p.threads > MOST) {
    fprintf(stderr, "parallel: give 1 to %d threads\n", MOST);
    return 2;
  }
  pthread_mutex_init(&p.lock, NULL);
  pthread_cond_init(&p.news, NULL);
  for (; started < p.threads; started++) {
    seats[started].of = &p;
    seats[started].number = started;
    if (pthread_create(&p.id[started], NULL, work, &seats[started])) break;
  }
  p.threads = started; /* fewer threads give the same bits */

  for (int i = 0; i < ROWS * 384; i++) x[i] = (float)(i % 17 - 8) / 16;
  if (lnsp_model_create("student", 1, NULL, &model, &error)) goto explain;

  for (int tasks = 1, run_number = 0; run_number < 2; tasks = p.threads, run_number++) {
    lnsp_parallel parallel = {sizeof parallel, 0, &p, run};
    lnsp_options options = LNSP_OPTIONS_INIT;
    lnsp_size_options limits = LNSP_SIZE_OPTIONS_INIT;
    options.parallel = &parallel; /* copied: it need not outlive the call */
    limits.max_rows = ROWS;
    limits.tasks = tasks;
    if (lnsp_session_create(model, &limits, &options, &session, &error)) goto explain;
    lnsp_tensor in = lnsp_tensor_f32("input", x, 2, ROWS, 384, 0);
    lnsp_tensor out = lnsp_tensor_f32("output", y[run_number], 2, ROWS, 384, 0);
    const double us = measure(session, &in, &out, &error);
    if (us < 0) goto explain;
    printf("%d rows, %d task%s: %.1f us\n", ROWS, tasks, tasks > 1 ? "s" : "", us);
    lnsp_session_destroy(session);
    session = NULL;
  }
  failed = memcmp(y[0], y[1], sizeof y[0]) != 0;
  printf("the outputs %s\n", failed ? "differ" : "have the same bits");
  goto done;

explain:
  fprintf(stderr, "parallel: %s: %s\n", lnsp_status_name(error.code), error.message);
done:
  lnsp_session_destroy(session);
  lnsp_model_destroy(model);
  give_order(&p, -1);
  for (int t = 1; t < started; t++) pthread_join(p.id[t], NULL);
  return failed;
}
