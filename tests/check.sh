# For the test scripts, which begin with ". tests/check.sh" and end with
# "finish". They run from the root of the tree, by tests/run.sh.
set -u
LC_ALL=C
export LC_ALL
BUILD=${BUILD:-build}
CC=${CC:-cc}
CFLAGS=${CFLAGS:-}
work=$BUILD/scratch/$(basename "$0" .sh)
rm -rf "$work"
mkdir -p "$work" || exit 2
work=$(cd "$work" && pwd)

# pass NAME; fail NAME [explanation on standard input]; skip NAME REASON
pass() {
  echo "ok $1"
}
fail() {
  : > "$work/failed" # a file, because fail may stand behind a pipe
  sed 's/^/# /'
  echo "not ok $1"
}
skip() {
  echo "ok $1 # skip: $2"
}

# expect NAME COMMAND...: passes if the command succeeds; else shows what it said.
expect() {
  expect_name=$1
  shift
  if "$@" > "$work/said" 2>&1; then
    pass "$expect_name"
  else
    head -n 40 "$work/said" | fail "$expect_name"
  fi
}

# empty NAME FILE: passes if the file has no line; else shows them.
empty() {
  if [ ! -s "$2" ]; then
    pass "$1"
  else
    head -n 40 "$2" | fail "$1"
  fi
}

have() {
  command -v "$1" > /dev/null 2>&1
}

finish() {
  [ ! -e "$work/failed" ] || exit 1
  exit 0
}
