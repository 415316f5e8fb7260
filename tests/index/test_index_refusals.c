/* Refusals of indexes and searches; nothing has changed after one. */
#include "index_cases.h"

/* ---- refusals ---- */

static void refusals_change_nothing(void) {
  found before, after;
  lnsp_index *index = made_of(LNSP_F16, 50, 60, NULL);
  lnsp_tensor x = rows_of(vectors[100], 5);
  float bad[5][WIDTH];
  int64_t fresh[11] = {1, 3, 4, 6, 8, 9, 11, 13, 14, 16, 18};
  look(index, BEST, &before);
  for (int kind = 0; kind < 5; kind++) {
    memcpy(bad, vectors[100], sizeof bad);
    if (kind == 0) bad[3][7] = NAN;
    if (kind == 1) bad[4][0] = INFINITY;
    if (kind == 2) memset(bad[4], 0, sizeof bad[4]);
    for (int k = 0; k < WIDTH; k++) {
      if (kind == 3) bad[2][k] = 1e-30f;
      if (kind == 4) bad[2][k] = 1e30f;
    }
    lnsp_tensor b = rows_of(bad[0], 5);
    CHECK_REFUSED(lnsp_index_add(index, &b, fresh, &support_error),
                  kind < 2 ? LNSP_E_NOT_FINITE : LNSP_E_ARGUMENT);
  }
  fresh[4] = fresh[1];
  CHECK_REFUSED(lnsp_index_add(index, &x, fresh, &support_error), LNSP_E_ARGUMENT);
  fresh[4] = ids[20];
  CHECK_REFUSED(lnsp_index_add(index, &x, fresh, &support_error), LNSP_E_ARGUMENT);
  fresh[4] = -1;
  CHECK_REFUSED(lnsp_index_add(index, &x, fresh, &support_error), LNSP_E_ARGUMENT);
  fresh[4] = 8;
  x.dims[0] = 11;
  CHECK_REFUSED(lnsp_index_add(index, &x, fresh, &support_error), LNSP_E_LIMIT);
  x.dims[0] = 5;
  x.dims[1] = WIDTH - 1;
  CHECK_REFUSED(lnsp_index_add(index, &x, fresh, &support_error), LNSP_E_SHAPE);
  x.dims[1] = WIDTH;
  x.dtype = LNSP_F16;
  CHECK_REFUSED(lnsp_index_add(index, &x, fresh, &support_error), LNSP_E_DTYPE);
  x.dtype = LNSP_F32;
  int64_t gone[4] = {ids[3], ids[7], ids[3], 1};
  CHECK_REFUSED(lnsp_index_remove(index, gone, 3, &support_error), LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_index_remove(index, gone + 1, 3, &support_error), LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_index_remove(index, ids, 51, &support_error), LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_index_remove(index, ids, -1, &support_error), LNSP_E_ARGUMENT);
  look(index, BEST, &after);
  CHECK(!memcmp(&before, &after, sizeof before));
  CHECK_INT(count_of(index), 50);
  CHECK_OK(lnsp_index_add(index, &x, fresh, &support_error));
  CHECK_INT(count_of(index), 55);
  float out[WIDTH];
  CHECK_REFUSED(lnsp_index_read(index, 5555555, out, WIDTH, &support_error), LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_index_read(index, 1, out, WIDTH + 1, &support_error), LNSP_E_SHAPE);
  lnsp_index_destroy(index);
}

static void searches_refuse(void) {
  lnsp_index *index = made_of(LNSP_I8, 50, 60, NULL);
  lnsp_search_options limits = {sizeof limits, 2, 3, 0};
  lnsp_search *search = NULL;
  float q[3][WIDTH], scores[9];
  int64_t got[9] = {77};
  memcpy(q, queries, sizeof q);
  lnsp_tensor x = rows_of(q[0], 2);
  CHECK_OK(lnsp_search_create(index, &limits, NULL, &search, &support_error));
  CHECK_REFUSED(lnsp_search_run(search, &x, NULL, 4, got, scores, &support_error),
                LNSP_E_LIMIT);
  CHECK_REFUSED(lnsp_search_run(search, &x, NULL, 0, got, scores, &support_error),
                LNSP_E_LIMIT);
  x.dims[0] = 3;
  CHECK_REFUSED(lnsp_search_run(search, &x, NULL, 3, got, scores, &support_error),
                LNSP_E_LIMIT);
  x.dims[0] = 2;
  q[1][5] = NAN;
  CHECK_REFUSED(lnsp_search_run(search, &x, NULL, 3, got, scores, &support_error),
                LNSP_E_NOT_FINITE);
  memset(q[1], 0, sizeof q[1]);
  CHECK_REFUSED(lnsp_search_run(search, &x, NULL, 3, got, scores, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_search_run(search, &x, NULL, 3, NULL, scores, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_INT(got[0], 77);
  x.dims[0] = 0;
  CHECK_OK(lnsp_search_run(search, &x, NULL, 3, got, scores, &support_error));
  lnsp_search_destroy(search);
  const lnsp_search_options wrong[] = {{sizeof limits, -1, 1, 0},
                                       {sizeof limits, 1, 70000, 0},
                                       {sizeof limits, 1, 1, 300},
                                       {sizeof limits, 1, 1, 2}};
  for (int i = 0; i < 4; i++) {
    CHECK_REFUSED(lnsp_search_create(index, &wrong[i], NULL, &search, &support_error),
                  i == 3 || i == 2 ? LNSP_E_ARGUMENT : LNSP_E_LIMIT);
    CHECK(search == NULL);
  }
  lnsp_index_destroy(index);
  lnsp_index_options s = settings_of(LNSP_BF16, 4);
  CHECK_REFUSED(lnsp_index_create(&s, NULL, &index, &support_error), LNSP_E_DTYPE);
  s = settings_of(LNSP_F32, -1);
  CHECK_REFUSED(lnsp_index_create(&s, NULL, &index, &support_error), LNSP_E_LIMIT);
  s = settings_of(LNSP_F32, (int64_t)1 << 40);
  CHECK_REFUSED(lnsp_index_create(&s, NULL, &index, &support_error), LNSP_E_LIMIT);
  s = settings_of(LNSP_F32, 4);
  s.width = 65537;
  CHECK_REFUSED(lnsp_index_create(&s, NULL, &index, &support_error), LNSP_E_LIMIT);
  CHECK_REFUSED(lnsp_index_create(NULL, NULL, &index, &support_error), LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_index_open("/nowhere/at.all", NULL, NULL, &index, &support_error),
                LNSP_E_MISSING);
  lnsp_index_destroy(NULL);
  lnsp_search_destroy(NULL);
}

int main(void) {
  support_use_all();
  fill();
  RUN(refusals_change_nothing);
  RUN(searches_refuse);
  FINISH();
}
