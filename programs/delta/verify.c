/* lnsp delta verify: does this recipe, on these data, lead from the base to what a delta
 * promises? The same training gives the same bits everywhere, so equal hashes prove it. */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/delta.h"
#include "data/model.h"
#include "train/train.h"
#include "lnsp.h"

typedef struct proof {
  lnsp_model *base, *trained;
  lnsp_delta *delta, *again;
  lnsp_delta_info promised, found;
} proof;

static const option options[] = {
    {.also = train_recipe},
    {"--only", "PATTERN", "the tensors that D was made of, as given to `lnsp delta make`",
     OPT_TEXT},
    {.name = NULL},
};

static lnsp_delta_info verify_facts(const lnsp_delta *delta, const char *path) {
  lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;
  lnsp_error error;
  refuse_if(lnsp_delta_get_info(delta, &facts, &error), path, &error);
  return facts;
}

/* The delta, and the base that it is of, before any long work. */
static void verify_open(const args *a, proof *p) {
  const char *base = a->positional[0], *delta = a->positional[1];
  uint8_t hash[LNSP_HASH_BYTES];
  lnsp_error error;

  p->base = model_load(a, base);
  p->delta = delta_load(delta);
  p->promised = verify_facts(p->delta, delta);
  if (p->promised.stage_count > 1)
    refuse("'%s' was merged from %d deltas: verify each of them with its own base", delta,
           (int)p->promised.stage_count);
  refuse_if(lnsp_model_hash(p->base, hash, &error), base, &error);
  if (memcmp(hash, p->promised.base_hash, sizeof hash))
    refuse("'%s' is not the model that '%s' was made from: give that version as BASE", base,
           delta);
}

static void run(const args *a) {
  args recipe = *a;
  lnsp_error error;
  train_job job;
  proof p;
  char *codec;
  int same;

  memset(&job, 0, sizeof job);
  memset(&p, 0, sizeof p);
  verify_open(a, &p);
  recipe.positional[1] = a->positional[2]; /* as train has them: BASE DATA */
  recipe.positional_count--;
  job.args = &recipe;
  train_prepare(&job);
  train_loop(&job);
  if (job.interrupted)
    refuse("interrupted after %lld steps, so nothing is proved: run it again to the end",
           (long long)job.done);
  /* The training's result, written down as the delta was. */
  codec = delta_codec(a, p.promised.codec);
  refuse_if(lnsp_trainer_publish(job.trainer, job.average, NULL, &p.trained, &error), NULL,
            &error);
  if (lnsp_delta_create(p.base, p.trained, codec, NULL, &p.again, &error))
    refuse_error(error.line ? "--only" : a->positional[1], &error);
  p.found = verify_facts(p.again, a->positional[1]);
  same = !memcmp(p.promised.result_hash, p.found.result_hash, LNSP_HASH_BYTES);
  report_start(a);
  report_text("proved", "proved",
              same ? "yes: base, data and recipe give the delta's result, to the bit"
                   : "no: base, data and recipe give another result");
  report_text("codec", "codec", p.promised.codec);
  report_integer("steps", "steps", job.done, "");
  report_hash("promised_hash", "the delta's result", p.promised.result_hash);
  report_hash("result_hash", "this result", p.found.result_hash);
  report_end();
  if (!same)
    refuse("training did not lead to the result of '%s': use the sender's data, options and "
           "order of rows; if these are right, the delta is not what its sender says",
           a->positional[1]);
  free(codec);
  train_close(&job);
  lnsp_delta_destroy(p.again);
  lnsp_delta_destroy(p.delta);
  lnsp_model_destroy(p.trained);
  lnsp_model_destroy(p.base);
}

const command command_verify = {
    .name = "delta verify",
    .usage = "BASE D [DATA] [option ...]",
    .summary = "prove a delta: train again and compare the result",
    .detail =
        "Proves that D comes from training BASE with the given options and DATA, which "
        "are those of `lnsp train`. Trains BASE again, makes the delta again, and "
        "compares the hash of its result with the one in D. Training gives the same bits "
        "on every CPU, so equal hashes are a proof; where they differ, the exit status is "
        "1. If D was made with --only, give it here, too. A delta from a trainer that "
        "continued from a state, or that kept a residual of earlier deltas, depends on "
        "these and cannot be proved from BASE alone.",
    .examples =
        "delta verify base.st delta.st data.st --steps 100 --shuffle --seed 7\n"
        "delta verify base.st delta.st --input v.st:vectors --rows v.st:rows --loss cosine "
        "--epochs 2",
    .options = options,
    .low = 2,
    .high = 3,
    .run = run,
};
