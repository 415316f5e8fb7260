/* The Mamba family: blocks around a selective scan, with local attention between them or at
 * both ends, or a gate after each. The output is the whole sequence; `last` is its last
 * vector. */
#include "graph/arch/arch.h"

typedef struct mamba {
  int64_t in, d, e, state;
  int32_t conv, align;
  float alpha, dropout;
} mamba;

/* What the blocks have in common; first: the stem of the first block's tensors; d, state:
 * the defaults. */
static mamba mamba_read(lnspi_builder *b, const char *first, int64_t d, int64_t state) {
  char a[LNSPI_NAME_BYTES], conv[LNSPI_NAME_BYTES];
  mamba m;
  lnspi_format(a, sizeof a, "%s.A_log", first);
  lnspi_format(conv, sizeof conv, "%s.conv1d.weight", first);
  m.in = lnspi_arch_width(b, "in", "input_proj.weight", 1, 768);
  m.d = lnspi_arch_width(b, "d", "input_proj.weight", 0, d);
  m.e = lnspi_arch_width(b, "e", a, 0, 2 * m.d);
  m.state = lnspi_arch_width(b, "state", a, 1, state);
  m.conv = (int32_t)lnspi_arch_width(b, "conv", conv, 2, 4);
  m.align = lnspi_arch_flag(b, "align", "alignment_head.weight", 0);
  m.alpha = lnspi_arg_real(b, "alpha", 0, 1, .25);
  m.dropout = lnspi_arch_dropout(b);
  return m;
}

static void mamba_start(lnspi_builder *b, const mamba *m) {
  LNSPI_LINE(b, "x = input %lld", (long long)m->in);
  LNSPI_LINE(b, "h = linear x %lld w=input_proj", (long long)m->d);
}

/* h plus a block of it. Of x_proj's two matrices the first is never used. */
static void mamba_block(lnspi_builder *b, const mamba *m, const char *stem) {
  const long long e = (long long)m->e;
  LNSPI_LINE(b, "n = rmsnorm h w=%s.norm", stem);
  LNSPI_LINE(b, "u = linear n %lld w=%s.in_proj bias=0 parts=2", e, stem);
  LNSPI_LINE(b, "u = conv u w=%s.conv1d kernel=%d", stem, m->conv);
  LNSPI_LINE(b, "u = silu u");
  LNSPI_LINE(b, "t = linear u %lld w=%s.dt_proj bias_init=one", e, stem);
  LNSPI_LINE(b, "t = softplus t");
  LNSPI_LINE(b, "s = linear u %lld w=%s.x_proj bias=0 parts=2 part=1", (long long)m->state,
             stem);
  LNSPI_LINE(b, "y = scan u t s w=%s", stem);
  LNSPI_LINE(b, "g = linear n %lld w=%s.in_proj bias=0 parts=2 part=1", e, stem);
  LNSPI_LINE(b, "g = silu g");
  LNSPI_LINE(b, "y = mul y g");
  LNSPI_LINE(b, "y = linear y %lld w=%s.out_proj bias=0", (long long)m->d, stem);
  lnspi_arch_drop(b, "y", m->dropout);
  LNSPI_LINE(b, "h = add h y");
}

static void mamba_blocks(lnspi_builder *b, const mamba *m, const char *list, int32_t layers) {
  char stem[LNSPI_NAME_BYTES];
  for (int32_t i = 0; i < layers; i++) {
    lnspi_format(stem, sizeof stem, "%s.%d", list, i);
    mamba_block(b, m, stem);
  }
}

static void mamba_finish(lnspi_builder *b, const mamba *m) {
  char number[32];
  LNSPI_LINE(b, "raw = linear h %lld w=output_head bias=0", (long long)m->in);
  if (m->align) {
    LNSPI_LINE(b, "a = linear raw %lld w=alignment_head bias=0", (long long)m->in);
    lnspi_number_text(m->alpha, number);
    LNSPI_LINE(b, "a = scale a by=%s", number);
    lnspi_number_text((float)(1 - (double)m->alpha), number);
    LNSPI_LINE(b, "raw = scale raw by=%s", number);
    LNSPI_LINE(b, "raw = add raw a");
  }
  LNSPI_LINE(b, "o = unit raw");
  LNSPI_LINE(b, "l = last o");
  LNSPI_LINE(b, "output output=o raw=raw last=l");
}

static void mamba_plain(lnspi_builder *b, int64_t d, int32_t layers, int64_t state) {
  const mamba m = mamba_read(b, "layers.0", d, state);
  layers = lnspi_arch_layers(b, "layers", "layers.%d.A_log", layers);
  lnspi_arg_finish(b);
  mamba_start(b, &m);
  mamba_blocks(b, &m, "layers", layers);
  mamba_finish(b, &m);
}

static void mamba_s_emit(lnspi_builder *b) { mamba_plain(b, 256, 8, 128); }
static void mamba_xl_emit(lnspi_builder *b) { mamba_plain(b, 384, 16, 192); }

static const char *const mamba_s_examples[] = {
    "mamba_s", "mamba_s in=18 d=7 e=11 state=5 layers=2 conv=3",
    "mamba_s in=20 d=8 state=3 layers=1 align=1 alpha=.3", NULL};
static const char *const mamba_xl_examples[] = {
    "mamba_xl", "mamba_xl in=16 d=8 state=6 layers=2", NULL};

const lnspi_arch lnspi_arch_mamba_s = {
    "mamba_s",
    "mamba_s in=768 d=256 e=2d state=128 layers=8 conv=4 align=0 alpha=.25 dropout=0",
    mamba_s_emit, mamba_s_examples};
const lnspi_arch lnspi_arch_mamba_xl = {
    "mamba_xl",
    "mamba_xl in=768 d=384 e=2d state=192 layers=16 conv=4 align=0 alpha=.25 dropout=0",
    mamba_xl_emit, mamba_xl_examples};
