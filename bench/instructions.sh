# Instructions that runs and steps take, counted by valgrind inside the library's calls
# alone, against bench/instructions.txt: a test of speed without noise. They depend on
# the compiler, so it is skipped with any other than the one that the file names.
#
#   sh tests/support/run.sh bench/instructions.sh       the test (.ci/run instructions)
#   make instructions                           writes a new file
#
# Needs build/bench/lnsp-bench (make bench), built without CFLAGS of one's own.
figures=bench/instructions.txt
tolerance=1 # per cent
calls=2

# Instructions of a call: kernel set, work, batch.
count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=lnsp_session_run \
    --toggle-collect=lnsp_trainer_step "$BUILD/bench/lnsp-bench" --isa "$1" --calls $calls \
    "$2" "$3" 2>&1 | awk -v calls=$calls '/ Collected : / { printf "%d\n", $4 / calls }'
}

# Without its first word, which is the name that it was called by.
compiler() {
  "${CC:-cc}" --version | sed 's/^[^ ]* //; q'
}

if [ "${1:-}" = --write ]; then
  BUILD=${BUILD:-build}
  echo "# Instructions of a call: kernel set, work, batch. Written by \`make instructions\`."
  echo "# compiler: $(compiler)"
  for isa in avx2 scalar; do
    for work in W1.fwd W1.train S1.fwd S1.train; do
      for batch in 1 32; do echo "$isa $work $batch $(count $isa $work $batch)"; done
    done
  done
  exit 0
fi

. tests/support/check.sh

grep -v '^#' $figures > "$work/rows"
expect figures_are_there test "$(wc -l < "$work/rows")" -eq 16

wanted=$(sed -n 's/^# compiler: //p' $figures)
reason=
if ! have valgrind; then
  reason="valgrind is not installed"
elif [ "$(uname -m)" != x86_64 ] || ! grep -qw avx2 /proc/cpuinfo; then
  reason="the figures are for x86-64 with AVX2"
elif [ "$(compiler)" != "$wanted" ] || [ -n "$CFLAGS" ]; then
  reason="the figures hold for $wanted without CFLAGS, and this is $(compiler) $CFLAGS"
elif [ ! -x "$BUILD/bench/lnsp-bench" ]; then
  reason="$BUILD/bench/lnsp-bench is not built: make bench"
fi
if [ -n "$reason" ]; then
  skip instructions "$reason"
  finish
fi

while read -r isa name batch expected; do
  got=$(count "$isa" "$name" "$batch")
  if [ -z "$got" ]; then
    echo "valgrind counted nothing" | fail "instructions_${isa}_${name}_$batch"
  elif awk -v g="$got" -v e="$expected" -v t=$tolerance \
    'BEGIN { exit !(g <= e * (1 + t / 100) && g >= e * (1 - t / 100)) }'; then
    pass "instructions_${isa}_${name}_$batch"
  else
    awk -v g="$got" -v e="$expected" -v t=$tolerance 'BEGIN {
      printf "%d instructions, %d in the file: %+.1f %%, and %d %% are allowed.\n", g, e,
             100 * (g - e) / e, t
      print "If this is intended, or an improvement, write new figures: make instructions"
    }' | fail "instructions_${isa}_${name}_$batch"
  fi
done < "$work/rows"

finish
