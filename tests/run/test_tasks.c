/* Work split into tasks: the same bits whatever runs them, in whatever order, and
 * however many they are. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* for features.h to tell the C library */
#endif
#include <fenv.h>

#include "storage.h"

#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
#define THREADS 1 /* part of the C library there */
#include <pthread.h>
#else
#define THREADS 0
#endif

#define DEEP \
  "lnsp 1; x=input 200; h=linear x 200 w=a; h=relu h; o=linear h 150 w=b; output output=o"
/* enough weights for a single row to be split */
#define WIDE \
  "lnsp 1; x=input 300; h=linear x 900 w=a; h=relu h; o=linear h 290 w=b; output output=o"
#define STUDENT "student d=130 s=100 k=70 heads=2"
#define LOOK                                                                                \
  "lnsp 1; x=input 70; p=position x 20 w=p; q=linear p 64 w=q; k=linear p 64 w=k;"          \
  "v=linear p 64 w=v; a=sdpa q k v heads=4 window=2; h=attention a q heads=2 causal=1 w=m;" \
  "l=last h; r=attention l h heads=4 w=n; r=repeat r h; h=add h r; o=linear h 90 w=o;"      \
  "output output=o"
/* every layer, odd widths, values with two readers, a matrix used twice */
#define MIXED                                                                            \
  "lnsp 1; x=input 70; h=linear x 200 w=a; h=layernorm h w=n; g=gelu h; u=linear g 200 " \
  "w=b;"                                                                                 \
  "u=linear u 200 w=b; s=add u g; s=attention s heads=4 w=t; s=l2norm s; s=layernorm s " \
  "affine=0;"                                                                            \
  "o=linear s 90 w=c bias=0; o=tanh o; output output=o code=g"

/* ---- what runs the tasks ---- */

enum { IN_ORDER, REVERSED, INTERLEAVED, IN_THREADS, KINDS };

typedef struct runner {
  int kind, calls, most, rounding_kept, threads;
} runner;

#if THREADS
typedef struct thread_share {
  void (*task)(void *argument, int32_t index);
  void *argument;
  int32_t index, count;
  int rounding_kept;
} thread_share;

static void *in_thread(void *argument) {
  thread_share *share = argument;
  fesetround(FE_UPWARD); /* a thread's own state is its own affair */
  for (int32_t i = share->index; i < share->count; i += 3) share->task(share->argument, i);
  share->rounding_kept = fegetround() == FE_UPWARD;
  return NULL;
}

static void run_in_threads(runner *r, int32_t count,
                           void (*task)(void *argument, int32_t index), void *argument) {
  pthread_t thread[2];
  thread_share share[2];
  for (int i = 0; i < 2; i++) {
    share[i] = (thread_share){task, argument, i + 1, count, 0};
    CHECK(pthread_create(&thread[i], NULL, in_thread, &share[i]) == 0);
  }
  for (int32_t i = 0; i < count; i += 3) task(argument, i);
  for (int i = 0; i < 2; i++) {
    CHECK(pthread_join(thread[i], NULL) == 0);
    if (!share[i].rounding_kept) r->rounding_kept = 0;
  }
  r->threads += 2;
}
#else
#define run_in_threads(r, count, task, argument) ((void)0)
#endif

static void run_tasks(void *user, int32_t count, void (*task)(void *argument, int32_t index),
                      void *argument) {
  runner *r = user;
  r->calls++;
  if (count > r->most) r->most = count;
  if (r->kind == IN_THREADS) {
    run_in_threads(r, count, task, argument);
    return;
  }
  const int before = fegetround();
  fesetround(FE_TOWARDZERO); /* what a thread may have: tasks set their own */
  for (int32_t i = 0; i < count; i++) {
    if (r->kind == IN_ORDER) task(argument, i);
    if (r->kind == REVERSED) task(argument, count - 1 - i);
    if (r->kind == INTERLEAVED && i < (count + 1) / 2) task(argument, 2 * i);
    if (r->kind == INTERLEAVED && i >= (count + 1) / 2)
      task(argument, 2 * (i - (count + 1) / 2) + 1);
  }
  if (fegetround() != FE_TOWARDZERO) r->rounding_kept = 0;
  fesetround(before);
}

static lnsp_parallel parallel_of(runner *r, int kind) {
  lnsp_parallel parallel = LNSP_PARALLEL_INIT;
  memset(r, 0, sizeof *r);
  r->kind = kind;
  r->rounding_kept = 1;
  parallel.user = r;
  parallel.run = run_tasks;
  return parallel;
}

/* ---- what is compared ---- */

typedef struct shape {
  const char *net;
  int64_t rows, concepts, in, out;
} shape;

static const shape shapes[] = {{DEEP, 70, 1, 200, 150},  {STUDENT, 9, 5, 130, 130},
                               {MIXED, 12, 3, 70, 90},   {LOOK, 13, 6, 70, 90},
                               {WIDE, 1, 1, 300, 290},   {MIXED, 1, 7, 70, 90},
                               {STUDENT, 3, 1, 130, 130}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static const int32_t task_counts[] = {2, 3, 256};

static int64_t elements(const shape *s, int64_t width) { return s->rows * s->concepts * width; }

static lnsp_tensor tensor_of(const char *name, float *data, const shape *s, int64_t width) {
  return lnsp_tensor_f32(name, data, 3, s->rows, s->concepts, width);
}

static lnsp_size_options limits_of(const shape *s, int32_t tasks) {
  lnsp_size_options limits = LNSP_SIZE_OPTIONS_INIT;
  limits.max_rows = (int32_t)s->rows;
  limits.max_concepts = (int32_t)s->concepts;
  limits.tasks = tasks;
  return limits;
}

/* Kernel sets that promise the same bits, each in turn; NULL at the end. */
static const char *set_at(int32_t *index) {
  const char *name;
  while ((name = lnsp_list_name(LNSP_LIST_ISAS, (*index)++)) != NULL)
    if (strcmp(name, "cblas") && lnsp_isa_check(name, NULL) == LNSP_OK) return name;
  return NULL;
}

static void run_once(lnsp_model *model, const shape *s, const char *isa, runner *r, int kind,
                     int32_t tasks, int keep, float *out) {
  lnsp_parallel parallel = parallel_of(r, kind);
  lnsp_options options = {.struct_size = sizeof options, .isa = isa};
  lnsp_size_options limits = limits_of(s, tasks);
  lnsp_session *session = NULL;
  float *x = malloc((size_t)elements(s, s->in) * sizeof *x);
  support_fill(x, (size_t)elements(s, s->in), 5);
  lnsp_tensor input = tensor_of("input", x, s, s->in),
              output = tensor_of("output", out, s, s->out);
  if (tasks > 1) options.parallel = &parallel;
  limits.keep_nodes = keep;
  CHECK_OK(lnsp_session_create(model, &limits, &options, &session, &support_error));
  memset(out, 0xff, (size_t)elements(s, s->out) * sizeof *out);
  CHECK_OK(lnsp_session_run(session, &input, 1, &output, 1, &support_error));
  CHECK(tasks > 1 ? r->most <= tasks && r->rounding_kept : r->calls == 0);
  lnsp_session_destroy(session);
  free(x);
}

static void test_runs(void) {
  for (int i = 0; i < SHAPES; i++)
    for (int type = 0; type < STORAGE_TYPES; type++) {
      const shape *s = &shapes[i];
      const size_t bytes = (size_t)elements(s, s->out) * sizeof(float);
      float *want = malloc(bytes), *got = malloc(bytes);
      lnsp_model *model = storage_new(s->net, 3),
                 *stored = storage_convert(model, storage_types[type]);
      runner r;
      int32_t set = 0;
      int split = 0;
      for (const char *isa; (isa = set_at(&set)) != NULL;) {
        run_once(stored, s, isa, &r, IN_ORDER, 0, 0, want);
        for (int t = check_light() ? (i + type) % 3 : 0; t < 3; t += check_light() ? 3 : 1) {
          const int kind = (t + set) % IN_THREADS;
          run_once(stored, s, isa, &r, kind, task_counts[t], kind & 1, got);
          CHECK_SAY(!memcmp(want, got, bytes), "%s, type %d, %s, %d tasks, kind %d: other bits",
                    s->net, type, isa, task_counts[t], kind);
          split += r.most > 1;
        }
      }
      /* or nothing was tested; one row of int8 is not split */
      CHECK(split > 0 || storage_types[type] == LNSP_I8 || i >= 5);
      lnsp_model_destroy(stored);
      lnsp_model_destroy(model);
      free(want);
      free(got);
    }
}

/* ---- training ---- */

typedef struct course {
  const char *loss, *optimizer;
} course;

static const course courses[] = {{"mse", "adam lr=1e-3"},
                                 {"mse", "adam lr=1e-3 moments=8bit"},
                                 {"cosine", "adamw lr=1e-3 clip=.01 ema=.9"},
                                 {"mse", "adamw lr=1e-3 clip=.01 accumulate=2"},
                                 {"student", "sgd lr=.05 momentum=.9 clip=.1"}};
enum { COURSES = 5 };

typedef struct outcome {
  uint8_t hash[LNSP_HASH_BYTES];
  float loss[2];
  uint64_t gradients; /* a sum over their bits */
} outcome;

/* The student's loss wants outputs that only the student has. */
static int course_fits(const course *c, const shape *s) {
  return strcmp(c->loss, "student") || (!strcmp(s->net, STUDENT) && s->rows > 1);
}

static uint64_t gradient_bits(lnsp_trainer *trainer) {
  const lnsp_graph *graph = lnsp_trainer_graph(trainer);
  uint64_t sum = 0;
  for (int32_t i = 0; i < lnsp_graph_tensor_count(graph); i++) {
    lnsp_tensor tensor;
    int64_t count = 1;
    CHECK_OK(lnsp_graph_tensor_at(graph, i, &tensor, &support_error));
    for (int32_t d = 0; d < tensor.rank; d++) count *= tensor.dims[d];
    uint32_t *g = malloc((size_t)count * sizeof *g);
    if (lnsp_trainer_gradient(trainer, tensor.name, (float *)(void *)g, count, NULL) == LNSP_OK)
      for (int64_t e = 0; e < count; e++) sum = sum * 31 + g[e];
    free(g);
  }
  return sum;
}

static void train_once(const lnsp_model *model, const shape *s, const course *c,
                       const char *isa, runner *r, int kind, int32_t tasks, outcome *out) {
  static const char *const names[] = {"input",    "anchor", "positive",
                                      "negative", "target", "teacher"};
  lnsp_parallel parallel = parallel_of(r, kind);
  lnsp_options options = {.struct_size = sizeof options, .isa = isa};
  lnsp_size_options limits = limits_of(s, tasks);
  lnsp_trainer *trainer = NULL;
  lnsp_tensor in[6];
  float *data[6];
  for (int i = 0; i < 6; i++) {
    const int64_t width = i < 4 ? s->in : s->out;
    data[i] = malloc((size_t)elements(s, width) * sizeof(float));
    support_fill(data[i], (size_t)elements(s, width), (uint32_t)(11 + i));
    in[i] = tensor_of(names[i], data[i], s, width);
  }
  memset(out, 0, sizeof *out);
  if (tasks > 1) options.parallel = &parallel;
  CHECK_OK(lnsp_trainer_create(model, c->loss, c->optimizer, &limits, &options, &trainer,
                               &support_error));
  for (int i = 0; i < 2 && trainer; i++)
    CHECK_OK(lnsp_trainer_step(trainer, in, 6, &out->loss[i], &support_error));
  CHECK_OK(lnsp_trainer_compute_gradients(trainer, in, 6, NULL, &support_error));
  out->gradients = gradient_bits(trainer);
  CHECK_OK(lnsp_trainer_hash(trainer, LNSP_SAVE_STATE, out->hash, &support_error));
  CHECK(tasks > 1 ? r->most <= tasks && r->rounding_kept : r->calls == 0);
  lnsp_trainer_destroy(trainer);
  for (int i = 0; i < 6; i++) free(data[i]);
}

static void test_steps(void) {
  for (int i = 0; i < SHAPES; i++)
    for (int j = 0; j < COURSES; j++) {
      const shape *s = &shapes[i];
      if (!course_fits(&courses[j], s) || (check_light() && (i + j) % 3)) continue;
      lnsp_model *model = storage_new(s->net, 3);
      outcome want, got;
      runner r;
      int32_t set = 0, split = 0;
      for (const char *isa; (isa = set_at(&set)) != NULL;) {
        train_once(model, s, &courses[j], isa, &r, IN_ORDER, 0, &want);
        CHECK(want.gradients != 0);
        for (int t = (i + j + set) % 3; t < 3; t += 2) {
          const int kind = (i + j + t + set) % IN_THREADS;
          train_once(model, s, &courses[j], isa, &r, kind, task_counts[t], &got);
          split += r.most > 1;
          CHECK_SAY(!memcmp(&want, &got, sizeof got),
                    "%s, %s, %s, %s, %d tasks, kind %d: other bits", s->net, courses[j].loss,
                    courses[j].optimizer, isa, task_counts[t], kind);
        }
      }
      CHECK(split > 0 || i >= 4);
      lnsp_model_destroy(model);
    }
}

static void test_threads(void) {
  for (int i = 0; i < SHAPES; i++) {
    const shape *s = &shapes[i];
    const course *c = &courses[i % 3];
    const size_t bytes = (size_t)elements(s, s->out) * sizeof(float);
    float *want_out = malloc(bytes), *got_out = malloc(bytes);
    lnsp_model *model = storage_new(s->net, 3);
    outcome want, got;
    runner r;
    train_once(model, s, c, NULL, &r, IN_ORDER, 0, &want);
    train_once(model, s, c, NULL, &r, IN_THREADS, 5, &got);
    CHECK((r.threads > 0 || i >= 4) && !memcmp(&want, &got, sizeof got));
    for (int type = 0; type < STORAGE_TYPES; type++) {
      lnsp_model *stored = storage_convert(model, storage_types[type]);
      run_once(stored, s, NULL, &r, IN_ORDER, 0, 0, want_out);
      run_once(stored, s, NULL, &r, IN_THREADS, 5, 0, got_out);
      CHECK(!memcmp(want_out, got_out, bytes));
      lnsp_model_destroy(stored);
    }
    lnsp_model_destroy(model);
    free(want_out);
    free(got_out);
  }
}

/* ---- memory and refusals ---- */

static void test_memory(void) {
  for (int i = 0; i < SHAPES; i++)
    for (int32_t tasks = 1; tasks <= 256; tasks = 4 * tasks) {
      const shape *s = &shapes[i];
      lnsp_model *model = storage_new(s->net, 3), *bytes = storage_convert(model, LNSP_I8);
      runner r;
      support_heap heap;
      lnsp_allocator allocator = support_allocator(&heap);
      lnsp_parallel parallel = parallel_of(&r, IN_ORDER);
      lnsp_options options = {.struct_size = sizeof options,
                              .allocator = &allocator,
                              .parallel = &parallel};
      lnsp_size_options limits = limits_of(s, tasks);
      lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
      lnsp_session *session = NULL;
      lnsp_trainer *trainer = NULL;
      CHECK_OK(lnsp_session_measure(lnsp_model_graph(bytes), &limits, &memory, &support_error));
      CHECK_OK(lnsp_session_create(bytes, &limits, &options, &session, &support_error));
      CHECK_INT(heap.last_bytes, memory.total_bytes);
      CHECK_OK(lnsp_trainer_measure(lnsp_model_graph(model), "mse", "adam clip=1", &limits,
                                    &memory, &support_error));
      CHECK_OK(lnsp_trainer_create(model, "mse", "adam clip=1", &limits, &options, &trainer,
                                   &support_error));
      CHECK_INT(heap.last_bytes, memory.total_bytes);
      lnsp_session_destroy(session);
      lnsp_trainer_destroy(trainer);
      CHECK_INT(heap.live, 0);
      lnsp_model_destroy(bytes);
      lnsp_model_destroy(model);
    }
}

static void test_refusals(void) {
  lnsp_model *model = storage_new("student d=20 s=12 k=8 heads=2", 1);
  const shape s = {"", 4, 1, 20, 20};
  runner r;
  lnsp_parallel parallel = parallel_of(&r, IN_ORDER);
  lnsp_options options = {.struct_size = sizeof options, .parallel = &parallel};
  lnsp_session *session = NULL;
  lnsp_trainer *trainer = NULL;
  lnsp_size_options limits = limits_of(&s, 257);
  CHECK_REFUSED(lnsp_session_create(model, &limits, &options, &session, &support_error),
                LNSP_E_ARGUMENT);
  limits.tasks = -1;
  CHECK_REFUSED(lnsp_trainer_create(model, NULL, NULL, &limits, &options, &trainer,
                                    &support_error),
                LNSP_E_ARGUMENT);
  limits.tasks = 2;
  CHECK_REFUSED(lnsp_session_create(model, &limits, NULL, &session, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_trainer_create(model, NULL, NULL, &limits, NULL, &trainer, &support_error),
                LNSP_E_ARGUMENT);
  parallel.run = NULL;
  CHECK_REFUSED(lnsp_session_create(model, &limits, &options, &session, &support_error),
                LNSP_E_ARGUMENT);
  parallel.run = run_tasks;
  parallel.struct_size = 0;
  CHECK_REFUSED(lnsp_session_create(model, &limits, &options, &session, &support_error),
                LNSP_E_ARGUMENT);
  parallel.struct_size = sizeof parallel;
  CHECK(session == NULL && trainer == NULL);
  /* a function that is not needed may be there, and the struct is copied */
  limits.tasks = 1;
  CHECK_OK(lnsp_session_create(model, &limits, &options, &session, &support_error));
  lnsp_session_destroy(session);
  limits.tasks = 2;
  CHECK_OK(lnsp_session_create(model, &limits, &options, &session, &support_error));
  memset(&parallel, 0xee, sizeof parallel);
  float x[80] = {0}, y[80];
  lnsp_tensor in = tensor_of("input", x, &s, 20), out = tensor_of("output", y, &s, 20);
  CHECK_OK(lnsp_session_run(session, &in, 1, &out, 1, &support_error));
  CHECK_INT(r.calls, 0); /* far too little to be split */
  lnsp_session_destroy(session);
  lnsp_model_destroy(model);
}

/* What overflows is named alike, whichever row it is in. */
static void test_overflow(void) {
  const shape s = {DEEP, 32, 1, 200, 150};
  const size_t n = (size_t)elements(&s, 200);
  float *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);
  lnsp_model *model = storage_new(DEEP, 1);
  lnsp_tensor in = tensor_of("input", x, &s, 200), out = tensor_of("output", y, &s, 150);
  for (int row = 0; row < 32; row += 31) {
    lnsp_error found[2];
    for (int32_t tasks = 1; tasks <= 3; tasks += 2) {
      runner r;
      lnsp_parallel parallel = parallel_of(&r, REVERSED);
      lnsp_options options = {.struct_size = sizeof options, .parallel = &parallel};
      lnsp_size_options limits = limits_of(&s, tasks);
      lnsp_session *session = NULL;
      support_fill(x, n, 1);
      for (int i = 0; i < 200; i++) x[row * 200 + i] = 3.4e38f;
      memset(y, 0x11, n * sizeof *y);
      CHECK_OK(lnsp_session_create(model, &limits, &options, &session, &support_error));
      CHECK_REFUSED(lnsp_session_run(session, &in, 1, &out, 1, &support_error),
                    LNSP_E_NOT_FINITE);
      CHECK_INT(r.calls > 0, tasks > 1);
      found[tasks > 1] = support_error;
      for (size_t i = 0; i < n; i++) CHECK(((unsigned char *)y)[4 * i] == 0x11);
      lnsp_session_destroy(session);
    }
    CHECK_STR(found[1].message, found[0].message);
  }
  lnsp_model_destroy(model);
  free(x);
  free(y);
}

int main(void) {
  support_use_all();
  RUN(test_runs);
  RUN(test_steps);
  if (THREADS)
    RUN(test_threads);
  else
    SKIP(test_threads, "no threads in this C library");
  RUN(test_memory);
  RUN(test_refusals);
  RUN(test_overflow);
  FINISH();
}
