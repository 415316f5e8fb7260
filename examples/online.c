/* Learn while running: each concept that arrives is predicted, compared and learned.
 *
 *   cc -o online online.c $(pkg-config --cflags --libs lnsp)
 *   ./online
 *
 * The stream goes round a circle of concepts, but for a while a broken sensor delivers any
 * concept. Each step learns the new pair together with pairs of a reservoir, so that the past
 * is not forgotten. A mark holds the best state so far: when the score of the last concepts
 * falls far below it, the trainer goes back to the mark, and what the sensor taught is gone. */
#include <lnsp.h>
#include <stdio.h>

enum { WIDTH = 32, CONCEPTS = 12, PAST = 7, ARRIVALS = 900, SHOWN = 100 };

/* Deterministic numbers in [-1, 1). */
static float number(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (float)(*state >> 8) / 8388608.0f - 1;
}

/* The concept that follows: the next one on the circle, or any while the sensor is broken. */
static int following(int concept, int arrival, uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return arrival >= 400 && arrival < 500 ? (int)((*state >> 16) % CONCEPTS)
                                         : (concept + 1) % CONCEPTS;
}

int main(void) {
  static float concepts[CONCEPTS][WIDTH], pairs[1 + PAST][2][WIDTH], prediction[WIDTH];
  static float input[1 + PAST][WIDTH], target[1 + PAST][WIDTH];
  lnsp_size_options limits = LNSP_SIZE_OPTIONS_INIT;
  lnsp_reservoir_options keep = LNSP_RESERVOIR_OPTIONS_INIT;
  lnsp_reservoir_info held = LNSP_RESERVOIR_INFO_INIT;
  lnsp_model *model = NULL;
  lnsp_trainer *trainer = NULL;
  lnsp_session *session = NULL;
  lnsp_reservoir *past = NULL;
  lnsp_error error;
  uint32_t state = 7;
  int now = 0, returns = 0, failed = 1;
  double score = 0, best = 0;

  for (int c = 0; c < CONCEPTS; c++)
    for (int i = 0; i < WIDTH; i++) concepts[c][i] = number(&state);

  /* A small network, its trainer with room for a mark, and a session on the live weights. */
  limits.max_rows = 1 + PAST;
  limits.max_marks = 1;
  keep.width = 2 * WIDTH;
  keep.capacity = 64;
  keep.seed = 1;
  if (lnsp_model_create("lnsp 1; x = input 32; h = linear x 64 w=a; h = gelu h;"
                        "y = linear h 32 w=b; output output=y",
                        1, NULL, &model, &error) ||
      lnsp_trainer_create(model, "cosine", "adamw lr=3e-3", &limits, NULL, &trainer, &error) ||
      lnsp_session_create_live(trainer, LNSP_WEIGHTS_LIVE, NULL, NULL, &session, &error) ||
      lnsp_reservoir_create(&keep, NULL, &past, &error))
    goto explain;

  for (int arrival = 0; arrival < ARRIVALS; arrival++) {
    const int next = following(now, arrival, &state);
    const lnsp_tensor asked = lnsp_tensor_f32("input", concepts[now], 2, 1, WIDTH, 0);
    const lnsp_tensor said = lnsp_tensor_f32("output", prediction, 2, 1, WIDTH, 0);
    int64_t rows = 1;

    /* Predict, and compare with what has come: a moving average of the cosine. */
    if (lnsp_session_run(session, &asked, 1, &said, 1, &error)) goto explain;
    score += .05 * (lnsp_metrics_cosine(prediction, concepts[next], WIDTH, 0) - score);

    /* Remember the best state; go back to it when the score falls, once for each best. */
    if (score > best + .05) {
      best = score;
      if (lnsp_trainer_mark(trainer, &error)) goto explain;
    } else if (score < best - .3) {
      best = score;
      returns++;
      if (lnsp_trainer_rollback(trainer, 0, &error)) goto explain;
    }

    /* One step on the new pair and, once there are some, on pairs of the past. */
    for (int i = 0; i < WIDTH; i++) {
      pairs[0][0][i] = concepts[now][i];
      pairs[0][1][i] = concepts[next][i];
    }
    if (lnsp_reservoir_get_info(past, &held, &error)) goto explain;
    if (held.count) {
      if (lnsp_reservoir_sample(past, PAST, pairs[1], &error)) goto explain;
      rows += PAST;
    }
    for (int64_t r = 0; r < rows; r++)
      for (int i = 0; i < WIDTH; i++) {
        input[r][i] = pairs[r][0][i];
        target[r][i] = pairs[r][1][i];
      }
    const lnsp_tensor batch[2] = {lnsp_tensor_f32("input", input[0], 2, rows, WIDTH, 0),
                                  lnsp_tensor_f32("target", target[0], 2, rows, WIDTH, 0)};
    if (lnsp_trainer_step(trainer, batch, 2, NULL, &error) ||
        lnsp_reservoir_add(past, pairs[0], 1, &error))
      goto explain;

    now = next;
    if ((arrival + 1) % SHOWN == 0)
      printf("%3d concepts: cosine %.2f, %lld pairs kept, %d times back to the mark\n",
             arrival + 1, score, (long long)held.count, returns);
  }
  failed = score < .8 || returns == 0;
  goto done;

explain:
  fprintf(stderr, "online: %s: %s\n", lnsp_status_name(error.code), error.message);
done:
  lnsp_reservoir_destroy(past);
  lnsp_session_destroy(session);
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(model);
  return failed;
}
