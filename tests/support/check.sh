# For the test scripts, which begin with ". tests/support/check.sh" and end with
# "finish". They run from the root of the tree, by tests/support/run.sh.
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

# The program under test.
LNSP=${LNSP:-$BUILD/lnsp}
lnsp() {
  ${EMULATOR:-} "$LNSP" "$@"
}
# refused NAME STATUS WORDS COMMAND...: ends with the status, says WORDS in one
# sentence on stderr and nothing on stdout, and leaves no $work/none behind.
refused() {
  refused_name=$1 refused_status=$2 refused_words=$3
  shift 3
  rm -f "$work/none"
  lnsp "$@" > "$work/out" 2> "$work/err"
  status=$?
  {
    [ $status -eq "$refused_status" ] || echo "status $status, expected $refused_status"
    [ ! -s "$work/out" ] || echo "wrote to standard output"
    [ "$(wc -l < "$work/err")" -eq 1 ] || echo "not one line on stderr"
    grep -q -e "$refused_words" "$work/err" || echo "does not say \"$refused_words\":"
    ls "$work" | grep '^none' | sed 's/^/left behind: /'
  } > "$work/why"
  [ ! -s "$work/why" ] || cat "$work/err" >> "$work/why"
  empty "$refused_name" "$work/why"
}

# says NAME TEXT COMMAND...: the program does the command and prints the text.
says() {
  says_name=$1 says_text=$2
  shift 2
  if lnsp "$@" > "$work/said" 2>&1 && grep -qF -e "$says_text" "$work/said"; then
    pass "$says_name"
  else
    head -n 20 "$work/said" | fail "$says_name"
  fi
}
# key NAME COMMAND...: the first value of the command's JSON report with this name; last_key:
# the last one.
keys() {
  keys_name=$1
  shift
  lnsp "$@" --json | sed -n "s/^ *\"$keys_name\": \"\{0,1\}\([^\",]*\)\"\{0,1\},*\$/\1/p"
}
key() {
  keys "$@" | head -n 1
}
last_key() {
  keys "$@" | tail -n 1
}
# same NAME VALUE VALUE, differ NAME VALUE VALUE: passes if both values are there and equal, or
# differ.
same() {
  if [ -n "$2" ] && [ "$2" = "$3" ]; then pass "$1"; else echo "$2 and $3" | fail "$1"; fi
}
differ() {
  if [ -n "$2" ] && [ -n "$3" ] && [ "$2" != "$3" ]; then pass "$1"; else echo "$2 and $3" | fail "$1"; fi
}

finish() {
  [ ! -e "$work/failed" ] || exit 1
  exit 0
}
