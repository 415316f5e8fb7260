/* A small test harness: each program lists its tests with RUN and ends with
 * FINISH. Prints "ok name" or "not ok name" lines and a closing count. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failed, check_passed, check_failures, check_skipped;
static jmp_buf check_leave; /* set by RUN: where REQUIRE goes */

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      if (check_failures++ < 20)                                           \
        printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                      \
  } while (0)

/* The same, and leaves the test if it is not true: for what the lines after it need, such as a
 * handle. What the test holds is not freed then. */
#define REQUIRE(condition)                                               \
  do {                                                                   \
    if (!(condition)) {                                                  \
      check_failures++;                                                  \
      printf("# %s:%d: required: %s\n", __FILE__, __LINE__, #condition); \
      longjmp(check_leave, 1);                                           \
    }                                                                    \
  } while (0)

/* With a printf-style explanation. */
#define CHECK_SAY(condition, ...)                \
  do {                                           \
    if (!(condition)) {                          \
      if (check_failures++ < 20) {               \
        printf("# %s:%d: ", __FILE__, __LINE__); \
        printf(__VA_ARGS__);                     \
        printf("\n");                            \
      }                                          \
    }                                            \
  } while (0)

#define CHECK_INT(actual, expected)                                                        \
  do {                                                                                     \
    long long check_a = (long long)(actual), check_e = (long long)(expected);              \
    CHECK_SAY(check_a == check_e, "%s is %lld, expected %lld", #actual, check_a, check_e); \
  } while (0)

#define CHECK_STR(actual, expected)                                                            \
  do {                                                                                         \
    const char *check_a = (actual), *check_e = (expected);                                     \
    CHECK_SAY(check_a &&check_e && !strcmp(check_a, check_e), "%s is \"%s\", expected \"%s\"", \
              #actual, check_a ? check_a : "NULL", check_e ? check_e : "NULL");                \
  } while (0)

#define CHECK_NEAR(actual, expected, tolerance)                                             \
  do {                                                                                      \
    double check_a = (double)(actual), check_e = (double)(expected);                        \
    CHECK_SAY(fabs(check_a - check_e) <= (tolerance), "%s is %.9g, expected %.9g", #actual, \
              check_a, check_e);                                                            \
  } while (0)

#define RUN(test)                                                 \
  do {                                                            \
    check_failures = 0;                                           \
    if (!setjmp(check_leave)) test();                             \
    if (check_failures) {                                         \
      check_failed++;                                             \
      printf("not ok %s (%d failures)\n", #test, check_failures); \
    } else {                                                      \
      check_passed++;                                             \
      printf("ok %s\n", #test);                                   \
    }                                                             \
    fflush(stdout);                                               \
  } while (0)

/* Whether a run under an emulator or valgrind should do less of what takes long and proves no
 * more there: what another run does on a real processor, with the same bits. */
static inline int check_light(void) { return getenv("CHECK_LIGHT") != NULL; }

#define SKIP(test, reason)                       \
  do {                                           \
    check_skipped++;                             \
    printf("ok %s # skip: %s\n", #test, reason); \
  } while (0)

#define FINISH()                                                                               \
  do {                                                                                         \
    (void)check_leave; /* of a program without RUN */                                          \
    printf("# %d passed, %d failed, %d skipped\n", check_passed, check_failed, check_skipped); \
    return check_failed != 0;                                                                  \
  } while (0)

#endif
