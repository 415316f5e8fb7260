/* The plain networks (linear and relu) written by hand on OpenBLAS, as one would without a
 * library for nets. Compiled and started by bench/compare.py; speaks as worker.py does. */
#define _POSIX_C_SOURCE 200809L

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LAYERS 6

typedef struct net {
  char name[64];
  int layers, batch, train, step;
  int width[LAYERS + 1];
  size_t count; /* parameters */
  float *p, *g, *m, *v;
  float *w[LAYERS], *b[LAYERS], *gw[LAYERS], *gb[LAYERS], *h[LAYERS], *d[LAYERS];
  float *x, *y;
} net;

static float *array(size_t count) {
  float *a = aligned_alloc(64, (4 * count + 63) / 64 * 64);
  if (!a) exit(1);
  memset(a, 0, 4 * count);
  return a;
}

static float value(void) {
  static unsigned seed = 1;
  seed = seed * 1664525u + 1013904223u;
  return (float)(seed >> 8) / 8388608.f - 1.f;
}

static int widths(net *n, const char *name) {
  static const int w1[] = {384, 256, 192, 256, 384}, w3[] = {768, 1536, 768};
  if (!strcmp(name, "W1")) {
    n->layers = 4;
    memcpy(n->width, w1, sizeof w1);
  } else if (!strcmp(name, "W3")) {
    n->layers = 2;
    memcpy(n->width, w3, sizeof w3);
  } else if (sscanf(name, "L:%d:%d", &n->width[0], &n->width[1]) == 2) {
    n->layers = 1;
  }
  return n->layers > 0;
}

static void make(net *n) {
  size_t at = 0, i;
  int l;
  for (l = 0; l < n->layers; l++)
    n->count += (size_t)n->width[l] * (size_t)n->width[l + 1] + (size_t)n->width[l + 1];
  n->p = array(n->count);
  n->g = array(n->train ? n->count : 1);
  n->m = array(n->train ? n->count : 1);
  n->v = array(n->train ? n->count : 1);
  for (i = 0; i < n->count; i++) n->p[i] = .08f * value();
  for (l = 0; l < n->layers; l++) {
    const size_t out = (size_t)n->width[l + 1], all = (size_t)n->batch * out;
    n->w[l] = n->p + at;
    n->gw[l] = n->g + at;
    at += (size_t)n->width[l] * out;
    n->b[l] = n->p + at;
    n->gb[l] = n->g + at;
    at += out;
    n->h[l] = array(all);
    n->d[l] = array(all);
  }
  n->x = array((size_t)(n->batch * n->width[0]));
  n->y = array((size_t)(n->batch * n->width[n->layers]));
  for (l = 0; l < n->batch * n->width[0]; l++) n->x[l] = value();
  for (l = 0; l < n->batch * n->width[n->layers]; l++) n->y[l] = value();
}

static void forward(net *n) {
  const float *x = n->x;
  int l, r, i;
  for (l = 0; l < n->layers; l++) {
    const int in = n->width[l], out = n->width[l + 1];
    float *h = n->h[l];
    for (r = 0; r < n->batch; r++)
      memcpy(h + (size_t)r * (size_t)out, n->b[l], 4 * (size_t)out);
    if (n->batch == 1)
      cblas_sgemv(CblasRowMajor, CblasNoTrans, out, in, 1, n->w[l], in, x, 1, 1, h, 1);
    else
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n->batch, out, in, 1, x, in, n->w[l],
                  in, 1, h, out);
    for (i = 0; l + 1 < n->layers && i < n->batch * out; i++) h[i] = h[i] > 0 ? h[i] : 0;
    x = h;
  }
}

static void backward(net *n) {
  const int last = n->layers - 1, all = n->batch * n->width[n->layers];
  int l, r, i;
  for (i = 0; i < all; i++) n->d[last][i] = 2.f / (float)all * (n->h[last][i] - n->y[i]);
  for (l = last; l >= 0; l--) {
    const int in = n->width[l], out = n->width[l + 1];
    const float *x = l ? n->h[l - 1] : n->x;
    float *d = n->d[l], *dx = l ? n->d[l - 1] : NULL;
    if (n->batch == 1) {
      memset(n->gw[l], 0, 4 * (size_t)in * (size_t)out);
      cblas_sger(CblasRowMajor, out, in, 1, d, 1, x, 1, n->gw[l], in);
    } else {
      cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, out, in, n->batch, 1, d, out, x, in,
                  0, n->gw[l], in);
    }
    memset(n->gb[l], 0, 4 * (size_t)out);
    for (r = 0; r < n->batch; r++)
      for (i = 0; i < out; i++) n->gb[l][i] += d[r * out + i];
    if (!dx) continue;
    if (n->batch == 1)
      cblas_sgemv(CblasRowMajor, CblasTrans, out, in, 1, n->w[l], in, d, 1, 0, dx, 1);
    else
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n->batch, in, out, 1, d, out,
                  n->w[l], in, 0, dx, in);
    for (i = 0; i < n->batch * in; i++) dx[i] = x[i] > 0 ? dx[i] : 0;
  }
}

static void adam(net *n) {
  float *restrict p = n->p, *restrict g = n->g, *restrict m = n->m, *restrict v = n->v;
  const float rate = 1e-7f / (1 - powf(.9f, (float)++n->step));
  const float root = 1 / sqrtf(1 - powf(.999f, (float)n->step));
  size_t i;
  for (i = 0; i < n->count; i++) {
    m[i] = .9f * m[i] + .1f * g[i];
    v[i] = .999f * v[i] + .001f * g[i] * g[i];
    p[i] -= rate * m[i] / (sqrtf(v[i]) * root + 1e-8f);
  }
}

static void call(net *n) {
  forward(n);
  if (n->train) {
    backward(n);
    adam(n);
  }
}

static double microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e6 * (double)now.tv_sec + 1e-3 * (double)now.tv_nsec;
}

static void answer(net *n, double ms, double sample_us) {
  double start, end;
  int i, calls;
  for (i = 0; i < 5; i++) call(n);
  start = microseconds();
  call(n);
  calls = (int)(sample_us / (microseconds() - start + 1e-3)) + 1;
  end = microseconds() + 1e3 * ms;
  do {
    start = microseconds();
    for (i = 0; i < calls; i++) call(n);
    printf("%.4f ", (microseconds() - start) / calls);
  } while (microseconds() < end);
  puts("");
}

int main(void) {
  static net made[256];
  char line[160], name[32];
  int count = 0, i, batch;
  double ms, sample_us;

  openblas_set_num_threads(1);
  printf("READY %s, core %s\n", openblas_get_config(), openblas_get_corename());
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    char key[64], *kind;
    net *n = NULL;
    if (sscanf(line, "%31s %d %lf %lf", name, &batch, &ms, &sample_us) != 4) return 1;
    snprintf(key, sizeof key, "%s %d", name, batch);
    for (i = 0; i < count && !n; i++) n = strcmp(made[i].name, key) ? NULL : &made[i];
    kind = strchr(name, '.');
    if (kind) *kind++ = 0;
    if (!n && count < 256 && kind && widths(&made[count], name)) {
      n = &made[count++];
      strcpy(n->name, key);
      n->batch = batch;
      n->train = !strcmp(kind, "train");
      make(n);
    }
    if (n)
      answer(n, ms, sample_us);
    else
      puts("NA");
    fflush(stdout);
  }
  return 0;
}
