/* Threads for lnsp-bench --tasks: each waits on a processor of its own, without sleeping,
 * and always has the same tasks. */
#ifndef BENCH_POOL_H
#define BENCH_POOL_H

#include "lnsp.h"

#define POOL_THREADS 64

/* Starts count - 1 threads; the caller of run is the first. NULL if that fails. They end
 * with the process. */
const lnsp_parallel *pool_start(int count);

#endif
