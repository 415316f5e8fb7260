/* The list of losses and the reader of loss texts. */
#include "train/loss.h"

#include <stddef.h>

#include "base/str.h"
#include "train/losses/loss_list.h"

static const void *const loss_table[] = {
#define LNSPI_X(name) &lnspi_loss_##name,
    LNSPI_LOSS_LIST(LNSPI_X)
#undef LNSPI_X
        NULL,
};

const lnspi_loss *lnspi_loss_at(int32_t index) {
  int32_t count = (int32_t)(sizeof loss_table / sizeof *loss_table) - 1;
  return index < 0 || index >= count ? NULL : loss_table[index];
}

int32_t lnspi_loss_find(lnspi_unknown *name) { return lnspi_unknown_find(loss_table, name); }

/* The replay term compares the output for a drawn vector with that vector. */
static const lnspi_loss *loss_of_replay(void) {
  for (int32_t i = 0; lnspi_loss_at(i); i++)
    if (lnspi_str_equal(lnspi_loss_at(i)->name, "cosine")) return lnspi_loss_at(i);
  return NULL;
}

const lnspi_loss *lnspi_loss_of_term(const lnspi_loss_term *term) {
  return term->loss ? term->loss : loss_of_replay();
}
