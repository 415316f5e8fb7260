/* The attention mixture network: the mean of the context, corrected by a small net that sees
 * the mean and what attention picks by it (dot, softmax, weighted_sum).
 *
 * amn_serve is the network that the origin's service computes from the same tensors. It is
 * another function: it compresses the mean without the last concept and the last concept, and
 * repeats both three times where the trained net had other things. It exists so that the
 * service's answers can be reproduced, and is taken only where it is asked for by name. */
#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/builder.h"

typedef struct amn_widths {
  int64_t in, d, hidden, hidden2;
} amn_widths;

static amn_widths amn_read(lnspi_builder *b) {
  amn_widths w;
  w.hidden2 = 0; /* the callers know */
  w.in = lnspi_arg_file_width(b, "in", "context_encoder.weight", 1, 768);
  w.d = lnspi_arg_file_width(b, "d", "context_encoder.weight", 0, 256);
  w.hidden = lnspi_arg_file_width(b, "hidden", "residual_net.0.weight", 0, 512);
  return w;
}

/* Lines from value h to h. */
static void amn_residual(lnspi_builder *b, const amn_widths *w, const char *act,
                         float dropout) {
  LNSPI_LINE(b, "h = linear h %lld w=residual_net.0", (long long)w->hidden);
  LNSPI_LINE(b, "h = %s h", act);
  LNSPI_LINE(b, "h = layernorm h w=residual_net.2");
  lnspi_arch_drop(b, "h", dropout);
  LNSPI_LINE(b, "h = linear h %lld w=residual_net.3", (long long)w->hidden2);
  LNSPI_LINE(b, "h = %s h", act);
  LNSPI_LINE(b, "h = layernorm h w=residual_net.5");
  lnspi_arch_drop(b, "h", dropout);
}

static void amn_emit(lnspi_builder *b) {
  amn_widths w = amn_read(b);
  w.hidden2 = lnspi_arg_file_width(b, "hidden2", "residual_net.3.weight", 0, w.hidden / 2);
  const float dropout = lnspi_arch_dropout(b);
  lnspi_arg_finish(b);
  LNSPI_LINE(b, "x = input %lld", (long long)w.in);
  LNSPI_LINE(b, "k = linear x %lld w=context_encoder", (long long)w.d);
  LNSPI_LINE(b, "mean = mean x");
  LNSPI_LINE(b, "q = linear mean %lld w=query_encoder", (long long)w.d);
  LNSPI_LINE(b, "s = dot q k");
  LNSPI_LINE(b, "a = softmax s over=concepts");
  LNSPI_LINE(b, "h = weighted_sum a x");
  LNSPI_LINE(b, "h = concat mean h");
  amn_residual(b, &w, "gelu", dropout);
  LNSPI_LINE(b, "h = linear h %lld w=residual_net.6", (long long)w.in);
  LNSPI_LINE(b, "raw = add mean h");
  lnspi_arch_outputs(b, 1, " attention=a");
}

static void amn_serve_emit(lnspi_builder *b) {
  amn_widths w = amn_read(b);
  const float dropout = lnspi_arch_dropout(b);
  w.hidden2 = w.d;
  lnspi_arg_finish(b);
  LNSPI_LINE(b, "x = input %lld", (long long)w.in);
  /* the mean of a linear layer's outputs is its output for the mean */
  LNSPI_LINE(b, "c = mean x skip_last=1");
  LNSPI_LINE(b, "c = linear c %lld w=context_encoder", (long long)w.d);
  LNSPI_LINE(b, "q = last x");
  LNSPI_LINE(b, "q = linear q %lld w=query_encoder", (long long)w.d);
  LNSPI_LINE(b, "h = concat c q");
  LNSPI_LINE(b, "h = concat h h h");
  amn_residual(b, &w, "relu", dropout);
  LNSPI_LINE(b, "raw = linear h %lld w=residual_net.6", (long long)w.in);
  lnspi_arch_outputs(b, 1, "");
}

const lnspi_arch lnspi_arch_amn =
    {"amn", "amn in=768 d=256 hidden=512 hidden2=hidden/2 dropout=0: attention mixture",
     amn_emit};
const lnspi_arch lnspi_arch_amn_serve =
    {"amn_serve",
     "amn_serve in=768 d=256 hidden=512 dropout=0: the network that the origin's "
     "service computes from amn's tensors",
     amn_serve_emit};
