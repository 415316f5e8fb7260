/* The least time that this machine could take for a work: the bare memory traffic of its
 * weights and moments, in the order of a step and with no other arithmetic than Adam's,
 * measured here and now, against its multiply-adds at the measured peak. */
#define _POSIX_C_SOURCE 200809L

#include "roofline.h"

#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* What Adam itself costs a weight: 8 products and sums, a root and a division, each a
 * place in which a multiply-add of the gradient cannot go. */
#define ROOFLINE_ADAM_FLOPS 20

/* ---- shapes ---- */

static int roofline_begins(const char *text, const char *start) {
  return start && !strncmp(text, start, strlen(start));
}

int roofline_describe(const work_spec *spec, int64_t batch, roofline_shape *shape,
                      lnsp_error *error) {
  lnsp_graph *graph;
  lnsp_tensor tensor;
  const int thirds = spec->concepts == 1 ? 3 : 1; /* what attention over one concept needs */
  int32_t i;

  memset(shape, 0, sizeof *shape);
  shape->batch = batch;
  shape->train = spec->kind != WORK_FWD;
  shape->i8 = spec->storage == LNSP_I8;
  shape->moment_bytes = spec->moment_bytes;
  shape->weight_bytes = spec->storage == LNSP_I8 ? 1 : spec->storage == LNSP_F32 ? 4 : 2;
  if (lnsp_graph_create(spec->text, NULL, &graph, error)) return -1;
  for (i = 0; i < lnsp_graph_tensor_count(graph) && shape->count < ROOFLINE_MATRICES; i++)
    if (!lnsp_graph_tensor_at(graph, i, &tensor, error) && tensor.rank == 2) {
      const int at = shape->count++;
      shape->matrix[at].weights = tensor.dims[0] * tensor.dims[1];
      /* attention over a single concept: queries and keys cannot matter */
      shape->matrix[at].used =
          shape->matrix[at].weights / (strstr(tensor.name, "in_proj_weight") ? thirds : 1);
      shape->matrix[at].reached = !roofline_begins(tensor.name, spec->unreached);
      /* no parameter lies before the very first: nobody wants its input's gradient */
      shape->matrix[at].back = shape->matrix[at].reached && i > 0;
    }
  if (spec->concepts > 1) shape->flops = lnsp_graph_flops(graph, spec->concepts);
  lnsp_graph_destroy(graph);
  return 0;
}

#define ROOFLINE_CHUNK 1024 /* weights of which the moments fit the first cache */

/* The floats that weights take, up to what the loops take at a time. */
static int64_t roofline_floats(const roofline_shape *s, int64_t weights) {
  const int64_t floats = weights * s->weight_bytes / 4;
  const int64_t least = s->moment_bytes == 1 ? ROOFLINE_CHUNK : 256;
  return (floats + least - 1) / least * least;
}

/* ---- the bare step ---- */

typedef struct roofline_memory {
  float *w, *m, *v;
  int64_t offset[ROOFLINE_MATRICES];
} roofline_memory;

static volatile float roofline_sink;

static void roofline_read(const roofline_shape *s, const limits_loops *loops,
                          const roofline_memory *memory, int i, int streams) {
  const int64_t all = roofline_floats(s, s->matrix[i].weights);
  const int64_t used = roofline_floats(s, s->matrix[i].used);
  roofline_sink = loops->read(memory->w + memory->offset[i] + all - used, used, streams);
}

/* The update of one matrix. Moments of 8 bits are traffic of their size, beside Adam on
 * moments that stay in the first cache; what it costs to convert them is not counted. */
static void roofline_update(const roofline_shape *s, const limits_loops *loops,
                            const roofline_memory *memory, int i, int64_t ahead) {
  static const float d[64] = {1e-3f, 2e-3f, -1e-3f};
  static float m[ROOFLINE_CHUNK], v[ROOFLINE_CHUNK];
  const int64_t n = roofline_floats(s, s->matrix[i].weights), o = memory->offset[i];
  int64_t k;

  if (s->moment_bytes == 4) {
    loops->adam(memory->w + o, memory->m + o, memory->v + o, d, n, ahead);
    return;
  }
  for (k = o; k < o + n; k += ROOFLINE_CHUNK) {
    loops->change(memory->m + k / 4, ROOFLINE_CHUNK / 4);
    loops->change(memory->v + k / 4, ROOFLINE_CHUNK / 4);
    loops->adam(memory->w + k, m, v, d, ROOFLINE_CHUNK, 0);
  }
}

/* One pass over all phases. variant: 1 reads two streams at a time, 2 updates from the
 * last matrix to the first, 4 prefetches in the update. */
static void roofline_step(const roofline_shape *s, const limits_loops *loops,
                          const roofline_memory *memory, int variant, roofline_measured *took) {
  double at[4];
  int i;

  at[0] = limits_clock();
  for (i = 0; i < s->count; i++) roofline_read(s, loops, memory, i, 1 + (variant & 1));
  at[1] = limits_clock();
  for (i = s->count - 1; i >= 0 && s->train; i--)
    if (s->matrix[i].back) roofline_read(s, loops, memory, i, 1 + (variant & 1));
  at[2] = limits_clock();
  for (i = 0; i < s->count && s->train; i++) {
    const int k = variant & 2 ? s->count - 1 - i : i;
    if (s->matrix[k].reached) roofline_update(s, loops, memory, k, variant & 4 ? 1024 : 0);
  }
  at[3] = limits_clock();
  took->forward = at[1] - at[0];
  took->backward = at[2] - at[1];
  took->update = at[3] - at[2];
}

/* The fastest pass of the fastest variant. */
static int roofline_bare(const roofline_shape *s, const limits_loops *loops, double seconds,
                         roofline_measured *best) {
  roofline_memory memory;
  roofline_measured took;
  int64_t total = 0, moments;
  const int variants = s->train ? 8 : 2;
  int i, variant, passes;

  for (i = 0; i < s->count; i++) {
    memory.offset[i] = total;
    total += roofline_floats(s, s->matrix[i].weights);
  }
  moments = s->train ? total * s->moment_bytes / 4 : 0; /* floats of one of the two */
  memory.w = limits_floats(total + 2 * moments);
  if (!memory.w) return -1;
  memory.m = memory.w + total;
  memory.v = memory.m + moments;
  memset(best, 0, sizeof *best);
  for (variant = 0; variant < variants; variant++) {
    const double end = limits_clock() + seconds / variants;
    for (passes = 0; passes < 4 || limits_clock() < end; passes++) {
      const double old = best->forward + best->backward + best->update;
      roofline_step(s, loops, &memory, variant, &took);
      if (passes && (old == 0 || took.forward + took.backward + took.update < old))
        *best = took;
    }
  }
  best->peak = limits_peak(s->i8 ? limits_i8(loops) : loops->multiply_add, 20e-6, .02);
  limits_free(memory.w);
  return 0;
}

int roofline_measure(const roofline_shape *shape, const limits_loops *loops, double seconds,
                     roofline_measured *measured) {
  roofline_measured now;
  ssize_t got;
  int ends[2], status;
  pid_t child;

  if ((shape->i8 && !limits_i8(loops)) || pipe(ends)) return -1;
  child = fork();
  if (child == 0) {
    ssize_t sent = -1;
    if (!roofline_bare(shape, loops, seconds, &now)) sent = write(ends[1], &now, sizeof now);
    _exit(sent == (ssize_t)sizeof now ? 0 : 1);
  }
  close(ends[1]);
  got = child < 0 ? -1 : read(ends[0], &now, sizeof now);
  close(ends[0]);
  if (child < 0 || waitpid(child, &status, 0) < 0 || got != (ssize_t)sizeof now) return -1;
  if (measured->peak == 0 || now.forward + now.backward + now.update <
                                 measured->forward + measured->backward + measured->update) {
    now.peak = now.peak > measured->peak ? now.peak : measured->peak;
    *measured = now;
  } else if (now.peak > measured->peak) {
    measured->peak = now.peak;
  }
  return 0;
}

/* ---- the bound ---- */

/* The longer of two times in microseconds, and which it is. */
static double roofline_longer(double operations, double memory, char *which) {
  *which = operations > memory ? 'o' : 'm';
  return 1e6 * (operations > memory ? operations : memory);
}

roofline roofline_of(const roofline_shape *s, const roofline_measured *m) {
  const double rows = 2 * (double)s->batch;
  double forward = 0, backward = 0, gradient = 0, update = 0;
  roofline r;
  int i;

  memset(&r, 0, sizeof r);
  for (i = 0; i < s->count; i++) {
    forward += (double)s->matrix[i].used;
    backward += s->matrix[i].back ? (double)s->matrix[i].used : 0;
    gradient += s->matrix[i].reached ? (double)s->matrix[i].used : 0;
    update += s->matrix[i].reached ? (double)s->matrix[i].weights : 0;
  }
  r.forward_us = roofline_longer(rows * forward / m->peak, m->forward, &r.bound[0]);
  r.flops = rows * forward;
  r.bytes = s->weight_bytes * forward;
  if (s->train) {
    r.backward_us = roofline_longer(rows * backward / m->peak, m->backward, &r.bound[1]);
    r.update_us = roofline_longer((rows * gradient + ROOFLINE_ADAM_FLOPS * update) / m->peak,
                                  m->update, &r.bound[2]);
    r.flops += rows * (backward + gradient);
    r.bytes += 4 * backward + (8 + 4 * s->moment_bytes) * update;
  }
  if (s->flops) /* a step is three runs; what a matrix meets depends on its layer */
    r.flops = (double)s->batch * (double)s->flops * (s->train ? 3 : 1);
  r.us = r.forward_us + r.backward_us + r.update_us;
  return r;
}
