/* Whole processes: how long `lnsp run` takes from its start to its output, how much
 * memory `lnsp train` needs, and how much training during a running session, which then
 * takes the new weights over. All of them with the student SN727. */
#define _DEFAULT_SOURCE /* wait4, mkdtemp */

#include "process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "limits.h"
#include "lnsp.h"

#define PROCESS_WIDTH 384
#define PROCESS_ROWS 64
#define PROCESS_STEPS 200
#define PROCESS_STARTS 41

static const char process_f32[] = "adamw lr=1e-4";
static const char process_8bit[] = "adamw lr=1e-4 moments=8bit";

typedef struct process_files {
  char folder[128], model[160], row[160], rows[160], out[160];
} process_files;

static int process_say(const char *what, const lnsp_error *error) {
  fprintf(stderr, "lnsp-bench: %s%s%s\n", what, error ? ": " : "", error ? error->message : "");
  return 1;
}

/* ---- files ---- */

static int32_t process_write_rows(const char *path, int64_t rows, lnsp_error *error) {
  static float values[PROCESS_ROWS * PROCESS_WIDTH];
  const size_t bytes = (size_t)rows * PROCESS_WIDTH * sizeof values[0];
  lnsp_tensor tensors[2];
  lnsp_writer *writer = NULL;
  int32_t status;
  int64_t i;

  for (i = 0; i < rows * PROCESS_WIDTH; i++) values[i] = (float)(i * 7919 % 1009) / 504.f - 1.f;
  tensors[0] = lnsp_tensor_f32("input", values, 2, rows, PROCESS_WIDTH, 0);
  tensors[1] = lnsp_tensor_f32("target", values, 2, rows, PROCESS_WIDTH, 0);
  status = lnsp_writer_create(path, tensors, 2, NULL, 0, NULL, &writer, error);
  if (!status) status = lnsp_writer_write(writer, values, bytes, error);
  if (!status) status = lnsp_writer_write(writer, values, bytes, error);
  if (!status) status = lnsp_writer_close(writer, error);
  lnsp_writer_destroy(writer);
  return status;
}

/* In a process of its own: what forks later must be small, because a child's peak begins
 * with its parent's size. */
static int process_write_files(const process_files *files) {
  lnsp_error error;
  lnsp_model *model = NULL;
  int32_t status = lnsp_model_create("student", 1, NULL, &model, &error);

  if (!status) status = lnsp_model_save(model, files->model, LNSP_F32, &error);
  lnsp_model_destroy(model);
  if (!status) status = process_write_rows(files->row, 1, &error);
  if (!status) status = process_write_rows(files->rows, PROCESS_ROWS, &error);
  return status ? process_say("the files could not be written", &error) : 0;
}

static void process_remove_files(const process_files *files) {
  remove(files->model);
  remove(files->row);
  remove(files->rows);
  remove(files->out);
  rmdir(files->folder);
}

/* ---- processes ---- */

static int process_wait(pid_t child, int64_t *kb) {
  struct rusage usage;
  int status;
  if (child < 0 || wait4(child, &status, 0, &usage) < 0) return -1;
  if (kb) *kb = usage.ru_maxrss;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Starts a program and waits for its end; its status, the seconds, its peak. */
static int process_start(char *const argv[], double *seconds, int64_t *kb) {
  const double start = limits_clock();
  const pid_t child = fork();
  int status;
  if (child == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
    execv(argv[0], argv);
    _exit(127);
  }
  status = process_wait(child, kb);
  *seconds = limits_clock() - start;
  return status;
}

static int process_compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static int process_row(const char *what, char *const argv[], int times) {
  double seconds[PROCESS_STARTS] = {0};
  int64_t kb = 0, most = 0;
  int i;
  for (i = 0; i < times; i++) {
    if (process_start(argv, &seconds[i], &kb)) {
      fprintf(stderr,
              "lnsp-bench: %s %s failed: --process takes the path of the lnsp program\n",
              argv[0], argv[1]);
      return 1;
    }
    most = kb > most ? kb : most;
  }
  qsort(seconds, (size_t)times, sizeof seconds[0], process_compare);
  printf("%-32s %9.2f %9.2f %8lld\n", what, 1e3 * seconds[0], 1e3 * seconds[times / 2],
         (long long)most);
  fflush(stdout);
  return 0;
}

/* ---- training in this process while a session runs, then publish ---- */

static int32_t process_publish(const char *path, const char *optimizer, lnsp_error *error) {
  static float x[PROCESS_WIDTH], y[PROCESS_WIDTH];
  lnsp_tensor in[2], out;
  lnsp_file *file = NULL;
  lnsp_model *model = NULL, *next = NULL;
  lnsp_session *session = NULL;
  lnsp_trainer *trainer = NULL;
  int32_t status, i;

  for (i = 0; i < PROCESS_WIDTH; i++) x[i] = (float)(i % 7 - 3);
  in[0] = lnsp_tensor_f32("input", x, 2, 1, PROCESS_WIDTH, 0);
  in[1] = lnsp_tensor_f32("target", x, 2, 1, PROCESS_WIDTH, 0);
  out = lnsp_tensor_f32("output", y, 2, 1, PROCESS_WIDTH, 0);
  status = lnsp_file_open(path, NULL, &file, error);
  if (!status) status = lnsp_model_open_file(file, NULL, &model, error);
  if (!status) status = lnsp_session_create(model, NULL, NULL, &session, error);
  if (!status)
    status = lnsp_trainer_open_file(file, "mse", optimizer, NULL, NULL, &trainer, error);
  lnsp_file_destroy(file);
  for (i = 0; i < PROCESS_STEPS && !status; i++) {
    status = lnsp_trainer_step(trainer, in, 2, NULL, error);
    if (!status) status = lnsp_session_run(session, in, 1, &out, 1, error);
  }
  if (!status) status = lnsp_trainer_publish(trainer, 0, NULL, &next, error);
  if (!status) status = lnsp_session_rebind(session, next, error);
  if (!status) status = lnsp_session_run(session, in, 1, &out, 1, error);
  lnsp_model_destroy(model);
  lnsp_model_destroy(next);
  lnsp_session_destroy(session);
  lnsp_trainer_destroy(trainer);
  return status;
}

static int process_publish_row(const char *what, const char *path, const char *optimizer) {
  const double start = limits_clock();
  const pid_t child = fork();
  int64_t kb = 0;
  if (child == 0) {
    lnsp_error error;
    if (!process_publish(path, optimizer, &error)) _exit(0);
    process_say("publishing failed", &error);
    _exit(1);
  }
  if (process_wait(child, &kb)) return 1;
  printf("%-32s %9.2f %9s %8lld\n", what, 1e3 * (limits_clock() - start), "-", (long long)kb);
  return 0;
}

/* ---- all of it ---- */

static int process_rows(const char *lnsp, const process_files *files) {
  char *const run[] =
      {(char *)lnsp,       "run", (char *)files->model, (char *)files->row, "-o",
       (char *)files->out, NULL};
  char *train[] = {(char *)lnsp,
                   "train",
                   (char *)files->model,
                   (char *)files->rows,
                   "-o",
                   (char *)files->out,
                   "--batch",
                   "1",
                   "--steps",
                   "200",
                   "--optimizer",
                   (char *)process_f32,
                   NULL};
  char *small[sizeof train / sizeof *train];

  memcpy(small, train, sizeof train);
  small[11] = (char *)process_8bit;
  printf("# %-30s %9s %9s %8s\n", "process, SN727", "ms_min", "ms_median", "rss_kb");
  return process_row("lnsp run, one vector", run, PROCESS_STARTS) ||
         process_row("lnsp train, 200 steps of 1 row", train, 5) ||
         process_row("the same, moments=8bit", small, 5) ||
         process_publish_row("train during a session, publish", files->model, process_f32) ||
         process_publish_row("the same, moments=8bit", files->model, process_8bit);
}

int process_print(const char *lnsp) {
  const char *base = getenv("TMPDIR");
  process_files files;
  pid_t child;
  int status;

  snprintf(files.folder, sizeof files.folder, "%.100s/lnsp-bench.XXXXXX", base ? base : "/tmp");
  if (!mkdtemp(files.folder))
    return process_say("there is no room for temporary files in TMPDIR", NULL);
  snprintf(files.model, sizeof files.model, "%s/model.safetensors", files.folder);
  snprintf(files.row, sizeof files.row, "%s/row.safetensors", files.folder);
  snprintf(files.rows, sizeof files.rows, "%s/rows.safetensors", files.folder);
  snprintf(files.out, sizeof files.out, "%s/out.safetensors", files.folder);
  child = fork();
  if (child == 0) _exit(process_write_files(&files));
  status = process_wait(child, NULL);
  if (!status) status = process_rows(lnsp, &files);
  process_remove_files(&files);
  return status ? 1 : 0;
}
