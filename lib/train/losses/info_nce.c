/* InfoNCE: a row's target among all targets of the batch.
 *
 * Mean over rows of -log softmax(cos(output, target j) / tau) at j = the row's own (van den
 * Oord and others, "Representation learning with contrastive predictive coding", 2018). All
 * cosines are one product of two matrices of unit rows (similarity.c); their softmax minus 1
 * at the row's own column is the slope. The symmetric variant adds the same for targets among
 * outputs.
 *
 * In small batches of text, equal targets are common, and a target that is in the row's own
 * context is no honest rival. Such pairs can be masked: their score becomes so low that
 * softmax gives exactly 0. Equal vectors are found by a hash of their bits and then compared,
 * with -0 counted as 0.
 *
 * The value is computed as log1p(others / own) instead of -log(own), and the sum of the others
 * is added up without the own: where the row is nearly right, 1 - softmax would cancel to
 * nothing. A row's own negatives follow the targets as further columns. */
#include "kernels/scalar.h"
#include "train/losses/pair.h"
#include "train/losses/similarity.h"
#include "train/losses/loss_list.h"

/* arguments; the two directions have one order */
#define INFO_NCE_TAU 0
#define INFO_NCE_DUPLICATES 1
#define INFO_NCE_CONTEXT 2
#define INFO_NCE_NEGATIVES 3

/* operands besides p and t */
#define INFO_NCE_CTX 2
#define INFO_NCE_NEG 3

/* Far below every score (tau is .001 or more), so that its softmax is 0. */
#define INFO_NCE_MASKED -1e5f

/* ---- which pairs are masked ---- */

/* Equal vectors have equal words. */
static uint32_t info_nce_hash(const float *x, int64_t n) {
  uint32_t h = 2166136261u;
  for (int64_t i = 0; i < n; i++) h = (h ^ lnspi_float_bits(x[i] + 0.0f)) * 16777619u;
  return h;
}

static int info_nce_equal(const float *a, const float *b, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    if (a[i] != b[i]) return 0;
  return 1;
}

/* Masks the targets, other than row i's own, that are equal to x. */
static void info_nce_mask_equal(const lnspi_loss_call *call, const uint32_t *hash,
                                const float *x, int64_t i, float *s) {
  uint32_t h = info_nce_hash(x, call->width);
  for (int64_t j = 0; j < call->rows; j++)
    if (hash[j] == h && j != i && info_nce_equal(x, lnspi_pair_row(call, 1, j), call->width))
      s[j] = INFO_NCE_MASKED;
}

static void info_nce_mask(const lnspi_loss_call *call, const lnspi_similarity *batch) {
  int duplicates = call->real[INFO_NCE_DUPLICATES] > 0, context = call->x[INFO_NCE_CTX] != NULL;
  uint32_t *hash = (uint32_t *)(void *)batch->more;
  if (!duplicates && !context) return;
  for (int64_t j = 0; j < call->rows; j++)
    hash[j] = info_nce_hash(lnspi_pair_row(call, 1, j), call->width);
  for (int64_t i = 0; i < call->rows; i++) {
    float *s = batch->s + i * batch->lds;
    if (duplicates) info_nce_mask_equal(call, hash, lnspi_pair_row(call, 1, i), i, s);
    if (!context) continue;
    for (int64_t c = 0; c < call->each[INFO_NCE_CTX]; c++) {
      int64_t at = i / call->share[INFO_NCE_CTX] * call->each[INFO_NCE_CTX] + c;
      info_nce_mask_equal(call, hash, lnspi_pair_row(call, INFO_NCE_CTX, at), i, s);
    }
  }
}

/* ---- one direction ---- */

/* -log softmax(s)[own]; s becomes softmax(s) - [own]. The probability of all others is
 * summed by itself: 1 - softmax(s)[own] would cancel. */
static double info_nce_row(const lnspi_kernels *k, float *s, int64_t n, int64_t own) {
  float top = k->maximum(s, n), behind = top - s[own];
  k->softmax(s, s, n);
  float hit = s[own], most = k->maximum(s, n);
  s[own] = 0;
  float others = k->sum(s, n);
  s[own] = -others;
  if (hit > 1e-30f) return (double)lnspi_pair_log1p(others / hit);
  return (double)behind - (double)lnspi_scalar_log(most);
}

/* A row's own negatives: their cosines over tau into the columns after the targets'. */
static void info_nce_score_negatives(const lnspi_loss_call *call, const lnspi_similarity *batch,
                                     int64_t i) {
  float *s = batch->s + i * batch->lds + call->rows;
  int64_t each = call->each[INFO_NCE_NEG];
  for (int64_t c = 0; c < each; c++) {
    lnspi_pair_unit(call, INFO_NCE_NEG, i * each + c, batch->work);
    s[c] = call->k->dot(batch->q + i * batch->ld, batch->work, call->width);
  }
  for (int64_t c = call->rows + each; c < batch->lds; c++) batch->s[i * batch->lds + c] = 0;
}

static void info_nce_push_negatives(const lnspi_loss_call *call, const lnspi_similarity *batch,
                                    int64_t i, float factor) {
  const float *s = batch->s + i * batch->lds + call->rows, *q = batch->q + i * batch->ld;
  float *sum = batch->toward, *work = sum + batch->ld, *u = batch->work;
  int64_t each = call->each[INFO_NCE_NEG];
  memset(sum, 0, (size_t)batch->ld * sizeof(float));
  for (int64_t c = 0; c < each; c++) {
    float norm = lnspi_pair_unit(call, INFO_NCE_NEG, i * each + c, u);
    call->k->axpy(sum, s[c], u, call->width);
    lnspi_pair_push(call, INFO_NCE_NEG, i * each + c, factor * s[c], q, u, norm, work);
  }
  lnspi_pair_push(call, 0, i, factor, sum, q, batch->norm[0][i], work);
}

static double info_nce_evaluate(const lnspi_loss_call *call) {
  int64_t n = call->rows, own = call->x[INFO_NCE_NEG] ? call->each[INFO_NCE_NEG] : 0;
  lnspi_similarity batch = lnspi_similarity_open(call, own);
  float tau = call->real[INFO_NCE_TAU];
  float factor = lnspi_pair_factor(call, 1, (double)n * (double)tau);
  double total = 0;
  for (int64_t i = 0; i < n; i++) {
    float *s = batch.s + i * batch.lds;
    if (own) info_nce_score_negatives(call, &batch, i);
    call->k->scale(s, 1 / tau, s, n + own);
  }
  info_nce_mask(call, &batch);
  for (int64_t i = 0; i < n; i++)
    total += info_nce_row(call->k, batch.s + i * batch.lds, n + own, i);
  if (own)
    for (int64_t i = 0; i < n; i++) info_nce_push_negatives(call, &batch, i, factor);
  lnspi_similarity_push(call, &batch, factor);
  return total / (double)n;
}

static int64_t info_nce_floats(const lnspi_loss_call *shape) {
  return lnspi_similarity_floats(shape, shape->each[INFO_NCE_NEG]) + lnspi_round16(shape->rows);
}

/* ---- both directions ---- */

static void info_nce_transpose(float *y, const float *x, int64_t ld, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) y[j * ld + i] = x[i * ld + j];
}

/* The columns' side is summed with the rows'; a pair is masked in both. */
static double info_nce_both(const lnspi_loss_call *call) {
  int64_t n = call->rows;
  lnspi_similarity batch = lnspi_similarity_open(call, 0);
  float tau = call->real[INFO_NCE_TAU], *back = batch.more + lnspi_round16(n);
  double total = 0;
  for (int64_t i = 0; i < n; i++) {
    float *s = batch.s + i * batch.lds;
    call->k->scale(s, 1 / tau, s, n);
  }
  info_nce_mask(call, &batch);
  info_nce_transpose(back, batch.s, batch.lds, n);
  for (int64_t i = 0; i < n; i++) {
    total += info_nce_row(call->k, batch.s + i * batch.lds, n, i);
    total += info_nce_row(call->k, back + i * batch.lds, n, i);
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) {
      float *s = batch.s + i * batch.lds + j;
      *s = *s + back[j * batch.lds + i];
    }
  lnspi_similarity_push(call, &batch, lnspi_pair_factor(call, 1, (double)n * (double)tau));
  return total / (double)n;
}

static int64_t info_nce_both_floats(const lnspi_loss_call *shape) {
  /* the scores once more, and the hashes */
  return lnspi_similarity_floats(shape, lnspi_round16(shape->rows)) +
         lnspi_round16(shape->rows);
}

const lnspi_loss lnspi_loss_info_nce = {
    .name = "info_nce",
    .help =
        "info_nce tau=0.07 duplicates=keep|mask context=keep|mask negatives=0: mean -log "
        "softmax of cos(output, target) / tau over all targets of the batch, and the row's own "
        "negatives `neg` [rows, n, width]",
    .operand = {LNSPI_LOSS_OUTPUT,
                LNSPI_LOSS_TARGET,
                {"input", "ctx", LNSPI_OPERAND_CONTEXT, 1 + INFO_NCE_CONTEXT},
                {"neg", "neg", LNSPI_OPERAND_SET, 1 + INFO_NCE_NEGATIVES}},
    .across = 1,
    .keys = "tau=.07:1e-3:1e3 duplicates=keep,mask context=keep,mask #negatives=0:0:1024",
    .scratch_floats = info_nce_floats,
    .evaluate = info_nce_evaluate,
};

const lnspi_loss lnspi_loss_info_nce_symmetric = {
    .name = "info_nce_symmetric",
    .help = "info_nce_symmetric tau=0.07 duplicates=keep|mask context=keep|mask: info_nce of "
            "outputs among targets plus that of targets among outputs",
    .operand = {LNSPI_LOSS_OUTPUT,
                LNSPI_LOSS_TARGET,
                {"input", "ctx", LNSPI_OPERAND_CONTEXT, 1 + INFO_NCE_CONTEXT}},
    .across = 1,
    .keys = "tau=.07:1e-3:1e3 duplicates=keep,mask context=keep,mask",
    .scratch_floats = info_nce_both_floats,
    .evaluate = info_nce_both,
};
