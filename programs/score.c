/* Mean cosine and mean squared error of what a session makes of data. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

static void score_rows(const float *p, const float *t, int64_t vectors, int64_t width,
                       score *out) {
  int64_t r, i;
  for (r = 0; r < vectors; r++, p += width, t += width) {
    double pp = 0, tt = 0, pt = 0, square = 0;
    for (i = 0; i < width; i++) {
      const double a = (double)p[i], b = (double)t[i];
      pp += a * a;
      tt += b * b;
      pt += a * b;
      square += (a - b) * (a - b);
    }
    out->cosine += pp > 0 && tt > 0 ? pt / (sqrt(pp) * sqrt(tt)) : 0;
    out->mse += square / (double)width;
  }
  out->vectors += vectors;
}

int score_session(data *d, lnsp_session *session, int64_t batch, progress *show, score *out) {
  const lnsp_tensor *input = data_batch(d, data_input(d)), *target = data_batch(d, "target");
  lnsp_tensor output = *target;
  float *buffer = malloc((size_t)(batch * tensor_elements(target) / target->dims[0]) *
                         sizeof(float));
  lnsp_problem problem;
  int64_t first;
  int status = 0;

  out->rows = out->vectors = 0;
  out->cosine = out->mse = 0;
  if (!buffer)
    return refuse_memory(d->args);
  output.name = "output";
  output.data = buffer;
  for (first = 0; first < d->rows && !status; first += batch) {
    const int64_t count = d->rows - first < batch ? d->rows - first : batch;
    status = data_read(d, NULL, first, count);
    output.dims[0] = count;
    if (!status && lnsp_session_run(session, input, 1, &output, 1, &problem))
      status = strncmp(problem.message, "'output'", 8)
                   ? refuse_batch(d->args, NULL, first, &problem)
                   : refuse(d->args, "tensor target does not fit the model: %s",
                            problem.message);
    if (!status)
      score_rows(buffer, target->data, tensor_rows(target), target->dims[target->rank - 1],
                 out);
    if (!status && !isfinite(out->mse))
      status = refuse(d->args, "tensor target has a NaN or infinity in rows %lld to %lld; leave "
                               "them out", (long long)first, (long long)(first + count - 1));
    out->rows += count;
    if (show && progress_due(show))
      progress_show(show, "%lld of %lld rows", (long long)out->rows, (long long)d->rows);
  }
  if (show)
    progress_clear(show);
  if (out->vectors) {
    out->cosine /= (double)out->vectors;
    out->mse /= (double)out->vectors;
  }
  free(buffer);
  return status;
}
