/* The table of layers, made from the list. */
#include "graph/layer.h"
#include "graph/layers/list.h"

#define LAYER_DECLARE(name) extern const lnspi_layer lnspi_layer_##name;
LNSPI_LAYER_LIST(LAYER_DECLARE)
#undef LAYER_DECLARE

static const lnspi_layer *const layer_table[] = {
#define LAYER_ENTRY(name) &lnspi_layer_##name,
    LNSPI_LAYER_LIST(LAYER_ENTRY)
#undef LAYER_ENTRY
};

const lnspi_layer *lnspi_layer_at(int32_t index) {
  const int32_t count = (int32_t)(sizeof layer_table / sizeof *layer_table);
  return index >= 0 && index < count ? layer_table[index] : NULL;
}

int32_t lnspi_layer_find(const char *name, int32_t length) {
  const lnspi_layer *layer;
  int32_t i;
  for (i = 0; (layer = lnspi_layer_at(i)) != NULL; i++)
    if (lnspi_length(layer->name) == (size_t)length &&
        !memcmp(layer->name, name, (size_t)length))
      return i;
  return -1;
}
