/* compare: relative norms between the tensors of safetensors files, for
 * tests/cli/conformance.sh.
 *
 *   compare tensor OURS NAME THEIRS NAME TOLERANCE   |ours - theirs| / |theirs|
 *   compare group OURS THEIRS PREFIX TOLERANCE        every PREFIX* of THEIRS
 *   compare update OURS THEIRS PREFIX BASE TOLERANCE  the same of (after - base),
 *                                                     PREFIX<name> beside <name>
 *   compare print FILE NAME                           the values, one a line
 *
 * Prints the norm over all, and the worst tensor; status 1 beyond the tolerance
 * or if a tensor is not there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lnsp.h"

/* A gradient that is zero by the formulas is less than this in double precision. */
#define ZERO 1e-15

typedef struct sums {
  double difference, norm;       /* squared, over all tensors */
  double worst;                  /* relative norm of one tensor */
  char worst_name[128];
  int tensors, failed;
} sums;

static void fail(const char *what, const lnsp_error *error) {
  fprintf(stderr, "compare: %s: %s\n", what, error->message);
  exit(2);
}

static lnsp_file *open_file(const char *path) {
  lnsp_error error;
  lnsp_file *file = NULL;
  if (lnsp_file_open(path, NULL, &file, &error)) fail(path, &error);
  return file;
}

/* All elements as float32, NULL if there is no such tensor. */
static float *load(lnsp_file *file, const char *name, int64_t *count) {
  lnsp_error error;
  lnsp_tensor tensor;
  float *values;
  int32_t i;

  if (lnsp_file_tensor(file, name, &tensor, &error)) return NULL;
  *count = 1;
  for (i = 0; i < tensor.rank; i++) *count *= tensor.dims[i];
  values = malloc((size_t)(*count + 1) * sizeof *values);
  if (!values || lnsp_file_read(file, name, 0, *count, LNSP_F32, values, &error))
    fail(name, &error);
  return values;
}

/* Adds one pair of tensors; base (nullable) is subtracted from both. */
static void add_pair(sums *s, lnsp_file *ours, const char *our_name, lnsp_file *theirs,
                     const char *their_name, lnsp_file *base) {
  int64_t a_count = 0, b_count = 0, c_count = 0, i;
  float *a = load(ours, our_name, &a_count), *b = load(theirs, their_name, &b_count), *c = NULL;
  double difference = 0, norm = 0, relative;

  if (base) c = load(base, our_name, &c_count);
  s->tensors++;
  if (!a || !b || a_count != b_count || (base && (!c || c_count != a_count))) {
    printf("  %s is missing or has another size\n", our_name);
    s->failed = 1;
  } else {
    for (i = 0; i < a_count; i++) {
      const double from = c ? (double)c[i] : 0;
      const double x = (double)a[i] - from, y = (double)b[i] - from;
      difference += (x - y) * (x - y);
      norm += y * y;
    }
    if (difference < ZERO * ZERO && norm < ZERO * ZERO) difference = norm = 0;
    relative = norm > 0 ? sqrt(difference / norm) : difference > 0 ? HUGE_VAL : 0;
    if (!(relative <= s->worst)) {
      s->worst = relative;
      snprintf(s->worst_name, sizeof s->worst_name, "%s", our_name);
    }
    s->difference += difference;
    s->norm += norm;
  }
  free(a);
  free(b);
  free(c);
}

static void add_group(sums *s, lnsp_file *ours, lnsp_file *theirs, const char *prefix,
                      lnsp_file *base) {
  const int32_t count = lnsp_file_tensor_count(theirs);
  lnsp_error error;
  lnsp_tensor tensor;
  int32_t i;

  for (i = 0; i < count; i++) {
    if (lnsp_file_tensor_at(theirs, i, &tensor, &error)) fail("tensor", &error);
    if (!strncmp(tensor.name, prefix, strlen(prefix)))
      add_pair(s, ours, base ? tensor.name + strlen(prefix) : tensor.name, theirs, tensor.name,
               base);
  }
}

static int print_values(const char *path, const char *name) {
  lnsp_file *file = open_file(path);
  int64_t count = 0, i;
  float *values = load(file, name, &count);

  for (i = 0; values && i < count; i++) printf("%.9g\n", (double)values[i]);
  lnsp_file_destroy(file);
  i = values == NULL;
  free(values);
  return (int)i;
}

int main(int argc, char **argv) {
  sums s;
  lnsp_file *ours, *theirs, *base = NULL;
  double tolerance, overall;

  if (argc == 4 && !strcmp(argv[1], "print")) return print_values(argv[2], argv[3]);
  memset(&s, 0, sizeof s);
  if (argc == 7 && !strcmp(argv[1], "tensor")) {
    ours = open_file(argv[2]);
    theirs = open_file(argv[4]);
    add_pair(&s, ours, argv[3], theirs, argv[5], NULL);
  } else if (argc == 6 && !strcmp(argv[1], "group")) {
    ours = open_file(argv[2]);
    theirs = open_file(argv[3]);
    add_group(&s, ours, theirs, argv[4], NULL);
  } else if (argc == 7 && !strcmp(argv[1], "update")) {
    ours = open_file(argv[2]);
    theirs = open_file(argv[3]);
    base = open_file(argv[5]);
    add_group(&s, ours, theirs, argv[4], base);
  } else {
    fprintf(stderr, "compare tensor|group|update|print ...: see tests/support/compare.c\n");
    return 2;
  }
  tolerance = strtod(argv[argc - 1], NULL);
  overall = s.norm > 0 ? sqrt(s.difference / s.norm) : s.difference > 0 ? HUGE_VAL : 0;
  printf("%.2e over %d tensors, worst %.2e %s\n", overall, s.tensors, s.worst, s.worst_name);
  lnsp_file_destroy(ours);
  lnsp_file_destroy(theirs);
  lnsp_file_destroy(base);
  return s.failed || !s.tensors || !(overall <= tolerance) || !(s.worst <= tolerance);
}
