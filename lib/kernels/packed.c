/* Row-major weights into panels of 64 outputs and back. */
/* Hot: built for speed. */
#include "kernels/packed.h"

#include "kernels/kernels.h"

/* The place of output o, input 0; *step is the distance between inputs. */
static int64_t packed_place(int64_t in, int64_t out, int64_t o, int64_t *step) {
  int64_t panel = o / 64;
  int64_t lanes = lnspi_round16(out) - 64 * panel;
  *step = lanes < 64 ? lanes : 64;
  return 64 * panel * in + (o - 64 * panel);
}

void lnspi_packed_from_rows(float *packed, int64_t in, int64_t out, int64_t first,
                            int64_t count, const float *rows, int64_t stride) {
  for (int64_t r = 0; r < count; r++) {
    int64_t step;
    float *to = packed + packed_place(in, out, first + r, &step);
    for (int64_t k = 0; k < in; k++) to[k * step] = rows[r * stride + k];
  }
}

void lnspi_packed_to_rows(const float *packed, int64_t in, int64_t out, int64_t first,
                          int64_t count, float *rows, int64_t stride) {
  for (int64_t r = 0; r < count; r++) {
    int64_t step;
    const float *from = packed + packed_place(in, out, first + r, &step);
    for (int64_t k = 0; k < in; k++) rows[r * stride + k] = from[k * step];
  }
}
