/* Family B as its document lists it: four linear layers and nothing else. */
#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/builder.h"

static void family_b_doc_emit(lnspi_builder *b) {
  const int64_t d = lnspi_arg_file_width(b, "d", "input_proj.weight", 1, 384);
  const int64_t s = lnspi_arg_file_width(b, "s", "input_proj.weight", 0, 256);
  const int64_t k = lnspi_arg_file_width(b, "k", "compression.weight", 0, 192);
  const char *act =
      lnspi_arch_act(lnspi_arg_choice(b, "act", LNSPI_ARCH_ACTS, LNSPI_ARCH_GELU));
  const int32_t normalise = lnspi_arg_flag(b, "normalise", 1);
  lnspi_arg_finish(b);
  LNSPI_LINE(b, "x = input %lld", (long long)d);
  LNSPI_LINE(b, "h = linear x %lld w=input_proj", (long long)s);
  if (act) LNSPI_LINE(b, "h = %s h", act);
  LNSPI_LINE(b, "c = linear h %lld w=compression", (long long)k);
  if (act) LNSPI_LINE(b, "c = %s c", act);
  LNSPI_LINE(b, "e = linear c %lld w=expansion", (long long)s);
  if (act) LNSPI_LINE(b, "e = %s e", act);
  LNSPI_LINE(b, "o = linear e %lld w=teacher_align", (long long)d);
  if (normalise) LNSPI_LINE(b, "o = l2norm o");
  LNSPI_LINE(b, "output output=o code=c");
}

const lnspi_arch lnspi_arch_family_b_doc =
    {"family_b_doc", "family_b_doc d=384 s=256 k=192 act=gelu|none|relu|silu|tanh normalise=1",
     family_b_doc_emit};
