/* Progress of a long call, which its caller may cancel.
 *
 * The loops that take the time (spans of a delta, reads of a file or a device, rows of an
 * index) count what they did. About two hundred times a call, however long it is, the caller's
 * function is asked, so that asking costs nothing and a cancelled call ends soon. It is asked
 * only where giving up is safe: before anything that others can see has changed. The last
 * report of a call that succeeds has done equal to total. A loop that cannot know its length
 * beforehand may pass total, where done then stays, or stop short of it and call end. A call
 * that was cancelled remembers it, so that functions without a status can skip the rest. */
#include "base/progress.h"

#include <string.h>

#include "base/error.h"
#include "base/min_max.h"

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
  p->cancelled = 0;
}

static void progress_report(lnspi_progress *p) {
  const uint64_t shown = lnspi_min_u64(p->done, p->total);
  p->next = p->done + p->total / PROGRESS_REPORTS + 1;
  if (shown < p->total && p->next > p->total) p->next = p->total;
  p->cancelled = p->call.report(p->call.user, shown, p->total) != 0;
}

int32_t lnspi_progress_add(lnspi_progress *p, uint64_t n, lnsp_error *error) {
  if (!p || !p->call.report) return LNSP_OK;
  p->done += n;
  if (p->done >= p->next && !p->cancelled) progress_report(p);
  if (!p->cancelled) return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_CANCELLED, NULL,
                         "the call was cancelled by its caller; nothing has changed");
}

int32_t lnspi_progress_end(lnspi_progress *p, lnsp_error *error) {
  return lnspi_progress_add(p, p->done < p->total ? p->total - p->done : 0, error);
}

static int32_t progress_part_report(void *user, uint64_t done, uint64_t total) {
  const lnspi_progress_parts *p = user;
  const uint64_t share = total ? 1000 * done / total : 0; /* total 0: of unknown length */
  return p->whole.report(p->whole.user, 1000 * p->index + share, 1000 * p->count);
}

void lnspi_progress_split(lnspi_progress_parts *parts, lnsp_options *options, uint64_t count) {
  memset(parts, 0, sizeof *parts);
  if (!options->progress) return;
  parts->count = count;
  parts->whole = *options->progress;
  parts->part = (lnsp_progress){sizeof parts->part, 0, parts, progress_part_report};
  options->progress = &parts->part;
}
