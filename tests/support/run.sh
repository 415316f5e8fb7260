#!/bin/sh
# Runs test programs and scripts, and counts their tests.
#
#   tests/support/run.sh PROGRAM... SCRIPT.sh...
#
# Each prints lines "ok NAME", "ok NAME # skip: REASON" and "not ok NAME", and
# what explains a failure in lines that begin with "#". A program that ends
# otherwise than with status 0 or 1, or that prints no such line, counts as one
# failed test. The last line is "N passed, N failed", with ", N skipped" if any
# were; the status is 0 only if none failed.
#
# From the environment: BUILD, where logs go; JOBS, how many run at a time
# (default: one a processor); EMULATOR, put before programs (not scripts).
set -u
BUILD=${BUILD:-build}
JOBS=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}
logs=$BUILD/logs
export BUILD CC CFLAGS EMULATOR LNSP MAKE
rm -rf "$logs"
mkdir -p "$logs" || exit 1
ulimit -t 1800 2>/dev/null # processor seconds: a test that never ends, ends

# Logs and scratch folders bear the name of a test.
twice=$(for item in "$@"; do basename "$item" .sh; done | sort | uniq -d)
if [ -n "$twice" ]; then
  echo "two tests are called $(echo $twice): rename one" >&2
  exit 1
fi

log_of() {
  echo "$logs/$(basename "$1" .sh)"
}

# Takes the items that no other worker has taken, until there are none.
worker() {
  for item in "$@"; do
    log=$(log_of "$item")
    mkdir "$log" 2>/dev/null || continue
    start=$(date +%s)
    case $item in
      *.sh) sh "$item" ;;
      */*) ${EMULATOR:-} "$item" ;;
      *) ${EMULATOR:-} "./$item" ;;
    esac > "$log/out" 2> "$log/err" < /dev/null
    echo $? > "$log/status"
    echo $(($(date +%s) - start)) > "$log/seconds"
  done
}

i=0
while [ $i -lt "$JOBS" ]; do
  worker "$@" &
  i=$((i + 1))
done
wait

passed=0 failed=0 skipped=0
for item in "$@"; do
  log=$(log_of "$item")
  name=$(basename "$item" .sh)
  status=$(cat "$log/status" 2>/dev/null || echo none)
  good=$(grep -c '^ok ' "$log/out")
  bad=$(grep -c '^not ok ' "$log/out")
  skip=$(grep -c '^ok .*# skip' "$log/out")
  why=
  case $status in
    0) [ "$bad" -eq 0 ] || why="status 0 in spite of failures" ;;
    1) [ "$bad" -gt 0 ] || why="status 1 without a failed test" ;;
    *) why="ended with status $status" ;;
  esac
  [ -n "$why" ] || [ $((good + bad)) -gt 0 ] || why="ran no test"
  echo "$name: $((good - skip)) ok$([ "$skip" -eq 0 ] || echo ", $skip skipped")$(
    [ "$bad" -eq 0 ] || echo ", $bad FAILED"), $(cat "$log/seconds" 2>/dev/null || echo '?') s"
  grep '^ok .*# skip' "$log/out" | sed 's/^ok /  skipped: /; s/# skip: //'
  if [ "$bad" -gt 0 ] || [ -n "$why" ]; then
    grep -vE '^(ok |# [0-9]+ passed)' "$log/out" | head -n 60 | sed 's/^/  /'
    head -n 40 "$log/err" | sed 's/^/  /'
  fi
  if [ -n "$why" ]; then
    echo "  not ok $name ($why; see $log)"
    bad=$((bad + 1))
  fi
  passed=$((passed + good - skip)) failed=$((failed + bad)) skipped=$((skipped + skip))
done

echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
