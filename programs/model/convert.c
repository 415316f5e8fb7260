/* lnsp convert: a model stored in another type. */
#include <math.h>
#include <stdlib.h>

#include "cli/args.h"
#include "cli/memory.h"
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
static double convert_loss(const lnsp_model *from, const lnsp_model *to,
                           const lnsp_tensor *tensor) {
  const int64_t count = tensor_elements(tensor);
  float *a = memory_new(count, sizeof *a), *b = memory_new(count, sizeof *b);
  double most = 0, worst = 0;
  lnsp_error error;
  int64_t i;

  refuse_if(lnsp_model_tensor_read(from, tensor->name, a, count, &error), NULL, &error);
  refuse_if(lnsp_model_tensor_read(to, tensor->name, b, count, &error), NULL, &error);
  for (i = 0; i < count; i++) {
    most = fmax(most, fabs((double)a[i]));
    worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
  }
  free(a);
  free(b);
  return most > 0 ? worst / most : 0;
}

static int64_t convert_bytes(const lnsp_model *model) {
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  return lnsp_model_measure(lnsp_model_graph(model), &memory, NULL)
             ? -1
             : (int64_t)memory.weight_bytes;
}

static const char *convert_type(const lnsp_model *model) {
  return lnsp_dtype_name(lnsp_graph_storage(lnsp_model_graph(model)));
}

static void run(const args *a) {
  const char *path = args_value(a, "-o");
  lnsp_model *from = model_load(a, a->positional[0]), *to = NULL;
  uint8_t hash[LNSP_HASH_BYTES];
  lnsp_tensor tensor;
  lnsp_error error;
  double worst = 0;
  int32_t i;

  refuse_if(lnsp_model_convert(from, args_type(a), NULL, &to, &error), a->positional[0],
            &error);
  refuse_if(lnsp_model_save(to, path, 0, &error), path, &error);
  refuse_if(lnsp_model_hash(to, hash, &error), path, &error);
  report_start(a);
  report_text("from", "from", convert_type(from));
  report_text("to", "to", convert_type(to));
  report_integer("bytes_before", "weights before", convert_bytes(from), "bytes");
  report_integer("bytes_after", "weights after", convert_bytes(to), "bytes");
  /* One line for each tensor that is stored in another type. */
  json_open("tensors", '[');
  for (i = 0; !lnsp_graph_tensor_at(lnsp_model_graph(to), i, &tensor, NULL); i++) {
    const double loss = convert_loss(from, to, &tensor);
    worst = fmax(worst, loss);
    json_open(NULL, '{');
    json_text("name", tensor.name);
    json_real("error", loss);
    json_close('}');
    if (loss > 0) report_print("  %-48s %-5s %.2e\n", tensor.name, convert_type(to), loss);
  }
  json_close(']');
  json_real("worst_error", worst);
  report_line("worst error", "%.2e of a tensor's largest value", worst);
  report_hash("hash", "hash", hash);
  report_text("file", "written", path);
  report_end();
  lnsp_model_destroy(from);
  lnsp_model_destroy(to);
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
