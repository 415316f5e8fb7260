/* The smallest student: LayerNorm and two linear layers. */
#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/builder.h"

static void ln_min_emit(lnspi_builder *b) {
  const int64_t d = lnspi_arg_file_width(b, "d", "compress.weight", 1, 384);
  const int64_t s = lnspi_arg_file_width(b, "s", "compress.weight", 0, 256);
  const int32_t normalise = lnspi_arg_flag(b, "normalise", 1);
  lnspi_arg_finish(b);
  LNSPI_LINE(b, "x = input %lld", (long long)d);
  LNSPI_LINE(b, "h = layernorm x w=input_norm");
  LNSPI_LINE(b, "c = linear h %lld w=compress", (long long)s);
  LNSPI_LINE(b, "o = linear c %lld w=align", (long long)d);
  if (normalise) LNSPI_LINE(b, "o = l2norm o");
  LNSPI_LINE(b, "output output=o code=c");
}

const lnspi_arch lnspi_arch_ln_min = {"ln_min", "ln_min d=384 s=256 normalise=1", ln_min_emit};
