/* Residual blocks of one recurrent layer each between two projections; the last step is the
 * result. Three networks: gru and lstm_stack have LayerNorm after the sum, gru_prenorm before
 * the layer. The tensors of gru_prenorm are called `mamba`, because its origin builds it in
 * place of a Mamba block. */
#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/builder.h"

typedef struct residual_rnn_kind {
  const char *layer, *child; /* of the text; of the tensors' names */
  int32_t before, mlp, normalise;
} residual_rnn_kind;

static void residual_rnn_block(lnspi_builder *b, const residual_rnn_kind *kind, int32_t i,
                               int64_t d, float dropout) {
  const char *from = kind->before ? "n" : "h";
  if (kind->before) LNSPI_LINE(b, "n = layernorm h w=blocks.%d.norm", i);
  LNSPI_LINE(b, "r = %s %s %lld w=blocks.%d.%s", kind->layer, from, (long long)d, i,
             kind->child);
  lnspi_arch_drop(b, "r", dropout);
  LNSPI_LINE(b, "h = add h r");
  if (!kind->before) LNSPI_LINE(b, "h = layernorm h w=blocks.%d.norm", i);
}

static void residual_rnn_emit(lnspi_builder *b, const residual_rnn_kind *kind) {
  const char *last = kind->mlp ? "head.3.weight" : "output_proj.weight";
  char tensor[48];
  const int64_t in = lnspi_arg_file_width(b, "in", "input_proj.weight", 1, 768);
  const int64_t d = lnspi_arg_file_width(b, "d", "input_proj.weight", 0, 512);
  lnspi_format(tensor, sizeof tensor, "blocks.%%d.%s.weight_ih_l0", kind->child);
  const int32_t layers = lnspi_arch_layers(b, "layers", tensor, 4);
  const int64_t out = lnspi_arg_file_width(b, "out", last, 0, in);
  const float dropout = lnspi_arch_dropout(b);
  const int32_t normalise = lnspi_arg_flag(b, "normalise", kind->normalise);
  lnspi_arg_finish(b);
  LNSPI_LINE(b, "x = input %lld", (long long)in);
  LNSPI_LINE(b, "h = linear x %lld w=input_proj", (long long)d);
  for (int32_t i = 0; i < layers; i++) residual_rnn_block(b, kind, i, d, dropout);
  LNSPI_LINE(b, "h = last h");
  if (kind->mlp)
    lnspi_arch_head(b, "head", d, "gelu", out, dropout);
  else
    LNSPI_LINE(b, "h = linear h %lld w=output_proj", (long long)out);
  if (normalise) LNSPI_LINE(b, "o = l2norm h");
  LNSPI_LINE(b, "output output=%s raw=h", normalise ? "o" : "h");
}

static void residual_rnn_gru_emit(lnspi_builder *b) {
  static const residual_rnn_kind kind = {"gru", "gru", 0, 0, 1};
  residual_rnn_emit(b, &kind);
}

static void residual_rnn_prenorm_emit(lnspi_builder *b) {
  static const residual_rnn_kind kind = {"gru", "mamba", 1, 1, 1};
  residual_rnn_emit(b, &kind);
}

static void residual_rnn_lstm_emit(lnspi_builder *b) {
  static const residual_rnn_kind kind = {"lstm", "lstm", 0, 0, 0};
  residual_rnn_emit(b, &kind);
}

const lnspi_arch lnspi_arch_gru =
    {"gru",
     "gru in=768 d=512 layers=4 out=in dropout=0 normalise=1: residual GRU blocks, LayerNorm "
     "after "
     "each",
     residual_rnn_gru_emit};

const lnspi_arch lnspi_arch_gru_prenorm =
    {"gru_prenorm",
     "gru_prenorm in=768 d=512 layers=4 out=in dropout=0 normalise=1: residual GRU blocks, "
     "LayerNorm "
     "before each, and a head of two layers",
     residual_rnn_prenorm_emit};

const lnspi_arch lnspi_arch_lstm_stack =
    {"lstm_stack",
     "lstm_stack in=768 d=512 layers=4 out=in dropout=0 normalise=0: residual LSTM blocks, "
     "LayerNorm "
     "after each",
     residual_rnn_lstm_emit};
