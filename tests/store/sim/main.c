/* The simulator by itself: store_sim [CUTS [SEED]]. Status 0 if no cut did harm. */
#include <time.h>

#include "store/sim/sim.h"

int main(int argc, char **argv) {
  static sim s;
  const uint64_t cuts = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
  const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  const clock_t start = clock();
  const uint64_t wrong = sim_run(&s, cuts, 4, seed);
  const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
  printf("%llu cuts, %llu damages, %llu opens, %llu calls acknowledged, %llu violations, %.1f "
         "s, %.0f cuts/s\n",
         (unsigned long long)s.cuts, (unsigned long long)s.rots, (unsigned long long)s.opens,
         (unsigned long long)s.commits, (unsigned long long)wrong, seconds,
         (double)s.cuts / seconds);
  if (s.why) printf("first violation: %s (%s)\n", s.why, s.error.message);
  return wrong != 0;
}
