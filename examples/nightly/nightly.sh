#!/bin/sh
# A nightly update: trains the published version with the day's new sequences and a sample of
# old ones, evaluates on old and new held-out sets, and publishes the result or keeps the
# published version. README.md explains the settings.
#
#   sh nightly.sh SETTINGS [NIGHT]       NIGHT: a name for it; default: today, 2026-11-22
#
# Exit status: 0 published, 3 evaluated and not published, 1 something failed, 2 usage. Wherever
# it is interrupted, the store has the old version or the evaluated new one; run again, it
# continues. A night that already has its report is not run again.
set -eu
LC_ALL=C
export LC_ALL

say() { echo "nightly: $*" >&2; }
fail() {
  say "$*"
  exit 1
}
usage() {
  say "$*"
  exit 2
}

# ---- settings ----

[ $# -ge 1 ] && [ $# -le 2 ] || usage "write: sh nightly.sh SETTINGS [NIGHT]"
[ -r "$1" ] || usage "there are no settings $1"
LNSP=lnsp STORE='' REPORTS='' NEW='' NEW_ROWS='' NEW_HELD_OUT='' OLD='' OLD_ROWS=''
OLD_HELD_OUT='' OLD_VALID='' REPLAY=2000 STATISTICS='' KIND=windows NORMALISE=yes SEED=''
LEARN='--loss info_nce --batch 256 --epochs 5 --lr 1e-4' BEST='' PATIENCE=2
FALL_MRR=.02 FALL_COSINE=.02 RISE_MRR=.005 RISE_COSINE=''
case $1 in */*) . "$1" ;; *) . "./$1" ;; esac
NIGHT=${2:-$(date +%Y-%m-%d)}
case $NIGHT in
  '' | *[!A-Za-z0-9._-]* | .* | ????????????????????????????????????????*)
    usage "the night's name \"$NIGHT\" must have 1 to 39 letters, digits, dots and dashes" ;;
esac
for name in STORE REPORTS NEW NEW_ROWS NEW_HELD_OUT OLD OLD_HELD_OUT; do
  eval "[ -n \"\$$name\" ]" || usage "$1 does not set $name"
done
[ -n "$OLD_ROWS$STATISTICS" ] || usage "$1 sets neither OLD_ROWS nor STATISTICS: what was learned would be forgotten"
case $KIND in
  windows) context='[:-1]' last='[-1]' BEST=${BEST:-mrr} ;;
  vectors) context='' last='' BEST=${BEST:-cosine} ;;
  *) usage "KIND is $KIND, and must be windows or vectors" ;;
esac
for gate in "$FALL_MRR" "$FALL_COSINE" "$RISE_MRR" "$RISE_COSINE"; do
  [ -z "$gate" ] || awk -v x="$gate" 'BEGIN { exit x !~ /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)$/ }' ||
    usage "\"$gate\" is no number: FALL_MRR, FALL_COSINE, RISE_MRR, RISE_COSINE"
done
command -v "$LNSP" > /dev/null || usage "there is no program $LNSP; set LNSP"
normalise=
[ "$NORMALISE" = no ] || normalise=--normalise

# One seed a night, which follows from its name.
SEED=${SEED:-$(printf %s "$NIGHT" | cksum | awk '{ print $1 }')}
here=$REPORTS/$NIGHT
report=$here/report.md

# ---- what the program prints: one fact a line ----

# fact KEY FILE: the first value of KEY in a report
fact() {
  awk -v key="\"$1\":" '$1 == key { sub(/^[^:]*: */, ""); sub(/,$/, ""); gsub(/"/, ""); print; exit }' "$2"
}
# figure SET NUMBER KEY: of the model number 1 (published) or 2 (candidate) on a held-out set
figure() {
  awk -v want="$2" -v key="\"$3\":" '
    $1 == "\"results\":" || $1 == "\"diagnosis\":" { number = 0 }
    $1 == "\"name\":" { number++ }
    number == want && $1 == key { sub(/,$/, "", $2); gsub(/"/, "", $2); print $2; exit }' "$here/$1.json"
}
newest() { # writes $here/newest: the store's newest version
  "$LNSP" store log "$STORE" --last 1 --json > "$here/newest"
}

# ---- begin, or go on ----

status_of_report() {
  if grep -q '^Published' "$report"; then exit 0; else exit 3; fi
}
mkdir -p "$here" || fail "cannot make $here"
if [ -f "$report" ]; then
  say "$NIGHT already has a report: $report"
  status_of_report
fi
# One night at a time: two would train from the same version.
if ! mkdir "$REPORTS/lock" 2> /dev/null; then
  other=$(cat "$REPORTS/lock/pid" 2> /dev/null || echo)
  if [ -n "$other" ] && kill -0 "$other" 2> /dev/null; then
    fail "process $other is running a night; if it is not, remove $REPORTS/lock"
  fi
  say "a night was interrupted; continuing"
fi
echo $$ > "$REPORTS/lock/pid"
unlock() { rm -rf "$REPORTS/lock"; }
trap unlock EXIT
trap 'exit 1' HUP INT TERM

# What the night depends on. If it has changed since an interruption, the night starts from scratch.
{
  "$LNSP" version
  for name in KIND NEW NEW_ROWS NEW_HELD_OUT OLD OLD_ROWS OLD_HELD_OUT OLD_VALID REPLAY STATISTICS \
    NORMALISE SEED LEARN BEST PATIENCE FALL_MRR FALL_COSINE RISE_MRR RISE_COSINE; do
    eval "echo \"$name=\$$name\""
  done
  for data in "$NEW" "$NEW_ROWS" "$OLD" "$OLD_ROWS" "$NEW_HELD_OUT" "$OLD_HELD_OUT" "$OLD_VALID"; do
    case $data in *']') data=${data%'['*} ;; esac # columns
    [ -z "$data" ] || cksum "${data%:*}"
  done | awk '!seen[$0]++'
} > "$here/recipe.now"
newest
if [ -f "$here/recipe" ] && ! cmp -s "$here/recipe" "$here/recipe.now"; then
  [ "$(fact tag "$here/newest")" != "$NIGHT" ] ||
    fail "$NIGHT was published with other settings or data: see $here/recipe"
  say "settings or data have changed since the interruption; starting from scratch"
  rm -f "$here/base" "$here/recipe"
fi
mv "$here/recipe.now" "$here/recipe"

# The version that is trained from, remembered in one step.
if [ ! -f "$here/base" ]; then
  mv "$here/newest" "$here/base"
fi
base=$(fact version "$here/base")
"$LNSP" store checkout "$STORE" "$base" --weights -o "$here/published.st" --json > "$here/checkout.json"
base_hash=$(fact hash "$here/checkout.json")

# ---- learn ----

# One file with all vectors that the night needs. The day's first four fifths are learned, its
# last one says when to stop.
set -- --input "$NEW" --as learn --rows "$NEW_ROWS@0-80%" --as valid --rows "$NEW_ROWS@80-100%" \
  --as new --rows "$NEW_HELD_OUT" --input "$OLD" --as old --rows "$OLD_HELD_OUT"
[ -z "$OLD_ROWS" ] || set -- "$@" --as learn --rows "$OLD_ROWS@$REPLAY"
[ -z "$OLD_VALID" ] || set -- "$@" --as valid --rows "$OLD_VALID"
data=$here/data.st
"$LNSP" gather "$@" --seed "$SEED" -o "$data" --json > "$here/gather.json"

set -- --input "$data:vectors" --rows "$data:learn$context" --eval-input "$data:vectors" \
  --eval-rows "$data:valid$context"
[ -z "$last" ] || set -- "$@" --target-rows "$data:learn$last" --eval-target-rows "$data:valid$last"
[ -z "$STATISTICS" ] || set -- "$@" --replay "$STATISTICS"
eval "set -- \"\$@\" $LEARN" # options, in the shell's quotes
"$LNSP" train "$here/published.st" "$@" $normalise --shuffle --seed "$SEED" --best "$BEST" \
  --patience "$PATIENCE" -o "$here/candidate.st" --json > "$here/train.json"
[ -z "$(fact interrupted "$here/train.json")" ] || fail "the training was interrupted"
hash=$(fact hash "$here/train.json")

# ---- judge ----

judge() { # SET
  set -- "$1" --input "$data:vectors" --rows "$data:$1$context" \
    ${last:+--target-rows "$data:$1$last" --diagnose}
  set_name=$1
  shift
  "$LNSP" eval "$here/published.st" "$here/candidate.st" "$@" $normalise --json > "$here/$set_name.json"
}
judge old
judge new

: > "$here/gates"
passed=yes
gate() { # SET KEY NAME LEAST: the change must be at least LEAST; empty: no such gate
  [ -n "$4" ] || return 0
  gate_line=$(awk -v a="$(figure "$1" 1 "$2")" -v b="$(figure "$1" 2 "$2")" -v least="$4" -v set="$1" -v name="$3" 'BEGIN {
    good = a != "" && a != "null" && b != "" && b != "null" && b - a >= least
    printf "| %s | %s | at least %+.4f | %+.4f | %s |", set, name, least, b - a, good ? "passed" : "**failed**"
  }')
  echo "$gate_line" >> "$here/gates"
  case $gate_line in *'**'*) passed=no ;; esac
}
minus() { # what may fall by X must rise by -X; empty stays empty
  [ -z "$1" ] || awk -v x="$1" 'BEGIN { print -x }'
}
if [ "$KIND" = windows ]; then
  gate old mrr MRR "$(minus "$FALL_MRR")"
  gate new mrr MRR "$RISE_MRR"
fi
gate old cosine cosine "$(minus "$FALL_COSINE")"
gate new cosine cosine "$RISE_COSINE"
for set in old new; do
  [ "$KIND" = windows ] || continue
  if [ "$(figure $set 2 collapsed)" = no ]; then word=passed; else word='**failed**' passed=no; fi
  echo "| $set | no collapse | median cosine up to .95, variance at least .15 | $(figure $set 2 median_cosine), $(figure $set 2 variance) | $word |" >> "$here/gates"
done
[ -s "$here/gates" ] || fail "the settings define no gate"

# ---- publish, or not ----

"$LNSP" delta make "$here/published.st" "$here/candidate.st" -o "$here/delta.st" --json > "$here/delta.json"
newest
after=$base
if [ $passed = yes ]; then
  if [ "$(fact version "$here/newest")" = "$base" ]; then
    "$LNSP" store commit "$STORE" "$here/candidate.st" --tag "$NIGHT" --json > "$here/commit.json"
    newest
  elif [ "$(fact tag "$here/newest")" != "$NIGHT" ] || [ "$(fact hash "$here/newest")" != "$hash" ]; then
    fail "$STORE has a new version $(fact version "$here/newest"); to start from scratch, remove $here"
  fi
  after=$(fact version "$here/newest")
  # The store must return the version that was evaluated; if not, roll back.
  if ! "$LNSP" store checkout "$STORE" "$after" --weights -o "$here/back.st" --json > "$here/checkout.json" ||
    [ "$(fact hash "$here/checkout.json")" != "$hash" ]; then
    "$LNSP" store rollback "$STORE" "$base" > /dev/null
    fail "$STORE does not return version $after as it was evaluated; rolled back to version $base"
  fi
  rm -f "$here/back.st"
fi

# ---- report ----

row() { # SET KEY NAME
  [ -n "$(figure "$1" 1 "$2")" ] || return 0
  awk -v a="$(figure "$1" 1 "$2")" -v b="$(figure "$1" 2 "$2")" -v set="$1" -v name="$3" \
    'BEGIN { printf "| %s | %s | %.4f | %.4f | %+.4f |\n", set, name, a, b, b - a }'
}
{
  echo "# Night $NIGHT"
  echo
  if [ $passed = yes ]; then
    echo "Published as version $after of $STORE."
  else
    echo "Not published: $STORE stays at version $base."
  fi
  printf '\n| held-out set | | published | candidate | change |\n| --- | --- | ---: | ---: | ---: |\n'
  for set in old new; do
    row $set cosine cosine
    row $set r_at_1 R@1
    row $set r_at_5 R@5
    row $set r_at_10 R@10
    row $set mrr MRR
  done
  printf '\n| held-out set | gate | wanted | is | |\n| --- | --- | --- | --- | --- |\n'
  cat "$here/gates"
  printf '\n| | |\n| --- | --- |\n'
  echo "| training sequences, new and old | $(fact learn "$here/gather.json") |"
  echo "| sequences for early stopping | $(fact valid "$here/gather.json") |"
  echo "| steps made | $(fact steps "$here/train.json") |"
  echo "| step with the best $BEST, which is kept | $(fact best_step "$here/train.json") |"
  echo "| seed | $SEED |"
  echo "| version before | $base |"
  echo "| its hash | $base_hash |"
  echo "| version after | $after |"
  echo "| candidate's hash | $hash |"
  echo "| exact delta | $(fact bytes "$here/delta.json") bytes |"
  [ $passed = no ] || echo "| size in the store | $(fact bytes "$here/newest") bytes |"
  printf '\nSettings, and checksums (cksum: CRC, bytes) of the data:\n\n'
  sed 's/^/    /' "$here/recipe"
} > "$here/report.tmp"
mv "$here/report.tmp" "$report"
rm -f "$data" "$here/published.st" "$here/newest"
if [ $passed = yes ]; then
  say "published as version $after: $report"
else
  say "not published: $report"
fi
status_of_report
