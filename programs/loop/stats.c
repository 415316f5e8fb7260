/* Figures of a stream: each prediction counts before its concept is learned. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"
#include "loop/loop.h"

void loop_stats_open(loop_stats *m, int64_t capacity) {
  m->capacity = capacity;
  m->rank = memory_new(capacity, sizeof *m->rank);
  m->cosine = memory_new(capacity, sizeof *m->cosine);
}

static void stats_count(loop_figures *f, int32_t rank, float cosine) {
  f->count++;
  f->cosine += (double)cosine;
  f->hit1 += rank == 1;
  f->hit5 += rank >= 1 && rank <= 5;
  f->hit10 += rank >= 1 && rank <= 10;
  f->mrr += rank >= 1 ? 1.0 / rank : 0;
}

static loop_figures stats_mean(loop_figures f) {
  const double n = f.count ? (double)f.count : 1;
  f.cosine /= n;
  f.hit1 /= n;
  f.hit5 /= n;
  f.hit10 /= n;
  f.mrr /= n;
  return f;
}

void loop_stats_add(loop_stats *m, int64_t rank, double cosine) {
  m->rank[m->count] = rank > INT32_MAX ? 0 : (int32_t)rank;
  m->cosine[m->count] = (float)cosine;
  stats_count(&m->sum, m->rank[m->count], m->cosine[m->count]);
  m->count++;
}

loop_figures loop_stats_all(const loop_stats *m) { return stats_mean(m->sum); }

loop_figures loop_stats_part(const loop_stats *m, int64_t first, int64_t count) {
  loop_figures f;
  int64_t i;

  memset(&f, 0, sizeof f);
  for (i = first < 0 ? 0 : first; i < first + count && i < m->count; i++)
    stats_count(&f, m->rank[i], m->cosine[i]);
  return stats_mean(f);
}

void loop_stats_close(loop_stats *m) {
  free(m->rank);
  free(m->cosine);
}
