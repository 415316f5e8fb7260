/* lnsp_trainer_*: settings, state, history, publishing.
 *
 * Settings are checked whole and then stored, so a refused one changes nothing. Some make
 * what is in memory void: freezing drops the gradient and the sum of gradients, which were made
 * for other tensors, but not the values of a forward pass; new weights drop all three. Replay
 * statistics are copied into room that the trainer has because its loss text has a replay
 * term. An echo and a noise key are not part of the state: a function cannot be saved, and a
 * key must not be.
 *
 * What leaves a trainer is its weights or their average (LNSP_WEIGHTS_...), or the whole state
 * (LNSP_SAVE_STATE), and always a copy. Publishing makes a model that other threads may run
 * while this one goes on to train. Saving and hashing visit the same rows in the same order
 * (train/checkpoint.c), and a trainer that was read back has the same hash.
 *
 * Marks and rollback take no memory and cannot fail once the arguments are checked: the ring
 * of copies is in the trainer's block, and rollback exchanges pointers (train/history.c). */
#include "api/api.h"
#include "api/path_write.h"
#include "base/struct.h"
#include "run/state.h"
#include "train/accumulate.h"
#include "train/checkpoint.h"
#include "train/history.h"
#include "train/loss_eval.h"
#include "train/losses/echo.h"
#include "train/replay.h"
#include "train/schedule.h"
#include "train/set_weights.h"

LNSP_API int32_t lnsp_trainer_freeze(lnsp_trainer *trainer, const char *pattern, int32_t frozen,
                                     lnsp_error *error) {
  int32_t matched = 0;
  API_NEED(trainer, error);
  API_FLAG(frozen, error);
  API_NEED(pattern, error);
  for (int32_t i = 0; i < trainer->graph->weight_count; i++)
    if (lnspi_str_match(pattern, trainer->graph->weights[i].name)) {
      trainer->frozen[i] = frozen || trainer->graph->weights[i].fixed;
      matched++;
    }
  if (!matched)
    return lnspi_error_set(error, LNSP_E_MISSING, pattern,
                           "no tensor's name matches '%s'; '*' matches any characters",
                           pattern);
  /* gradients that were made for other tensors are void; values are not */
  lnspi_accumulate_reset(trainer);
  if (trainer->pass.phase == LNSPI_PHASE_GRADIENT) trainer->pass.phase = LNSPI_PHASE_IDLE;
  return LNSP_OK;
}

LNSP_API int32_t lnsp_trainer_set_learning_rate(lnsp_trainer *trainer, float lr,
                                                lnsp_error *error) {
  API_NEED(trainer, error);
  if (!(lr >= 0.f && lr <= 1e6f))
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "the learning rate must be 0 to 1e6");
  trainer->optim.rule.lr = trainer->optim.plateau.rate =
      (double)lr; /* a plateau falls from it */
  trainer->optim.lr_changed = 1;
  return LNSP_OK;
}

LNSP_API float lnsp_trainer_learning_rate(const lnsp_trainer *trainer) {
  if (!trainer) return 0.f;
  float rate;
  API_COMPUTE(rate = (float)lnspi_schedule_rate(&trainer->optim.rule, trainer->step));
  return rate;
}

LNSP_API float lnsp_trainer_gradient_norm(const lnsp_trainer *trainer) {
  return trainer ? trainer->optim.clipped_norm : 0.f;
}

LNSP_API uint64_t lnsp_trainer_step_count(const lnsp_trainer *trainer) {
  return trainer ? trainer->step : 0;
}

LNSP_API int32_t lnsp_trainer_set_weights(lnsp_trainer *trainer, const lnsp_model *model,
                                          int32_t reset, lnsp_error *error) {
  API_NEED(trainer, error);
  API_FLAG(reset, error);
  API_NEED(model, error);
  API_RETURN(lnspi_set_weights(trainer, model, reset, error));
}

LNSP_API int32_t lnsp_trainer_set_noise_key(lnsp_trainer *trainer,
                                            const uint8_t key[LNSP_NOISE_KEY_BYTES],
                                            lnsp_error *error) {
  API_NEED(trainer, error);
  API_NEED(key, error);
  if (!(trainer->optim.rule.noise > 0))
    return lnspi_error_set(
        error, LNSP_E_STATE, NULL,
        "this trainer adds no noise: add clip_each=1 noise=1 or the like to its optimizer "
        "text");
  for (int i = 0; i < 8; i++) trainer->dp.noise_key[i] = lnspi_load32(key + 4 * i);
  trainer->dp.has_noise_key = 1;
  return LNSP_OK;
}

LNSP_API int32_t lnsp_trainer_set_replay(lnsp_trainer *trainer, const lnsp_replay *replay,
                                         lnsp_error *error) {
  API_NEED(trainer, error);
  API_NEED(replay, error);
  if (!trainer->loss.objective->replay_rows)
    return lnspi_error_set(
        error, LNSP_E_STATE, NULL,
        "the trainer's loss has no replay term: add '+ 4*replay rows=7' to it");
  if (lnsp_replay_width(replay) != trainer->graph->nodes[0].width)
    return lnspi_error_set(
        error, LNSP_E_SHAPE, NULL,
        "the replay statistics have width %lld, but the network's input has %lld: gather them "
        "from its inputs",
        (long long)lnsp_replay_width(replay), (long long)trainer->graph->nodes[0].width);
  if (!replay->finished)
    return lnspi_error_set(error, LNSP_E_STATE, NULL,
                           "the replay statistics are not finished: call lnsp_replay_finish");
  lnspi_replay_copy(replay, trainer->loss.replay);
  trainer->loss.has_replay = 1;
  return LNSP_OK;
}

/* Whether a term of the loss compares with echoes. A replay term has no loss of its own. */
static int api_trainer_state_has_echo(const lnsp_trainer *t) {
  for (int32_t i = 0; i < t->loss.objective->term_count; i++) {
    const lnspi_loss *loss = t->loss.objective->terms[i].loss;
    if (loss && lnspi_echo_is(loss)) return 1;
  }
  return 0;
}

/* With a function the tensor "echo" is made, not looked for among the inputs (needs.data.made);
 * without one it is the caller's to give again. */
LNSP_API int32_t lnsp_trainer_set_echo(lnsp_trainer *trainer, const lnsp_echo *echo,
                                       lnsp_error *error) {
  lnsp_echo read;
  API_NEED(trainer, error);
  memset(&read, 0, sizeof read);
  if (!api_trainer_state_has_echo(trainer))
    return lnspi_error_set(error, LNSP_E_STATE, NULL,
                           "the trainer's loss has no echo term: add '+ .1*echo' to it");
  if (echo) {
    int32_t status = lnspi_struct_read(&read, sizeof read, echo, "lnsp_echo", error);
    if (status) return status;
    if (!read.echo)
      return lnspi_error_set(
          error, LNSP_E_ARGUMENT, NULL,
          "lnsp_echo.echo is NULL: give a function, or NULL in place of the struct");
  }
  trainer->loss.echo = read;
  lnspi_batch_needs *needs = &trainer->loss.objective->needs;
  for (int32_t d = 0; d < needs->data_count; d++)
    if (lnspi_str_equal(needs->data[d].name, "echo")) needs->data[d].made = read.echo != NULL;
  return LNSP_OK;
}

/* The live weights, or their average if the trainer keeps one. */
static int32_t api_trainer_state_pick(const lnsp_trainer *t, int32_t average,
                                      const float **state, lnsp_error *error) {
  if (average && !t->average)
    return lnspi_error_set(
        error, LNSP_E_STATE, NULL,
        "this trainer keeps no moving average: add ema=.999 to its optimizer text");
  *state = average ? t->average : t->state;
  return LNSP_OK;
}

/* Refuses a part of the state (LNSP_SAVE_...) that is unknown or not there. */
static int32_t api_trainer_state_check_what(const lnsp_trainer *t, int32_t what,
                                            lnsp_error *error) {
  const float *state;
  if (what < LNSP_SAVE_WEIGHTS || what > LNSP_SAVE_STATE)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "'what' is %d: give LNSP_SAVE_WEIGHTS, _AVERAGE or _STATE", what);
  return api_trainer_state_pick(t, what == LNSP_SAVE_AVERAGE, &state, error);
}

LNSP_API int32_t lnsp_trainer_validate(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                       int32_t input_count, int32_t average, float *loss,
                                       lnsp_error *error) {
  const float *state;
  double value = 0;
  API_NEED(trainer, error);
  API_FLAG(average, error);
  API_NEED(inputs, error);
  API_NEED(loss, error);
  int32_t status = api_trainer_state_pick(trainer, average, &state, error);
  if (status) return status;
  API_COMPUTE(status = lnspi_loss_eval(trainer, inputs, input_count, average, &value, error));
  if (!status) *loss = (float)value;
  return status;
}

LNSP_API int32_t lnsp_trainer_tensor_read(const lnsp_trainer *trainer, const char *name,
                                          int32_t average, float *out, int64_t count,
                                          lnsp_error *error) {
  const float *state = NULL;
  API_NEED(trainer, error);
  API_FLAG(average, error);
  API_NEED(name, error);
  API_NEED(out, error);
  int32_t status = api_trainer_state_pick(trainer, average, &state, error);
  if (!status) status = lnspi_state_read_tensor(trainer->graph, state, name, out, count, error);
  return status;
}

LNSP_API int32_t lnsp_trainer_publish(const lnsp_trainer *trainer, int32_t average,
                                      const lnsp_options *options, lnsp_model **out,
                                      lnsp_error *error) {
  lnsp_options read;
  const float *state = NULL;
  API_OUT(out, error);
  API_NEED(trainer, error);
  API_FLAG(average, error);
  int32_t status =
      API_OPTIONS(options, LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_STORAGE, &read, error);
  if (!status) status = api_trainer_state_pick(trainer, average, &state, error);
  if (status) return status;
  API_RETURN(lnspi_model_copy(trainer->graph, state,
                              read.storage ? read.storage : trainer->optim.rule.weights, &read,
                              out, error));
}

/* What the four ways to save have in common: checked once, then passed to a sink, or through
 * lnspi_path_write to one that replaces a file. */
typedef struct api_trainer_state_save_job {
  const lnsp_trainer *trainer;
  int32_t what, count;
  const lnsp_key_value *pairs;
} api_trainer_state_save_job;

/* The library's own keys say how a file is read, so they are not the caller's to give. */
static int32_t api_trainer_state_check_save(const api_trainer_state_save_job *job,
                                            lnsp_error *error) {
  if (job->count < 0 || job->count > LNSPI_CHECKPOINT_PAIRS)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "there are %d pairs of metadata: give 0 to %d", job->count,
                           LNSPI_CHECKPOINT_PAIRS);
  if (job->count && !job->pairs)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "the list of metadata is NULL");
  for (int32_t i = 0; i < job->count; i++) {
    const char *key = job->pairs[i].key;
    if (!key || !*key || !job->pairs[i].value)
      return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                             "pair number %d of the metadata has no key or no value", i);
    if (lnspi_str_starts_with(key, "lnsp.") || lnspi_str_equal(key, "format"))
      return lnspi_error_set(error, LNSP_E_ARGUMENT, key,
                             "the key '%s' is the library's own: use one that is not 'format' "
                             "and does not begin with 'lnsp.'",
                             key);
  }
  return api_trainer_state_check_what(job->trainer, job->what, error);
}

static int32_t api_trainer_state_save_to(void *user, const lnsp_sink *sink, lnsp_error *error) {
  const api_trainer_state_save_job *job = user;
  return lnspi_checkpoint_save(job->trainer, sink, job->what, job->pairs, job->count, error);
}

LNSP_API int32_t lnsp_trainer_save_metadata_sink(const lnsp_trainer *trainer,
                                                 const lnsp_sink *sink, int32_t what,
                                                 const lnsp_key_value *pairs,
                                                 int32_t pair_count, lnsp_error *error) {
  api_trainer_state_save_job job = {trainer, what, pair_count, pairs};
  lnsp_sink own;
  API_NEED(trainer, error);
  int32_t status = API_SINK(sink, &own, error);
  if (!status) status = api_trainer_state_check_save(&job, error);
  return status ? status : api_trainer_state_save_to(&job, &own, error);
}

LNSP_API int32_t lnsp_trainer_save_metadata(const lnsp_trainer *trainer, const char *path,
                                            int32_t what, const lnsp_key_value *pairs,
                                            int32_t pair_count, lnsp_error *error) {
  api_trainer_state_save_job job = {trainer, what, pair_count, pairs};
  API_NEED(trainer, error);
  API_NEED(path, error);
  int32_t status = api_trainer_state_check_save(&job, error);
  return status ? status : lnspi_path_write(path, api_trainer_state_save_to, &job, error);
}

LNSP_API int32_t lnsp_trainer_save_sink(const lnsp_trainer *trainer, const lnsp_sink *sink,
                                        int32_t what, lnsp_error *error) {
  return lnsp_trainer_save_metadata_sink(trainer, sink, what, NULL, 0, error);
}

LNSP_API int32_t lnsp_trainer_save(const lnsp_trainer *trainer, const char *path, int32_t what,
                                   lnsp_error *error) {
  return lnsp_trainer_save_metadata(trainer, path, what, NULL, 0, error);
}

LNSP_API int32_t lnsp_trainer_mark(lnsp_trainer *trainer, lnsp_error *error) {
  API_NEED(trainer, error);
  if (!trainer->limits.max_marks)
    return lnspi_error_set(
        error, LNSP_E_STATE, NULL,
        "this trainer keeps no marks: create it with max_marks above 0 in its sizes");
  lnspi_history_mark(trainer);
  return LNSP_OK;
}

LNSP_API int32_t lnsp_trainer_mark_count(const lnsp_trainer *trainer) {
  return trainer ? trainer->marks.count : 0;
}

LNSP_API int32_t lnsp_trainer_rollback(lnsp_trainer *trainer, int32_t back, lnsp_error *error) {
  API_NEED(trainer, error);
  if (back < 0 || back >= trainer->marks.count)
    return lnspi_error_set(error, LNSP_E_STATE, NULL,
                           "there is no mark %d: the trainer has %d, and 0 is the newest", back,
                           trainer->marks.count);
  lnspi_history_rollback(trainer, back);
  return LNSP_OK;
}

LNSP_API int32_t lnsp_trainer_hash(const lnsp_trainer *trainer, int32_t what,
                                   uint8_t out[LNSP_HASH_BYTES], lnsp_error *error) {
  API_NEED(trainer, error);
  API_NEED(out, error);
  int32_t status = api_trainer_state_check_what(trainer, what, error);
  if (status) return status;
  lnspi_progress progress;
  uint8_t hash[LNSP_HASH_BYTES];
  const lnsp_options own = lnspi_block_options(&trainer->block);
  const int parts = what != LNSP_SAVE_STATE ? 1
                                            : 1 + trainer->optim.moment_count +
                                                  !!trainer->average + !!trainer->residual;
  lnspi_progress_begin(&progress, &own,
                       (uint64_t)parts * (uint64_t)trainer->graph->parameter_count);
  lnspi_checkpoint_hash(trainer, what, &progress, hash);
  status = lnspi_progress_end(&progress, error);
  if (!status) memcpy(out, hash, sizeof hash);
  return status;
}

LNSP_API int32_t lnsp_trainer_memory(const lnsp_trainer *trainer, lnsp_memory_info *out,
                                     lnsp_error *error) {
  API_NEED(trainer, error);
  API_NEED(out, error);
  return lnspi_struct_write(out, &trainer->memory, sizeof trainer->memory, "lnsp_memory_info",
                            error);
}

LNSP_API const lnsp_graph *lnsp_trainer_graph(const lnsp_trainer *trainer) {
  return trainer ? trainer->graph : NULL;
}

/* Groups first (input, or anchor, positive, negative), then the constants of the loss that the
 * caller has to give. */
LNSP_API const char *lnsp_trainer_input_name(const lnsp_trainer *trainer, int32_t index) {
  if (!trainer || index < 0) return NULL;
  const lnspi_batch_needs *needs = &trainer->loss.objective->needs;
  if (index < needs->group_count) return needs->group[index];
  index -= needs->group_count;
  for (int32_t d = 0; d < needs->data_count; d++)
    if (!needs->data[d].made && index-- == 0) return needs->data[d].name;
  return NULL;
}

LNSP_API const char *lnsp_trainer_isa(const lnsp_trainer *trainer) {
  return trainer ? trainer->engine.k->name : NULL;
}
