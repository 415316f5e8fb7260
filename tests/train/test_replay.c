/* Gaussian replay: statistics, draws and files. */
#include "support.h"
#include "lnsp.h"
#include "base/blake2s.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "format/safetensors.h"
#include "format/writer.h"
#include "kernels/kernels.h"
#include "kernels/random.h"
#include "kernels/scalar.h"
#include "train/replay.h"

#define WIDTH 24
#define ROWS 500

static float samples[ROWS][WIDTH];

/* Correlated vectors around a mean; rank: how many directions they vary in, by
 * how much: spread. */
static void make_spread(int rank, int width, float spread) {
  uint32_t state = 12345;
  static float mix[WIDTH][WIDTH];
  for (int i = 0; i < WIDTH; i++)
    for (int j = 0; j < WIDTH; j++) {
      state = state * 1664525u + 1013904223u;
      mix[i][j] = (float)(int32_t)state / 2147483648.0f;
    }
  memset(samples, 0, sizeof samples);
  for (int r = 0; r < ROWS; r++)
    for (int k = 0; k < rank; k++) {
      state = state * 1664525u + 1013904223u;
      float z = (float)(int32_t)state / 2147483648.0f;
      for (int i = 0; i < width; i++) samples[r][i] += spread * z * mix[i][k];
    }
  for (int r = 0; r < ROWS; r++)
    for (int i = 0; i < width; i++) samples[r][i] += i < 3 ? .8f : .1f;
}

static void make_samples(int rank, int width) { make_spread(rank, width, 1); }

static lnsp_tensor rows_of(int first, int count, int width) {
  lnsp_tensor t = lnsp_tensor_f32("rows", samples[first], 2, count, width, 0);
  t.strides[0] = WIDTH;
  t.strides[1] = 1;
  return t;
}

static lnsp_replay *gather(int rows, int width, const lnsp_options *options) {
  lnsp_replay *replay = NULL;
  lnsp_tensor t = rows_of(0, rows, width);
  CHECK_INT(lnsp_replay_create(width, options, &replay, NULL), LNSP_OK);
  CHECK_INT(lnsp_replay_add(replay, &t, NULL), LNSP_OK);
  CHECK_INT(lnsp_replay_finish(replay, NULL), LNSP_OK);
  return replay;
}

static lnsp_options options_isa(const char *isa) {
  lnsp_options options = LNSP_OPTIONS_INIT;
  options.isa = isa;
  return options;
}

/* Mean and covariance of unit rows, in double, on their own. */
static void moments(const float *x, int64_t stride, int rows, int width, double *mean,
                    double *covariance) {
  memset(mean, 0, sizeof(double) * (size_t)width);
  memset(covariance, 0, sizeof(double) * (size_t)(width * width));
  for (int pass = 0; pass < 2; pass++)
    for (int r = 0; r < rows; r++) {
      const float *row = x + r * stride;
      double norm = 0;
      for (int i = 0; i < width; i++) norm += (double)row[i] * row[i];
      norm = sqrt(norm);
      for (int i = 0; i < width; i++) {
        if (pass == 0) mean[i] += row[i] / norm / rows;
        for (int j = 0; pass == 1 && j < width; j++)
          covariance[i * width + j] +=
              (row[i] / norm - mean[i]) * (row[j] / norm - mean[j]) / rows;
      }
    }
}

static double half(uint16_t h) {
  float f;
  lnspi_kernels_scalar.f16_to_f32(&f, &h, 1);
  return (double)f;
}

/* L L^T is the covariance, biased by 1/n, up to float16. */
static void check_factor(int rows, int width, int rank) {
  static double mean[WIDTH], covariance[WIDTH * WIDTH];
  uint16_t factor[WIDTH][WIDTH];
  make_samples(rank, width);
  lnsp_replay *replay = gather(rows, width, NULL);
  moments(samples[0], WIDTH, rows, width, mean, covariance);
  memset(factor, 0, sizeof factor);
  for (int i = 0; i < width; i++) {
    CHECK_NEAR((double)replay->statistics[i], mean[i], 1e-6);
    lnspi_replay_factor_read(replay, i, factor[i]);
  }
  double worst = 0, trace = 0;
  for (int i = 0; i < width; i++) {
    trace += covariance[i * width + i];
    for (int j = 0; j <= i; j++) {
      double s = 0;
      for (int k = 0; k <= j; k++) s += half(factor[i][k]) * half(factor[j][k]);
      worst = fmax(worst, fabs(s - covariance[i * width + j]));
    }
  }
  CHECK_SAY(worst < 2e-3 * trace + 1e-20, "%d rows, width %d, rank %d: off by %g of trace %g",
            rows, width, rank, worst, trace);
  lnsp_replay_destroy(replay);
}

static void factor(void) {
  check_factor(ROWS, WIDTH, WIDTH);
  check_factor(ROWS, WIDTH, 2);   /* a plane: most pivots are zero */
  check_factor(2, WIDTH, WIDTH);  /* one direction */
  check_factor(10, WIDTH, WIDTH); /* fewer rows than width */
  check_factor(ROWS, 1, 1);
  check_factor(ROWS, 17, 17);
}

/* Statistics of many draws meet those of the rows. Drawn vectors are normalised
 * again, so their mean is compared in direction. */
static void draws_fit(void) {
  enum { DRAWS = 20000 };
  static double mean[WIDTH], covariance[WIDTH * WIDTH], got[WIDTH], drawn[WIDTH * WIDTH];
  float *out = malloc(sizeof(float) * DRAWS * WIDTH);
  lnsp_tensor t = lnsp_tensor_f32("out", out, 2, DRAWS, WIDTH, 0);
  make_spread(3, WIDTH, .2f); /* narrow: unit length bends it little */
  lnsp_replay *replay = gather(ROWS, WIDTH, NULL);
  CHECK_INT(lnsp_replay_draw(replay, 3, 0, &t, NULL), LNSP_OK);
  moments(samples[0], WIDTH, ROWS, WIDTH, mean, covariance);
  moments(out, WIDTH, DRAWS, WIDTH, got, drawn);
  double ab = 0, aa = 0, bb = 0, cab = 0, caa = 0, cbb = 0;
  for (int i = 0; i < WIDTH; i++) {
    ab += mean[i] * got[i];
    aa += mean[i] * mean[i];
    bb += got[i] * got[i];
  }
  for (int i = 0; i < WIDTH * WIDTH; i++) {
    cab += covariance[i] * drawn[i];
    caa += covariance[i] * covariance[i];
    cbb += drawn[i] * drawn[i];
  }
  CHECK_SAY(ab / sqrt(aa * bb) > .999, "means: cosine %g", ab / sqrt(aa * bb));
  CHECK_SAY(fabs(sqrt(bb / aa) - 1) < .05, "means: lengths %g", sqrt(bb / aa));
  CHECK_SAY(cab / sqrt(caa * cbb) > .98, "covariances: cosine %g", cab / sqrt(caa * cbb));
  CHECK_SAY(fabs(sqrt(cbb / caa) - 1) < .15, "covariances: sizes %g", sqrt(cbb / caa));
  for (int r = 0; r < DRAWS; r++) {
    double norm = 0;
    for (int i = 0; i < WIDTH; i++) norm += (double)out[r * WIDTH + i] * out[r * WIDTH + i];
    CHECK(fabs(norm - 1) < 1e-5);
  }
  lnsp_replay_destroy(replay);
  free(out);
}

/* The contract's sum, taken literally. */
static void draw_literal(const lnsp_replay *replay, uint64_t seed, uint64_t step, int row,
                         float *out) {
  float z[64];
  uint16_t half_row[64];
  int64_t width = replay->width, padded = lnspi_round16(width);
  lnspi_random_normal(z, width, seed, step, 0xfffffff0u, (uint32_t)(row * padded));
  for (int64_t i = 0; i < width; i++) {
    out[i] = replay->statistics[i];
    lnspi_replay_factor_read(replay, i, half_row);
    for (int64_t j = 0; j <= i; j++)
      out[i] = lnspi_scalar_fma((float)half(half_row[j]), z[j], out[i]);
  }
  lnspi_kernels_scalar.unit(out, out, width, 1e-12f);
}

static void draws_same(void) {
  float first[5][WIDTH], out[5][WIDTH], wide[5 * 2 * WIDTH * 3], literal[WIDTH], scratch[64];
  float padded[3][48], statistics[512];
  int others = 0;
  make_samples(WIDTH, WIDTH);
  for (int i = 0; i == 0 || lnsp_list_name(LNSP_LIST_ISAS, i - 1); i++) {
    lnsp_options options = options_isa(i ? lnsp_list_name(LNSP_LIST_ISAS, i - 1) : "scalar");
    lnsp_tensor t = lnsp_tensor_f32("out", out[0], 2, 5, WIDTH, 0);
    if (!strcmp(options.isa, "cblas") || lnsp_isa_check(options.isa, NULL)) continue;
    lnsp_replay *replay = gather(ROWS, WIDTH, &options);
    CHECK_INT(lnsp_replay_draw(replay, 77, 1234567890123, &t, NULL), LNSP_OK);
    if (i == 0) {
      memcpy(first, out, sizeof out);
      for (int r = 0; r < 5; r++) {
        draw_literal(replay, 77, 1234567890123, r, literal);
        CHECK(!memcmp(literal, out[r], sizeof literal));
      }
    }
    CHECK_SAY(!memcmp(first, out, sizeof out), "other bits with %s", options.isa);
    /* fewer rows, strides, another seed and step */
    memset(out, 0, sizeof out);
    t.dims[0] = 2;
    CHECK_INT(lnsp_replay_draw(replay, 77, 1234567890123, &t, NULL), LNSP_OK);
    CHECK(!memcmp(first, out, 2 * sizeof out[0]) && out[2][0] == 0);
    t = lnsp_tensor_f32("out", wide, 2, 5, WIDTH, 0);
    t.strides[0] = 2 * WIDTH * 3;
    t.strides[1] = 3;
    CHECK_INT(lnsp_replay_draw(replay, 77, 1234567890123, &t, NULL), LNSP_OK);
    for (int r = 0; r < 5; r++)
      for (int c = 0; c < WIDTH; c++) CHECK(wide[r * 2 * WIDTH * 3 + c * 3] == first[r][c]);
    t = lnsp_tensor_f32("out", out[0], 2, 5, WIDTH, 0);
    lnsp_replay_draw(replay, 78, 1234567890123, &t, NULL);
    CHECK(memcmp(first, out, sizeof out));
    lnsp_replay_draw(replay, 77, 1234567890124, &t, NULL);
    CHECK(memcmp(first, out, sizeof out));
    CHECK(memcmp(out[0], out[1], sizeof out[0])); /* rows differ from each other */
    /* what a trainer does */
    CHECK(lnspi_replay_floats(WIDTH) <= 512);
    lnspi_replay_copy(replay, statistics);
    memset(padded, 0x7f, sizeof padded);
    lnspi_replay_draw(replay->k, statistics, WIDTH, 77, 1234567890123, 3, padded[0], 48,
                      scratch);
    for (int r = 0; r < 3; r++) {
      CHECK(!memcmp(padded[r], first[r], sizeof first[r]));
      for (int c = WIDTH; c < 48; c++) CHECK(padded[r][c] == 0);
    }
    float many[21][32], one[32]; /* rows that are drawn together */
    lnspi_replay_draw(replay->k, statistics, WIDTH, 5, 6, 21, many[0], 32, scratch);
    for (int r = 0; r < 21; r++) {
      lnspi_replay_draw_row(replay->k, statistics, WIDTH, 5, 6, r, one, 32, scratch);
      CHECK(!memcmp(many[r], one, sizeof one));
    }
    lnsp_replay_destroy(replay);
    others++;
  }
  CHECK(others >= 2);
}

/* The same bits on every CPU and from every compiler. */
static void golden(void) {
  static float rows[40][19], out[4][19];
  uint32_t state = 7;
  uint8_t digest[32];
  char hex[65];
  lnspi_blake2s hash;
  lnsp_replay *replay = NULL;
  lnsp_tensor t = lnsp_tensor_f32("rows", rows[0], 2, 40, 19, 0);
  for (int i = 0; i < 40 * 19; i++) {
    state = state * 1664525u + 1013904223u;
    rows[i / 19][i % 19] = (float)(int32_t)(state >> 16) / 65536.0f - .25f;
  }
  CHECK_INT(lnsp_replay_create(19, NULL, &replay, NULL), LNSP_OK);
  CHECK_INT(lnsp_replay_add(replay, &t, NULL), LNSP_OK);
  CHECK_INT(lnsp_replay_finish(replay, NULL), LNSP_OK);
  t = lnsp_tensor_f32("out", out[0], 2, 4, 19, 0);
  CHECK_INT(lnsp_replay_draw(replay, 1, 2, &t, NULL), LNSP_OK);
  lnspi_blake2s_init(&hash);
  for (int i = 0; i < 19 + 4 * 19; i++) {
    uint8_t bytes[4];
    lnspi_store32(bytes, lnspi_float_bits(i < 19 ? replay->statistics[i]
                                                 : out[(i - 19) / 19][(i - 19) % 19]));
    lnspi_blake2s_update(&hash, bytes, 4);
  }
  lnspi_blake2s_final(&hash, digest);
  lnspi_digest_to_hex(digest, hex);
  CHECK_STR(hex, "84726833532fdaf662e3ab3ac88279208e8cb55b8619ab7233f5ad282751b619");
  lnsp_replay_destroy(replay);
}

/* How rows are handed over changes nothing. */
static void batches(void) {
  lnsp_replay *one = NULL, *other;
  make_samples(WIDTH, WIDTH);
  other = gather(100, WIDTH, NULL);
  CHECK_INT(lnsp_replay_create(WIDTH, NULL, &one, NULL), LNSP_OK);
  for (int first = 0, n = 1; first < 100; first += n, n = n % 17 + 1) {
    if (n > 100 - first) n = 100 - first;
    lnsp_tensor t = rows_of(first, n, WIDTH);
    CHECK_INT(lnsp_replay_add(one, &t, NULL), LNSP_OK);
  }
  CHECK_INT(lnsp_replay_finish(one, NULL), LNSP_OK);
  CHECK_INT(one->rows, 100);
  CHECK(!memcmp(one->statistics, other->statistics,
                sizeof(float) * (size_t)lnspi_replay_floats(WIDTH)));
  lnsp_replay_destroy(one);
  lnsp_replay_destroy(other);
}

static void refusals(void) {
  lnsp_replay *replay = NULL, *same;
  lnsp_error error;
  float out[2 * WIDTH];
  lnsp_tensor t = rows_of(0, 20, WIDTH), o = lnsp_tensor_f32("o", out, 2, 2, WIDTH, 0);
  make_samples(WIDTH, WIDTH);
  CHECK_INT(lnsp_replay_create(0, NULL, &replay, &error), LNSP_E_LIMIT);
  CHECK_INT(lnsp_replay_create(-5, NULL, &replay, NULL), LNSP_E_LIMIT);
  CHECK_INT(lnsp_replay_create(65537, NULL, &replay, NULL), LNSP_E_LIMIT);
  CHECK_INT(lnsp_replay_create(8, NULL, NULL, NULL), LNSP_E_ARGUMENT);
  CHECK(replay == NULL);
  CHECK_INT(lnsp_replay_create(WIDTH, NULL, &replay, NULL), LNSP_OK);
  CHECK_INT(lnsp_replay_width(replay), WIDTH);
  CHECK_INT(lnsp_replay_finish(replay, &error), LNSP_E_STATE);
  CHECK_INT(lnsp_replay_draw(replay, 1, 1, &o, &error), LNSP_E_STATE);
  CHECK_INT(lnsp_replay_save(replay, "build/never.replay", &error), LNSP_E_STATE);
  /* a bad row anywhere adds none of the call's rows */
  float keep = samples[19][5];
  samples[19][5] = NAN;
  CHECK_INT(lnsp_replay_add(replay, &t, &error), LNSP_E_NOT_FINITE);
  samples[19][5] = keep;
  float row[WIDTH];
  memcpy(row, samples[18], sizeof row);
  memset(samples[18], 0, sizeof row);
  CHECK_INT(lnsp_replay_add(replay, &t, &error), LNSP_E_ARGUMENT);
  CHECK(strstr(error.message, "18") != NULL);
  for (int i = 0; i < WIDTH; i++) samples[18][i] = 3e38f;
  CHECK_INT(lnsp_replay_add(replay, &t, &error), LNSP_E_ARGUMENT);
  memcpy(samples[18], row, sizeof row);
  CHECK_INT(replay->rows, 0);
  lnsp_tensor bad = t;
  bad.dims[1] = WIDTH - 1;
  CHECK_INT(lnsp_replay_add(replay, &bad, NULL), LNSP_E_SHAPE);
  bad = t;
  bad.rank = 1;
  CHECK_INT(lnsp_replay_add(replay, &bad, NULL), LNSP_E_SHAPE);
  bad = t;
  bad.dtype = LNSP_F64;
  CHECK_INT(lnsp_replay_add(replay, &bad, NULL), LNSP_E_DTYPE);
  t.dims[0] = 1;
  CHECK_INT(lnsp_replay_add(replay, &t, NULL), LNSP_OK);
  CHECK_INT(lnsp_replay_finish(replay, &error), LNSP_E_STATE); /* one row */
  t.dims[0] = 20;
  t.data = samples[1];
  CHECK_INT(lnsp_replay_add(replay, &t, NULL), LNSP_OK);
  CHECK_INT(lnsp_replay_finish(replay, NULL), LNSP_OK);
  CHECK_INT(lnsp_replay_finish(replay, &error), LNSP_E_STATE);
  CHECK_INT(lnsp_replay_add(replay, &t, &error), LNSP_E_STATE);
  same = gather(21, WIDTH, NULL);
  CHECK(!memcmp(same->statistics, replay->statistics,
                sizeof(float) * (size_t)lnspi_replay_floats(WIDTH)));
  o.rank = 3;
  CHECK_INT(lnsp_replay_draw(replay, 1, 1, &o, &error), LNSP_E_SHAPE);
  CHECK_INT(lnsp_replay_draw(replay, 1, 1, NULL, &error), LNSP_E_SHAPE);
  lnsp_replay_destroy(replay);
  lnsp_replay_destroy(same);
  lnsp_replay_destroy(NULL);
}

/* ---- files ------------------------------------------------------------------ */

static const char path[] = "test_replay.tmp";

static void files(void) {
  lnsp_replay *replay, *back = NULL;
  lnsp_file *file = NULL;
  float a[3 * WIDTH], b[3 * WIDTH];
  lnsp_tensor ta = lnsp_tensor_f32("a", a, 2, 3, WIDTH, 0),
              tb = lnsp_tensor_f32("b", b, 2, 3, WIDTH, 0);
  make_samples(WIDTH, WIDTH);
  replay = gather(ROWS, WIDTH, NULL);
  CHECK_INT(lnsp_replay_save(replay, path, NULL), LNSP_OK);
  CHECK_INT(lnsp_file_open(path, NULL, &file, NULL), LNSP_OK);
  CHECK_INT(file->tensor_count, 2);
  CHECK_INT(file->data_bytes, WIDTH * 4 + WIDTH * (WIDTH + 1) / 2 * 2);
  CHECK_STR(lnspi_safetensors_metadata(file, "lnsp.replay.rows"), "500");
  /* by rows in the file: the factor's second row begins with L[1][0] */
  uint16_t two[3], row[WIDTH];
  CHECK_INT(lnsp_file_read(file, "factor", 0, 3, LNSP_F16, two, NULL), LNSP_OK);
  lnspi_replay_factor_read(replay, 1, row);
  CHECK(two[1] == row[0] && two[2] == row[1]);
  lnsp_file_destroy(file);
  CHECK_INT(lnsp_replay_open(path, NULL, &back, NULL), LNSP_OK);
  if (back) {
    CHECK_INT(back->rows, ROWS);
    CHECK_INT(lnsp_replay_width(back), WIDTH);
    CHECK(!memcmp(back->statistics, replay->statistics,
                  sizeof(float) * (size_t)lnspi_replay_floats(WIDTH)));
    CHECK(back->block.bytes < replay->block.bytes);
    CHECK_INT(lnsp_replay_draw(replay, 9, 8, &ta, NULL), LNSP_OK);
    CHECK_INT(lnsp_replay_draw(back, 9, 8, &tb, NULL), LNSP_OK);
    CHECK(!memcmp(a, b, sizeof a));
    CHECK_INT(lnsp_replay_add(back, &ta, NULL), LNSP_E_STATE);
  }
  lnsp_replay_destroy(back);
  lnsp_replay_destroy(replay);
  /* the size that a width of 384 takes */
  CHECK_INT(384 * 4 + 384 * 385 / 2 * 2, 149376);
  CHECK_INT(lnspi_replay_floats(384) * 4, 149376);
}

/* Writes statistics of width 2 with the given numbers, opens them. */
static int32_t open_made(const char *version, const char *rows, const float *mean,
                         const uint16_t *factor, int count, int mean_count, int half_type) {
  lnsp_tensor tensors[2] = {lnsp_tensor_f32("mean", NULL, 1, mean_count, 0, 0),
                            lnsp_tensor_f32("factor", NULL, 1, count, 0, 0)};
  lnsp_key_value pairs[2];
  lnsp_writer *writer = NULL;
  lnsp_replay *replay = NULL;
  lnsp_error error;
  int n = 0;
  memset(&error, 0, sizeof error);
  tensors[1].dtype = half_type;
  if (version) pairs[n++] = (lnsp_key_value){"lnsp.replay", version};
  if (rows) pairs[n++] = (lnsp_key_value){"lnsp.replay.rows", rows};
  CHECK_INT(lnsp_writer_create(path, tensors, 2, pairs, n, NULL, &writer, NULL), LNSP_OK);
  CHECK_INT(lnsp_writer_write(writer, mean, (size_t)mean_count * 4, NULL), LNSP_OK);
  CHECK_INT(lnsp_writer_write(writer, factor, (size_t)count * 2, NULL), LNSP_OK);
  CHECK_INT(lnsp_writer_close(writer, NULL), LNSP_OK);
  lnsp_writer_destroy(writer);
  int32_t code = lnsp_replay_open(path, NULL, &replay, &error);
  CHECK((code == LNSP_OK) == (replay != NULL));
  CHECK(code == LNSP_OK || (error.code == code && error.message[0]));
  lnsp_replay_destroy(replay);
  return code;
}

static void hostile_files(void) {
  /* |mean|^2 = .5, variances .25 + .25: halves 0x3800 = .5 */
  float mean[4] = {.5f, .5f, 0, 0}, bad[2] = {.5f, NAN}, large[2] = {.5f, 2};
  uint16_t good[6] = {0x3800, 0, 0x3800, 0, 0, 0}, nan[3] = {0x3800, 0x7e00, 0x3800};
  uint16_t infinite[3] = {0x7c00, 0, 0x3800}, negative[3] = {0xb800, 0, 0x3800};
  CHECK_INT(open_made("1", "12", mean, good, 3, 2, LNSP_F16), LNSP_OK);
  CHECK_INT(open_made("2", "12", mean, good, 3, 2, LNSP_F16), LNSP_E_UNSUPPORTED);
  CHECK_INT(open_made(NULL, "12", mean, good, 3, 2, LNSP_F16), LNSP_E_MISSING);
  CHECK_INT(open_made("1", NULL, mean, good, 3, 2, LNSP_F16), LNSP_E_MISSING);
  CHECK(open_made("1", "1", mean, good, 3, 2, LNSP_F16) != LNSP_OK);
  CHECK(open_made("1", "x", mean, good, 3, 2, LNSP_F16) != LNSP_OK);
  CHECK(open_made("1", "12 3", mean, good, 3, 2, LNSP_F16) != LNSP_OK);
  CHECK(open_made("1", "", mean, good, 3, 2, LNSP_F16) != LNSP_OK);
  CHECK_INT(open_made("1", "12", mean, good, 4, 2, LNSP_F16), LNSP_E_SHAPE);
  CHECK_INT(open_made("1", "12", mean, good, 3, 3, LNSP_F16), LNSP_E_SHAPE);
  CHECK_INT(open_made("1", "12", mean, good, 3, 2, LNSP_BF16), LNSP_E_DTYPE);
  CHECK_INT(open_made("1", "12", bad, good, 3, 2, LNSP_F16), LNSP_E_NOT_FINITE);
  CHECK_INT(open_made("1", "12", large, good, 3, 2, LNSP_F16), LNSP_E_FORMAT);
  CHECK_INT(open_made("1", "12", mean, nan, 3, 2, LNSP_F16), LNSP_E_NOT_FINITE);
  CHECK_INT(open_made("1", "12", mean, infinite, 3, 2, LNSP_F16), LNSP_E_NOT_FINITE);
  CHECK_INT(open_made("1", "12", mean, negative, 3, 2, LNSP_F16), LNSP_E_FORMAT);
  remove(path);
  lnsp_replay *replay = NULL;
  CHECK_INT(lnsp_replay_open(path, NULL, &replay, NULL), LNSP_E_MISSING);
}

static support_heap heap;

static void memory(void) {
  lnsp_allocator allocator = support_allocator(&heap);
  lnsp_options options = options_isa(NULL);
  options.allocator = &allocator;
  heap.fail_at = 0; /* none */
  make_samples(WIDTH, WIDTH);
  lnsp_replay *replay = gather(50, WIDTH, &options);
  CHECK_INT(heap.calls, 1); /* create alone */
  CHECK_INT(lnsp_replay_save(replay, path, NULL), LNSP_OK);
  lnsp_replay_destroy(replay);
  CHECK_INT(heap.calls, heap.releases);
  for (int n = 0;; n++) {
    heap.calls = heap.releases = 0;
    heap.fail_at = n + 1;
    replay = NULL;
    int32_t code = lnsp_replay_open(path, &options, &replay, NULL);
    if (code == LNSP_OK) {
      lnsp_replay_destroy(replay);
      CHECK(n >= 2 && heap.calls == n && heap.releases == n);
      break;
    }
    CHECK(code == LNSP_E_MEMORY && replay == NULL && heap.releases == heap.calls - 1);
    if (n > 20) break;
  }
  remove(path);
}

int main(void) {
  support_use_all();
  RUN(factor);
  RUN(draws_fit);
  RUN(draws_same);
  RUN(golden);
  RUN(batches);
  RUN(refusals);
  RUN(files);
  RUN(hostile_files);
  RUN(memory);
  FINISH();
}
