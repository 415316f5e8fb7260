/* A short run of the store's simulator; tests/store/sim has the long one and the mutants. */
#include <time.h>

#include "check.h"
#include "store/sim/sim.h"

static sim state;

/* Pieces of a life each, until there are enough, or the time is up (emulators). */
static void test_power_cuts(void) {
  const clock_t start = clock();
  uint64_t cuts = 0, opens = 0, seed = 1;
  do {
    const uint64_t wrong = sim_run(&state, 2000, 4, seed++);
    CHECK_SAY(!wrong, "seed %d: %s (%s)", (int)seed - 1, state.why, state.error.message);
    cuts += state.cuts;
    opens += state.opens;
  } while (cuts < 150000 && clock() - start < 4 * CLOCKS_PER_SEC);
  printf("# %llu cuts, %llu opens\n", (unsigned long long)cuts, (unsigned long long)opens);
  CHECK(cuts >= 2000);
}

int main(void) {
  RUN(test_power_cuts);
  FINISH();
}
