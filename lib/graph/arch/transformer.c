/* Transformers over vectors: a decoder that looks back at its own input in each layer, an
 * encoder, and an encoder whose output is a mixture of the context's own vectors.
 *
 * All three project the input to the width of the layers, add positions, and take the last
 * concept of the last layer as the result. p8_transformer turns it into one weight per concept
 * of the context, so that its output cannot leave the space that the context spans, but for
 * `eps` times a free vector. */
#include <string.h>

#include "base/decimal.h"
#include "graph/arch/arch.h"
#include "graph/arch/transformer_block.h"
#include "graph/arg.h"
#include "graph/builder.h"

typedef struct transformer {
  int64_t in, out;
  int32_t layers;
  lnspi_transformer_block block;
} transformer;

/* last: the tensor whose rows are the output's width, or NULL. */
static void transformer_read(lnspi_builder *b, transformer *t, const char *stem,
                             const char *act, const char *last) {
  memset(t, 0, sizeof *t);
  t->in = lnspi_arg_file_width(b, "in", "input_proj.weight", 1, 768);
  t->block.d = lnspi_arg_file_width(b, "d", "input_proj.weight", 0, 512);
  t->block.stem = stem;
  t->block.act = act;
  t->block.pattern = "";
  t->layers = lnspi_transformer_block_read(b, &t->block, 4);
  /* 769: a vector of 768 and its position */
  if (last) t->out = lnspi_arg_file_width(b, "out", last, 0, t->in == 769 ? 768 : t->in);
}

static int64_t transformer_positions(lnspi_builder *b, const char *tensor, int64_t initial) {
  const int64_t there = lnspi_arg_file_dim(b, tensor, 1);
  return lnspi_arg_integer(b, "positions", 1, LNSPI_MAX_WIDTH, there ? there : initial);
}

/* To value p: the input in the width of the layers, with its positions. */
static void transformer_start(lnspi_builder *b, const transformer *t, int64_t positions,
                              const char *table) {
  LNSPI_LINE(b, "x = input %lld", (long long)t->in);
  LNSPI_LINE(b, "p = linear x %lld w=input_proj", (long long)t->block.d);
  LNSPI_LINE(b, "p = position p %lld %s", (long long)positions, table);
}

static void transformer_emit(lnspi_builder *b) {
  transformer t;
  transformer_read(b, &t, "transformer_decoder.layers", "relu", "head.3.weight");
  const int64_t positions = transformer_positions(b, "pos_encoder.pe", 100);
  lnspi_arg_finish(b);
  t.block.pattern = " causal=1";
  transformer_start(b, &t, positions, "kind=sinusoid w=pos_encoder.pe");
  for (int32_t i = 0; i < t.layers; i++)
    lnspi_transformer_block_decoder(b, &t.block, i, i ? "h" : "p", "p", i == t.layers - 1);
  LNSPI_LINE(b, "h = linear h %lld w=head.0", (long long)t.block.d);
  LNSPI_LINE(b, "h = gelu h");
  LNSPI_LINE(b, "h = layernorm h w=head.2");
  LNSPI_LINE(b, "raw = linear h %lld w=head.3", (long long)t.out);
  lnspi_arch_outputs(b, 1, "");
}

static void transformer_encoder_emit(lnspi_builder *b) {
  transformer t;
  transformer_read(b, &t, "transformer.layers", "relu", "head.3.weight");
  const int64_t positions = transformer_positions(b, "pos_encoder.pe", 100);
  lnspi_arg_finish(b);
  transformer_start(b, &t, positions, "kind=sinusoid w=pos_encoder.pe");
  for (int32_t i = 0; i < t.layers; i++)
    lnspi_transformer_block_encoder(b, &t.block, i, i ? "h" : "p", i == t.layers - 1);
  LNSPI_LINE(b, "h = linear h %lld w=head.0", (long long)t.block.d);
  LNSPI_LINE(b, "h = relu h");
  lnspi_arch_drop(b, "h", t.block.dropout);
  LNSPI_LINE(b, "raw = linear h %lld w=head.3", (long long)t.out);
  LNSPI_LINE(b, "o = l2norm raw eps=1e-8 rule=add");
  LNSPI_LINE(b, "output output=o raw=raw");
}

/* Weights for the concepts of the context, from its last one; and, with eps > 0, a bit of
 * a free vector. */
static void transformer_p8_emit(lnspi_builder *b) {
  transformer t;
  char number[32];
  transformer_read(b, &t, "transformer.layers", "gelu", NULL);
  const int64_t hidden =
      lnspi_arg_file_width(b, "hidden", "context_attention.0.weight", 0, t.block.d / 2);
  const int64_t concepts =
      lnspi_arg_file_width(b, "concepts", "context_attention.3.weight", 0, 5);
  const float eps = lnspi_arg_real(b, "eps", 0, 1e6,
                                   lnspi_arg_file_dim(b, "residual_head.0.weight", 0) ? .1 : 0);
  lnspi_arg_finish(b);
  t.block.norm_first = 1;
  transformer_start(b, &t, concepts, "w=pos_encoder");
  for (int32_t i = 0; i < t.layers; i++)
    lnspi_transformer_block_encoder(b, &t.block, i, i ? "h" : "p", i == t.layers - 1);
  LNSPI_LINE(b, "w = linear h %lld w=context_attention.0", (long long)hidden);
  LNSPI_LINE(b, "w = gelu w");
  lnspi_arch_drop(b, "w", t.block.dropout);
  LNSPI_LINE(b, "w = linear w %lld w=context_attention.3", (long long)concepts);
  LNSPI_LINE(b, "w = softmax w");
  LNSPI_LINE(b, "raw = weighted_sum w x");
  if (eps > 0) {
    lnspi_decimal_write(eps, number);
    LNSPI_LINE(b, "r = linear h %lld w=residual_head.0", (long long)hidden);
    LNSPI_LINE(b, "r = gelu r");
    lnspi_arch_drop(b, "r", t.block.dropout);
    LNSPI_LINE(b, "r = linear r %lld w=residual_head.3", (long long)t.in);
    LNSPI_LINE(b, "r = scale r by=%s", number);
    LNSPI_LINE(b, "raw = add raw r");
  }
  lnspi_arch_outputs(b, 1, " weights=w");
}

const lnspi_arch lnspi_arch_transformer = {
    "transformer",
    "transformer in=768 d=512 out=in layers=4 heads=8 ff=4d positions=100 dropout=0: a decoder "
    "over its own input",
    transformer_emit};
const lnspi_arch lnspi_arch_transformer_encoder =
    {"transformer_encoder",
     "transformer_encoder in=768 d=512 out=in layers=4 heads=8 ff=4d positions=100 dropout=0",
     transformer_encoder_emit};
const lnspi_arch lnspi_arch_p8_transformer = {
    "p8_transformer",
    "p8_transformer in=768 d=512 layers=4 heads=8 ff=4d hidden=d/2 concepts=5 eps=0 dropout=0: "
    "a mixture of the context's vectors",
    transformer_p8_emit};
