/* The most that one core of this machine can do, measured on the spot: the multiply-add
 * peak of a kernel set, memory bandwidth by the size of the set, an Adam update. */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include <stdint.h>

/* Loops that do nothing but what is to be measured, once for each instruction set. */
typedef struct limits_loops {
  const char *isa;
  int lanes; /* floats in a vector */
  /* Independent chains of multiply-adds held in registers; the operations done. */
  double (*multiply_add)(int64_t rounds, float *sink);
  /* The same with products of int8, in the widest steps that this set has; NULL: not
   * known here. */
  double (*multiply_add_i8)(int64_t rounds, float *sink);
  /* Reads n floats, a multiple of 256, one multiply-add each, from the start on or (2
   * streams) from the start and the middle on; a sum, so that nothing is left out. */
  float (*read)(const float *x, int64_t n, int streams);
  /* Reads and writes n floats. */
  void (*change)(float *x, int64_t n);
  /* The update of Adam on n weights with a gradient formed in registers, as if by one
   * row; prefetches what lies ahead floats further, unless that is 0. n is a multiple of
   * 64. */
  void (*adam)(float *w, float *m, float *v, const float *d, int64_t n, int64_t ahead);
} limits_loops;

/* The loops for a kernel set of the library, or for the one that its name extends
 * (avx512vnni); NULL if this build has none. */
const limits_loops *limits_find(const char *isa);

extern const limits_loops limits_avx512, limits_avx2, limits_neon, limits_scalar;

/* The loop for int8, or NULL where this CPU lacks its instructions. */
double (*limits_i8(const limits_loops *loops))(int64_t, float *);

/* Best of samples of the given length, in operations or bytes a second. */
double limits_peak(double (*loop)(int64_t rounds, float *sink), double sample_seconds,
                   double seconds);
double limits_read(const limits_loops *loops, float *x, int64_t bytes, double seconds);
double limits_change(const limits_loops *loops, float *x, int64_t bytes, double seconds);

/* 64-byte aligned floats with small values, to be given back with limits_free. */
float *limits_floats(int64_t count);
void limits_free(float *x);
double limits_clock(void);

/* Prints all of it for a kernel set; 0, or 1 where memory is short. */
int limits_print(const limits_loops *loops);

#endif
