/* Architecture texts: what they build, and that what is written out reads back.
 * What is refused: test_graph_text.c; the public functions: test_graph_api.c. */
#include "examples.h"
#include "check.h"
#include "graph/arch/arch.h"
#include "graph/graph.h"
#include "graph/graph_text.h"
#include "graph/layer.h"
#include "lnsp.h"

#include "graph_build.h"

static int64_t count_of(const char *text) {
  void *memory;
  const int64_t count = build_well(text, &memory)->parameter_count;
  free(memory);
  return count;
}

/* ---- counts and names ---------------------------------------------------- */

static void counts(void) {
  static const int a[] = {384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192};
  static const int b[][2] = {{256, 545088},   {320, 643776},   {512, 939840},  {768, 1334592},
                             {1024, 1729344}, {2048, 3308352}, {4096, 6466368}};
  char text[96];
  CHECK_INT(count_of("student"), 545088);
  CHECK_INT(count_of("amn"), 1510912);
  CHECK_INT(count_of("amn_serve"), 1510912);
  CHECK_INT(count_of("mamba_s"), 7239936);
  CHECK_INT(count_of("mamba_hybrid"), 13192640);
  CHECK_INT(count_of("mamba_xl"), 31353216);
  CHECK_INT(count_of("mamba_sandwich"), 12819520);
  CHECK_INT(count_of("mamba_gated"), 16194336);
  CHECK_INT(count_of("mamba_s d=768"), 53177088);
  CHECK_INT(count_of("mlp"), 4720384);
  CHECK_INT(count_of("ln_min"), 198016);
  CHECK_INT(count_of("family_b_doc"), 296000);
  CHECK_INT(count_of("student teacher=0"), 545088 - 98688);
  CHECK_INT(count_of("student s2=192 compress_norm_2=0"), 545088 + 49344 - 49344 + 37056);
  CHECK_INT(count_of("family_a"), 591168);
  CHECK_INT(count_of("family_a s=2048"), 16784384);
  for (size_t i = 0; i < sizeof a / sizeof *a; i++) {
    const int64_t s = a[i];
    snprintf(text, sizeof text, "family_a s=%d", a[i]);
    CHECK_INT(count_of(text), 4 * s * s + 7 * s / 2);
    snprintf(text, sizeof text, "family_a s=%d attn_bias=1", a[i]);
    CHECK_INT(count_of(text), 4 * s * s + 11 * s / 2);
    snprintf(text, sizeof text, "family_b_doc s=%d", a[i]);
    CHECK_INT(count_of(text), 1154 * s + 576);
  }
  for (size_t i = 0; i < sizeof b / sizeof *b; i++) {
    snprintf(text, sizeof text, "family_b s=%d", b[i][0]);
    CHECK_INT(count_of(text), b[i][1]);
    CHECK_INT(count_of(text), 1542 * b[i][0] + 150336);
  }
}

static void student_tensors(void) {
  static const struct {
    const char *name;
    int rows, columns, kind, parts, init;
    double amount;
  } want[] = {
      {"layers.input_norm.weight", 384, 0, LNSPI_FLAT, 1, LNSPI_INIT_ONE, 0},
      {"layers.input_norm.bias", 384, 0, LNSPI_FLAT, 1, LNSPI_INIT_ZERO, 0},
      {"layers.compress_1.weight", 256, 384, LNSPI_MATRIX, 1, LNSPI_INIT_UNIFORM,
       0.051031036307982884},
      {"layers.compress_1.bias", 256, 0, LNSPI_FLAT, 1, LNSPI_INIT_UNIFORM,
       0.051031036307982884},
      {"layers.compress_norm_1.weight", 256, 0, LNSPI_FLAT, 1, LNSPI_INIT_ONE, 0},
      {"layers.compress_norm_1.bias", 256, 0, LNSPI_FLAT, 1, LNSPI_INIT_ZERO, 0},
      {"layers.nuclear_compress.weight", 192, 256, LNSPI_MATRIX, 1, LNSPI_INIT_UNIFORM, 0.0625},
      {"layers.nuclear_compress.bias", 192, 0, LNSPI_FLAT, 1, LNSPI_INIT_UNIFORM, 0.0625},
      {"layers.nuclear_norm.weight", 192, 0, LNSPI_FLAT, 1, LNSPI_INIT_ONE, 0},
      {"layers.nuclear_norm.bias", 192, 0, LNSPI_FLAT, 1, LNSPI_INIT_ZERO, 0},
      {"layers.multi_head_attention.in_proj_weight", 576, 192, LNSPI_MATRIX, 3,
       LNSPI_INIT_UNIFORM, 0.08838834764831845},
      {"layers.multi_head_attention.in_proj_bias", 576, 0, LNSPI_FLAT, 3, LNSPI_INIT_ZERO, 0},
      {"layers.multi_head_attention.out_proj.weight", 192, 192, LNSPI_MATRIX, 1,
       LNSPI_INIT_UNIFORM, 0.07216878364870322},
      {"layers.multi_head_attention.out_proj.bias", 192, 0, LNSPI_FLAT, 1, LNSPI_INIT_ZERO, 0},
      {"layers.nuclear_expand.weight", 256, 192, LNSPI_MATRIX, 1, LNSPI_INIT_UNIFORM,
       0.07216878364870322},
      {"layers.nuclear_expand.bias", 256, 0, LNSPI_FLAT, 1, LNSPI_INIT_UNIFORM,
       0.07216878364870322},
      {"layers.expand_norm_1.weight", 256, 0, LNSPI_FLAT, 1, LNSPI_INIT_ONE, 0},
      {"layers.expand_norm_1.bias", 256, 0, LNSPI_FLAT, 1, LNSPI_INIT_ZERO, 0},
      {"layers.expand_2.weight", 384, 256, LNSPI_MATRIX, 1, LNSPI_INIT_UNIFORM, 0.0625},
      {"layers.expand_2.bias", 384, 0, LNSPI_FLAT, 1, LNSPI_INIT_UNIFORM, 0.0625},
      {"layers.teacher_align.weight", 384, 256, LNSPI_MATRIX, 1, LNSPI_INIT_UNIFORM, 0.0625},
      {"layers.teacher_align.bias", 384, 0, LNSPI_FLAT, 1, LNSPI_INIT_UNIFORM, 0.0625},
  };
  const int count = (int)(sizeof want / sizeof *want);
  void *memory;
  const lnsp_graph *g = build_well("student", &memory);
  CHECK_INT(g->weight_count, count);
  for (int i = 0; i < count && i < g->weight_count; i++) {
    const lnspi_weight *w = &g->weights[i];
    CHECK_STR(w->name, want[i].name);
    CHECK_INT(w->rank, want[i].columns ? 2 : 1);
    CHECK_INT(w->dims[0], want[i].rows);
    CHECK_INT(w->dims[1], want[i].columns);
    CHECK_INT(w->kind, want[i].kind);
    CHECK_INT(w->parts, want[i].parts);
    CHECK_INT(w->init, want[i].init);
    CHECK_NEAR(w->amount, want[i].amount, 4e-9);
    CHECK_INT(lnspi_graph_find_weight(g, w->name), i);
  }
  CHECK_INT(lnspi_graph_find_weight(g, "layers.compress_1"), -1);
  CHECK_INT(g->output_count, 3);
  CHECK_STR(g->outputs[0].name, "output");
  CHECK_INT(lnspi_graph_find_output(g, "code"), 2);
  CHECK_INT(lnspi_graph_find_output(g, "raw"), -1);
  CHECK_INT(g->nodes[g->outputs[2].node].width, 192);
  free(memory);
}

/* Offsets are multiples of 16, one tensor after the other, with room for pads. */
static void state_layout(void) {
  void *memory;
  const lnsp_graph *g = build_well("student d=48 s=31 k=20 heads=4", &memory);
  int64_t offset = 0;
  for (int32_t i = 0; i < g->weight_count; i++) {
    const lnspi_weight *w = &g->weights[i];
    const int64_t part = w->dims[0] / w->parts, padded = (part + 15) / 16 * 16;
    CHECK_INT(w->offset, offset);
    CHECK_INT(w->floats, w->parts * padded * (w->kind == LNSPI_MATRIX ? w->dims[1] : 1));
    CHECK_INT(w->floats % 16, 0);
    offset += w->floats;
  }
  CHECK_INT(g->state_floats, offset);
  free(memory);
}

static void flops(void) {
  void *memory;
  const lnsp_graph *g = build_well("student", &memory);
  const int64_t products = 2 * (384 * 256 * 3 + 256 * 192 * 2 + 4 * 192 * 192);
  CHECK_INT(lnspi_graph_flops(g, 1), products + 4 * 192);
  CHECK_INT(lnspi_graph_flops(g, 10), 10 * products + 4 * 192 * 100);
  free(memory);
}

/* The order of the lines of a stage, with every switch. */
static void student_lines(void) {
  char text[4096];
  void *memory;
  lnspi_graph_text_write(
      build_well("student d=10 s=8 s2=7 k=6 heads=2 act=silu compress_norm_2=0", &memory), text,
      sizeof text);
  CHECK_STR(text, "lnsp 1\n"
                  "x = input 10\n"
                  "h = layernorm x w=layers.input_norm\n"
                  "h = linear h 8 w=layers.compress_1\n"
                  "h = silu h\n"
                  "h = layernorm h w=layers.compress_norm_1\n"
                  "h = linear h 7 w=layers.compress_2\n"
                  "h = silu h\n"
                  "z = linear h 6 w=layers.nuclear_compress\n"
                  "z = silu z\n"
                  "z = layernorm z w=layers.nuclear_norm\n"
                  "a = attention z heads=2 w=layers.multi_head_attention\n"
                  "c = add z a\n"
                  "e = linear c 8 w=layers.nuclear_expand\n"
                  "e = silu e\n"
                  "e = layernorm e w=layers.expand_norm_1\n"
                  "o = linear e 10 w=layers.expand_2\n"
                  "t = linear e 10 w=layers.teacher_align\n"
                  "o = l2norm o\n"
                  "output output=o teacher=t code=c\n");
  free(memory);
  lnspi_graph_text_write(build_well("student d=10 s=8 k=6 heads=3 act=relu order=norm_act "
                                    "residual=0 teacher=0 normalise=0 input_norm=0 attn_bias=0 "
                                    "nuclear_norm=0",
                                    &memory),
                         text, sizeof text);
  CHECK_STR(text, "lnsp 1\n"
                  "x = input 10\n"
                  "h = linear x 8 w=layers.compress_1\n"
                  "h = layernorm h w=layers.compress_norm_1\n"
                  "h = relu h\n"
                  "z = linear h 6 w=layers.nuclear_compress\n"
                  "z = relu z\n"
                  "a = attention z heads=3 w=layers.multi_head_attention bias=0\n"
                  "e = linear a 8 w=layers.nuclear_expand\n"
                  "e = layernorm e w=layers.expand_norm_1\n"
                  "e = relu e\n"
                  "o = linear e 10 w=layers.expand_2\n"
                  "output output=o code=a\n");
  free(memory);
}

/* ---- round trips --------------------------------------------------------- */

static void round_trip(const char *text) {
  void *memory, *again_memory, *written_memory;
  char written[8192], twice[8192];
  const lnsp_graph *g = build_well(text, &memory), *again, *from_written;
  const size_t length = lnspi_graph_text_write(g, written, sizeof written);
  CHECK(length < sizeof written);
  CHECK_INT(strlen(written), length);
  again = build_well(g->architecture, &again_memory);
  CHECK_SAY(lnspi_graph_equal(g, again), "%s: its architecture gives another graph", text);
  CHECK_STR(again->architecture, g->architecture);
  from_written = build_well(written, &written_memory);
  CHECK_SAY(lnspi_graph_equal(g, from_written), "%s: written out it differs", text);
  CHECK_STR(from_written->architecture, written);
  lnspi_graph_text_write(from_written, twice, sizeof twice);
  CHECK_STR(twice, written);
  for (size_t room = 1; room <= length; room += room < 80 ? 1 : 37) { /* cut, not overrun */
    memset(twice, CANARY, sizeof twice);
    CHECK_INT(lnspi_graph_text_write(g, twice, room), length);
    CHECK_INT(strlen(twice), room - 1);
    CHECK(!memcmp(twice, written, room - 1) && (unsigned char)twice[room] == CANARY);
  }
  free(memory);
  free(again_memory);
  free(written_memory);
}

static lnspi_unknown word_of(const char *name) {
  return (lnspi_unknown){{name, (int32_t)strlen(name), 1, 1}, NULL, 0};
}

/* The word of a layer in texts of 0.1 finds the same layer, and names no other one. */
static void old_name(const lnspi_layer *layer, int32_t index) {
  const lnspi_layer *other;
  if (!layer->old_name) return;
  lnspi_unknown name = word_of(layer->old_name);
  CHECK_INT(lnspi_layer_find(&name), index);
  for (int32_t i = 0; (other = lnspi_layer_at(i)) != NULL; i++)
    CHECK(strcmp(other->name, layer->old_name) != 0);
}

/* A text of 0.1 and its new spelling are one network; it is written with the new words. */
static void old_words(void) {
  static const char *const words[][2] = {{"h = gate x 8 w=g", "h = gru_classic x 8 w=g"},
                                         {"a = attend h h h heads=2", "a = sdpa h h h heads=2"},
                                         {"m = memory a 5 8 w=m", "m = memory_read a 5 8 w=m"},
                                         {"m = remember m m 5 w=m",
                                          "m = memory_write m m 5 w=m"},
                                         {"l = last m", "l = last m"},
                                         {"s = score l m", "s = dot l m"},
                                         {"o = mix s m", "o = weighted_sum s m"},
                                         {"o = unit o", "o = l2norm o"}};
  char text[2][512] = {"lnsp 1\nx = input 12\n", "lnsp 1\nx = input 12\n"};
  void *memory[2];
  const lnsp_graph *g[2];
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    for (int k = 0; k < 2; k++) strcat(strcat(text[k], words[i][k]), "\n");
  for (int k = 0; k < 2; k++)
    g[k] = build_well(strcat(text[k], "output output=o\n"), &memory[k]);
  CHECK(lnspi_graph_equal(g[0], g[1]));
  CHECK_STR(g[0]->architecture, text[1]);
  CHECK(lnspi_graph_text_same(text[0], text[1]) && lnspi_graph_text_same(text[1], text[0]));
  text[0][strlen(text[0]) - 2] = 'm'; /* output=m */
  CHECK(!lnspi_graph_text_same(text[0], text[1]));
  CHECK(lnspi_graph_text_same("student d=8", "student d=8"));
  CHECK(!lnspi_graph_text_same("student d=8", "student d=80"));
  CHECK(!lnspi_graph_text_same("lnsp 1\nunit = linear x 4 w=a\n",
                               "lnsp 1\nl2norm = linear x 4 w=a\n"));
  CHECK(!lnspi_graph_text_same("lnsp 1\no = unit x\n", "lnsp 1\no = mix x\n"));
  free(memory[0]);
  free(memory[1]);
}

/* The message has the first difference: a pair, or the line around it. */
static void differences(void) {
  static const struct {
    const char *its, *needed, *says;
  } all[] = {
      {"student d=384 s=256", "student d=768 s=512", "'d=384': give one with 'd=768'"},
      {"lnsp 1\nx = input 4\noutput output=x\n", "lnsp 1\nx = input 8\noutput output=x\n",
       "'x = input 4': give one with 'x = input 8'"},
      {"lnsp 1\ny = linear x 4 w=a\n", "lnsp 1\ny = linear x 4 w=b\n",
       "'w=a': give one with 'w=b'"},
      {"lnsp 1\no = last x\n", "lnsp 1\no = last x k=1\n",
       "'o = last x': give one with 'o = last x k=1'"},
      {"student d=8", "lnsp 1\nx = input 8\n", "'student d=8': give one with 'lnsp 1'"},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    CHECK_INT(lnspi_graph_text_refuse(LNSP_E_SHAPE, NULL, "the store", all[i].its,
                                      all[i].needed, &error),
              LNSP_E_SHAPE);
    CHECK_SAY(!strncmp(error.message, "the store is for another network, with ", 39) &&
                  !strcmp(error.message + 39, all[i].says),
              "%s", error.message);
  }
}

static void round_trips(void) {
  const lnspi_layer *layer;
  const lnspi_arch *arch;
  for (int32_t i = 0; (layer = lnspi_layer_at(i)) != NULL; i++) {
    CHECK(layer->help && layer->help[0]);
    lnspi_unknown name = word_of(layer->name);
    CHECK_INT(lnspi_layer_find(&name), i);
    old_name(layer, i);
    for (int32_t e = 0; LAYER_EXAMPLES(layer)[e]; e++) round_trip(LAYER_EXAMPLES(layer)[e]);
  }
  for (int32_t i = 0; (arch = lnspi_arch_at(i)) != NULL; i++) {
    lnspi_unknown name = word_of(arch->name);
    CHECK(ARCH_EXAMPLES(arch)[0] && lnspi_arch_find(&name) == i);
    for (int32_t e = 0; ARCH_EXAMPLES(arch)[e]; e++) round_trip(ARCH_EXAMPLES(arch)[e]);
  }
}

/* Numbers spelt longer when written back still fit what was measured. */
static void spelling(void) {
  void *memory;
  const lnsp_graph *g = build_well("# a comment; no line\n\n ; lnsp 1 # first\n"
                                   "x=input +5\r\n\tx\t=\tunit x eps=.0000001234567;"
                                   "y=layernorm x eps=1e-9 w=n affine=1;;\n"
                                   "output\tcode=x output=y # the end",
                                   &memory);
  CHECK_STR(g->architecture, "lnsp 1\nx = input 5\nx = l2norm x eps=1.234567e-07\n"
                             "y = layernorm x w=n eps=1e-09\noutput output=y code=x\n");
  free(memory);
  /* a name bound again means the latest */
  g = build_well("lnsp 1\na = input 3\na = linear a 4 w=p\na = linear a 5 w=q\n"
                 "a = linear a 6 w=r\noutput output=a",
                 &memory);
  for (int i = 1; i < 4; i++) CHECK_INT(g->nodes[i].input[0], i - 1);
  CHECK_INT(g->nodes[3].width, 6);
  free(memory);
}

static void moved_and_compared(void) {
  static const char *const others[] = {"student heads=4",
                                       "student act=relu",
                                       "student teacher=0",
                                       "student s=255",
                                       "student normalise=0",
                                       "student d=383",
                                       "family_a",
                                       "student attn_bias=0",
                                       "student order=norm_act",
                                       NULL};
  void *memory, *other;
  const lnsp_graph *g = build_well("student", &memory);
  unsigned char *room = aligned_alloc(64, 65536);
  lnsp_graph *moved = lnspi_graph_move(g, room), *back;
  char first[4096], second[4096];
  CHECK(lnspi_graph_equal(g, moved));
  CHECK_STR(moved->architecture, g->architecture);
  lnspi_graph_text_write(g, first, sizeof first);
  memset(memory, 0, g->bytes);
  moved->block.memory = room; /* a copy has no block of its own */
  back = lnspi_graph_move(moved, room + 128); /* onto itself */
  CHECK(back->block.memory == NULL);
  lnspi_graph_text_write(back, second, sizeof second);
  CHECK_STR(second, first);
  back = lnspi_graph_move(back, room + 64);
  lnspi_graph_text_write(back, second, sizeof second);
  CHECK_STR(second, first);
  CHECK((unsigned char *)back->nodes > room && back->architecture < (char *)room + 65536);
  for (int i = 0; others[i]; i++) {
    const lnsp_graph *h = build_well(others[i], &other);
    CHECK_SAY(!lnspi_graph_equal(back, h), "student equals %s", others[i]);
    CHECK(lnspi_graph_equal(h, h));
    free(other);
  }
  CHECK(lnspi_graph_equal(back, build_well("family_b", &other)));
  free(other);
  free(memory);
  free(room);
}

/* The same layers and tensors, but other outputs, are another network. */
static void outputs_compared(void) {
  static const char *const ends[] = {"output output=a code=b", "output output=b code=a",
                                     "output code=b output=a", "output output=a word=b",
                                     "output output=b"};
  lnsp_graph *g[5];
  void *memory[5];
  char text[128];
  for (int i = 0; i < 5; i++) {
    snprintf(text, sizeof text, "lnsp 1; x = input 4; a = gelu x; b = tanh a; %s", ends[i]);
    g[i] = build_well(text, &memory[i]);
  }
  for (int i = 0; i < 5; i++)
    for (int j = 0; j < 5; j++)
      CHECK_SAY(lnspi_graph_equal(g[i], g[j]) == (i == j || (i != 1 && i + j == 2)),
                "%s and %s", ends[i], ends[j]);
  for (int i = 0; i < 5; i++) free(memory[i]);
}

static void shared_tensors(void) {
  void *memory;
  const lnsp_graph *g = build_well("lnsp 1\nx = input 8\na = linear x 8 w=p\n"
                                   "b = linear a 8 w=p\nc = add a b\noutput output=c",
                                   &memory);
  CHECK_INT(g->weight_count, 2);
  CHECK_INT(g->parameter_count, 72);
  CHECK_INT(g->nodes[1].slot[0], g->nodes[2].slot[0]);
  CHECK_INT(g->nodes[1].slot[1], g->nodes[2].slot[1]);
  CHECK_INT(g->nodes[3].slot[0], -1);
  free(memory);
}

/* ---- a file's shapes ----------------------------------------------------- */

typedef struct listed {
  const char *name;
  int64_t rows, columns;
} listed;

static int find_listed(void *user, const char *name, int32_t *rank, int64_t dims[4]) {
  for (const listed *l = user; l->name; l++)
    if (!strcmp(l->name, name)) {
      *rank = l->columns ? 2 : 1;
      dims[0] = l->rows;
      dims[1] = l->columns;
      dims[2] = dims[3] = 0;
      return 1;
    }
  return 0;
}

static const listed bare[] = {{"layers.compress_1.weight", 31, 48},
                              {"layers.compress_norm_1.weight", 31, 0},
                              {"layers.nuclear_compress.weight", 20, 31},
                              {"layers.multi_head_attention.in_proj_weight", 60, 20},
                              {NULL, 0, 0}};
static const listed staged[] = {{"layers.compress_1.weight", 31, 48},
                                {"layers.compress_2.weight", 25, 31},
                                {"layers.compress_norm_2.weight", 25, 0},
                                {"layers.nuclear_compress.weight", 20, 25},
                                {"layers.teacher_align.weight", 48, 31},
                                {NULL, 0, 0}};
static const listed family[] = {{"input_proj.weight", 64, 64},
                                {"compression.weight", 30, 64},
                                {"attn.in_proj_weight", 90, 30},
                                {"attn.in_proj_bias", 90, 0},
                                {NULL, 0, 0}};
static const listed broken[] = {{"layers.compress_1.weight", 31, 0},
                                {"layers.nuclear_compress.weight", 20, 31},
                                {NULL, 0, 0}};
static const listed huge[] = {{"compress.weight", 70000, 10}, {NULL, 0, 0}};

static void check_shapes(const listed *list, const char *text, const char *architecture) {
  lnspi_shapes shapes = {(void *)(uintptr_t)list, find_listed};
  void *memory, *again;
  const lnsp_graph *g = build(text, &shapes, &memory);
  CHECK_SAY(g != NULL, "%s: %s", text, error.message);
  if (!g) return;
  CHECK_STR(g->architecture, architecture);
  CHECK(lnspi_graph_equal(g, build_well(g->architecture, &again)));
  free(memory);
  free(again);
}

static void refuse_shapes(const listed *list, const char *text, int code, int column,
                          const char *says) {
  lnspi_shapes shapes = {(void *)(uintptr_t)list, find_listed};
  void *memory;
  const lnsp_graph *g = build(text, &shapes, &memory);
  CHECK_SAY(!g && error.code == code && error.line == 1 && error.column == column &&
                strstr(error.message, says),
            "%s: code %d at column %d: %s", text, error.code, error.column, error.message);
  free(memory);
}

static void shapes_of_a_file(void) {
  check_shapes(bare, "student heads=4 act=silu teacher=0 normalise=0",
               "student d=48 s=31 s2=0 k=20 attn=1 heads=4 attn_bias=0 act=silu "
               "order=act_norm residual=1 teacher=0 normalise=0 input_norm=0 "
               "compress_norm_1=1 compress_norm_2=0 nuclear_norm=0 expand_norm_1=0");
  check_shapes(bare, "family_b d=48 s=31 k=20 heads=5",
               "family_b d=48 s=31 s2=0 k=20 attn=1 heads=5 attn_bias=0 act=gelu "
               "order=act_norm residual=1 teacher=0 normalise=1 input_norm=0 "
               "compress_norm_1=1 compress_norm_2=0 nuclear_norm=0 expand_norm_1=0");
  check_shapes(staged, "student",
               "student d=48 s=31 s2=25 k=20 attn=0 heads=8 attn_bias=1 act=gelu "
               "order=act_norm residual=1 teacher=1 normalise=1 input_norm=0 "
               "compress_norm_1=0 compress_norm_2=1 nuclear_norm=0 expand_norm_1=0");
  check_shapes(family, "family_a heads=6",
               "family_a s=64 k=30 attn=1 heads=6 attn_bias=1 act=gelu normalise=1");
  refuse_shapes(bare, "student", LNSP_E_SHAPE, 1, "heads=8 does not divide the width 20");
  refuse_shapes(bare, "student heads=4 s=32", LNSP_E_SHAPE, 19, "says s=32");
  refuse_shapes(bare, "student heads=4 s=32", LNSP_E_SHAPE, 19,
                "'layers.compress_1.weight' says 31");
  refuse_shapes(bare, "student heads=4 teacher=1", LNSP_E_SHAPE, 25, "teacher=1");
  refuse_shapes(bare, "student heads=4 s2=30", LNSP_E_SHAPE, 20, "s2=30");
  refuse_shapes(staged, "student s2=0", LNSP_E_SHAPE, 12, "25");
  refuse_shapes(staged, "student teacher=0", LNSP_E_SHAPE, 17, "the tensor");
  refuse_shapes(staged, "student attn=1", LNSP_E_SHAPE, 14, "no tensor");
  refuse_shapes(family, "student", LNSP_E_MISSING, 1, "layers.compress_1.weight");
  refuse_shapes(broken, "student", LNSP_E_SHAPE, 1, "rank 1");
  refuse_shapes(huge, "ln_min", LNSP_E_SHAPE, 1, "70000");
}

static void aliases(void) {
  char to[LNSPI_NAME_BYTES], longest[LNSPI_NAME_BYTES];
  CHECK_INT(lnspi_graph_tensor_alias("layers.multi_head_attention.in_proj_weight", 0, to), 1);
  CHECK_STR(to, "layers.multi_head_attention.attention.in_proj_weight");
  CHECK_INT(lnspi_graph_tensor_alias("layers.multi_head_attention.in_proj_weight", 1, to), 0);
  CHECK_INT(lnspi_graph_tensor_alias("layers.compress_1.weight", 0, to), 0);
  CHECK_INT(lnspi_graph_tensor_alias("layers.multi_head", 0, to), 0);
  memset(longest, 'n', sizeof longest);
  memcpy(longest, "layers.multi_head_attention.", 28);
  longest[sizeof longest - 1] = 0;
  CHECK_INT(lnspi_graph_tensor_alias(longest, 0, to), 0); /* would not fit */
}

int main(void) {
  RUN(counts);
  RUN(student_tensors);
  RUN(state_layout);
  RUN(flops);
  RUN(student_lines);
  RUN(round_trips);
  RUN(old_words);
  RUN(differences);
  RUN(spelling);
  RUN(moved_and_compared);
  RUN(outputs_compared);
  RUN(shared_tensors);
  RUN(shapes_of_a_file);
  RUN(aliases);
  FINISH();
}
