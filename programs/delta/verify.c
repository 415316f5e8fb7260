/* lnsp delta verify: does this recipe, on these data, lead from the base to what a delta
 * promises? The same training gives the same bits everywhere, so equal hashes prove it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
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
    {"--only", "PATTERN", "tensors that D was made of, as given to delta make --only",
     OPT_TEXT},
    {.name = NULL},
};

static int32_t verify_facts(const lnsp_delta *delta, lnsp_delta_info *facts,
                            lnsp_error *error) {
  memset(facts, 0, sizeof *facts);
  facts->struct_size = sizeof *facts;
  return lnsp_delta_get_info(delta, facts, error);
}

/* The delta, and the base that it is of, before any long work. */
static int verify_open(const args *a, proof *p) {
  uint8_t hash[LNSP_HASH_BYTES];
  lnsp_error error;
  int status = model_load(a, a->positional[0], &p->base);

  if (status) return status;
  if (lnsp_delta_open(a->positional[1], NULL, &p->delta, &error) ||
      verify_facts(p->delta, &p->promised, &error))
    return refuse_error(a, a->positional[1], &error);
  if (p->promised.stage_count > 1)
    return refuse(a, "%s was merged from %d deltas: prove each of them on its own base",
                  a->positional[1], (int)p->promised.stage_count);
  if (lnsp_model_hash(p->base, hash, &error)) return refuse_error(a, a->positional[0], &error);
  if (memcmp(hash, p->promised.base_hash, sizeof hash))
    return refuse(a,
                  "%s is not the base of %s: its hash is another one than the delta was made "
                  "from; give that version",
                  a->positional[0], a->positional[1]);
  return 0;
}

static int verify_report(const args *a, const proof *p, const train_job *job) {
  const int same = !memcmp(p->promised.result_hash, p->found.result_hash, LNSP_HASH_BYTES);
  report r = report_start(a);
  int status;

  report_text(&r, "proved", "proved",
              same ? "yes: base, data and recipe give the delta's result, to the bit"
                   : "no: base, data and recipe give another result");
  report_text(&r, "codec", "codec", p->promised.codec);
  report_integer(&r, "steps", "steps", job->done, "");
  report_hash(&r, "promised_hash", "the delta's result", p->promised.result_hash);
  report_hash(&r, "result_hash", "this result", p->found.result_hash);
  status = report_end(&r, a);
  if (status || same) return status;
  return refuse(a,
                "the recipe does not lead to the result of %s: other data, options or order "
                "of rows, or the delta is not what its sender says",
                a->positional[1]);
}

static int run(const args *a) {
  args recipe = *a;
  train_job job;
  proof p;
  int status;

  memset(&job, 0, sizeof job);
  memset(&p, 0, sizeof p);
  status = verify_open(a, &p);
  recipe.positional[1] = a->positional[2]; /* as train has them: BASE DATA */
  recipe.positional_count--;
  job.args = &recipe;
  if (!status) status = train_prepare(&job);
  if (!status) status = train_loop(&job);
  if (!status && job.interrupted)
    status = refuse(a, "interrupted after %lld steps: nothing is proved", (long long)job.done);
  if (status) goto done;
  /* The training's result, written down as the delta was. */
  const char *only = args_value(a, "--only");
  const size_t bytes = strlen(p.promised.codec) + (only ? strlen(only) : 0) + 8;
  char *codec = malloc(bytes);
  lnsp_error error;
  status = 0;

  if (!codec) {
    status = refuse_memory(a);
    goto done;
  }
  snprintf(codec, bytes, "%s%s%s", p.promised.codec, only ? " only=" : "", only ? only : "");
  if (lnsp_trainer_publish(job.trainer, job.average, NULL, &p.trained, &error) ||
      lnsp_delta_create(p.base, p.trained, codec, NULL, &p.again, &error) ||
      verify_facts(p.again, &p.found, &error))
    status = refuse_error(a, error.line ? "--only" : a->positional[1], &error);
  free(codec);
  if (status) goto done;
  status = verify_report(a, &p, &job);
done:
  train_close(&job);
  lnsp_delta_destroy(p.again);
  lnsp_delta_destroy(p.delta);
  lnsp_model_destroy(p.trained);
  lnsp_model_destroy(p.base);
  return status;
}

const command command_verify = {
    .name = "delta verify",
    .usage = "BASE D [DATA] [option ...]",
    .summary = "prove a delta: train again and compare the result",
    .detail =
        "Trains BASE with the recipe that D is said to come from (the options and data of "
        "`lnsp train`), and compares the hash of the result with the one in D. A lossy delta "
        "is encoded again first; a delta of some tensors needs the --only that it was made "
        "with. Training gives the same bits on every CPU, so \"yes\" is a proof. Exits with "
        "status 1 where they differ. A delta of a trainer that kept a residual or a state "
        "depends on these too.",
    .examples =
        "delta verify base.st delta.st data.st --steps 100 --shuffle --seed 7\n"
        "delta verify base.st delta.st --input v.st:vectors --rows v.st:rows --loss cosine "
        "--epochs 2",
    .options = options,
    .low = 2,
    .high = 3,
    .run = run,
};
