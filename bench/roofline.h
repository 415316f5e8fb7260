/* The least time that this machine could take for a work: docs/performance.md derives
 * it. */
#ifndef BENCH_ROOFLINE_H
#define BENCH_ROOFLINE_H

#include "limits.h"
#include "common/works.h"

#define ROOFLINE_MATRICES 64

/* What a work's network is made of, as far as the roofline goes. */
typedef struct roofline_shape {
  int count, train, i8; /* i8: products of int8 */
  int weight_bytes;     /* of a stored weight   */
  int moment_bytes;
  int64_t batch;
  int64_t flops; /* of a sequence, forward; 0: each matrix is multiplied by once a row */
  struct {
    int64_t weights; /* all that an update goes over                 */
    int64_t used;    /* that a run multiplies by: the last of them   */
    int reached, back; /* has a gradient; hands one to its input     */
  } matrix[ROOFLINE_MATRICES];
} roofline_shape;

/* Measured seconds of the bare memory traffic, and the multiply-add peak. */
typedef struct roofline_measured {
  double forward, backward, update, peak;
} roofline_measured;

typedef struct roofline {
  double us;    /* no less is possible: the sum of           */
  double forward_us, backward_us, update_us;
  double flops; /* of a call, in its matrices                */
  double bytes; /* of weights and moments read and written   */
  char bound[4]; /* for each part: o operations, m memory (and Adam's divisions) */
} roofline;

/* The shape of a work; 0, or -1 with the error. */
int roofline_describe(const work_spec *spec, int64_t batch, roofline_shape *shape,
                      lnsp_error *error);
/* Measures in a process of its own, so that this one's memory does not grow. What is
 * faster than *measured (all zero: nothing yet) replaces it. 0, or -1 if it cannot. */
int roofline_measure(const roofline_shape *shape, const limits_loops *loops, double seconds,
                     roofline_measured *measured);
roofline roofline_of(const roofline_shape *shape, const roofline_measured *measured);

#endif
