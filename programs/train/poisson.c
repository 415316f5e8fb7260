/* `lnsp train` with privacy: the key of the noise, and rows drawn by chance. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "train/train.h"
#include "lnsp.h"

/* Bytes of a file, or of the system's generator. */
static int poisson_bytes(const train_job *job, const char *path, void *to, size_t bytes) {
  const char *from = path ? path : "/dev/urandom";
  FILE *file = fopen(from, "rb");
  size_t got = file ? fread(to, 1, bytes, file) : 0;

  if (file) fclose(file);
  if (got == bytes) return 0;
  return refuse(job->args,
                path ? "--noise-key %s does not have %d bytes"
                     : "%s, the system's generator, does not give %d random bytes",
                from, (int)bytes);
}

int train_poisson_key(train_job *job) {
  const char *path = args_value(job->args, "--noise-key");
  uint8_t key[LNSP_NOISE_KEY_BYTES] = {0};
  lnsp_error error;
  int status;

  if (lnsp_trainer_set_noise_key(job->trainer, key, &error)) /* it adds no noise */
    return path ? refuse_error(job->args, path, &error) : 0;
  status = poisson_bytes(job, path, key, sizeof key);
  if (!status && lnsp_trainer_set_noise_key(job->trainer, key, &error))
    status = refuse_error(job->args, path, &error);
  memset(key, 0, sizeof key);
  return status;
}

/* With --poisson, rows of a step at most: more come once in 10^12 steps, and are left
 * out then. */
int train_poisson_plan(train_job *job) {
  const args *a = job->args;

  job->room = job->batch;
  if (!args_value(a, "--poisson")) return 0;
  if (job->batch < 32)
    return refuse_usage(a,
                        "--poisson needs --batch 32 or more: with fewer, a step can be without "
                        "any row");
  job->share = (double)job->batch / (double)job->d.max_rows;
  job->room = job->batch + (int64_t)(8 * sqrt((double)job->batch)) + 8;
  if (job->room > job->d.max_rows) job->room = job->d.max_rows;
  return args_value(a, "--seed") ? 0 : poisson_bytes(job, NULL, &job->seed, sizeof job->seed);
}
