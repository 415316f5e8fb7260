/* The Mamba family (Gu and Dao, 2023): residual blocks around a selective scan.
 *
 * A block normalises h, projects it to two values of width e, convolves the first over the
 * last few concepts, and runs it through the scan, whose step sizes and inputs are themselves
 * computed from it. The second value is a gate that the result is multiplied by before it is
 * projected back and added to h. Five named networks differ in what is around the blocks:
 * nothing (mamba_s, mamba_xl), local attention in place of every n-th block (mamba_hybrid) or
 * before and after them (mamba_sandwich), or a gated recurrent cell after each block
 * (mamba_gated).
 *
 * The output is the whole sequence, each vector of length one; the output `last` is its last
 * vector, which is what predicting the next concept needs. */
#include "base/decimal.h"
#include "graph/arch/arch.h"
#include "base/min_max.h"
#include "graph/arg.h"
#include "graph/builder.h"

typedef struct mamba {
  int64_t in, d, e, state;
  int32_t conv, align, heads, window; /* heads, window: of local attention */
  float alpha, dropout;
} mamba;

/* What the blocks have in common; first: the stem of the first block's tensors; d, state:
 * the defaults. */
static mamba mamba_read(lnspi_builder *b, const char *first, int64_t d, int64_t state) {
  char a[LNSPI_NAME_BYTES], conv[LNSPI_NAME_BYTES];
  mamba m;
  m.heads = m.window = 0;
  lnspi_format(a, sizeof a, "%s.A_log", first);
  lnspi_format(conv, sizeof conv, "%s.conv1d.weight", first);
  m.in = lnspi_arg_file_width(b, "in", "input_proj.weight", 1, 768);
  m.d = lnspi_arg_file_width(b, "d", "input_proj.weight", 0, d);
  m.e = lnspi_arg_file_width(b, "e", a, 0, 2 * m.d);
  m.state = lnspi_arg_file_width(b, "state", a, 1, state);
  m.conv = (int32_t)lnspi_arg_file_kernel(b, "conv", conv, 2, 4);
  m.align = lnspi_arg_file_flag(b, "align", "alignment_head.weight", 0);
  m.alpha = lnspi_arg_real(b, "alpha", 0, 1, .25);
  m.dropout = lnspi_arch_dropout(b);
  return m;
}

static void mamba_read_local(lnspi_builder *b, mamba *m) {
  m->heads = (int32_t)lnspi_arg_integer(b, "heads", 1, LNSPI_MAX_WIDTH, 4);
  m->window = (int32_t)lnspi_arg_integer(b, "window", 0, LNSPI_MAX_WIDTH, 8);
  if (m->d % m->heads)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, "heads"),
                     "heads=%d does not divide the width %lld that attention works on: give "
                     "heads= a divisor of it",
                     m->heads, (long long)m->d);
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

/* h plus attention to what is near: half of the window is on either side. */
static void mamba_local(lnspi_builder *b, const mamba *m, const char *stem) {
  LNSPI_LINE(b, "n = rmsnorm h w=%s.norm", stem);
  LNSPI_LINE(b, "y = attention n heads=%d window=%d bias=0 names=qkv w=%s", m->heads,
             m->window / 2, stem);
  lnspi_arch_drop(b, "y", m->dropout);
  LNSPI_LINE(b, "h = add h y");
}

/* Every so manyth is local attention: 0: none, 1: all. */
static void mamba_blocks(lnspi_builder *b, const mamba *m, const char *list, int32_t layers,
                         int32_t every) {
  char stem[LNSPI_NAME_BYTES];
  for (int32_t i = 0; i < layers; i++) {
    lnspi_format(stem, sizeof stem, "%s.%d", list, i);
    if (every && (i + 1) % every == 0)
      mamba_local(b, m, stem);
    else
      mamba_block(b, m, stem);
  }
}

static void mamba_finish(lnspi_builder *b, const mamba *m) {
  char number[32];
  LNSPI_LINE(b, "raw = linear h %lld w=output_head bias=0", (long long)m->in);
  if (m->align) {
    LNSPI_LINE(b, "a = linear raw %lld w=alignment_head bias=0", (long long)m->in);
    lnspi_decimal_write(m->alpha, number);
    LNSPI_LINE(b, "a = scale a by=%s", number);
    lnspi_decimal_write((float)(1 - (double)m->alpha), number);
    LNSPI_LINE(b, "raw = scale raw by=%s", number);
    LNSPI_LINE(b, "raw = add raw a");
  }
  LNSPI_LINE(b, "o = l2norm raw");
  LNSPI_LINE(b, "l = last o");
  LNSPI_LINE(b, "output output=o raw=raw last=l");
}

static void mamba_plain(lnspi_builder *b, int64_t d, int32_t layers, int64_t state) {
  const mamba m = mamba_read(b, "layers.0", d, state);
  layers = lnspi_arch_layers(b, "layers", "layers.%d.A_log", layers);
  lnspi_arg_finish(b);
  mamba_start(b, &m);
  mamba_blocks(b, &m, "layers", layers, 0);
  mamba_finish(b, &m);
}

/* every=: which layers are attention; as the file has it. */
static int32_t mamba_every(lnspi_builder *b, int32_t layers) {
  char name[LNSPI_NAME_BYTES];
  int32_t every = 4;
  if (b->shapes)
    for (every = 1; every <= layers; every++) { /* layers + 1: there is no attention */
      lnspi_format(name, sizeof name, "layers.%d.qkv.weight", every - 1);
      if (lnspi_arg_file_dim(b, name, 0)) break;
    }
  return (int32_t)lnspi_arg_integer(b, "every", 2, 1024, lnspi_max_i64(every, 2));
}

static void mamba_hybrid_emit(lnspi_builder *b) {
  mamba m = mamba_read(b, "layers.0", 320, 128);
  const int32_t layers = lnspi_arch_layers(b, "layers", "layers.%d.norm.weight", 12);
  const int32_t every = mamba_every(b, layers);
  mamba_read_local(b, &m);
  lnspi_arg_finish(b);
  mamba_start(b, &m);
  mamba_blocks(b, &m, "layers", layers, every);
  mamba_finish(b, &m);
}

static void mamba_sandwich_emit(lnspi_builder *b) {
  mamba m = mamba_read(b, "trunk_layers.0", 320, 160);
  const int32_t front = lnspi_arch_layers(b, "front", "front_layers.%d.norm.weight", 2);
  const int32_t layers = lnspi_arch_layers(b, "layers", "trunk_layers.%d.norm.weight", 8);
  const int32_t back = lnspi_arch_layers(b, "back", "back_layers.%d.norm.weight", 2);
  mamba_read_local(b, &m);
  lnspi_arg_finish(b);
  mamba_start(b, &m);
  mamba_blocks(b, &m, "front_layers", front, 1);
  mamba_blocks(b, &m, "trunk_layers", layers, 0);
  mamba_blocks(b, &m, "back_layers", back, 1);
  mamba_finish(b, &m);
}

static void mamba_s_emit(lnspi_builder *b) { mamba_plain(b, 256, 8, 128); }
static void mamba_xl_emit(lnspi_builder *b) { mamba_plain(b, 384, 16, 192); }

/* After each block a gated cell, whose last state is where the next one's begins. */
static void mamba_gated_emit(lnspi_builder *b) {
  const mamba m = mamba_read(b, "mamba_layers.0", 288, 144);
  const int32_t layers = lnspi_arch_layers(b, "layers", "mamba_layers.%d.A_log", 10);
  const int64_t hidden =
      lnspi_arg_file_width(b, "hidden", "gru_gates.0.reset_gate.weight", 0, 256);
  char stem[LNSPI_NAME_BYTES];
  lnspi_arg_finish(b);
  mamba_start(b, &m);
  for (int32_t i = 0; i < layers; i++) {
    lnspi_format(stem, sizeof stem, "mamba_layers.%d", i);
    mamba_block(b, &m, stem);
    LNSPI_LINE(b, "c = gru_classic h %s %lld w=gru_gates.%d", i ? "k" : "", (long long)hidden,
               i);
    LNSPI_LINE(b, "h = linear c %lld w=gru_gates.%d.out_proj", (long long)m.d, i);
    if (i + 1 < layers) LNSPI_LINE(b, "k = last c");
  }
  mamba_finish(b, &m);
}

const lnspi_arch lnspi_arch_mamba_s =
    {"mamba_s",
     "mamba_s in=768 d=256 e=2d state=128 layers=8 conv=4 align=0 alpha=.25 dropout=0",
     mamba_s_emit};
const lnspi_arch lnspi_arch_mamba_xl =
    {"mamba_xl",
     "mamba_xl in=768 d=384 e=2d state=192 layers=16 conv=4 align=0 alpha=.25 dropout=0",
     mamba_xl_emit};

const lnspi_arch lnspi_arch_mamba_hybrid =
    {"mamba_hybrid",
     "mamba_hybrid in=768 d=320 e=2d state=128 layers=12 every=4 heads=4 window=8 conv=4 "
     "align=0 "
     "alpha=.25 dropout=0: every layer whose number every= divides is local attention",
     mamba_hybrid_emit};
const lnspi_arch lnspi_arch_mamba_sandwich =
    {"mamba_sandwich",
     "mamba_sandwich in=768 d=320 e=2d state=160 front=2 layers=8 back=2 heads=4 window=8 "
     "conv=4 "
     "align=0 alpha=.25 dropout=0: local attention before and after",
     mamba_sandwich_emit};

const lnspi_arch lnspi_arch_mamba_gated =
    {"mamba_gated",
     "mamba_gated in=768 d=288 e=2d state=144 layers=10 hidden=256 conv=4 align=0 alpha=.25 "
     "dropout=0: a gated cell after each block",
     mamba_gated_emit};
