/* lnsp_loss_evaluate: a loss by itself, on given predictions.
 *
 * The losses are those of trainers, called with the same lnspi_loss_call; only where operands
 * come from differs. In a trainer they are outputs of the network and tensors of the batch.
 * Here the prediction is a tensor "p", and each loss has a second name for every operand
 * (operand[o].direct: "t", "prev", "ctx", ...), under which the caller gives it. Terms that use
 * the same name share one copy.
 *
 *   read      the text becomes terms, and they name the tensors that are needed
 *   tensors   each is found and checked; "p" is the first and sets rows and width
 *   lay out   copies padded to 16 floats, the gradient and the largest scratch of any term:
 *             once to count, once in the block, by one function
 *   run       copy in (NaN is refused here), evaluate the terms in the order of the text, since
 *             auto compares with the first; look at the result; hand it out
 *
 * Only the gradient of "p" exists. The call is as the first call of a new trainer: a term with
 * from= or every= counts only if it would count there. It has no handle, so its block is freed
 * before it returns, and the outputs are written last: a failure leaves them as they were. */
#include "api/api.h"
#include "base/str.h"
#include "base/struct.h"
#include "run/batch.h"
#include "run/engine.h"
#include "run/tensor.h"
#include "train/loss_text.h"
#include "train/loss_weighting.h"

#define API_LOSS_NAMES (LNSPI_LOSS_OPERANDS * 3) /* different operands of all terms */
#define API_LOSS_MOST ((int64_t)1 << 40)         /* elements of one tensor          */

typedef struct api_loss {
  const lnspi_kernels *k;
  lnspi_loss_term terms[LNSPI_LOSS_TERMS];
  int32_t term_count, name_count;
  /* the tensors, name_count of each: what the losses call them, as what, and where they are */
  const char *name[API_LOSS_NAMES]; /* name 0 is "p" */
  int32_t kind[API_LOSS_NAMES]; /* LNSPI_OPERAND_...: shapes of sets and contexts differ */
  int64_t each[API_LOSS_NAMES], share[API_LOSS_NAMES]; /* as in lnspi_loss_call */
  const lnsp_tensor *tensor[API_LOSS_NAMES]; /* the caller's */
  float *x[API_LOSS_NAMES]; /* copies of them in the block */
  float *gradient, *scratch; /* gradient: of "p", laid out like it; NULL: not wanted */
  int64_t batch, concepts, rows, width, ld; /* of "p"; rows is batch * concepts, ld the width
                                               rounded up to 16 */
} api_loss;

/* The number of a name; -1: not there yet. */
static int32_t api_loss_name(const api_loss *loss, const char *name) {
  for (int32_t i = 0; i < loss->name_count; i++)
    if (lnspi_str_equal(loss->name[i], name)) return i;
  return -1;
}

/* As lnspi_loss_weighting_operands, by the names of a direct evaluation. */
static const struct {
  const char *name;
  int32_t kind;
} api_loss_gate[LNSPI_LOSS_WEIGHTING_OPERANDS] = {{"t", LNSPI_OPERAND_DATA},
                                                  {"prev", LNSPI_OPERAND_DATA},
                                                  {"ctx", LNSPI_OPERAND_CONTEXT}};

/* Adds a name, unless it is there. */
static int32_t api_loss_add(api_loss *loss, const char *name, int32_t kind, lnsp_error *error) {
  if (api_loss_name(loss, name) >= 0) return LNSP_OK;
  if (loss->name_count == API_LOSS_NAMES)
    return lnspi_error_set(error, LNSP_E_LIMIT, name,
                           "the loss looks at more than %d tensors: evaluate its terms apart",
                           API_LOSS_NAMES);
  loss->kind[loss->name_count] = kind;
  loss->name[loss->name_count++] = name;
  return LNSP_OK;
}

/* The terms, and the names of all tensors that they look at. */
static int32_t api_loss_read(const char *text, api_loss *loss, lnsp_error *error) {
  int32_t status = lnspi_loss_text_parse(text, loss->terms, &loss->term_count, error);
  if (status) return status;
  loss->name[0] = "p";
  loss->name_count = 1;
  for (int32_t t = 0; t < loss->term_count; t++) {
    const lnspi_loss *of = loss->terms[t].loss;
    if (!of)
      return lnspi_error_set(error, LNSP_E_UNSUPPORTED, "replay",
                             "replay needs a network: use it in the loss of a trainer");
    for (int32_t i = 0; !status && i < LNSPI_LOSS_OPERANDS; i++)
      if (lnspi_loss_uses(of, loss->terms[t].real, i))
        status = api_loss_add(loss, of->operand[i].direct, of->operand[i].kind, error);
    for (int32_t i = 0; !status && loss->terms[t].gated && i < LNSPI_LOSS_WEIGHTING_OPERANDS;
         i++)
      status = api_loss_add(loss, api_loss_gate[i].name, api_loss_gate[i].kind, error);
    if (status) return status;
  }
  return LNSP_OK;
}

/* Tensor number i, after "p": like p, or, for sets, [rows, n, width]; p may be sequences,
 * of which each has one context. */
static int32_t api_loss_check(api_loss *loss, int32_t i, const lnsp_tensor *tensor,
                              lnsp_error *error) {
  int64_t batch = loss->batch, each = 0;
  loss->each[i] = loss->share[i] = 1;
  if (loss->kind[i] != LNSPI_OPERAND_SET && loss->kind[i] != LNSPI_OPERAND_CONTEXT)
    return lnspi_batch_check_tensor(tensor, loss->name[i], loss->width, &loss->batch,
                                    &loss->concepts, error);
  if (loss->kind[i] == LNSPI_OPERAND_CONTEXT)
    loss->share[i] = loss->concepts;
  else
    batch = loss->rows;
  int32_t status =
      lnspi_batch_check_tensor(tensor, loss->name[i], loss->width, &batch, &each, error);
  if (status == LNSP_OK && each > API_LOSS_MOST / loss->width / batch)
    return lnspi_error_set(error, LNSP_E_LIMIT, loss->name[i], "'%s' has too many elements",
                           loss->name[i]);
  loss->each[i] = each;
  return status;
}

/* p gives rows and width. */
static int32_t api_loss_size(api_loss *loss, const lnsp_tensor *p, lnsp_error *error) {
  loss->width = p->rank < 1 || p->rank > LNSP_MAX_RANK ? 0 : p->dims[p->rank - 1];
  if (loss->width < 1)
    return lnspi_error_set(error, LNSP_E_SHAPE, "p", "'p' must be [rows, width]");
  int32_t status =
      lnspi_batch_check_tensor(p, "p", loss->width, &loss->batch, &loss->concepts, error);
  if (status) return status;
  if (loss->width > API_LOSS_MOST || loss->batch > API_LOSS_MOST / loss->width ||
      loss->concepts > API_LOSS_MOST / loss->width / loss->batch)
    return lnspi_error_set(error, LNSP_E_LIMIT, "p", "'p' has too many elements");
  loss->rows = loss->batch * loss->concepts;
  loss->ld = lnspi_round16(loss->width);
  return LNSP_OK;
}

/* Finds and checks the tensors; sets rows and width. */
static int32_t api_loss_tensors(const lnsp_tensor *inputs, int32_t input_count,
                                const lnsp_tensor *gradient, api_loss *loss,
                                lnsp_error *error) {
  for (int32_t i = 0; i < loss->name_count; i++) {
    const char *name = loss->name[i];
    const lnsp_tensor *tensor = lnspi_batch_find(inputs, input_count, name);
    if (!tensor)
      return lnspi_error_set(error, LNSP_E_MISSING, name,
                             "the loss needs a tensor '%s' [rows, width]", name);
    int32_t status = i == 0 ? api_loss_size(loss, tensor, error) : LNSP_OK;
    if (!status) status = api_loss_check(loss, i, tensor, error);
    if (status) return status;
    loss->tensor[i] = tensor;
  }
  if (gradient) {
    int32_t status = lnspi_batch_check_tensor(gradient, "gradient", loss->width, &loss->batch,
                                              &loss->concepts, error);
    if (status) return status;
  }
  for (int32_t t = 0; t < loss->term_count; t++) {
    const lnspi_loss *of = loss->terms[t].loss;
    if (loss->rows < of->minimum_rows)
      return lnspi_error_set(error, LNSP_E_SHAPE, "p", "the loss %s needs at least %d rows",
                             of->name, (int)of->minimum_rows);
  }
  return LNSP_OK;
}

/* Fills operand number o of a call with the tensor of that name, which is there. */
static void api_loss_operand(const api_loss *loss, const char *name, int32_t o,
                             lnspi_loss_call *call) {
  const int32_t i = api_loss_name(loss, name);
  call->x[o] = loss->x[i];
  call->ld[o] = loss->ld;
  call->each[o] = loss->each[i];
  call->share[o] = loss->share[i];
}

/* A term's call, without what it writes to; gate: that of its gate. */
static lnspi_loss_call api_loss_call(const api_loss *loss, const lnspi_loss_term *term,
                                     int gate) {
  lnspi_loss_call call;
  lnspi_loss_start(&call);
  call.k = loss->k;
  call.rows = loss->rows;
  call.length = loss->concepts;
  call.width = loss->width;
  call.real = term->real;
  call.scratch = loss->scratch;
  for (int32_t o = 0; gate && term->gated && o < LNSPI_LOSS_WEIGHTING_OPERANDS; o++)
    api_loss_operand(loss, api_loss_gate[o].name, o, &call);
  for (int32_t o = 0; !gate && o < LNSPI_LOSS_OPERANDS; o++)
    if (lnspi_loss_uses(term->loss, term->real, o))
      api_loss_operand(loss, term->loss->operand[o].direct, o, &call);
  return call;
}

/* The one function that counts and hands out the block (base/arena.h). Of a set or a context
 * there are other numbers of vectors than rows: rows / share * each. */
static void api_loss_lay_out(api_loss *loss, lnspi_arena *arena, int gradient) {
  uint64_t ld = (uint64_t)loss->ld * sizeof(float);
  int64_t scratch = 16;
  for (int32_t t = 0; t < loss->term_count; t++) {
    lnspi_loss_call shape = api_loss_call(loss, &loss->terms[t], 0);
    int64_t need = lnspi_loss_weighting_scratch_floats(&loss->terms[t], loss->terms[t].loss,
                                                       &shape, loss->width);
    if (need > scratch) scratch = need;
  }
  for (int32_t i = 0; i < loss->name_count; i++)
    loss->x[i] =
        lnspi_arena_alloc(arena, (uint64_t)(loss->rows / loss->share[i] * loss->each[i]), ld);
  loss->gradient = gradient ? lnspi_arena_alloc(arena, (uint64_t)loss->rows, ld) : NULL;
  loss->scratch = lnspi_arena_alloc(arena, (uint64_t)scratch, sizeof(float));
}

/* All terms that count at the first step; the value in double. */
static double api_loss_sum(api_loss *loss) {
  double value = 0, first = 0;
  for (int32_t t = 0; t < loss->term_count; t++) {
    const lnspi_loss_term *term = &loss->terms[t];
    lnspi_loss_call call = api_loss_call(loss, term, 0), gate = api_loss_call(loss, term, 1);
    if (!lnspi_loss_weighting_active(term, 0, 0)) continue;
    call.d[0] = loss->gradient;
    double weighted = lnspi_loss_weighting_eval(term, term->loss, &call, &gate, first);
    if (t == 0) first = weighted;
    value += weighted;
  }
  return value;
}

/* Loads, evaluates, checks and only then hands out. */
static int32_t api_loss_run(api_loss *loss, float *value, const lnsp_tensor *gradient,
                            lnsp_error *error) {
  for (int32_t i = 0; i < loss->name_count; i++) {
    const lnspi_tensor_rows rows = {loss->tensor[i], loss->name[i], loss->x[i], loss->ld};
    int32_t status = lnspi_tensor_load(&rows, 1, loss->k, NULL, error);
    if (status) return status;
  }
  float total = (float)api_loss_sum(loss);
  if (!loss->k->finite(&total, 1) ||
      (gradient && !loss->k->finite(loss->gradient, loss->rows * loss->ld)))
    return lnspi_error_set(
        error, LNSP_E_NOT_FINITE, NULL,
        "the loss or its gradient overflows float32: scale the vectors down");
  *value = total;
  if (gradient) lnspi_tensor_store(gradient, NULL, loss->gradient, loss->ld);
  return LNSP_OK;
}

static int32_t api_loss_evaluate(const char *text, const lnsp_tensor *inputs,
                                 int32_t input_count, float *value, const lnsp_tensor *gradient,
                                 const lnsp_options *options, lnsp_error *error) {
  api_loss loss;
  lnspi_block block;
  lnspi_arena arena = {NULL, 0, 0, 0};
  memset(&loss, 0, sizeof loss);
  int32_t status = api_loss_read(text, &loss, error);
  if (!status) status = api_loss_tensors(inputs, input_count, gradient, &loss, error);
  if (status) return status;
  status = lnspi_engine_choose_kernels(options->isa, 0, &loss.k, error);
  if (status) return status;
  api_loss_lay_out(&loss, &arena, gradient != NULL);
  if (arena.failed)
    return lnspi_error_set(error, LNSP_E_MEMORY, NULL, "the tensors are too large to copy");
  status = lnspi_block_open(&block, options, arena.used, error);
  if (status) return status;
  arena = (lnspi_arena){block.memory, 0, block.bytes, 0};
  api_loss_lay_out(&loss, &arena, gradient != NULL);
  API_COMPUTE(status = api_loss_run(&loss, value, gradient, error));
  lnspi_block_close(&block);
  return status;
}

int32_t lnsp_loss_evaluate(const char *loss, const lnsp_tensor *inputs, int32_t input_count,
                           float *value, const lnsp_tensor *gradient,
                           const lnsp_options *options, lnsp_error *error) {
  lnsp_options read;
  API_NEED(loss, error);
  API_NEED(value, error);
  if (input_count) API_NEED(inputs, error);
  int32_t status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_ISA, &read, error);
  if (status) return status;
  return api_loss_evaluate(loss, inputs, input_count, value, gradient, &read, error);
}
