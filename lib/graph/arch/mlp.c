/* Two linear layers over the concepts of a sequence side by side. */
#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/builder.h"

static void mlp_emit(lnspi_builder *b) {
  const int64_t in = lnspi_arg_file_width(b, "in", "network.3.weight", 0, 768);
  const int64_t hidden = lnspi_arg_file_width(b, "hidden", "network.0.weight", 0, 1024);
  const int64_t flat = lnspi_arg_file_dim(b, "network.0.weight", 1);
  const int64_t concepts =
      lnspi_arg_integer(b, "concepts", 1, LNSPI_MAX_WIDTH, flat && in ? flat / in : 5);
  const float dropout = lnspi_arch_dropout(b);
  lnspi_arg_finish(b);
  LNSPI_LINE(b, "x = input %lld", (long long)in);
  LNSPI_LINE(b, "h = flatten x %lld", (long long)concepts);
  LNSPI_LINE(b, "h = linear h %lld w=network.0", (long long)hidden);
  LNSPI_LINE(b, "h = relu h");
  lnspi_arch_drop(b, "h", dropout);
  LNSPI_LINE(b, "raw = linear h %lld w=network.3", (long long)in);
  LNSPI_LINE(b, "o = l2norm raw eps=1e-8 rule=add");
  LNSPI_LINE(b, "output output=o raw=raw");
}

const lnspi_arch lnspi_arch_mlp =
    {"mlp", "mlp in=768 hidden=1024 concepts=5 dropout=0: two layers over the whole context",
     mlp_emit};
