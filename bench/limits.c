/* Measures what one core can do at most, and prints it. */
#define _POSIX_C_SOURCE 200809L

#include "limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const limits_loops *const limits_all[] = {
#if defined(__x86_64__) && defined(__GNUC__)
    &limits_avx512,
    &limits_avx2,
#endif
#if defined(__aarch64__) && defined(__GNUC__)
    &limits_neon,
#endif
    &limits_scalar,
};

const limits_loops *limits_find(const char *isa) {
  size_t i;
  for (i = 0; i < sizeof limits_all / sizeof *limits_all; i++)
    if (!strncmp(limits_all[i]->isa, isa, strlen(limits_all[i]->isa))) return limits_all[i];
  return NULL;
}

double limits_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

float *limits_floats(int64_t count) {
  void *x;
  int64_t i;
  if (posix_memalign(&x, 64, (size_t)count * sizeof(float))) return NULL;
  for (i = 0; i < count; i++) ((float *)x)[i] = 1e-3f * (float)(1 + i % 97);
  return x;
}

void limits_free(float *x) { free(x); }

/* ---- one figure each: the best sample is the limit ---- */

double (*limits_i8(const limits_loops *loops))(int64_t, float *) {
#if defined(__x86_64__) && defined(__GNUC__)
  if (loops == &limits_avx512 && !__builtin_cpu_supports("avx512vnni")) return NULL;
#endif
  return loops->multiply_add_i8;
}

double limits_peak(double (*loop)(int64_t rounds, float *sink), double sample_seconds,
                   double seconds) {
  float sink[16];
  const double end = limits_clock() + seconds;
  double best = 0;
  int64_t rounds = 1000;
  do {
    const double start = limits_clock();
    const double done = loop(rounds, sink);
    const double took = limits_clock() - start + 1e-9;
    if (took < .5 * sample_seconds)
      rounds *= 2;
    else if (done / took > best)
      best = done / took;
  } while (limits_clock() < end || best == 0);
  return best;
}

/* Bytes a second of walks over the set, samples of at least 20 us. */
static double limits_walk(const limits_loops *loops, float *x, int64_t bytes, double seconds,
                          int write) {
  const int64_t n = bytes / (int64_t)sizeof *x;
  volatile float sink;
  double best = 0, end = limits_clock() + seconds;
  int i, calls = 1, samples = 0;
  if (n % 256) return 0;
  while (samples < 5 || limits_clock() < end) {
    const double start = limits_clock();
    double took;
    for (i = 0; i < calls; i++) {
      if (write)
        loops->change(x, n);
      else
        sink = loops->read(x, n, 1 + samples % 2);
    }
    took = limits_clock() - start + 1e-9;
    if (took < 20e-6) {
      calls *= 2;
      continue;
    }
    samples++;
    if ((double)bytes * calls / took > best) best = (double)bytes * calls / took;
  }
  (void)sink;
  return write ? 2 * best : best;
}

double limits_read(const limits_loops *loops, float *x, int64_t bytes, double seconds) {
  return limits_walk(loops, x, bytes, seconds, 0);
}

double limits_change(const limits_loops *loops, float *x, int64_t bytes, double seconds) {
  return limits_walk(loops, x, bytes, seconds, 1);
}

/* Nanoseconds for 16 weights of Adam on a set of 12 bytes a weight. */
static double limits_adam(const limits_loops *loops, float *x, int64_t bytes, double seconds) {
  const int64_t n = bytes / 12 / 64 * 64;
  const double end = limits_clock() + seconds;
  double best = 1e9;
  float d[64];
  int samples = 0, i;
  for (i = 0; i < 64; i++) d[i] = 1e-3f * (float)(i + 1);
  while (samples < 5 || limits_clock() < end) {
    const double start = limits_clock();
    double took;
    loops->adam(x, x + n, x + 2 * n, d, n, bytes > 4 << 20 ? 1024 : 0);
    took = 16e9 * (limits_clock() - start) / (double)n;
    samples++;
    if (took < best) best = took;
  }
  return best;
}

/* ---- the table ---- */

int limits_print(const limits_loops *loops) {
  static const int64_t kilobytes[] = {16,   32,   64,   128,  256,   512,   1024,  1184, 2048,
                                      3552, 4096, 8192, 9216, 16384, 28288, 32768, 65536};
  const double short_peak = limits_peak(loops->multiply_add, 20e-6, .05);
  const double long_peak = limits_peak(loops->multiply_add, .05, .3);
  float *x = limits_floats((64 << 20) / 4);
  size_t i;

  if (!x) return 1;
  printf("# limits of one core, kernel set %s\n", loops->isa);
  printf("multiply-add peak, bursts of 20 us    %8.1f GFLOP/s\n", 1e-9 * short_peak);
  printf("multiply-add peak, 50 ms at a time    %8.1f GFLOP/s\n", 1e-9 * long_peak);
  if (limits_i8(loops))
    printf("int8 multiply-add peak, bursts        %8.1f GOP/s\n",
           1e-9 * limits_peak(limits_i8(loops), 20e-6, .05));
  printf("# set kB   read GB/s   read+write GB/s   Adam ns for 16 weights\n");
  for (i = 0; i < sizeof kilobytes / sizeof *kilobytes; i++) {
    const int64_t bytes = kilobytes[i] * 1024;
    printf("%8lld %11.1f %17.1f %24.2f\n", (long long)kilobytes[i],
           1e-9 * limits_read(loops, x, bytes, .03), 1e-9 * limits_change(loops, x, bytes, .03),
           limits_adam(loops, x, bytes, .03));
    fflush(stdout);
  }
  limits_free(x);
  return 0;
}
