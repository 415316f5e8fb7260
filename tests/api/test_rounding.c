/* The rounding mode of the caller changes no result: not even a text's numbers, or a hash that
 * a store keeps. (Steps and runs: tests/train/test_trainer.c.) */
#include <fenv.h>

#include "../store/store_device.h"

#define NET \
  "lnsp 1\nx = input 4\nh = layernorm x eps=.1 w=norm\no = linear h 3 w=fc\noutput output=o\n"

static void graph_texts(void) {
  char first[512], text[512];
  const int modes[4] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  for (int i = 0; i < 4; i++) {
    lnsp_graph *graph = NULL;
    fesetround(modes[i]);
    const int32_t status = lnsp_graph_create(NET, NULL, &graph, &support_error);
    const int after = fegetround();
    fesetround(FE_TONEAREST);
    CHECK_OK(status);
    CHECK_INT(after, modes[i]);
    CHECK_OK(lnsp_graph_text(graph, i ? text : first, sizeof text, NULL, &support_error));
    if (i) CHECK_STR(text, first);
    lnsp_graph_destroy(graph);
  }
}

/* Codes times scales: a hash of an int8 model multiplies. */
static void hashes_of_int8_versions(void) {
  lnsp_options options = LNSP_OPTIONS_INIT;
  lnsp_model *model = NULL, *back = NULL;
  lnsp_store *store = NULL;
  store_device memory;
  const lnsp_device device = store_device_open(&memory, 1 << 20, 4096, 64);
  options.storage = LNSP_I8;
  CHECK_OK(lnsp_model_create(NET, 7, &options, &model, &support_error));
  CHECK_OK(lnsp_store_create_device(&device, NULL, model, NULL, NULL, &store, &support_error));
  fesetround(FE_UPWARD);
  const int32_t status = lnsp_store_commit_model(store, model, NULL, NULL, &support_error);
  const int after = fegetround();
  fesetround(FE_TONEAREST);
  CHECK_OK(status);
  CHECK_INT(after, FE_UPWARD);
  CHECK_OK(lnsp_store_checkout(store, 0, NULL, &back, &support_error));
  lnsp_model_destroy(back);
  lnsp_store_destroy(store);
  lnsp_model_destroy(model);
  store_device_close(&memory);
}

int main(void) {
  support_use_all();
  RUN(graph_texts);
  RUN(hashes_of_int8_versions);
  FINISH();
}
