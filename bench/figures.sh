# Measures everything that docs/performance.md shows, and writes it between that page's
# marks "figures: begin" and "figures: end"; the charts go to docs/performance/. Takes
# about a quarter of an hour, on a machine that does nothing else.
#
#   make figures            from the root of the tree
#   CPU=3 ROUNDS=40 COMPARE='--peers onnxruntime,torch' make figures
#
# CPU: the core to measure on. COMPARE: arguments for bench/compare.py, or "no" to leave
# the comparison out. The peers must have been installed: python3 bench/compare.py --install
set -u
LC_ALL=C
export LC_ALL
BUILD=${BUILD:-build}
CPU=${CPU:-1}
ROUNDS=${ROUNDS:-20}
COMPARE=${COMPARE:-}
page=docs/performance.md
out=$BUILD/bench/figures.md
mkdir -p docs/performance

pin() {
  if command -v taskset > /dev/null 2>&1; then taskset -c "$CPU" "$@"; else "$@"; fi
}

# A command and what it prints, as it would be typed.
show() {
  echo
  echo "    \$ $*" | sed "s|$BUILD/|build/|g"
  pin "$@" 2>&1 | sed 's/^/    /'
}

rows() { # lnsp-bench with these options for the usual works
  echo
  echo "    \$ build/bench/lnsp-bench ${1:+$1 }WORK BATCH"
  first=1
  for work in $2; do
    for batch in $3; do
      # shellcheck disable=SC2086
      pin "$BUILD/bench/lnsp-bench" $1 --seconds 1 "$work" "$batch" | sed 's/^/    /' |
        if [ $first = 1 ]; then cat; else grep -v '^    #'; fi
      first=0
    done
  done
}

# The table or chart of bench/compare.py.
compare() {
  # shellcheck disable=SC2086
  python3 bench/compare.py --build "$BUILD/bench" --cpu "$CPU" --rounds "$ROUNDS" $COMPARE "$@" \
    > "$BUILD/bench/compare.log" 2>&1 || cat "$BUILD/bench/compare.log" >&2
}

{
  echo "Measured on one core of:"
  lscpu 2> /dev/null | grep -E '^(Model name|L1d|L2|L3)' | sed 's/  */ /g; s/^/    /; 1s/^/\n/'
  echo "    $(uname -sr), $(${CC:-cc} --version | head -n 1)"
  echo
  echo "### Limits"
  show "$BUILD/bench/lnsp-bench" --limits
  show "$BUILD/bench/lnsp-bench" --limits --isa avx2
  echo
  echo "### Rows and their share of the roofline"
  rows "" "W1.fwd W3.fwd S1.fwd W1.train W3.train S1.train" "1 32 256"
  rows "" "W1.fwd.bf16 W1.fwd.int8 W3.fwd.int8" "1 32 256"
  rows "" "W1.train.m8 S1.train.m8" "1 32"
  rows "--isa avx2" "W1.fwd W3.fwd W1.train" "1 32 256"
  echo
  echo "### A network that has learned its sample"
  rows "" W1.converged "1 32"
  echo
  echo "### Whole processes"
  show "$BUILD/bench/lnsp-bench" --process "$BUILD/lnsp"
  if [ "$COMPARE" != no ]; then
    echo
    echo "### Compared"
    echo
    echo "    python3 bench/compare.py --cpu $CPU --rounds $ROUNDS"
    echo
    compare
    cat "$BUILD/bench/compare.md"
    echo
    echo "![times relative to lnsp](performance/compare.svg)"
    for chart in batch width; do
      compare --chart $chart
      echo
      echo "    python3 bench/compare.py --cpu $CPU --rounds $ROUNDS --chart $chart"
      echo
      echo "![by $chart](performance/$chart.svg)"
    done
    cp "$BUILD/bench/compare.svg" "$BUILD/bench/batch.svg" "$BUILD/bench/width.svg" docs/performance/
  fi
} > "$out"

awk -v from="$out" '
  /figures: end/ { inside = 0 }
  !inside { print }
  /figures: begin/ {
    inside = 1
    print ""
    while ((getline line < from) > 0) print line
    print ""
  }' $page > "$BUILD/bench/page.md" && mv "$BUILD/bench/page.md" $page
echo "$page has new figures"
