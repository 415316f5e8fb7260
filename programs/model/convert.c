/* lnsp convert: a model stored in another type. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/model.h"
#include "data/tensor.h"
#include "lnsp.h"

static const option options[] = {
    {"--type", "T", "how the matrices are stored", OPT_TYPE, OPT_REQUIRED},
    {"-o", "FILE", "model to write", OPT_OUTPUT, OPT_REQUIRED},
    {.name = NULL},
};

/* What a tensor lost: its largest difference over its largest value. */
static int convert_loss(const lnsp_model *from, const lnsp_model *to, const lnsp_tensor *tensor,
                        double *loss, lnsp_error *error) {
  const int64_t count = tensor_elements(tensor);
  float *a = malloc((size_t)(count ? count : 1) * sizeof *a);
  float *b = malloc((size_t)(count ? count : 1) * sizeof *b);
  double most = 0, worst = 0;
  int status = EXIT_REFUSED;
  int64_t i;

  if (!a || !b) {
    error->code = LNSP_E_MEMORY;
    snprintf(error->message, sizeof error->message, "not enough memory for tensor %s",
             tensor->name);
  } else if (!lnsp_model_tensor_read(from, tensor->name, a, count, error) &&
             !lnsp_model_tensor_read(to, tensor->name, b, count, error)) {
    for (i = 0; i < count; i++) {
      most = fmax(most, fabs((double)a[i]));
      worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    }
    *loss = most > 0 ? worst / most : 0;
    status = 0;
  }
  free(a);
  free(b);
  return status;
}

static int64_t convert_bytes(const lnsp_model *model) {
  lnsp_memory_info memory;
  memset(&memory, 0, sizeof memory);
  memory.struct_size = sizeof memory;
  return lnsp_model_measure(lnsp_model_graph(model), &memory, NULL)
             ? -1
             : (int64_t)memory.weight_bytes;
}

static int run(const args *a) {
  lnsp_model *from = NULL, *to = NULL;
  lnsp_error error;
  const char *path = args_value(a, "-o");
  int status = model_load(a, a->positional[0], &from);

  if (status) goto done;
  if (lnsp_model_convert(from, args_type(a), NULL, &to, &error))
    status = refuse_error(a, a->positional[0], &error);
  if (status) goto done;
  if (lnsp_model_save(to, path, 0, &error)) status = refuse_error(a, path, &error);
  if (status) goto done;
  uint8_t hash[LNSP_HASH_BYTES];
  const report r = report_start(a);
  report_text(&r, "from", "from", lnsp_dtype_name(lnsp_graph_storage(lnsp_model_graph(from))));
  report_text(&r, "to", "to", lnsp_dtype_name(lnsp_graph_storage(lnsp_model_graph(to))));
  report_integer(&r, "bytes_before", "weights before", convert_bytes(from), "bytes");
  report_integer(&r, "bytes_after", "weights after", convert_bytes(to), "bytes");
  /* One line for each tensor that is stored in another type. */
  const lnsp_graph *graph = lnsp_model_graph(to);
  const char *type = lnsp_dtype_name(lnsp_graph_storage(graph));
  lnsp_tensor tensor;
  double worst = 0;
  int32_t i;

  if (r.json) json_open("tensors", '[');
  for (i = 0; i < lnsp_graph_tensor_count(graph); i++) {
    double loss = 0;
    if (lnsp_graph_tensor_at(graph, i, &tensor, &error) ||
        convert_loss(from, to, &tensor, &loss, &error)) {
      status = refuse_error(a, NULL, &error);
      goto done;
    }
    worst = fmax(worst, loss);
    if (r.json) {
      json_open(NULL, '{');
      json_text("name", tensor.name);
      json_real("error", loss);
      json_close('}');
    } else if (loss > 0) {
      printf("  %-48s %-5s %.2e\n", tensor.name, type, loss);
    }
  }
  if (r.json) {
    json_close(']');
    json_real("worst_error", worst);
  } else {
    printf("%-18s %.2e of a tensor's largest value\n", "worst error", worst);
  }
  status = 0;
  if (lnsp_model_hash(to, hash, &error)) status = refuse_error(a, path, &error);
  if (status) goto done;
  report_hash(&r, "hash", "hash", hash);
  report_text(&r, "file", "written", path);
  status = report_end(&r, a);
done:
  lnsp_model_destroy(from);
  lnsp_model_destroy(to);
  return status;
}

const command command_convert = {
    .name = "convert",
    .usage = "MODEL --type T -o FILE",
    .summary = "store a model in another type",
    .detail =
        "Stores the matrices as float32, float16, bfloat16 (rounded to nearest) or int8 with "
        "a scale per row. A model runs in the type that its file has: half the bytes, and "
        "nearly half the time for one vector. Biases and norms stay float32. float16 and "
        "bfloat16 compute exactly what the float32 model of the rounded weights computes; "
        "int8 quantizes each input too, and can only run. Prints for each tensor its largest "
        "difference over its largest value.",
    .examples = "convert model.safetensors --type bf16 -o half.safetensors\n"
                "convert model.safetensors --type int8 -o small.safetensors",
    .options = options,
    .low = 1,
    .high = 1,
    .run = run,
};
