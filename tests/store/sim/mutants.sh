# Leaves out one rule of the journal at a time (lib/store/journal.h) and expects the
# simulator to see harm; and none with all of them. From the root of the tree.
#
#   sh tests/store/sim/mutants.sh [CUTS]
cuts=${1:-150000}
BUILD=${BUILD:-build}
CC=${CC:-cc}
mkdir -p "$BUILD/store_sim" || exit 2
rules=$(awk '/LNSPI_RULE_[A-Z_]*( = 1)?,/ { sub(/.*LNSPI_RULE_/, ""); sub(/[ ,].*/, ""); if ($0 != "COUNT") print }' lib/store/journal.h)
status=0 number=0
for rule in NONE $rules; do
  program=$BUILD/store_sim/$rule
  if ! "$CC" -std=c11 -O2 -Iinclude -Ilib -Itests -Itests/support -DLNSPI_MUTANT=$number -o "$program" \
    tests/store/sim/unity.c -lm; then
    echo "not ok mutant_$rule # it does not compile"
    status=1
    continue
  fi
  said=$("$program" "$cuts" 7 2>&1)
  harmed=$?
  if [ $number -eq 0 ]; then expected=0; else expected=1; fi
  if [ $harmed -eq $expected ]; then
    echo "ok mutant_$rule"
  else
    echo "not ok mutant_$rule"
    status=1
  fi
  echo "$said" | sed 's/^/# /'
  number=$((number + 1))
done
exit $status
