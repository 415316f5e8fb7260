/* Threads for lnsp-bench --tasks. */
#define _GNU_SOURCE

#include "pool.h"

#include <pthread.h>
#include <string.h>
#if defined(__linux__)
#include <sched.h>
#endif

typedef struct pool_seat {
  int order; /* number of the run that the thread has done */
  char apart[124];
} pool_seat;

static struct {
  void (*task)(void *argument, int32_t index);
  void *argument;
  int32_t count;
  int threads;
  char apart[104];
  int order; /* number of the run that is asked for */
  char apart_too[124];
  pool_seat seat[POOL_THREADS];
} pool;

static lnsp_parallel pool_parallel;

static void pool_wait(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

/* Binds the calling thread to the allowed processor of this number. */
static void pool_bind(int number) {
#if defined(__linux__)
  cpu_set_t allowed, one;
  int cpu, seen = 0;
  if (sched_getaffinity(0, sizeof allowed, &allowed)) return;
  for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET((size_t)cpu, &allowed) && seen++ == number) {
      CPU_ZERO(&one);
      CPU_SET((size_t)cpu, &one);
      (void)sched_setaffinity(0, sizeof one, &one);
      return;
    }
#else
  (void)number;
#endif
}

static void pool_share(int thread) {
  int32_t i;
  for (i = thread; i < pool.count; i += pool.threads) pool.task(pool.argument, i);
}

static void *pool_thread(void *argument) {
  const int thread = (int)((pool_seat *)argument - pool.seat);
  int done = 0;
  pool_bind(thread);
  for (;;) {
    while (__atomic_load_n(&pool.order, __ATOMIC_ACQUIRE) == done) pool_wait();
    pool_share(thread);
    __atomic_store_n(&pool.seat[thread].order, ++done, __ATOMIC_RELEASE);
  }
  return NULL;
}

static void pool_run(void *user, int32_t count, void (*task)(void *argument, int32_t index),
                     void *argument) {
  const int order = pool.order + 1;
  int thread;
  (void)user;
  pool.task = task;
  pool.argument = argument;
  pool.count = count;
  __atomic_store_n(&pool.order, order, __ATOMIC_RELEASE);
  pool_share(0);
  for (thread = 1; thread < pool.threads; thread++)
    while (__atomic_load_n(&pool.seat[thread].order, __ATOMIC_ACQUIRE) != order) pool_wait();
}

const lnsp_parallel *pool_start(int count) {
  int thread;
  pool.threads = count;
  for (thread = 1; thread < count; thread++) {
    pthread_t id;
    if (pthread_create(&id, NULL, pool_thread, &pool.seat[thread])) return NULL;
  }
  pool_bind(0); /* after the threads, which would be bound to it as well */
  memset(&pool_parallel, 0, sizeof pool_parallel);
  pool_parallel.struct_size = sizeof pool_parallel;
  pool_parallel.run = pool_run;
  return &pool_parallel;
}
