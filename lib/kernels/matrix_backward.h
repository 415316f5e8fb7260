/* Template: the products of backward, in the panels and tiles that matrix.h explains.
 *
 *   linear_dx   gradient of the inputs: dx[k] = sum over outputs of w[k][lane] d[lane]. The
 *               16 lanes of a group are 16 partial sums, which the tree of kernels.h adds
 *   grad_strip  gradient of the weights: g[k][lane] = sum over rows of d[row][lane] x[row][k],
 *               rows ascending. It is added to what g holds, 64 rows at a time, so that they
 *               stay in the cache while all tiles read them; that changes no order, because
 *               each element goes on from its own sum
 *   grad_adam   the same, used up by the optimizer a few kilobytes at a time: the gradient of
 *               a matrix is never in memory as a whole. Of one row it is an outer product */

/* ---- linear_dx ---- */

/* One group of 16 lanes (a vector of it), for kt inputs and rt rows. */
static LNSPI_ALWAYS void LV_F(dx_group)(const float *w, int64_t lanes, const float *d,
                                        int64_t ldd, LV_V *c, const int kt, const int rt) {
  const int room = rt > 1 && kt * rt + rt + 1 < LV_REGISTERS;
  LV_V dv[4];
  LNSPI_UNROLL
  for (int r = 0; r < rt; r++) {
    dv[r] = LV_LOAD(d + r * ldd);
    if (room) LV_IN_REGISTER(dv[r]);
  }
  LNSPI_UNROLL
  for (int k = 0; k < kt; k++) {
    LV_V wv = LV_LOAD(w + k * lanes);
    if (room) LV_IN_REGISTER(wv);
    LNSPI_UNROLL
    for (int r = 0; r < rt; r++) c[r * kt + k] = LV_FMA(wv, dv[r], c[r * kt + k]);
  }
}

/* The 16-lane sums of kt inputs and rt rows: c[r * kt + k], kt * rt <= 16, of vector
 * number h of the groups. */
static LNSPI_ALWAYS void LV_F(dx_sums)(const float *w, const float *d, int64_t ldd, int64_t k0,
                                       int64_t in, int64_t out, LV_V *c, int h, const int kt,
                                       const int rt) {
  const int64_t round = lnspi_round16(out);
  int64_t o = 0;
  LNSPI_UNROLL
  for (int i = 0; i < kt * rt; i++) c[i] = LV_SET(0.0f);
  w += k0 * 64 + h * LV_W;
  d += h * LV_W;
  for (; o + 64 <= round; o += 64, w += 64 * in, d += 64) {
    LNSPI_UNROLL
    for (int l = 0; l < 64; l += 16) LV_F(dx_group)(w + l, 64, d + l, ldd, c, kt, rt);
  }
  int64_t lanes = round - o;
  w -= k0 * (64 - lanes);
  for (int64_t l = 0; l < lanes; l += 16) LV_F(dx_group)(w + l, lanes, d + l, ldd, c, kt, rt);
}

/* dx of kt inputs and rt rows. */
static LNSPI_ALWAYS void LV_F(dx_tile)(const float *w, const float *d, int64_t ldd, float *dx,
                                       int64_t lddx, int64_t k0, int64_t in, int64_t out,
                                       const int kt, const int rt) {
  LV_V c[16];
  float t[16];
#if LV_W == 16
  LV_F(dx_sums)(w, d, ldd, k0, in, out, c, 0, kt, rt);
  LNSPI_UNROLL
  for (int i = kt * rt; i < 16; i++) c[i] = LV_SET(0.0f);
  LV_STORE(t, LV_F(tree16)(c));
#else
  float p[16 * 16];
  for (int h = 0; h < LV_G; h++) {
    LV_F(dx_sums)(w, d, ldd, k0, in, out, c, h, kt, rt);
    LNSPI_UNROLL
    for (int i = 0; i < kt * rt; i++) LV_STORE(p + 16 * i + h * LV_W, c[i]);
  }
  for (int i = 16 * kt * rt; i < 256; i++) p[i] = 0;
  LV_F(trees)(p, t);
#endif
  LNSPI_UNROLL
  for (int r = 0; r < rt; r++) memcpy(dx + r * lddx + k0, t + r * kt, (size_t)kt * sizeof t[0]);
}

/* 4 inputs of all rows at a time, while their weights are near. */
static void LV_F(linear_dx)(const float *w, const float *d, int64_t ldd, float *dx,
                            int64_t lddx, int64_t rows, int64_t in, int64_t out, int64_t k0,
                            int64_t kn, int pad) {
  const int64_t end = k0 + kn;
  if (rows == 1) {
    int64_t k = k0;
    for (; k + LV_DX_INPUTS_ROW_1 <= end; k += LV_DX_INPUTS_ROW_1)
      LV_F(dx_tile)(w, d, ldd, dx, lddx, k, in, out, LV_DX_INPUTS_ROW_1, 1);
    for (; k < end; k++) LV_F(dx_tile)(w, d, ldd, dx, lddx, k, in, out, 1, 1);
  } else {
    for (int64_t k = k0; k < end; k += 4) {
      const int64_t kt = end - k < 4 ? end - k : 4;
      for (int64_t r = 0; r < rows;) {
        const float *dr = d + r * ldd;
        float *to = dx + r * lddx;
        const int64_t left = rows - r;
        /* never one row alone: 4 are 2 + 2 where a tile has 3 */
        const int64_t rt = left >= LV_DX_ROWS && left != LV_DX_ROWS + 1 ? LV_DX_ROWS
                           : left == 3                                  ? 3
                                                                        : 2;
        if (kt < 4)
          for (int64_t i = 0; i < kt * rt; i++) {
            const float *di = dr + i % rt * ldd;
            LV_F(dx_tile)(w, di, ldd, to + i % rt * lddx, lddx, k + i / rt, in, out, 1, 1);
          }
        else if (rt == LV_DX_ROWS)
          LV_F(dx_tile)(w, dr, ldd, to, lddx, k, in, out, 4, LV_DX_ROWS);
        else if (rt == 3)
          LV_F(dx_tile)(w, dr, ldd, to, lddx, k, in, out, 4, 3);
        else
          LV_F(dx_tile)(w, dr, ldd, to, lddx, k, in, out, 4, 2);
        r += rt;
      }
    }
  }
  int64_t pads = pad && end == in ? lnspi_round16(in) - in : 0;
  if (pads == 0) return;
  for (int64_t r = 0; r < rows; r++) memset(dx + r * lddx + in, 0, (size_t)pads * sizeof dx[0]);
}

/* ---- grad_strip ---- */

static LNSPI_ALWAYS void LV_F(grad_tile)(float *g, int64_t lanes, const float *d, int64_t ldd,
                                         const float *x, int64_t ldx, int64_t rows, int add,
                                         const int nv, const int kt) {
  LV_V c[24];
  LNSPI_UNROLL
  for (int k = 0; k < kt; k++) {
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++)
      c[k * nv + v] = add ? LV_LOAD(g + k * lanes + v * LV_W) : LV_SET(0.0f);
  }
  for (int64_t r = 0; r < rows; r++, d += ldd, x += ldx) {
    LV_V dv[8];
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++) {
      dv[v] = LV_LOAD(d + v * LV_W);
      LV_IN_REGISTER(dv[v]);
    }
    LNSPI_UNROLL
    for (int k = 0; k < kt; k++) {
      LV_V xk = LV_SET(x[k]);
      LNSPI_UNROLL
      for (int v = 0; v < nv; v++) c[k * nv + v] = LV_FMA(dv[v], xk, c[k * nv + v]);
    }
  }
  LNSPI_UNROLL
  for (int k = 0; k < kt; k++) {
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++) LV_STORE(g + k * lanes + v * LV_W, c[k * nv + v]);
  }
}

static LNSPI_ALWAYS void LV_F(grad_lanes)(float *g, int64_t lanes, const float *d, int64_t ldd,
                                          const float *x, int64_t ldx, int64_t rows, int64_t kn,
                                          int add, const int nv) {
  int64_t k = 0;
  for (; k + LV_GRAD_INPUTS <= kn; k += LV_GRAD_INPUTS)
    LV_F(grad_tile)(g + k * lanes, lanes, d, ldd, x + k, ldx, rows, add, nv, LV_GRAD_INPUTS);
  for (; k + 4 <= kn; k += 4)
    LV_F(grad_tile)(g + k * lanes, lanes, d, ldd, x + k, ldx, rows, add, nv, 4);
  for (; k < kn; k++)
    LV_F(grad_tile)(g + k * lanes, lanes, d, ldd, x + k, ldx, rows, add, nv, 1);
}

/* 64 rows at a time, so that their d and x stay near while all tiles read them. */
static void LV_F(grad_strip)(float *g, int64_t lanes, const float *d, int64_t ldd,
                             const float *x, int64_t ldx, int64_t rows, int64_t kn, int add) {
  do {
    const int64_t n = rows < 64 ? rows : 64;
    int64_t l = 0;
    for (; l + LV_GRAD_VECTORS * LV_W <= lanes; l += LV_GRAD_VECTORS * LV_W)
      LV_F(grad_lanes)(g + l, lanes, d + l, ldd, x, ldx, n, kn, add, LV_GRAD_VECTORS);
    for (; LV_GRAD_VECTORS > LV_G && l < lanes; l += 16)
      LV_F(grad_lanes)(g + l, lanes, d + l, ldd, x, ldx, n, kn, add, LV_G);
    d += n * ldd;
    x += n * ldx;
    rows -= n;
    add = 1;
  } while (rows > 0);
}

/* ---- grad_adam ---- */

/* The update by the gradient of one row, which is an outer product and never stored. */
static LNSPI_ALWAYS void LV_F(outer_loop)(float *w, float *m, float *v, int64_t lanes,
                                          const float *d, const float *x, int64_t kn,
                                          const lnspi_adam *a, const int l2) {
  for (int64_t k = 0; k < kn; k++) {
    const LV_V xk = LV_SET(x[k]);
    for (int64_t l = 0; l < lanes; l += LV_W, w += LV_W, m += LV_W, v += LV_W) {
      const LV_V g = LV_FMA(LV_LOAD(d + l), xk, LV_SET(0.0f));
      if (l / LV_W % 2 == 0)
        LV_F(adam_one)(w, m, v, g, LV_W, a, l2, 0);
      else
        LV_F(adam_one)(w, m, v, g, LV_W, a, l2, 1);
    }
  }
}

/* 24 inputs of a panel at a time: the gradient is formed in 6 kB and used up at once. Was
 * tried and was not faster: interleaving the update of one tile with the sums of the next. */
static void LV_F(grad_adam)(float *w, float *m, float *v, int64_t lanes, const float *d,
                            int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t kn,
                            const lnspi_adam *a) {
  const lnspi_adam copy = *a;
  float g[24 * 64];
  if (rows == 1) {
    if (copy.l2 != 0)
      LV_F(outer_loop)(w, m, v, lanes, d, x, kn, &copy, 1);
    else if (lanes == 64)
      LV_F(outer_loop)(w, m, v, 64, d, x, kn, &copy, 0);
    else
      LV_F(outer_loop)(w, m, v, lanes, d, x, kn, &copy, 0);
    return;
  }
  for (int64_t k = 0; k < kn; k += 24) {
    const int64_t n = kn - k < 24 ? kn - k : 24, at = k * lanes;
    LV_F(grad_strip)(g, lanes, d, ldd, x + k, ldx, rows, n, 0);
    LV_F(adam)(w + at, m + at, v + at, g, n * lanes, &copy);
  }
}
