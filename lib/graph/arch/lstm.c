/* A torch.nn.LSTM of one or more layers over the vectors themselves, and a head on the last
 * step: one linear layer, or two with LayerNorm (mlp) or ReLU between (relu). Which head a
 * file has is read from its tensors. latent784 is the same between two projections, for
 * vectors that carry a code of their own at their end, and is not normalised. */
#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/builder.h"

#define LSTM_LINEAR 0 /* of the choices of head= */
#define LSTM_MLP 1
#define LSTM_RELU 2

/* x, of width in, through all layers to h. */
static void lstm_layers(lnspi_builder *b, const char *from, int64_t d, int32_t layers,
                        float dropout) {
  for (int32_t i = 0; i < layers; i++) {
    if (i) lnspi_arch_drop(b, "h", dropout);
    LNSPI_LINE(b, "h = lstm %s %lld w=lstm layer=%d", i ? "h" : from, (long long)d, i);
  }
  LNSPI_LINE(b, "h = last h");
}

static int32_t lstm_head(lnspi_builder *b, int32_t initial) {
  if (lnspi_arg_file_dim(b, "head.0.weight", 0)) initial = LSTM_MLP;
  if (lnspi_arg_file_dim(b, "output_proj.0.weight", 0)) initial = LSTM_RELU;
  if (lnspi_arg_file_dim(b, "output_proj.weight", 0)) initial = LSTM_LINEAR;
  return lnspi_arg_choice(b, "head", "linear,mlp,relu", initial);
}

static void lstm_emit_with(lnspi_builder *b, int32_t initial) {
  static const char *const last[] = {"output_proj.weight", "head.3.weight",
                                     "output_proj.3.weight"};
  const int64_t in = lnspi_arg_file_width(b, "in", "lstm.weight_ih_l0", 1, 768);
  const int64_t d = lnspi_arg_file_width(b, "d", "lstm.weight_hh_l0", 1, 512);
  const int32_t layers = lnspi_arch_layers(b, "layers", "lstm.weight_ih_l%d", 2);
  const int32_t head = lstm_head(b, initial);
  const int64_t out = lnspi_arg_file_width(b, "out", last[head], 0, in);
  const float dropout = lnspi_arch_dropout(b);
  const int32_t normalise = lnspi_arg_flag(b, "normalise", 1);
  lnspi_arg_finish(b);
  LNSPI_LINE(b, "x = input %lld", (long long)in);
  lstm_layers(b, "x", d, layers, dropout);
  if (head == LSTM_MLP) lnspi_arch_head(b, "head", d, "gelu", out, 0);
  if (head == LSTM_RELU) {
    LNSPI_LINE(b, "h = linear h %lld w=output_proj.0", (long long)d);
    LNSPI_LINE(b, "h = relu h");
    lnspi_arch_drop(b, "h", dropout);
  }
  if (head != LSTM_MLP)
    LNSPI_LINE(b, "h = linear h %lld w=output_proj%s", (long long)out,
               head == LSTM_RELU ? ".3" : "");
  if (normalise) LNSPI_LINE(b, "o = l2norm h%s", head == LSTM_RELU ? " eps=1e-8 rule=add" : "");
  LNSPI_LINE(b, "output output=%s raw=h", normalise ? "o" : "h");
}

static void lstm_emit(lnspi_builder *b) { lstm_emit_with(b, LSTM_LINEAR); }
static void lstm_mlp_emit(lnspi_builder *b) { lstm_emit_with(b, LSTM_MLP); }

/* The widths in and out include the code. */
static void lstm_latent_emit(lnspi_builder *b) {
  const int64_t in = lnspi_arg_file_width(b, "in", "input_proj.weight", 1, 784);
  const int64_t d = lnspi_arg_file_width(b, "d", "lstm.weight_hh_l0", 1, 512);
  const int32_t layers = lnspi_arch_layers(b, "layers", "lstm.weight_ih_l%d", 2);
  const float dropout = lnspi_arch_dropout(b);
  lnspi_arg_finish(b);
  LNSPI_LINE(b, "x = input %lld", (long long)in);
  LNSPI_LINE(b, "h = linear x %lld w=input_proj", (long long)d);
  lstm_layers(b, "h", d, layers, dropout);
  LNSPI_LINE(b, "o = linear h %lld w=output_head", (long long)in);
  LNSPI_LINE(b, "output output=o");
}

const lnspi_arch lnspi_arch_lstm =
    {"lstm",
     "lstm in=768 d=512 layers=2 out=in head=linear|mlp|relu dropout=0 normalise=1: an LSTM "
     "over "
     "the vectors",
     lstm_emit};

const lnspi_arch lnspi_arch_lstm_mlp = {"lstm_mlp", "lstm_mlp ...: lstm with head=mlp",
                                        lstm_mlp_emit};

const lnspi_arch lnspi_arch_latent784 =
    {"latent784",
     "latent784 in=784 d=512 layers=2 dropout=0: a projection, an LSTM, and one back",
     lstm_latent_emit};
