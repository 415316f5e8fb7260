/* Measuring and making trainers.
 *
 * A recipe (texts, limits, what they parse to, a plan) says all that a trainer's memory depends
 * on. Measuring lays a trainer out in an arena without memory; making one lays it out again in
 * its block (trainer_layout.c). A trainer therefore needs exactly what was measured.
 *
 * The graph is copied because its weights carry the type of storage, which is the trainer's
 * choice (weights=bf16) and not the model's. Sources are a model in memory or a file; a file
 * may be a state of a trainer, which then also gives texts, moments and ages (checkpoint.c).
 *
 * A step allocates nothing. It is: loss_eval.c (bind, load, forward, losses), backward.c,
 * update.c. */
#include "train/trainer.h"

#include "base/error.h"
#include "run/handle.h"
#include "run/load.h"
#include "train/checkpoint.h"
#include "train/loss_bind.h"
#include "train/moments8.h"
#include "train/plateau.h"
#include "train/trainer_layout.h"

/* What the layout depends on. */
typedef struct trainer_recipe {
  const lnsp_graph *graph;
  const char *loss, *optimizer; /* loss NULL: none */
  lnsp_size_options limits;
  lnspi_optimizer_config rule;
  lnspi_objective objective;
  lnspi_plan plan;
} trainer_recipe;

static int32_t trainer_check_text(const char *text, const char *what, lnsp_error *error) {
  if (text && lnspi_str_length(text) >= LNSPI_TEXT_BYTES)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "the %s text is longer than %d bytes: shorten it", what,
                           LNSPI_TEXT_BYTES - 1);
  return LNSP_OK;
}

/* What was rounded for storage is widened, but codes are not a place to start from. */
static int32_t trainer_check_type(const lnsp_graph *graph, lnsp_error *error) {
  if (lnspi_graph_storage(graph) != LNSP_I8) return LNSP_OK;
  return lnspi_error_set(
      error, LNSP_E_DTYPE, NULL,
      "a model stored as I8 can only be run: train the float model that it was converted from, "
      "and convert the result");
}

/* Clipping by example is of no use where a row's gradient depends on other rows. */
static int32_t trainer_check_examples(const lnsp_graph *graph, const lnspi_objective *objective,
                                      lnsp_error *error) {
  for (int32_t n = 0; n < graph->node_count; n++)
    if (lnspi_layer_at(graph->nodes[n].layer)->no_dweight_only)
      return lnspi_error_set(
          error, LNSP_E_UNSUPPORTED, graph->nodes[n].name,
          "clip_each needs the gradient of each single row, which layer %d (%s) cannot "
          "compute: leave out clip_each",
          n, lnspi_layer_at(graph->nodes[n].layer)->name);
  for (int32_t i = 0; i < objective->term_count; i++) {
    const lnspi_loss *loss = objective->terms[i].loss;
    if (lnspi_loss_term_weighs_rows(&objective->terms[i]))
      return lnspi_error_set(
          error, LNSP_E_UNSUPPORTED, objective->terms[i].on,
          "clip_each needs a loss that is a mean over rows, but gate=, auto= and ramp= weigh a "
          "term by all rows: leave one of them out");
    if (loss && (loss->minimum_rows > 1 || loss->across))
      return lnspi_error_set(
          error, LNSP_E_UNSUPPORTED, loss->name,
          "clip_each needs a loss that is a mean over rows, but %s compares rows with each "
          "other: leave one of them out",
          loss->name);
  }
  return LNSP_OK;
}

static int32_t trainer_prepare(const lnsp_graph *graph, const char *loss, const char *optimizer,
                               const lnsp_size_options *limits, trainer_recipe *recipe,
                               lnsp_error *error) {
  lnsp_size_options wide;
  memset(recipe, 0, sizeof *recipe);
  recipe->graph = graph;
  recipe->loss = loss;
  recipe->optimizer = optimizer ? optimizer : "adamw";
  recipe->limits = wide = *limits;
  int32_t status = trainer_check_type(graph, error);
  if (!status) status = trainer_check_text(loss, "loss", error);
  if (!status) status = trainer_check_text(optimizer, "optimizer", error);
  if (!status) status = lnspi_optimizer_parse(recipe->optimizer, &recipe->rule, error);
  if (!status) status = lnspi_loss_bind(loss, graph, &recipe->objective, error);
  if (!status && recipe->rule.clip_each > 0)
    status = trainer_check_examples(graph, &recipe->objective, error);
  if (status) return status;
  wide.max_rows =
      limits->max_rows * recipe->objective.needs.group_count + recipe->objective.replay_rows;
  return lnspi_plan_make(graph, &wide, LNSPI_MODE_TRAIN, &recipe->plan, error);
}

static void trainer_take_recipe(lnsp_trainer *t, const trainer_recipe *recipe) {
  t->engine.graph = t->graph;
  t->engine.plan = recipe->plan;
  t->optim.rule = recipe->rule;
  t->loss.objective = (lnspi_objective *)(uintptr_t)&recipe->objective; /* layout copies it */
  t->limits = recipe->limits;
  t->optim.has_moments8 = lnspi_optimizer_has_moments8(&t->optim.rule);
  t->optim.moment_count = t->optim.rule.optimizer->moments(t->optim.rule.real);
}

static int32_t trainer_count(trainer_recipe *recipe, lnsp_memory_info *memory,
                             lnsp_error *error) {
  lnsp_trainer t;
  lnspi_arena arena = {NULL, 0, 0, 0};
  memset(&t, 0, sizeof t);
  t.graph = (lnsp_graph *)(uintptr_t)recipe->graph; /* only read */
  trainer_take_recipe(&t, recipe);
  lnspi_trainer_layout(&t, &arena, memory);
  if (arena.failed)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, NULL,
        "the trainer needs more memory than this machine can address: lower the limits");
  return LNSP_OK;
}

int32_t lnspi_trainer_measure(const lnsp_graph *graph, const char *loss, const char *optimizer,
                              const lnsp_size_options *limits, lnsp_memory_info *out,
                              lnsp_error *error) {
  trainer_recipe recipe;
  int32_t status = trainer_prepare(graph, loss, optimizer, limits, &recipe, error);
  if (!status) status = trainer_count(&recipe, out, error);
  return status;
}

/* Sets up the handle in its block, whose graph is in place. */
static lnsp_trainer *trainer_place(const lnspi_block *block, lnsp_graph *graph,
                                   const lnspi_kernels *k, const lnspi_tasks *tasks,
                                   const trainer_recipe *recipe) {
  lnspi_arena arena = {block->memory, 0, block->bytes, 0};
  lnsp_trainer *t = block->memory;
  lnsp_size_options wide = recipe->limits;
  t->block = *block;
  t->graph = graph;
  trainer_take_recipe(t, recipe);
  t->engine.k = k;
  t->engine.tasks = *tasks;
  lnspi_trainer_layout(t, &arena, &t->memory);
  t->memory.struct_size = sizeof t->memory;
  wide.max_rows = (int32_t)recipe->plan.batch;
  (void)lnspi_plan_make(graph, &wide, LNSPI_MODE_TRAIN, &t->engine.plan, NULL);
  if (t->optim.has_moments8) lnspi_moments8_place_blocks(graph, t->optim.block_at);
  for (int32_t i = 0; i < graph->weight_count; i++)
    t->frozen[i] = (uint8_t)graph->weights[i].fixed;
  t->marks.newest = t->marks.pending = -1;
  for (int32_t i = 0; i < t->limits.max_marks; i++)
    t->marks.at[i] = (float *)(void *)(t->marks.memory + (uint64_t)i * t->marks.bytes);
  lnspi_plateau_start(t);
  lnspi_format(t->optim.text, LNSPI_TEXT_BYTES, "%s", recipe->optimizer);
  lnspi_format(t->loss.text, LNSPI_TEXT_BYTES, "%s", recipe->loss ? recipe->loss : "");
  return t;
}

void lnspi_trainer_seed_layers(lnsp_trainer *t, int learning) {
  t->engine.training = learning;
  t->engine.seed = t->optim.rule.seed;
  t->engine.pass = (t->step << 16) + (uint64_t)t->accum.calls;
}

static void trainer_start_average(lnsp_trainer *t) {
  if (t->average) memcpy(t->average, t->state, (size_t)t->graph->state_floats * sizeof(float));
}

int32_t lnspi_trainer_from_model(const lnsp_model *model, const char *loss,
                                 const char *optimizer, const lnsp_size_options *limits,
                                 const lnsp_options *options, lnsp_trainer **out,
                                 lnsp_error *error) {
  trainer_recipe recipe;
  lnsp_memory_info memory;
  lnspi_block block;
  const lnspi_kernels *k = NULL;
  lnspi_tasks tasks;
  int32_t status = lnspi_engine_choose_kernels(options->isa, 0, &k, error);
  if (!status) status = lnspi_tasks_open(&tasks, options, limits->tasks, error);
  if (!status) status = trainer_prepare(model->graph, loss, optimizer, limits, &recipe, error);
  if (!status) status = trainer_count(&recipe, &memory, error);
  if (status) return status;
  status = lnspi_block_open(&block, options, memory.total_bytes, error);
  if (status) return status;
  lnsp_graph *graph =
      lnspi_graph_move(model->graph, (uint8_t *)block.memory + LNSPI_HANDLE_BYTES);
  lnspi_graph_set_storage(graph, recipe.rule.weights);
  lnsp_trainer *t = trainer_place(&block, graph, k, &tasks, &recipe);
  status = lnspi_state_copy(model->graph, model->state, graph, t->state, t->row, NULL, error);
  if (status) { /* too large for bfloat16 */
    lnspi_block_close(&block);
    return status;
  }
  trainer_start_average(t);
  *out = t;
  return LNSP_OK;
}

int32_t lnspi_trainer_from_file(lnsp_file *file, const char *loss, const char *optimizer,
                                const lnsp_size_options *limits, const lnsp_options *options,
                                lnsp_trainer **out, lnsp_error *error) {
  trainer_recipe recipe;
  lnsp_memory_info memory;
  lnspi_handle stage;
  lnspi_block block;
  lnsp_graph *graph = NULL;
  const lnspi_kernels *k = NULL;
  lnspi_tasks tasks;
  int resume = lnspi_safetensors_metadata(file, "lnsp.trainer") != NULL;
  if (resume && !loss) loss = lnspi_safetensors_metadata(file, "lnsp.loss");
  if (resume && !optimizer) optimizer = lnspi_safetensors_metadata(file, "lnsp.optimizer");
  if (loss && !*loss) loss = NULL;
  if (resume && options->prefix && *options->prefix)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "a state file is resumed as a whole: leave options->prefix empty");
  int32_t status = lnspi_engine_choose_kernels(options->isa, 0, &k, error);
  if (!status) status = lnspi_tasks_open(&tasks, options, limits->tasks, error);
  if (!status) status = lnspi_handle_begin_file(&stage, file, options, error);
  if (status) return status;
  status = trainer_check_type(stage.graph, error);
  if (!status) status = trainer_prepare(stage.graph, loss, optimizer, limits, &recipe, error);
  if (!status) lnspi_graph_set_storage(stage.graph, recipe.rule.weights);
  if (!status) status = trainer_count(&recipe, &memory, error);
  if (status) {
    lnspi_handle_cancel(&stage);
    return status;
  }
  status = lnspi_handle_finish(&stage, memory.total_bytes, options, &block, &graph, error);
  if (status) return status;
  recipe.graph = graph;
  lnsp_trainer *t = trainer_place(&block, graph, k, &tasks, &recipe);
  status = lnspi_load(file, graph, options->prefix, t->state, t->row, error);
  if (!status) trainer_start_average(t);
  if (!status && resume) status = lnspi_checkpoint_load(t, file, error);
  if (!status) status = lnspi_progress_end(&file->progress, error);
  if (!status)
    *out = t;
  else
    lnspi_block_close(&block);
  return status;
}

float *lnspi_trainer_weight(const lnsp_trainer *t, const lnspi_weight *weight) {
  return t->state + weight->at / (int64_t)sizeof(float);
}

uint64_t lnspi_trainer_call_number(const lnsp_trainer *t) {
  return t->step * (uint64_t)t->optim.rule.accumulate + (uint64_t)t->accum.calls;
}
