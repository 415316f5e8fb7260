/* The delta codecs of this build. */
#include "delta/codec.h"

#include "delta/codecs/list.h"

static const void *const codec_table[] = {
#define LNSPI_X(name) &lnspi_codec_##name,
    LNSPI_CODEC_LIST(LNSPI_X)
#undef LNSPI_X
        NULL,
};

const lnspi_codec *lnspi_codec_at(int32_t index) {
  int32_t count = (int32_t)(sizeof codec_table / sizeof *codec_table) - 1;
  return index < 0 || index >= count ? NULL : codec_table[index];
}

int32_t lnspi_codec_find(lnspi_unknown *name) { return lnspi_unknown_find(codec_table, name); }
