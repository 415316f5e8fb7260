/* Stochastic rounding: the reference kernels against their definition, every
 * kernel set that runs here against the reference, bit by bit, and that chance is fair.
 * build/tests/kernels/test_stochastic_rounding --time prints times instead. */
#include "kernel_check.h"
#include "clock.h"

#include "base/bytes.h"
#include "base/fpenv.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "kernels/lowp.h"
#include "kernels/random.h"
#include "kernels/scalar.h"

#define LNSPI_X(result, name, parameters) static void test_kernel_##name(void);
LNSPI_KERNEL_MOMENT_LIST(LNSPI_X)
#undef LNSPI_X

static const int64_t lengths[] = {0, 16, 32, 48, 112, 128, 144, 256, 272, 384, 1008, 1024};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

static const lnspi_adam plain_adam = {.9f, .1f, .999f, .0316227768f, 1e-3f, 1.5f, 1e-8f,
                                      1,   1,   0};

/* One of several settings: as AdamW, clipped with decay added, without a first moment. */
static lnspi_adam adam_variant(int variant) {
  lnspi_adam a = plain_adam;
  if (variant == 0) a.decay = .99f;
  if (variant == 1) a.l2 = .01f, a.scale = .7f;
  if (variant == 2) a.beta1 = 0, a.c1 = 1, a.beta2 = .9f, a.s2 = .316227766f, a.scale = 1e-9f;
  return a;
}

/* The moments of n elements, as the library could hold them. */
static lnspi_moments8 moments(int64_t n, int fresh) {
  int64_t blocks = (n + LNSPI_MOMENT_BLOCK - 1) / LNSPI_MOMENT_BLOCK;
  lnspi_moments8 s = {take_bytes((size_t)n), take_bytes((size_t)n), take(blocks),
                      take(blocks),          {draw(), draw()},      draw() % 1000};
  for (int64_t i = 0; i < n; i++) {
    s.m[i] = (int8_t)(fresh ? 0 : (int)(draw() % 255) - 127);
    s.v[i] = (uint8_t)(fresh ? 0 : 1 + draw() % 255);
  }
  for (int64_t b = 0; b < blocks; b++) {
    float size = ldexpf(1, (int)(draw() % 60) - 50);
    s.m_scale[b] = fresh || draw() % 8 == 0 ? 0 : lnspi_moment_scale(size, 127);
    s.v_scale[b] = fresh || draw() % 8 == 0 ? 0 : lnspi_moment_scale(size * 3, 255);
  }
  return s;
}

static lnspi_moments8 moments_copy(const lnspi_moments8 *from, int64_t n) {
  int64_t blocks = (n + LNSPI_MOMENT_BLOCK - 1) / LNSPI_MOMENT_BLOCK;
  lnspi_moments8 s = *from;
  s.m = take_bytes((size_t)n);
  s.v = take_bytes((size_t)n);
  if (n) memcpy(s.m, from->m, (size_t)n);
  if (n) memcpy(s.v, from->v, (size_t)n);
  s.m_scale = copy(from->m_scale, blocks);
  s.v_scale = copy(from->v_scale, blocks);
  return s;
}

static int moments_same(const lnspi_moments8 *a, const lnspi_moments8 *b, int64_t n) {
  int64_t blocks = (n + LNSPI_MOMENT_BLOCK - 1) / LNSPI_MOMENT_BLOCK;
  return (n == 0 || (!memcmp(a->m, b->m, (size_t)n) && !memcmp(a->v, b->v, (size_t)n))) &&
         same(a->m_scale, b->m_scale, blocks) && same(a->v_scale, b->v_scale, blocks);
}

/* Gradients of all magnitudes whose squares stay finite; HARD: many zeros too. */
static float *gradients(int64_t n, int kind) {
  float *g = take(n);
  int zero = kind == HARD && draw() % 4 == 0;
  for (int64_t i = 0; i < n; i++) {
    g[i] = zero ? 0.0f : value(kind);
    if (kind == HARD && fabsf(g[i]) < 1e-30f && draw() % 2) g[i] = ldexpf(g[i], 40);
  }
  return g;
}

/* ---- the definition, once more ---- */

static uint32_t plain_dither(const uint32_t key[2], uint64_t e) {
  uint64_t u = (e / 128 * 16 + e % 16) * 0x9e3779b9u + key[0];
  u &= 0xffffffffu;
  u = ((u ^ u >> 16) * 0x7feb352du) & 0xffffffffu;
  u = (((u ^ u >> 15) + key[1]) * 0x846ca68bu) & 0xffffffffu;
  return (uint32_t)((u ^ u >> 16) + e / 16 % 8 * 0x9e3779b9u);
}

static void plain_block(float *w, const lnspi_moments8 *s, int64_t b, const float *g, int64_t n,
                        const lnspi_adam *a) {
  float m[128], r[128], top = 0, root = 0;
  int8_t *cm = s->m + 128 * b;
  uint8_t *cv = s->v + 128 * b;
  for (int64_t i = 0; i < n; i++) {
    float c = (a->c1 * a->scale) * g[i], t = (a->s2 * a->scale) * g[i];
    if (a->l2 != 0) c = lnspi_scalar_fma(a->c1 * a->l2, w[i], c);
    if (a->l2 != 0) t = lnspi_scalar_fma(a->s2 * a->l2, w[i], t);
    m[i] = lnspi_scalar_fma((float)cm[i], a->beta1 * s->m_scale[b], c);
    float p = (float)cv[i] * (sqrtf(a->beta2) * s->v_scale[b]);
    float v = lnspi_scalar_fma(t, t, p * p);
    r[i] = v < FLT_MIN ? 0 : sqrtf(v);
    w[i] = lnspi_scalar_fma(-a->step, m[i] / lnspi_scalar_fma(r[i], a->rsqrt_bc2, a->eps),
                            w[i] * a->decay);
    top = fabsf(m[i]) > top ? fabsf(m[i]) : top;
    root = r[i] > root ? r[i] : root;
  }
  if (top < 0x1p-106f) top = 0;
  if (root < 0x1p-54f) root = 0;
  s->m_scale[b] = lnspi_moment_scale(top, 127);
  s->v_scale[b] = lnspi_moment_scale(root, 255);
  for (int64_t i = 0; i < n; i++) {
    uint32_t h = plain_dither(s->key, ((uint64_t)s->block + (uint64_t)b) * 128 + (uint64_t)i);
    /* in units of 2^-14 codes, to the nearest, ties to even: what the float holds */
    double fm = top > 0 ? nearbyint((double)m[i] * (double)(127 * 0x1p14f / top)) : 0;
    double fv = root > 0 ? nearbyint((double)r[i] * (double)(255 * 0x1p14f / root)) : 0;
    cm[i] = (int8_t)floor((fm + (double)(h & 0x3fff)) / 0x1p14);
    cv[i] = (uint8_t)floor(((fv < 0x1p14 ? 0x1p14 : fv) + (double)(h >> 18)) / 0x1p14);
  }
}

static void test_reference_adam8(void) {
  for (int times = 0; times < 60; times++)
    for (int length = 0; length < LENGTHS; length++) {
      int64_t n = lengths[length];
      lnspi_adam a = adam_variant(times % 3);
      lnspi_moments8 s = moments(n, times % 7 == 0), t = moments_copy(&s, n);
      float *w = values(n, PLAIN), *x = copy(w, n), *g = gradients(n, times % 2 ? HARD : PLAIN);
      ref->adam8(w, &s, g, n, &a);
      for (int64_t b = 0; 128 * b < n; b++)
        plain_block(x + 128 * b, &t, b, g + 128 * b, n - 128 * b < 128 ? n - 128 * b : 128, &a);
      CHECK_SAY(same(w, x, n), "weights, n %d", (int)n);
      CHECK_SAY(moments_same(&s, &t, n), "moments, n %d", (int)n);
      for (int64_t i = 0; i < n; i++) CHECK(s.m[i] >= -127 && s.v[i] >= 1);
      CHECK(slots_close());
    }
}

/* Moments that fade away do so with their scale: a scale whose codes are all zero would
 * stand for a moment that was lost. */
static void test_fading_moments(void) {
  for (int e = -125; e < -95; e++) {
    lnspi_adam a = adam_variant(0);
    lnspi_moments8 s = moments(16, 1);
    float *w = values(16, PLAIN), *g = take(16);
    memset(g, 0, 16 * sizeof *g);
    s.m[3] = -127;
    s.m_scale[0] = lnspi_moment_scale(ldexpf(1.25f, e), 127);
    ref->adam8(w, &s, g, 16, &a);
    CHECK_SAY(s.m_scale[0] > 0 ? s.m[3] == -127 : s.m[3] == 0, "2^%d: scale %a, code %d", e,
              (double)s.m_scale[0], s.m[3]);
    CHECK(e < -100 || s.m_scale[0] > 0);
    CHECK(slots_close());
  }
}

static const int64_t lane_counts[] = {16, 32, 48, 64};
static const int64_t input_counts[] = {0, 1, 2, 3, 5, 8, 16, 21, 64};
enum { LANES = 4, INPUTS = 9 };

static size_t panel_bytes(int64_t lanes, int64_t kn) {
  return (size_t)((lanes + 31) / 32 * 64 * kn);
}

/* Against the packing of lowp.h: a panel is a matrix of lanes rows. */
static void test_reference_bf16(void) {
  const uint32_t key[2] = {7, 8};
  for (uint32_t e = 0; e < 2000; e++)
    CHECK(lnspi_random_dither(key, e) == plain_dither(key, e));
  for (int j = 0; j < LANES * INPUTS; j++) {
    int64_t lanes = lane_counts[j % LANES], kn = input_counts[j / LANES], n = kn * lanes;
    float *y = values(n, HARD), *rows = take(n), *panel = take(n);
    uint8_t *w = take_bytes(panel_bytes(lanes, kn));
    uint32_t from = 16 * (draw() % 40);
    memset(w, 0xff, panel_bytes(lanes, kn)); /* pads become zero */
    ref->dither_bf16(w, y, lanes, kn, key, from);
    lnspi_lowp_unpack_rows(LNSP_BF16, w, kn, lanes, 0, lanes, rows, kn);
    for (int64_t i = 0; i < n; i++) {
      uint32_t bits = lnspi_float_bits(y[i]);
      bits = (bits + (plain_dither(key, from + (uint64_t)i) >> 16)) & 0xffff0000u;
      panel[i] = lnspi_bits_float(bits);
      CHECK(lnspi_float_bits(rows[i % lanes * kn + i / lanes]) == bits);
    }
    uint8_t *again = take_bytes(panel_bytes(lanes, kn));
    memset(again, 0, panel_bytes(lanes, kn));
    lnspi_lowp_pack_rows(LNSP_BF16, again, kn, lanes, 0, lanes, rows, kn);
    CHECK(kn == 0 || !memcmp(w, again, panel_bytes(lanes, kn)));
    ref->widen_bf16(y, w, lanes, kn);
    CHECK(same(y, panel, n));
    CHECK(slots_close());
  }
}

/* ---- every set against the reference ---- */

static void test_kernel_adam8(void) {
  for (at_end = 0; at_end < 2; at_end++)
    for (int times = 0; times < 24; times++)
      for (int length = 0; length < LENGTHS; length++) {
        int64_t n = lengths[length];
        lnspi_adam a = adam_variant(times % 3);
        lnspi_moments8 s = moments(n, times % 7 == 0), t = moments_copy(&s, n);
        float *w = values(n, PLAIN), *x = copy(w, n);
        for (int step = 0; step < 3; step++) {
          float *g = gradients(n, times % 2 ? HARD : PLAIN);
          ref->adam8(w, &s, g, n, &a);
          set->adam8(x, &t, g, n, &a);
        }
        CHECK_SAY(same(w, x, n), "weights, n %d", (int)n);
        CHECK_SAY(moments_same(&s, &t, n), "moments, n %d", (int)n);
        CHECK(slots_close());
      }
}

static void test_kernel_widen_bf16(void) {
  for (at_end = 0; at_end < 2; at_end++)
    for (int j = 0; j < LANES * INPUTS; j++) {
      int64_t lanes = lane_counts[j % LANES], kn = input_counts[j / LANES], n = kn * lanes;
      uint8_t *w = take_bytes(panel_bytes(lanes, kn));
      float *y = take(n), *z = take(n);
      for (size_t i = 0; i < panel_bytes(lanes, kn); i++) w[i] = (uint8_t)draw();
      ref->widen_bf16(y, w, lanes, kn);
      set->widen_bf16(z, w, lanes, kn);
      CHECK_SAY(same(y, z, n), "%d lanes, %d inputs", (int)lanes, (int)kn);
      CHECK(slots_close());
    }
}

static void test_kernel_dither_bf16(void) {
  for (at_end = 0; at_end < 2; at_end++)
    for (int j = 0; j < 4 * LANES * INPUTS; j++) {
      int64_t lanes = lane_counts[j % LANES], kn = input_counts[j / LANES % INPUTS];
      float *y = values(kn * lanes, HARD);
      uint8_t *w = take_bytes(panel_bytes(lanes, kn)), *x = take_bytes(panel_bytes(lanes, kn));
      const uint32_t key[2] = {draw(), draw()};
      uint32_t from = 16 * (draw() % 100);
      ref->dither_bf16(w, y, lanes, kn, key, from);
      set->dither_bf16(x, y, lanes, kn, key, from);
      CHECK_SAY(kn == 0 || !memcmp(w, x, panel_bytes(lanes, kn)), "%d lanes, %d inputs",
                (int)lanes, (int)kn);
      CHECK(slots_close());
    }
}

static void test_kernel_noise(void) {
  for (int i = 0; i < 40000; i++) {
    float *y = take(64), *x = take(64);
    uint32_t *word = take_bytes(19 * sizeof *word);
    for (int w = 0; w < 19; w++) word[w] = draw() % 16 ? draw() : 0u - draw() % 2;
    ref->noise(y, word, word + 8, word + 11);
    set->noise(x, word, word + 8, word + 11);
    CHECK(!memcmp(x, y, 64 * sizeof *x));
    CHECK(slots_close());
  }
}

/* In whatever pieces the elements come, the same: pieces begin at whole blocks. */
static void test_pieces(void) {
  enum { N = 1024 };
  lnspi_adam a = plain_adam;
  lnspi_moments8 s = moments(N, 0), t = moments_copy(&s, N);
  float *w = values(N, PLAIN), *x = copy(w, N), *g = values(N, PLAIN);
  ref->adam8(w, &s, g, N, &a);
  for (int64_t from = N - 128; from >= 0; from -= 128) {
    lnspi_moments8 piece = {t.m + from,
                            t.v + from,
                            t.m_scale + from / 128,
                            t.v_scale + from / 128,
                            {t.key[0], t.key[1]},
                            t.block + (uint32_t)(from / 128)};
    ref->adam8(x + from, &piece, g + from, 128, &a);
  }
  CHECK(same(w, x, N) && moments_same(&s, &t, N));
  uint32_t y[N], z[N]; /* 48 lanes: two groups of 16 words an input */
  ref->dither_bf16(y, w, 48, 21, s.key, 4096);
  for (uint32_t k = 0, n = 1; k < 21; k += n, n = 1 + draw() % 3) {
    if (n > 21 - k) n = 21 - k;
    ref->dither_bf16(z + 32 * k, w + 48 * k, 48, n, s.key, 4096 + 48 * k);
  }
  CHECK(!memcmp(y, z, panel_bytes(48, 21)));
  CHECK(slots_close());
}

/* ---- chance ---- */

/* A code times its scale is exact, and so is the way back from a value and a square. */
static void test_values_give_codes(void) {
  for (int times = 0; times < 20000; times++) {
    float top = ldexpf(1 + (float)(draw() >> 8) * 0x1p-24f, (int)(draw() % 60) - 50);
    float m = lnspi_moment_scale(top, 127), v = lnspi_moment_scale(top, 255);
    CHECK(lnspi_moment_scale(127 * m, 127) == m);
    CHECK(lnspi_moment_scale(sqrtf((255 * v) * (255 * v)), 255) == v);
    CHECK(fabs((double)(127 * m) / (double)top - 1) < 0x1p-16);
    for (int code = 1; code < 256; code++) {
      float r = (float)code * v, square = r * r;
      CHECK((double)r == (double)code * (double)v);
      CHECK(sqrtf(square) == r);
    }
  }
}

/* Means of uniform numbers, over elements and over keys; neither half nor neighbours
 * hang together. */
static void test_dither_is_uniform(void) {
  enum { N = 1 << 16 };
  double low = 0, high = 0, both = 0, next = 0, later = 0;
  for (uint32_t i = 0; i < N; i++) {
    const uint32_t step[4] = {0, 0, i / 256, 0}, after[4] = {0, 0, i / 256 + 1, 0};
    const uint32_t seed[2] = {1, 0};
    uint32_t key[4], other[4];
    lnspi_random_philox(step, seed, key);
    lnspi_random_philox(after, seed, other);
    uint32_t h = lnspi_random_dither(key, i), n = lnspi_random_dither(key, i + 1),
             o = lnspi_random_dither(other, i);
    double a = (double)(h & 0x3fff) / 0x1p14 - .5, b = (double)(h >> 18) / 0x1p14 - .5;
    low += a;
    high += b;
    both += a * b;
    next += b * ((double)(n >> 18) / 0x1p14 - .5);
    later += b * ((double)(o >> 18) / 0x1p14 - .5);
  }
  /* five standard deviations */
  CHECK(fabs(low / N) < 5 * .2887 / 256 && fabs(high / N) < 5 * .2887 / 256);
  CHECK(fabs(both / N) < 5 * .0833 / 256 && fabs(next / N) < 5 * .0833 / 256);
  CHECK(fabs(later / N) < 5 * .0833 / 256);
}

/* The gradient of some elements shrinks or grows while that of their block's others
 * stays: sqrt(v) follows, although it changes by less than half a code a step. Rounded
 * to nearest it would stay where it was. */
static void test_small_changes_add_up(void) {
  enum { N = 128, STEPS = 12000 };
  float w[N] = {0}, g[N], m_scale = 0, v_scale = 0;
  int8_t m[N] = {0};
  uint8_t v[N] = {0};
  double mean[3] = {0}, first[3] = {0};
  for (uint32_t s = 0; s < STEPS; s++) {
    lnspi_moments8 all = {m, v, &m_scale, &v_scale, {s, 99}, 0};
    for (int i = 0; i < N; i++)
      g[i] = i % 3 == 0 ? 1 : (i % 3 == 1) == (s < STEPS / 2) ? .5f : .0625f;
    ref->adam8(w, &all, g, N, &plain_adam);
    for (int i = 0; i < 126; i++) {
      double r = (double)v[i] * (double)v_scale, x = (double)m[i] * (double)m_scale;
      if (s == STEPS / 2 - 1) first[i % 3] += r / 42;
      if (s >= STEPS - 1000) mean[i % 3] += r / 42000;
      if (s >= STEPS - 1000) CHECK(fabs(x - (double)g[i]) < .06);
    }
  }
  CHECK_NEAR(first[0], 1, .02);
  CHECK_NEAR(first[1], .5, .02);
  CHECK_NEAR(first[2], .0625, .01);
  CHECK_NEAR(mean[0], 1, .02);
  CHECK_NEAR(mean[1], .0625, .01);
  CHECK_NEAR(mean[2], .5, .02);
}

/* ---- time ---- */

enum { TIMED = 545792, PIECE = 1024 };

static void *timed_memory(size_t bytes) {
  uint8_t *p = calloc(bytes + 64, 1);
  if (!p) exit(1);
  return p + (64 - (uintptr_t)p % 64);
}

static int time_all(void) {
  float *w = timed_memory(TIMED * 4), *m = timed_memory(TIMED * 4);
  float *v = timed_memory(TIMED * 4), *g = timed_memory(PIECE * 4), *scale[2];
  float *g2 = timed_memory(PIECE * 4);
  uint16_t *half = timed_memory(TIMED * 2);
  uint8_t *code[2];
  for (int i = 0; i < 2; i++)
    scale[i] = timed_memory(TIMED / 32), code[i] = timed_memory(TIMED);
  for (int i = 0; i < PIECE; i++) g[i] = value(PLAIN);
  for (int32_t i = 0; (set = lnspi_dispatch_at(i)) != NULL; i++) {
    const char *names[] = {"adam", "adam8", "to and fro", "noise"};
    if (!lnspi_dispatch_can_run(set)) continue;
    for (int what = 0; what < 4; what++) {
      double best = 1e30, from = clock_microseconds();
      do {
        double start = clock_microseconds();
        for (int64_t o = 0; o < TIMED; o += PIECE) {
          const lnspi_moments8 s = {(int8_t *)code[0] + o, code[1] + o, scale[0] + o / 128,
                                    scale[1] + o / 128,    {1, 2},      (uint32_t)(o / 128)};
          if (what == 0) set->adam(w + o, m + o, v + o, g, PIECE, &plain_adam);
          if (what == 1) set->adam8(w + o, &s, g, PIECE, &plain_adam);
          for (uint32_t b = 0; what == 3 && b < PIECE / 8; b += 8) {
            const uint32_t key[8] = {1}, nonce[3] = {(uint32_t)o, 0, 0};
            const uint32_t counter[8] = {b, b + 1, b + 2, b + 3, b + 4, b + 5, b + 6, b + 7};
            set->noise(g2 + 8 * b, key, nonce, counter);
          }
          if (what == 2) set->widen_bf16(g2, half + o, 64, PIECE / 64);
          if (what == 2) set->dither_bf16(half + o, g2, 64, PIECE / 64, s.key, (uint32_t)o);
        }
        double t = clock_microseconds() - start;
        best = t < best ? t : best;
      } while (clock_microseconds() - from < 500e3);
      printf("%-10s %-12s of %d weights %10.1f us\n", set->name, names[what], TIMED, best);
    }
  }
  return 0;
}

int main(int count, char **words) {
  if (count > 1) {
    if (count == 2 && !strcmp(words[1], "--time")) return time_all();
    printf("usage: test_kernels_moments [--time]\n");
    return 2;
  }
  if (!slots_open()) {
    printf("not ok no memory with guard pages\n");
    return 1;
  }
  lnspi_fpenv saved = lnspi_fpenv_enter();
  RUN(test_reference_adam8);
  RUN(test_fading_moments);
  RUN(test_reference_bf16);
  RUN(test_pieces);
  RUN(test_values_give_codes);
  RUN(test_dither_is_uniform);
  RUN(test_small_changes_add_up);
  RUN_KERNELS(LNSPI_KERNEL_MOMENT_LIST)
  lnspi_fpenv_leave(saved);
  FINISH();
}
