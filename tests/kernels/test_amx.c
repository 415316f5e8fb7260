/* AMX's tiles change what a process may do with signal stacks: only an int8 session asks
 * for them, and without them it runs on another kernel set, to the same bits. */
#if defined(__linux__) && defined(__x86_64__)
#define _DEFAULT_SOURCE
#include <signal.h>
#define HAS_TILES 1
#else
#define HAS_TILES 0
#endif

#include "storage.h"

#if HAS_TILES
#define NET "lnsp 1; x=input 70; y=linear x 50 w=a; output output=y"
enum { ROWS = 5 };

static unsigned char small[1 << 16];

/* 1 if the process may have an alternate signal stack too small for tiles. */
static int small_stack(int on) {
  stack_t stack;
  memset(&stack, 0, sizeof stack);
  stack.ss_sp = small;
  stack.ss_size = 8192; /* what SIGSTKSZ was before 2021 */
  stack.ss_flags = on ? 0 : SS_DISABLE;
  return sigaltstack(&stack, NULL) == 0;
}

static int32_t open_session(lnsp_model *model, const char *isa) {
  lnsp_options options = {.struct_size = sizeof options, .isa = isa};
  lnsp_session *session = NULL;
  int32_t status = lnsp_session_create(model, NULL, &options, &session, &support_error);
  lnsp_session_destroy(session);
  return status;
}

static void float_models_change_nothing(void) {
  lnsp_model *model = storage_new(NET, 1);
  lnsp_trainer *trainer = NULL;
  CHECK(lnsp_isa_best() != NULL);
  CHECK_OK(open_session(model, NULL));
  CHECK_OK(lnsp_trainer_create(model, "mse", "adamw", NULL, NULL, &trainer, &support_error));
  CHECK(small_stack(1));
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(model);
}

/* The small stack is still there: Linux refuses the tiles. */
static void without_tiles(void) {
  static float x[ROWS * 70];
  support_fill(x, ROWS * 70, 3);
  lnsp_model *model = storage_new(NET, 1), *narrow = storage_convert(model, LNSP_I8);
  size_t bytes = storage_output_bytes(narrow, ROWS);
  float *plain = storage_run(narrow, "scalar", x, ROWS, 1, ROWS);
  float *best = storage_run(narrow, NULL, x, ROWS, 1, ROWS);
  CHECK(!memcmp(plain, best, bytes));
  free(best);
  int32_t status = open_session(narrow, "avx512amx");
  CHECK(status == LNSP_E_UNSUPPORTED || status == LNSP_E_UNKNOWN); /* an old compiler */
  CHECK(small_stack(0)); /* from here on tiles are granted, where there are any */
  best = storage_run(narrow, NULL, x, ROWS, 1, ROWS);
  CHECK(!memcmp(plain, best, bytes));
  free(best);
  free(plain);
  lnsp_model_destroy(narrow);
  lnsp_model_destroy(model);
}

int main(void) {
  CHECK(small_stack(0)); /* a sanitizer's own */
  RUN(float_models_change_nothing);
  RUN(without_tiles);
  FINISH();
}
#else
int main(void) {
  printf("ok tiles # skip: not Linux on x86-64\n");
  check_skipped++;
  FINISH();
}
#endif
