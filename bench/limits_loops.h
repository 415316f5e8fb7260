/* The loops of limits.h for one instruction set, which the including file describes:
 * LL_F(name), LL_V, LL_W floats a vector, LL_CHAINS accumulators, LL_SET, LL_LOAD,
 * LL_STORE, LL_FMA, LL_MUL, LL_ADD, LL_SUB, LL_DIV, LL_SQRT, LL_KEEP(v) (the compiler
 * must have v in a register here), LL_PREFETCH(p); and where it
 * has products of small integers, LL_I, LL_ISET, LL_IADD, LL_FLOAT, LL_IPRODUCTS of them
 * a 32-bit lane by LL_IDOT(sum, a, b). */

static double LL_F(multiply_add)(int64_t rounds, float *sink) {
  LL_V c[LL_CHAINS];
  LL_V a = LL_SET(1e-3f), b = LL_SET(1e-3f);
  int64_t r;
  int i;
  for (i = 0; i < LL_CHAINS; i++) c[i] = LL_SET(.1f * (float)i);
  for (r = 0; r < rounds; r++) {
    LL_UNROLL
    for (i = 0; i < LL_CHAINS; i++) {
      LL_V next = LL_FMA(a, b, c[i]);
      LL_KEEP(next);
      c[i] = next;
    }
  }
  for (i = 1; i < LL_CHAINS; i++) c[0] = LL_ADD(c[0], c[i]);
  LL_STORE(sink, c[0]);
  return 2.0 * LL_W * LL_CHAINS * (double)rounds;
}

#ifdef LL_I
static double LL_F(multiply_add_i8)(int64_t rounds, float *sink) {
  LL_I c[LL_CHAINS];
  const LL_I a = LL_ISET(0x01020301), b = LL_ISET(0x01010101);
  int64_t r;
  int i;
  for (i = 0; i < LL_CHAINS; i++) c[i] = LL_ISET(i);
  for (r = 0; r < rounds; r++) {
    LL_UNROLL
    for (i = 0; i < LL_CHAINS; i++) {
      LL_I next = LL_IDOT(c[i], a, b);
      LL_KEEP(next);
      c[i] = next;
    }
  }
  for (i = 1; i < LL_CHAINS; i++) c[0] = LL_IADD(c[0], c[i]);
  LL_STORE(sink, LL_FLOAT(c[0]));
  return 2.0 * LL_W * LL_IPRODUCTS * LL_CHAINS * (double)rounds;
}
#else
#define LL_NO_I8
#endif

static float LL_F(read)(const float *x, int64_t n, int streams) {
  LL_V c[8];
  const LL_V a = LL_SET(1.f);
  const float *y = streams == 2 ? x + n / 2 : x + 4 * LL_W;
  const int64_t pace = streams == 2 ? 4 * LL_W : 8 * LL_W;
  float sink[LL_W];
  int64_t i;
  int j;
  for (j = 0; j < 8; j++) c[j] = LL_SET(0.f);
  for (i = 0; i < n; i += 8 * LL_W, x += pace, y += pace) {
    LL_UNROLL
    for (j = 0; j < 4; j++) c[j] = LL_FMA(LL_LOAD(x + j * LL_W), a, c[j]);
    LL_UNROLL
    for (j = 0; j < 4; j++) c[j + 4] = LL_FMA(LL_LOAD(y + j * LL_W), a, c[j + 4]);
  }
  for (j = 1; j < 8; j++) c[0] = LL_ADD(c[0], c[j]);
  LL_STORE(sink, c[0]);
  return sink[0];
}

static void LL_F(change)(float *x, int64_t n) {
  const LL_V a = LL_SET(.999999f), b = LL_SET(1e-8f);
  int64_t i;
  int j;
  for (i = 0; i < n; i += 8 * LL_W) {
    LL_UNROLL
    for (j = 0; j < 8; j++) LL_STORE(x + i + j * LL_W, LL_FMA(LL_LOAD(x + i + j * LL_W), a, b));
  }
}

static LL_ALWAYS void LL_F(adam_pass)(float *w, float *m, float *v, const float *d, int64_t n,
                                      int64_t ahead, int prefetch) {
  const LL_V x = LL_SET(.37f), b1 = LL_SET(.9f), c1 = LL_SET(.1f), b2 = LL_SET(.999f),
             s2 = LL_SET(.0316f), step = LL_SET(1e-9f), r = LL_SET(1.01f), eps = LL_SET(1e-8f);
  int64_t i;
  for (i = 0; i < n; i += LL_W) {
    const LL_V g = LL_MUL(LL_LOAD(d + i % 64), x);
    const LL_V t = LL_MUL(g, s2);
    const LL_V mi = LL_FMA(c1, g, LL_MUL(b1, LL_LOAD(m + i)));
    const LL_V vi = LL_FMA(t, t, LL_MUL(b2, LL_LOAD(v + i)));
    const LL_V q = LL_DIV(mi, LL_FMA(LL_SQRT(vi), r, eps));
    if (prefetch) {
      LL_PREFETCH(w + i + ahead);
      LL_PREFETCH(m + i + ahead);
      LL_PREFETCH(v + i + ahead);
    }
    LL_STORE(m + i, mi);
    LL_STORE(v + i, vi);
    LL_STORE(w + i, LL_SUB(LL_LOAD(w + i), LL_MUL(step, q)));
  }
}

static void LL_F(adam)(float *w, float *m, float *v, const float *d, int64_t n, int64_t ahead) {
  if (ahead)
    LL_F(adam_pass)(w, m, v, d, n, ahead, 1);
  else
    LL_F(adam_pass)(w, m, v, d, n, 0, 0);
}

#ifdef LL_NO_I8
#define LL_I8 0
#else
#define LL_I8 LL_F(multiply_add_i8)
#endif
#define LL_TABLE(isa) \
  {isa, LL_W, LL_F(multiply_add), LL_I8, LL_F(read), LL_F(change), LL_F(adam)}
