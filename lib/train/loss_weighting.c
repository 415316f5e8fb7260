/* Terms of a loss at work: when they are active, and what multiplies their weights.
 *
 * Three factors may multiply the weight in the text. gate: the mean over rows of 1 where the
 * end of the context is nearer to the target than to the previous vector, and of weak
 * elsewhere. auto: what makes the term's value a given share of the first term's, between low
 * and high. ramp: how far the mean cosine of output and target has come from ramp to full.
 * They are constants of the step: no gradient flows through them.
 *
 * auto and ramp cost one more evaluation of the term, without gradients; the network runs
 * once. */
#include "train/loss_weighting.h"

#include "base/min_max.h"
#include "train/losses/pair.h"

int lnspi_loss_weighting_active(const lnspi_loss_term *term, uint64_t updates, uint64_t pass) {
  return updates >= (uint64_t)term->from && updates < (uint64_t)term->until &&
         pass % (uint64_t)term->every == 0;
}

const char *const lnspi_loss_weighting_operands[LNSPI_LOSS_WEIGHTING_OPERANDS] = {"target",
                                                                                  "prev",
                                                                                  "input"};

int64_t lnspi_loss_weighting_scratch_floats(const lnspi_loss_term *term, const lnspi_loss *loss,
                                            const lnspi_loss_call *shape, int64_t input) {
  int64_t most = loss->scratch_floats(shape), floats = 0;
  if (term->gated) floats = lnspi_pair_floats(3, input);
  if (floats > most) most = floats;
  floats = term->full > term->ramp ? lnspi_pair_cosine_floats(shape) : 0;
  return lnspi_max_i64(floats, most);
}

/* Mean over rows of 1 or weak: does the context's end lead to the target, more than back? */
static double loss_weighting_context(const lnspi_loss_term *term, const lnspi_loss_call *gate) {
  const int64_t ld = lnspi_round16(gate->width);
  float *last = gate->scratch, *next = last + ld, *back = next + ld;
  double total = 0;
  for (int64_t r = 0; r < gate->rows; r++) {
    const int64_t at = r / gate->share[2] * gate->each[2] + gate->each[2] - 1;
    gate->k->unit(next, gate->x[0] + r * gate->ld[0], gate->width, LNSPI_PAIR_EPS);
    gate->k->unit(back, gate->x[1] + r * gate->ld[1], gate->width, LNSPI_PAIR_EPS);
    gate->k->unit(last, gate->x[2] + at * gate->ld[2], gate->width, LNSPI_PAIR_EPS);
    const float forth = gate->k->dot(last, next, gate->width);
    const float gap = forth - gate->k->dot(last, back, gate->width);
    total += gap >= term->gate ? 1.0 : (double)term->weak;
  }
  return total / (double)gate->rows;
}

/* What makes the term share times as large as the first one, within its bounds. */
static double loss_weighting_share(const lnspi_loss_term *term, const lnspi_loss *loss,
                                   const lnspi_loss_call *call, double first) {
  lnspi_loss_call alone = *call;
  for (int o = 0; o < LNSPI_LOSS_OPERANDS; o++) alone.d[o] = NULL;
  alone.weight = 1;
  const double value = loss->evaluate(&alone), wanted = (double)term->share * first;
  const double low = (double)term->low, high = (double)term->high;
  if (!(value > 0)) return wanted > 0 ? high : low;
  const double ratio = wanted / value;
  return ratio < low ? low : ratio < high ? ratio : high;
}

/* 0 to 1: how near the outputs have come to their targets. */
static double loss_weighting_ramp(const lnspi_loss_term *term, const lnspi_loss_call *call) {
  lnspi_loss_call alone = *call;
  for (int o = 0; o < LNSPI_LOSS_OPERANDS; o++) alone.d[o] = NULL;
  const double low = (double)term->ramp, high = (double)term->full;
  const double cosine = 1 - lnspi_pair_cosine(&alone), part = (cosine - low) / (high - low);
  return part < 0 ? 0 : part < 1 ? part : 1;
}

double lnspi_loss_weighting_eval(const lnspi_loss_term *term, const lnspi_loss *loss,
                                 lnspi_loss_call *call, const lnspi_loss_call *gate,
                                 double first) {
  double weight = (double)term->weight;
  if (term->gated) weight = weight * loss_weighting_context(term, gate);
  if (term->share > 0) weight = weight * loss_weighting_share(term, loss, call, first);
  if (term->full > term->ramp) weight = weight * loss_weighting_ramp(term, call);
  call->weight = (float)weight;
  return weight * loss->evaluate(call);
}
