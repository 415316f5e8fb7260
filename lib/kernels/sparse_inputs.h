/*
 * Template: which inputs of a row are worth reading weights for.
 *   LV_KEEP_NONZERO(px, pk, x, i, n, all)  the inputs i..i+LV_W-1 of x below n that are not
 *                     zero, or all of them, to px, their places to pk (up to LV_W are
 *                     written); returns how many
 *   LV_IHMAX(i)        the largest integer of a vector
 *
 * With one row the time goes into reading weights, and those of inputs that are zero
 * (after ReLU often half of them) are not read. Such a term changes no sum but one of
 * -0, which it may turn into +0; and from +0 or -0 the next term that is not zero leads
 * to the same. So the result is right unless it is -0: then all terms are summed.
 */
#include "kernels/lowp.h"

/* What of n <= 512 inputs is not zero, or all of it: the inputs, and their places. */
typedef struct LV_T(inputs) {
  int64_t count;
  float x[512 + 16];
  uint32_t k[512 + 16];
} LV_T(inputs);

static void LV_F(pick)(LV_T(inputs) *in, const float *x, int64_t n, int all) {
  int64_t c = 0;
  for (int64_t i = 0; i < n; i += LV_W)
    c += LV_KEEP_NONZERO(in->x + c, in->k + c, x, i, n, all);
  in->count = c;
}

/* 1 if a lane is -0. */
static int LV_F(minus_zero)(const float *y, int64_t n) {
  LV_I found = LV_ISET(-1);
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_I u = LV_IXOR(LV_BITS(LV_LOAD(y + i)), LV_ISET(INT32_MIN));
    found = LV_IMAX(found, LV_ISAR(LV_IOR(u, LV_ISUB(LV_ISET(0), u)), 31));
  }
  return LV_IHMAX(found) == 0;
}
