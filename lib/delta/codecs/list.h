/* The delta codecs of this build, one line each: X(name) is lnspi_codec_<name>. */
#ifndef LNSPI_DELTA_CODECS_LIST_H
#define LNSPI_DELTA_CODECS_LIST_H

#include "delta/codec.h"
#include "kernels/kernels.h"

#define LNSPI_CODEC_LIST(X) \
  X(exact)                  \
  X(int8)                   \
  X(int5)                   \
  X(int4)                   \
  X(sparse)                 \
  X(sign)                   \
  X(float16)                \
  X(float32)

#define LNSPI_X(name) extern const lnspi_codec lnspi_codec_##name;
LNSPI_CODEC_LIST(LNSPI_X)
#undef LNSPI_X

#endif
