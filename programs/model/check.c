/* lnsp check: where a model first differs from a case, and kernel sets from
 * each other. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"
#include "data/model.h"
#include "data/tensor.h"
#include "lnsp.h"

static const option options[] = {
    {"--tolerance", "X",
     "largest difference that passes, relative to the norm of the expected tensor", OPT_REAL(0),
     OPT_DEFAULT("1e-5")},
    {.name = NULL},
};

#define CHECK_OUTPUTS 8

typedef struct check_job {
  lnsp_file *expected;
  const char *path; /* of the case */
  lnsp_session *session, *scalar;
  data in;
  double tolerance;
  int compared, bits_compared, bits_differ;
  char first[96];       /* first node or output beyond the tolerance */
  double first_norm;
  char first_bits[96];  /* first node whose bits depend on the kernel set */
} check_job;

/* Compares a value with the case's tensor of that name; silent if there is none. */
static void check_value(check_job *job, const char *label, const char *name,
                        const lnsp_tensor *value, int64_t index) {
  const float *got = value->data, *wanted;
  double norm, difference = 0, square = 0;
  lnsp_tensor expected;
  int64_t i;

  if (lnsp_file_tensor(job->expected, name, &expected, NULL)) return;
  if (tensor_elements(&expected) != tensor_elements(value))
    refuse("tensor '%s' of '%s' has %lld elements, the model's has %lld: give the case of this "
           "model",
           name, job->path, (long long)tensor_elements(&expected),
           (long long)tensor_elements(value));
  expected = tensor_load(job->expected, job->path, name);
  wanted = expected.data;
  for (i = 0; i < tensor_elements(value); i++) {
    const double d = (double)got[i] - (double)wanted[i];
    difference += d * d;
    square += (double)wanted[i] * (double)wanted[i];
  }
  norm = square > 0 ? sqrt(difference / square) : difference > 0 ? HUGE_VAL : 0;
  free(expected.data);
  job->compared++;
  if (!job->first[0] && !(norm <= job->tolerance)) {
    snprintf(job->first, sizeof job->first, "%s", label);
    job->first_norm = norm;
  }
  json_open(NULL, '{');
  json_text("name", label);
  if (index >= 0) json_integer("node", index);
  json_real("relative_norm", norm);
  json_close('}');
  report_print("%-18s %-9.2e %s\n", label, norm, norm <= job->tolerance ? "ok" : "differs");
}

static void check_run(check_job *job, const lnsp_graph *graph) {
  const lnsp_tensor *input = data_batch(&job->in, lnsp_graph_input_name(graph, NULL));
  lnsp_session *const sessions[] = {job->scalar, job->session};
  lnsp_tensor out[CHECK_OUTPUTS], value, other, later;
  lnsp_error error;
  int32_t i, j, same_name, count = lnsp_graph_output_count(graph);

  if (count > CHECK_OUTPUTS) count = CHECK_OUTPUTS;
  data_read(&job->in, NULL, 0, job->in.rows);
  for (i = 0; i < count; i++) {
    refuse_if(lnsp_graph_output_shape(graph, i, input, &out[i], &error), NULL, &error);
    out[i].data = memory_new(tensor_elements(&out[i]), sizeof(float));
  }
  for (i = 0; i < 2; i++)
    refuse_if(lnsp_session_run(sessions[i], job->in.inputs, job->in.needed_count, out, count,
                               &error),
              job->path, &error);
/* Every node in the graph's order: against the case by its name (the last node of a name
 * that is bound again) or as node.<number>, and bits against scalar. */
  for (i = 0; !lnsp_session_node(job->session, i, &value, NULL); i++) {
    char label[96], number[32];
    snprintf(number, sizeof number, "node.%ld", (long)i);
    snprintf(label, sizeof label, "%s (%.40s)", number, value.name);
    same_name = 0;
    for (j = i + 1; !lnsp_session_node(job->session, j, &later, NULL); j++)
      same_name += !strcmp(later.name, value.name);
    check_value(job, label, number, &value, i);
    if (!same_name) check_value(job, label, value.name, &value, i);
    if (lnsp_session_node(job->scalar, i, &other, NULL)) continue;
    job->bits_compared++;
    if (memcmp(value.data, other.data, (size_t)tensor_elements(&value) * sizeof(float)) &&
        !job->bits_differ++)
      snprintf(job->first_bits, sizeof job->first_bits, "%s", label);
  }
  for (i = 0; i < count; i++) {
    check_value(job, out[i].name, out[i].name, &out[i], -1);
    free(out[i].data);
  }
}

/* The verdict; refuses if something differs. */
static void check_report(check_job *job) {
  json_close(']');
  report_text("isa", "kernels", lnsp_session_isa(job->session));
  report_integer("compared", "compared", job->compared, "tensors with the case");
  report_integer("nodes_compared", "bits compared", job->bits_compared,
                 "nodes with the scalar kernels");
  json_text("first_diverging", job->first[0] ? job->first : NULL);
  json_text("first_other_bits", job->first_bits[0] ? job->first_bits : NULL);
  if (job->first[0])
    report_line("first to diverge", "%s, relative norm %.3g", job->first, job->first_norm);
  if (job->first_bits[0]) report_line("first other bits", "%s", job->first_bits);
  report_end();
  if (job->first[0])
    refuse("%s is the first value that differs from '%s': its relative norm is %.3g, more than "
           "--tolerance %g",
           job->first, job->path, job->first_norm, job->tolerance);
  if (job->bits_differ)
    refuse("%s is the first value whose bits differ between the kernels %s and scalar: please "
           "report this",
           job->first_bits, lnsp_session_isa(job->session));
}

static void run(const args *a) {
  const data_spec spec = {a->positional[1], NULL, NULL, NULL, NULL, 0};
  lnsp_model *model = model_load(a, a->positional[0]);
  lnsp_options library = args_run_options(a);
  lnsp_size_options limits;
  lnsp_error error;
  check_job job;

  memset(&job, 0, sizeof job);
  job.path = a->positional[1];
  job.tolerance = args_real(a, "--tolerance");
  data_open(&job.in, a, &spec);
  data_need(&job.in, lnsp_graph_input_name(lnsp_model_graph(model), NULL));
  data_reserve(&job.in, job.in.rows);
  limits = model_size_options(job.in.rows, job.in.max_concepts);
  limits.keep_nodes = 1;
  job.expected = data_file(&job.in, job.path, strlen(job.path));
  refuse_if(lnsp_session_create(model, &limits, &library, &job.session, &error), job.path,
            &error);
  library.isa = "scalar";
  refuse_if(lnsp_session_create(model, &limits, &library, &job.scalar, &error), job.path,
            &error);
  report_start(a);
  json_open("tensors", '[');
  check_run(&job, lnsp_model_graph(model));
  check_report(&job);
  lnsp_session_destroy(job.session);
  lnsp_session_destroy(job.scalar);
  data_close(&job.in);
  lnsp_model_destroy(model);
}

const command command_check = {
    .name = "check",
    .usage = "MODEL CASE",
    .summary = "compare a model with expected values and with the scalar kernels",
    .detail =
        "Compares MODEL with expected values, for example those that PyTorch computed. "
        "CASE is a file with `input` (or `ids`, and `mask`), on which MODEL is run, and "
        "with tensors that have the name of an output (`output`, `teacher`, `code`) or of "
        "a node of the network; `lnsp info --graph MODEL` lists the nodes. A node can "
        "also be called `node.3`, counted from 0; if two nodes have the same name, the "
        "last of them is compared. The bits of every node are compared with those of the "
        "scalar kernels, too. If anything differs, the message names the first value that "
        "does, and the exit status is 1.",
    .examples = "check model.safetensors case.safetensors\n"
                "check model.safetensors case.safetensors --tolerance 1e-4 --isa scalar",
    .options = options,
    .low = 2,
    .high = 2,
    .run = run,
};
