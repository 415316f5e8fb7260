/* `lnsp train` with privacy: the key of the noise, and rows drawn at random. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "train/train.h"
#include "lnsp.h"

/* Bytes of a file, or of the system's generator. */
static void poisson_bytes(const char *path, void *to, size_t bytes) {
  const char *from = path ? path : "/dev/urandom";
  FILE *file = fopen(from, "rb");
  size_t got = file ? fread(to, 1, bytes, file) : 0;

  if (file) fclose(file);
  if (got != bytes)
    refuse(
        path ? "--noise-key '%s' does not have %d bytes: name a file of that many secret bytes"
             : "%s, the system's generator, does not give %d random bytes: give --seed and "
               "--noise-key",
        from, (int)bytes);
}

void train_poisson_key(train_job *job) {
  const char *path = args_value(job->args, "--noise-key");
  uint8_t key[LNSP_NOISE_KEY_BYTES] = {0};
  lnsp_error error;

  if (lnsp_trainer_set_noise_key(job->trainer, key, &error)) { /* it adds no noise */
    if (path) refuse_error(path, &error);
    return;
  }
  poisson_bytes(path, key, sizeof key);
  refuse_if(lnsp_trainer_set_noise_key(job->trainer, key, &error), path, &error);
  memset(key, 0, sizeof key);
}

/* With --poisson, rows of a step at most: more come once in 10^12 steps, and are left
 * out then. */
void train_poisson_plan(train_job *job) {
  const args *a = job->args;

  job->room = job->batch;
  if (!args_given(a, "--poisson")) return;
  if (job->batch < 32)
    refuse_usage(
        "--poisson needs --batch 32 or more: with fewer, a step can be without any row");
  job->share = (double)job->batch / (double)job->d.max_rows;
  job->room = job->batch + (int64_t)(8 * sqrt((double)job->batch)) + 8;
  if (job->room > job->d.max_rows) job->room = job->d.max_rows;
  if (!args_given(a, "--seed")) poisson_bytes(NULL, &job->seed, sizeof job->seed);
}
