/* Template: stochastic rounding, in terms of the LV_ macros: bfloat16 weights, and the moments
 * of Adam in 8 bits.
 *
 * A number is rounded at random by adding random bits below the last bit that is kept and
 * cutting off the rest, so that on average nothing is lost. The bits, "dither" (random.h has
 * the formula), come from a hash of a key and the element's number, so that they are the same
 * however the work is divided; 8 elements share one hash, each a constant further on.
 *
 * For the codes the same happens inside the float: after adding LV_MAGIC the last place of the
 * mantissa counts units of 2^-14 of a code, the dither is added as an integer, and a shift cuts
 * it off. adam8 goes over a block twice: first the step, with the new moments kept aside and
 * their largest found, which gives the block's scale, then the codes. */
#include "kernels/common.h"

#include "kernels/kernels.h"

#define LV_MAGIC 12582912.0f /* 1.5 * 2^23: the unit of its last place is 1 */

/* lnspi_random_dither of LV_W elements, of which the first is a multiple of LV_W. Of those 16
 * elements on it is LV_DITHER_NEXT more, up to the next multiple of 128. */
static LNSPI_NOINLINE LV_I LV_F(dither)(const uint32_t key[2], uint32_t element) {
  static const uint16_t lane[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  uint32_t first = element / 128 * 16 + element % 16;
  LV_I u = LV_IADD(LV_IMUL(LV_LOAD16(lane), LV_ISET((int32_t)0x9e3779b9u)),
                   LV_ISET((int32_t)(first * 0x9e3779b9u + key[0])));
  u = LV_IMUL(LV_IXOR(u, LV_ISHR(u, 16)), LV_ISET(0x7feb352d));
  u = LV_IADD(LV_IXOR(u, LV_ISHR(u, 15)), LV_ISET((int32_t)key[1]));
  u = LV_IMUL(u, LV_ISET((int32_t)0x846ca68bu));
  u = LV_IXOR(u, LV_ISHR(u, 16));
  return LV_IADD(u, LV_ISET((int32_t)(element / 16 % 8 * 0x9e3779b9u)));
}

#define LV_DITHER_NEXT LV_ISET((int32_t)0x9e3779b9u)

static void LV_F(widen_bf16)(float *y, const void *w, int64_t lanes, int64_t kn) {
  const uint32_t *words = w; /* lane l, and l + 16 above it */
  for (int64_t k = 0; k < kn; k++, y += lanes)
    for (int64_t from = 0; from < lanes; from += 32, words += 16)
      for (int64_t l = 0; l < 16; l += LV_W) {
        LV_I u = LV_LOAD32(words + l);
        LV_STORE(y + from + l, LV_FLOAT(LV_ISHL(u, 16)));
        if (from + 16 < lanes)
          LV_STORE(y + from + 16 + l, LV_FLOAT(LV_IAND(u, LV_ISET(-65536))));
      }
}

/* The dither of 16 elements, from that of the 16 before. */
static LNSPI_ALWAYS void LV_F(dither_next)(LV_I *h, const uint32_t key[2], uint32_t element) {
  LNSPI_UNROLL
  for (int v = 0; v < 16 / LV_W; v++)
    h[v] = element % 128 == 0 ? LV_F(dither)(key, element + (uint32_t)v * LV_W)
                              : LV_IADD(h[v], LV_DITHER_NEXT);
}

static void LV_F(dither_bf16)(void *w, const float *y, int64_t lanes, int64_t kn,
                              const uint32_t key[2], uint32_t element) {
  uint32_t *words = w;
  LV_I h[16 / LV_W], low[16 / LV_W];
  LNSPI_UNROLL
  for (int v = 0; v < 16 / LV_W; v++) h[v] = LV_F(dither)(key, element + (uint32_t)v * LV_W);
  for (int64_t k = 0; k < kn; k++, y += lanes)
    for (int64_t from = 0; from < lanes; from += 32, words += 16) {
      LNSPI_UNROLL
      for (int v = 0; v < 16 / LV_W; v++) {
        LV_I u = LV_IADD(LV_BITS(LV_LOAD(y + from + v * LV_W)), LV_ISHR(h[v], 16));
        low[v] = LV_ISHR(u, 16);
        LV_STORE32(words + v * LV_W, low[v]);
      }
      LV_F(dither_next)(h, key, element += 16);
      if (from + 16 == lanes) continue;
      LNSPI_UNROLL
      for (int v = 0; v < 16 / LV_W; v++) {
        LV_I u = LV_IADD(LV_BITS(LV_LOAD(y + from + 16 + v * LV_W)), LV_ISHR(h[v], 16));
        LV_STORE32(words + v * LV_W, LV_IOR(LV_IAND(u, LV_ISET(-65536)), low[v]));
      }
      LV_F(dither_next)(h, key, element += 16);
    }
}

/* What a step needs of the optimizer, so that an element takes few operations. */
typedef struct LV_T(adam8_factors) {
  float beta1, beta2_root, c1, s2, l2_c1, l2_s2, step, rsqrt_bc2, eps, decay;
  int l2;
} LV_T(adam8_factors);

/* One vector: fresh m and r. */
static LNSPI_ALWAYS void LV_F(adam8_step)(float *w, const int8_t *m, const uint8_t *v,
                                          const float *g, const LV_T(adam8_factors) *a,
                                          LV_V m_scale, LV_V v_scale, LV_V *fresh, LV_V *root) {
  LV_V wi = LV_LOAD(w), gi = LV_LOAD(g);
  LV_V c = LV_MUL(LV_SET(a->c1), gi), t = LV_MUL(LV_SET(a->s2), gi);
  if (a->l2) {
    c = LV_FMA(LV_SET(a->l2_c1), wi, c);
    t = LV_FMA(LV_SET(a->l2_s2), wi, t);
  }
  LV_V mi = LV_FMA(LV_TOFLOAT(LV_LOADI8(m)), m_scale, c);
  LV_V p = LV_MUL(LV_TOFLOAT(LV_LOADU8(v)), v_scale);
  LV_V vi = LV_FMA(t, t, LV_MUL(p, p));
  LV_V ri = LV_SQRT(LV_CLEAR(LV_LT(vi, LV_SET(FLT_MIN)), vi));
  LV_V d = LV_FMA(ri, LV_SET(a->rsqrt_bc2), LV_SET(a->eps));
  LV_STORE(w, LV_FMA(LV_SET(-a->step), LV_DIV(mi, d), LV_MUL(wi, LV_SET(a->decay))));
  *fresh = mi;
  *root = ri;
}

/* A block whose fresh values wait to be coded. */
typedef struct LV_T(adam8_block) {
  LV_V fresh[LNSPI_MOMENT_BLOCK / LV_W], root[LNSPI_MOMENT_BLOCK / LV_W];
  LV_V m_factor, v_factor;
  LV_I h[16 / LV_W];
  int8_t *m;
  uint8_t *v;
} LV_T(adam8_block);

static LNSPI_ALWAYS void LV_F(adam8_code)(LV_T(adam8_block) *b, int64_t i) {
  const LV_V magic = LV_SET(LV_MAGIC), least = LV_SET(LV_MAGIC + 0x1p14f);
  LV_I *h = &b->h[i % 16 / LV_W];
  LV_I mi = LV_BITS(LV_FMA(b->fresh[i / LV_W], b->m_factor, magic));
  LV_I vi = LV_BITS(LV_MAX(LV_FMA(b->root[i / LV_W], b->v_factor, magic), least));
  mi = LV_IADD(mi, LV_IAND(*h, LV_ISET(0x3fff)));
  vi = LV_IADD(vi, LV_ISHR(*h, 18));
  *h = LV_IADD(*h, LV_DITHER_NEXT);
  LV_STORE8(b->m + i, LV_ISHR(mi, 14));
  LV_STORE8(b->v + i, LV_ISHR(vi, 14));
}

/* The new scales of a block, and what its codes need. */
static inline void LV_F(adam8_scale)(LV_T(adam8_block) *b, const lnspi_moments8 *s, int64_t n,
                                     LV_V m_top, LV_V v_top) {
  float m = LV_HMAX(m_top), v = LV_HMAX(v_top);
  if (m < 0x1p-106f) m = 0; /* its factor must be finite */
  if (v < 0x1p-54f) v = 0;
  s->m_scale[n] = lnspi_moment_scale(m, 127);
  s->v_scale[n] = lnspi_moment_scale(v, 255);
  b->m_factor = LV_SET(m > 0 ? 127 * 0x1p14f / m : 0);
  b->v_factor = LV_SET(v > 0 ? 255 * 0x1p14f / v : 0);
  for (uint32_t l = 0; l < 16; l += LV_W)
    b->h[l / LV_W] = LV_F(dither)(s->key, (s->block + (uint32_t)n) * 128 + l);
  b->m = s->m + n * LNSPI_MOMENT_BLOCK;
  b->v = s->v + n * LNSPI_MOMENT_BLOCK;
}

/* While the divider works on one block, the codes of the block before it are made. */
static LNSPI_ALWAYS void LV_F(adam8_loop)(float *w, const lnspi_moments8 *s, const float *g,
                                          int64_t n, const LV_T(adam8_factors) *a) {
  LV_T(adam8_block) blocks[2];
  int8_t nothing[2][LNSPI_MOMENT_BLOCK];
  LV_T(adam8_block) *last = &blocks[0];
  memset(last, 0, sizeof *last);
  last->m = nothing[0];
  last->v = (uint8_t *)nothing[1];
  for (int64_t from = 0, b = 0; from < n; from += LNSPI_MOMENT_BLOCK, b++) {
    const LV_V m_scale = LV_SET(a->beta1 * s->m_scale[b]);
    const LV_V v_scale = LV_SET(a->beta2_root * s->v_scale[b]);
    int64_t left = n - from < LNSPI_MOMENT_BLOCK ? n - from : LNSPI_MOMENT_BLOCK, i = 0;
    LV_T(adam8_block) *now = &blocks[(b + 1) % 2];
    LV_V m_top = LV_SET(0.0f), v_top = LV_SET(0.0f);
    for (; i < left; i += LV_W) {
      LV_V *fresh = &now->fresh[i / LV_W], *root = &now->root[i / LV_W];
      LV_F(adam8_step)
      (w + from + i, s->m + from + i, s->v + from + i, g + from + i, a, m_scale, v_scale, fresh,
       root);
      m_top = LV_MAXABS(m_top, *fresh);
      v_top = LV_MAX(v_top, *root);
      LV_F(adam8_code)(last, i);
    }
    for (; i < LNSPI_MOMENT_BLOCK; i += LV_W) LV_F(adam8_code)(last, i);
    LV_F(adam8_scale)(now, s, b, m_top, v_top);
    last = now;
  }
  for (int64_t i = 0; i < n - (n - 1) / LNSPI_MOMENT_BLOCK * LNSPI_MOMENT_BLOCK; i += LV_W)
    LV_F(adam8_code)(last, i);
}

static void LV_F(adam8)(float *w, const lnspi_moments8 *s, const float *g, int64_t n,
                        const lnspi_adam *a) {
  const lnspi_moments8 moments = *s; /* w, m and v cannot alias it */
  const LV_T(adam8_factors) factors = {a->beta1,         sqrtf(a->beta2), a->c1 * a->scale,
                                       a->s2 * a->scale, a->c1 * a->l2,   a->s2 * a->l2,
                                       a->step,          a->rsqrt_bc2,    a->eps,
                                       a->decay,         a->l2 != 0};
  LV_F(adam8_loop)(w, &moments, g, n, &factors);
}

#undef LV_MAGIC
#undef LV_DITHER_NEXT
