/* Calls of a training loop besides steps: metadata of its own in files, FLOPs, and the errors
 * of a model on rows. */
#include "support.h"

#include <math.h>

static lnsp_trainer *trainer_of(const char *text, const char *loss) {
  lnsp_size_options limits = {sizeof limits, 4, 5, 0, 0, 0, 0};
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  CHECK_OK(lnsp_model_create(text, 1, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, loss, "sgd lr=.1", &limits, NULL, &t, &support_error));
  lnsp_model_destroy(model);
  return t;
}

static void metadata(void) {
  lnsp_trainer *t = trainer_of("ln_min d=4 s=3", "mse"), *again = NULL;
  lnsp_key_value pairs[65] = {{"epoch", "3"}, {"my.note", "a \"word\""}};
  const char *refused[] = {"lnsp.step", "lnsp.", "format", "", NULL};
  support_bytes bytes = {NULL, 0};
  lnsp_sink sink = {sizeof sink, &bytes, support_write};
  lnsp_size_options limits = {sizeof limits, 1, 1, 0, 0, 0, 0};
  lnsp_file *file = NULL;
  for (int32_t what = LNSP_SAVE_WEIGHTS; what <= LNSP_SAVE_STATE; what += 2) {
    bytes.size = 0;
    CHECK_OK(lnsp_trainer_save_metadata_sink(t, &sink, what, pairs, 2, &support_error));
    CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
    CHECK_STR(lnsp_file_metadata(file, "epoch"), "3");
    CHECK_STR(lnsp_file_metadata(file, "my.note"), "a \"word\"");
    CHECK_OK(lnsp_trainer_open_file(file, "mse", "sgd", &limits, NULL, &again, &support_error));
    lnsp_trainer_destroy(again);
    lnsp_file_destroy(file);
  }
  for (int i = 0; i < 5; i++) {
    pairs[1].key = refused[i];
    CHECK_REFUSED(lnsp_trainer_save_metadata(t, "build/test-none", LNSP_SAVE_STATE, pairs, 2,
                                             &support_error),
                  LNSP_E_ARGUMENT);
  }
  pairs[1] = (lnsp_key_value){"value", NULL};
  CHECK_REFUSED(lnsp_trainer_save_metadata(t, "build/test-none", LNSP_SAVE_STATE, pairs, 2,
                                           &support_error),
                LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_trainer_save_metadata(t, "build/test-none", LNSP_SAVE_STATE, pairs, 65,
                                           &support_error),
                LNSP_E_LIMIT);
  lnsp_trainer_destroy(t);
  free(bytes.data);
}

/* One product of 4 by 3 and one of 3 by 4, twice for multiplying and adding: 48 a row. */
static void flops(void) {
  const char *net =
      "lnsp 1\nx = input 4\nh = linear x 3 w=a\ny = linear h 4 w=b\noutput output=y";
  lnsp_trainer *t = trainer_of(net, "mse");
  const int64_t forward = lnsp_graph_flops(lnsp_trainer_graph(t), 1);
  CHECK_SAY(forward >= 48 && forward <= 48 + 7, "a row takes %d", (int)forward);
  CHECK_INT(lnsp_trainer_flops(t, 3, 1), 3 * 3 * forward);
  CHECK_INT(lnsp_trainer_flops(t, 5, 1), 0); /* made for 4 */
  CHECK_INT(lnsp_trainer_flops(t, 1, 0), 0);
  CHECK_INT(lnsp_trainer_flops(NULL, 1, 1), 0);
  lnsp_trainer_destroy(t);
  t = trainer_of(net, "triplet margin=.3");
  CHECK_INT(lnsp_trainer_flops(t, 2, 1), 3 * 3 * 2 * forward);
  lnsp_trainer_destroy(t);
  t = trainer_of(net, "cosine + 4*replay rows=7");
  CHECK_INT(lnsp_trainer_flops(t, 2, 1), 3 * (2 + 7) * forward);
  lnsp_trainer_destroy(t);
}

/* Any number of rows, in parts or not, as one computes by hand; a failed call adds nothing. */
static void scores(void) {
  lnsp_model *model = NULL;
  float x[11][4], y[11][4], t[11][4];
  double cosine = 0, mse = 0;
  lnsp_tensor in = lnsp_tensor_f32("input", &x[0][0], 2, 11, 4, 0);
  lnsp_tensor out = lnsp_tensor_f32("output", &y[0][0], 2, 11, 4, 0);
  lnsp_tensor target = lnsp_tensor_f32("target", &t[0][0], 2, 11, 4, 0);
  CHECK_OK(lnsp_model_create("ln_min d=4 s=3", 1, NULL, &model, &support_error));
  support_fill(&x[0][0], 44, 1);
  support_fill(&t[0][0], 44, 2);
  for (int32_t batch = 1; batch <= 12; batch += batch < 3 ? 1 : 9) {
    lnsp_size_options limits = {sizeof limits, batch, 1, 0, 0, 0, 0};
    lnsp_score_info s = {sizeof s, 0, 0, 0, 0, 0, 0};
    lnsp_session *session = NULL;
    CHECK_OK(lnsp_session_create(model, &limits, NULL, &session, &support_error));
    if (batch == 12) {
      CHECK_OK(lnsp_session_run(session, &in, 1, &out, 1, &support_error));
      for (int r = 0; r < 11; r++) {
        double xy = 0, xx = 0, yy = 0, square = 0;
        for (int i = 0; i < 4; i++) {
          xy += (double)y[r][i] * t[r][i];
          xx += (double)y[r][i] * y[r][i];
          yy += (double)t[r][i] * t[r][i];
          square += ((double)y[r][i] - t[r][i]) * ((double)y[r][i] - t[r][i]);
        }
        cosine += xy / sqrt(xx * yy) / 11;
        mse += square / 4 / 11;
      }
    }
    CHECK_OK(lnsp_session_score(session, &in, 1, &target, NULL, &s, &support_error));
    CHECK_INT(s.count, 11);
    if (batch == 12) {
      CHECK_NEAR(s.cosine, cosine, 1e-12);
      CHECK_NEAR(s.mse, mse, 1e-12);
    }
    const lnsp_score_info was = s;
    const float kept = t[9][0];
    t[9][0] = NAN;
    CHECK_REFUSED(lnsp_session_score(session, &in, 1, &target, NULL, &s, &support_error),
                  LNSP_E_NOT_FINITE);
    t[9][0] = kept;
    CHECK(!memcmp(&was, &s, sizeof s));
    target.dims[1] = 3;
    CHECK(lnsp_session_score(session, &in, 1, &target, NULL, &s, &support_error) != LNSP_OK);
    target.dims[1] = 4;
    lnsp_session_destroy(session);
  }
  lnsp_model_destroy(model);
}

int main(void) {
  RUN(metadata);
  RUN(flops);
  RUN(scores);
  FINISH();
}
