/* Progress of a long call, which its caller may cancel.
 *
 * The loops that take the time (spans of a delta, reads of a file or a device, rows of an
 * index) count what they did. About two hundred times a call, however long it is, the caller's
 * function is asked, so that asking costs nothing and a cancelled call ends soon. It is asked
 * only where giving up is safe: before anything that others can see has changed. A loop that
 * cannot know its length beforehand may pass total; done then stays there. */
#include "base/progress.h"

#include <string.h>

#include "base/error.h"

#define PROGRESS_REPORTS 200

void lnspi_progress_begin(lnspi_progress *p, const lnsp_options *options, uint64_t total) {
  memset(p, 0, sizeof *p);
  if (options && options->progress) p->call = *options->progress;
  lnspi_progress_restart(p, total);
}

void lnspi_progress_restart(lnspi_progress *p, uint64_t total) {
  p->done = 0;
  p->total = total;
  p->next = total / PROGRESS_REPORTS + 1;
}

int32_t lnspi_progress_add(lnspi_progress *p, uint64_t n, lnsp_error *error) {
  if (!p || !p->call.report) return LNSP_OK;
  p->done += n;
  if (p->done < p->next) return LNSP_OK;
  p->next = p->done + p->total / PROGRESS_REPORTS + 1;
  const uint64_t shown = p->done < p->total ? p->done : p->total;
  if (!p->call.report(p->call.user, shown, p->total)) return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_CANCELLED, NULL,
                         "the call was cancelled by its caller; nothing has changed");
}
