# lnsp-bench: rows that scripts read, refusals, answers to bench/compare.py. Speed
# itself is no test here; bench/instructions.sh is.
. tests/support/check.sh
bench=$BUILD/bench/lnsp-bench
if [ ! -x "$bench" ] || [ -n "${EMULATOR:-}" ]; then
  skip bench "$bench is not built for this machine"
  finish
fi

# where the system does not tell the peak of resident memory, the column says -1
known=$([ -r /proc/self/status ] && echo 1 || echo 0)

# row NAME ARGUMENT...: the last line has this work, and the columns that were promised. Rates are
# rounded to a tenth, so on a loaded machine they may be 0.0: they only have to be numbers
row() {
  row_name=$1
  shift
  "$bench" --seconds 0 "$@" 2>&1 | tail -n 1 > "$work/row"
  expect "row_$row_name" awk -v name="$row_name" -v known="$known" '
    $1 == name && $2 == 2 && $3 > 0 && $4 >= $3 && (known ? $5 > 0 : $5 == -1) && rate($6) && rate($7) &&
      (NF == 7 || NF == 13 && rate($8) && rate($9) && rate($10)) { good = 1 }
    function rate(text) { return text ~ /^[0-9]+\.?[0-9]*$/ }
    { print } END { exit !good }' "$work/row"
}
row W1.fwd W1.fwd 2
row W1.train W1.train 2
row W1.converged W1.converged 2 --no-limits
row W1.fwd.bf16 W1.fwd.bf16 2
row W1.fwd.int8 W1.fwd.int8 2
row W1.train.m8 W1.train.m8 2
row W2.train W2 2 --no-limits
row S1.train S1.train 2 --isa scalar --no-limits
for net in amn gru transformer mamba; do
  row $net.fwd $net.fwd 2 --no-limits
done
row amn.train amn.train 2
row mamba.train mamba.train 2
row W1.train W1.train 2 --cpu-time
row L:33:7.fwd L:33:7.fwd 2
row L:64:31.train L:64:31 2

"$bench" W9 2> "$work/said"
expect refuses_work test $? -eq 2
"$bench" W1.train.int8 2> "$work/said"
expect refuses_type test $? -eq 2
"$bench" W1 none 2> "$work/said"
expect refuses_batch test $? -eq 2
"$bench" --isa none W1 1 2> "$work/said"
expect refuses_isa test $? -eq 1
expect helps sh -c "'$bench' --help | grep -q W1g"

"$bench" --tasks 0 W1 1 2> "$work/said"
expect refuses_tasks test $? -ne 0
expect splits sh -c "'$bench' --tasks 2 --calls 2 W1 32"

printf 'W1.fwd 1 0 1\nnothing\nL:5:9.train 3 0 50\ngru.train 2 0 1\n' | "$bench" --serve > "$work/answers"
expect serves awk 'NR == 1 && $1 == "READY" || (NR == 2 || NR >= 4) && $1 > 0 || NR == 3 && $0 == "NA" { n++ }
  END { exit n != 5 }' "$work/answers"

"$BUILD/lnsp" new student d=20 s=18 k=16 heads=2 -o "$work/m.st" > "$work/said"
"$bench" --store "$work/m.st" "$work/versions" 20 > "$work/times"
expect stores awk 'NR == 1 && $2 == 20 && $8 > 0 || NR > 1 && $2 > 0 && $4 > 0 { n++ }
  END { exit n != 6 }' "$work/times"
expect store_is_removed test ! -e "$work/versions"
echo mine > "$work/versions"
for model in "$work/m.st" "$work/none"; do
  "$bench" --store "$model" "$work/versions" 20 2> "$work/said"
  expect refuses_store test $? -eq 1
done
expect leaves_other_files grep -q mine "$work/versions"
"$bench" --delta "$work/m.st" "$work/m.st" "exact;int4" > "$work/times"
expect deltas awk '/^(exact|int4) / && $2 > 0 { n++ } END { exit n != 2 }' "$work/times"

"$bench" --calls 2 S1 2 > "$work/calls"
expect only_calls test $? -eq 0
empty calls_print_nothing "$work/calls"

expect processes sh -c "'$bench' --process '$BUILD/lnsp' | awk 'NF && \$NF > 0 { n++ } END { exit n < 5 }'"
"$bench" --process "$work/none" > "$work/said" 2>&1
expect refuses_program test $? -eq 1

finish
