# lib/lnsp_all.c includes every source file of the library, and compiles by
# itself. With --write: prints what lib/lnsp_all.c should be (make lists).
LC_ALL=C
export LC_ALL

list() {
  cat <<'C'
/* The whole library as one source file: cc -O2 -Iinclude -Ilib -c lib/lnsp_all.c
 * Written by "make lists"; tests/build/one_file.sh checks that no file is missing. */

/* Before any header: files with a path (api/path.c) are POSIX. */
#if !defined(_XOPEN_SOURCE)
#define _XOPEN_SOURCE 700
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif

/* Products and sums stay apart even where a compiler is left to its defaults:
 * fusing them would change bits (docs/numerics.md). */
#if defined(__clang__) || defined(_MSC_VER)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

C
  for room in base kernels format graph run train delta store text index metrics api; do
    [ -d lib/$room ] || continue
    find lib/$room -name '*.c' | sort | sed 's|^lib/\(.*\)$|#include "\1"|'
  done
}

if [ "${1:-}" = --write ]; then
  list
  exit 0
fi

. tests/support/check.sh

list > "$work/list"
if cmp -s "$work/list" lib/lnsp_all.c; then
  pass "lnsp_all.c_is_complete"
else
  diff lib/lnsp_all.c "$work/list" | { cat; echo "run: make lists"; } | fail "lnsp_all.c_is_complete"
fi

expect "lnsp_all.c_compiles_without_flags" "$CC" -Iinclude -Ilib -c -o "$work/all.o" lib/lnsp_all.c
expect "lnsp_all.c_compiles_as_c11" "$CC" -std=c11 -Wall -Wextra -Werror -Iinclude -Ilib -c \
  -o "$work/all.o" lib/lnsp_all.c

# A program from the two files alone, with the compiler's defaults.
if "$CC" -O1 -Iinclude -Ilib -o "$work/run" examples/run.c lib/lnsp_all.c -lm > "$work/said" 2>&1 &&
  ${EMULATOR:-} "$work/run" >> "$work/said" 2>&1; then
  pass "program_of_two_files_runs"
else
  head -n 40 "$work/said" | fail "program_of_two_files_runs"
fi

finish
