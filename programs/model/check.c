/* lnsp check: where a model first differs from a case, and kernel sets from
 * each other. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"
#include "data/model.h"
#include "data/tensor.h"
#include "lnsp.h"

static const option options[] = {
    {"--tolerance", "X", "largest relative norm of a difference", OPT_REAL(0),
     OPT_DEFAULT("1e-5")},
    {.name = NULL},
};

typedef struct check_job {
  const args *args;
  lnsp_file *expected;
  lnsp_session *session, *scalar;
  data in;
  double tolerance;
  int compared, bits_compared, bits_differ;
  char first[96];       /* first node or output beyond the tolerance */
  double first_norm;
  char first_bits[96];  /* first node whose bits depend on the kernel set */
  report r;
} check_job;

/* Compares a value with the case's tensor of that name; silent if there is none. */
static int check_value(check_job *job, const char *label, const char *name,
                       const lnsp_tensor *value, int64_t index) {
  lnsp_tensor shape, expected;
  lnsp_error error;
  float *values;
  double norm, difference = 0, square = 0;
  int64_t i;

  if (lnsp_file_tensor(job->expected, name, &shape, &error)) return 0;
  if (tensor_elements(&shape) != tensor_elements(value))
    return refuse(job->args,
                  "tensor %s of the case has %lld elements, the model's has %lld; "
                  "give the case of this model",
                  name, (long long)tensor_elements(&shape), (long long)tensor_elements(value));
  if (tensor_load(job->expected, name, &expected, &values, &error))
    return refuse_error(job->args, job->args->positional[1], &error);
  for (i = 0; i < tensor_elements(value); i++) {
    const double d = (double)((const float *)value->data)[i] - (double)values[i];
    difference += d * d;
    square += (double)values[i] * (double)values[i];
  }
  norm = square > 0 ? sqrt(difference / square) : difference > 0 ? HUGE_VAL : 0;
  free(values);
  job->compared++;
  if (!job->first[0] && !(norm <= job->tolerance)) {
    snprintf(job->first, sizeof job->first, "%s", label);
    job->first_norm = norm;
  }
  if (job->r.json) {
    json_open(NULL, '{');
    json_text("name", label);
    if (index >= 0) json_integer("node", index);
    json_real("relative_norm", norm);
    json_close('}');
  } else {
    printf("%-18s %-9.2e %s\n", label, norm, norm <= job->tolerance ? "ok" : "differs");
  }
  return 0;
}

static int check_run(check_job *job, const lnsp_graph *graph) {
  const lnsp_tensor *input = data_batch(&job->in, lnsp_graph_input_name(graph, NULL));
  lnsp_tensor out[8];
  lnsp_error error;
  int32_t i, count = 0;
  int status = data_read(&job->in, NULL, 0, job->in.rows);

  for (i = 0; !status && i < 8 && i < lnsp_graph_output_count(graph); i++) {
    if (lnsp_graph_output_shape(graph, i, input, &out[i], &error)) {
      status = refuse_error(job->args, NULL, &error);
      break;
    }
    out[i].data = malloc((size_t)tensor_elements(&out[i]) * sizeof(float));
    count++;
    if (!out[i].data) status = refuse_memory(job->args);
  }
  if (!status && (lnsp_session_run(job->scalar, job->in.inputs, job->in.needed_count, out,
                                   count, &error) ||
                  lnsp_session_run(job->session, job->in.inputs, job->in.needed_count, out,
                                   count, &error)))
    status = refuse_error(job->args, job->args->positional[1], &error);
  if (status) return status;
  /* Every node in the graph's order: against the case by its name (the last node of a name
   * that is bound again) or as node.<number>, and bits against scalar. */
  lnsp_tensor value, other, later;
  int32_t j, same_name;
  status = 0;

  for (i = 0; !status && !lnsp_session_node(job->session, i, &value, &error); i++) {
    char label[96], number[32];
    snprintf(number, sizeof number, "node.%ld", (long)i);
    snprintf(label, sizeof label, "%s (%.40s)", number, value.name);
    same_name = 0;
    for (j = i + 1; !lnsp_session_node(job->session, j, &later, &error); j++)
      same_name += !strcmp(later.name, value.name);
    status = check_value(job, label, number, &value, i);
    if (!status && !same_name) status = check_value(job, label, value.name, &value, i);
    if (status || lnsp_session_node(job->scalar, i, &other, &error)) continue;
    job->bits_compared++;
    if (memcmp(value.data, other.data, (size_t)tensor_elements(&value) * sizeof(float))) {
      if (!job->bits_differ++) snprintf(job->first_bits, sizeof job->first_bits, "%s", label);
    }
  }
  for (i = 0; i < count; i++) {
    if (!status) status = check_value(job, out[i].name, out[i].name, &out[i], -1);
    free(out[i].data);
  }
  return status;
}

/* The verdict; status 1 if something differs. */
static int check_report(check_job *job) {
  const report *r = &job->r;
  char text[192];

  if (r->json) json_close(']');
  report_text(r, "isa", "kernels", lnsp_session_isa(job->session));
  report_integer(r, "compared", "compared", job->compared, "tensors with the case");
  report_integer(r, "nodes_compared", "bits compared", job->bits_compared,
                 "nodes with the scalar kernels");
  if (r->json) {
    json_text("first_diverging", job->first[0] ? job->first : NULL);
    json_text("first_other_bits", job->first_bits[0] ? job->first_bits : NULL);
  } else if (job->first[0]) {
    snprintf(text, sizeof text, "%s, relative norm %.3g", job->first, job->first_norm);
    report_text(r, "", "first to diverge", text);
  }
  if (!r->json && job->first_bits[0]) report_text(r, "", "first other bits", job->first_bits);
  if (report_end(r, job->args)) return EXIT_REFUSED;
  if (job->first[0])
    return refuse(job->args, "%s is the first that diverges, relative norm %.3g over %.3g",
                  job->first, job->first_norm, job->tolerance);
  if (job->bits_differ)
    return refuse(job->args, "%s is the first whose bits differ between %s and scalar",
                  job->first_bits, lnsp_session_isa(job->session));
  return EXIT_DONE;
}

static int run(const args *a) {
  check_job job;
  data_spec spec;
  lnsp_model *model = NULL;
  int status;

  memset(&job, 0, sizeof job);
  memset(&spec, 0, sizeof spec);
  job.args = a;
  job.tolerance = args_real(a, "--tolerance");
  status = model_load(a, a->positional[0], &model);
  if (!status) {
    spec.path = a->positional[1];
    status = data_open(&job.in, a, &spec);
  }
  if (status) goto done;
  lnsp_options library = args_run_options(job.args);
  lnsp_size_options limits;
  lnsp_error error;
  status = data_need(&job.in, lnsp_graph_input_name(lnsp_model_graph(model), NULL));

  if (!status) status = data_reserve(&job.in, job.in.rows);
  if (status) goto done;
  limits = model_size_options(job.in.rows, job.in.max_concepts);
  limits.keep_nodes = 1;
  status = lnsp_session_create(model, &limits, &library, &job.session, &error);
  library.isa = "scalar";
  if (!status) status = lnsp_session_create(model, &limits, &library, &job.scalar, &error);
  if (!status) status = lnsp_file_open(job.args->positional[1], NULL, &job.expected, &error);
  status = status ? refuse_error(job.args, job.args->positional[1], &error) : 0;
  if (!status) {
    job.r = report_start(a);
    if (job.r.json) json_open("tensors", '[');
    status = check_run(&job, lnsp_model_graph(model));
    if (!status) status = check_report(&job);
  }
done:
  lnsp_session_destroy(job.session);
  lnsp_session_destroy(job.scalar);
  lnsp_file_destroy(job.expected);
  data_close(&job.in);
  lnsp_model_destroy(model);
  return status;
}

const command command_check = {
    .name = "check",
    .usage = "MODEL CASE",
    .summary = "compare a model with expected values and with the scalar kernels",
    .detail =
        "Runs MODEL on `input` (or `ids`, and `mask`) of the file CASE and compares two "
        "things: each tensor of CASE that has the name of an output (`output`, `teacher`, "
        "`code`), of a node of the graph (`lnsp info --graph MODEL` lists them; if a name is "
        "bound again, the last one) or `node.<number>`; and the bits of every node with those "
        "of the scalar kernels. Exits with status 1 and the name of the first difference if "
        "there is one.",
    .examples = "check model.safetensors case.safetensors\n"
                "check model.safetensors case.safetensors --tolerance 1e-4 --isa scalar",
    .options = options,
    .low = 2,
    .high = 2,
    .run = run,
};
