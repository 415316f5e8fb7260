# lnsp loop and gather: a stream is predicted, looked up and learned from.
. tests/support/check.sh
# above NAME A B: A > B
above() {
  if [ -n "$2" ] && [ -n "$3" ] && awk "BEGIN { exit !($2 > $3) }"; then pass "$1"; else
    echo "$2 is not above $3" | fail "$1"
  fi
}
# field LINE KEY < lines of JSON: the first value of KEY in the first line of that kind; of
# "so_far.mrr" the value behind "so_far"
field() {
  sed -n "/\"line\": \"$1\"/{
    s/.*\"$(echo "$2" | sed 's/\..*//')\": //
    $(case $2 in *.*) echo "s/[^}]*\"${2#*.}\": //" ;; esac)
    s/^\"\{0,1\}\([^\",}]*\).*/\1/p
  }" | head -n 1
}

w=tests/data/windows.safetensors # 184 sentences of a manual, `page`, windows `test` and `val`
v=$w:vectors
lnsp new "amn in=384 d=32 hidden=32" --seed 3 -o "$work/m.st" > /dev/null
lnsp new "amn in=16 d=32 hidden=32" --seed 3 -o "$work/narrow.st" > /dev/null
awk 'BEGIN { for (i = 0; i < 184; i++) print i "\tsentence number " i "\tx" }' > "$work/plain.tsv"
{ printf 'id\tsentence\tpage\n' && cat "$work/plain.tsv"; } > "$work/texts.tsv"

# --- gather: windows again and again, from one file and from two ---
expect gather lnsp gather --input $v --rows $w:test --rows $w:test --rows $w:test --rows $w:test \
  --rows $w:test --rows $w:test --as other --rows $w:val@50-100% -o "$work/often.st"
same gather_rows "[138, 6]" "$(lnsp info "$work/often.st" | sed -n 's/.* rows .*I32 *//p')"
same gather_stretch "[12, 6]" "$(lnsp info "$work/often.st" | sed -n 's/.* other .*I32 *//p')"
lnsp gather --input $v --rows $w:val@7 --seed 5 -o "$work/a.st" > /dev/null
lnsp gather --input $v --rows $w:val@7 --seed 5 -o "$work/b.st" > /dev/null
lnsp gather --input $v --rows $w:val@7 --seed 6 -o "$work/c.st" > /dev/null
expect gather_same_seed cmp "$work/a.st" "$work/b.st"
if cmp -s "$work/a.st" "$work/c.st"; then echo same | fail gather_other_seed; else pass gather_other_seed; fi
lnsp gather --input $v --rows $w:test --input "$work/a.st:vectors" --rows "$work/a.st:rows" \
  --rows "$work/a.st:rows@0" -o "$work/two.st" > /dev/null
same gather_two_files "[30, 6]" "$(lnsp info "$work/two.st" | sed -n 's/.* rows .*I32 *//p')"
# the same vectors through other numbers: what eval says of them stays
lnsp eval "$work/m.st" --input $v --rows "$w:test[0:5]" --target-rows "$w:test[5]" > "$work/e1"
lnsp gather --input $v --rows $w:test -o "$work/g.st" > /dev/null
lnsp eval "$work/m.st" --input "$work/g.st:vectors" --rows "$work/g.st:rows[0:5]" \
  --target-rows "$work/g.st:rows[5]" > "$work/e2"
expect gather_same_vectors cmp "$work/e1" "$work/e2"
refused gather_nothing 2 "nothing is named to gather" gather --input $v -o "$work/none"
refused gather_order 2 "give the --input that it belongs to first" gather --rows $w:test -o "$work/none"
refused gather_columns 1 "another name" gather --input $v --rows $w:test --rows $w:page -o "$work/none"
refused gather_outside 1 "names row" gather --input $w:target --rows $w:test -o "$work/none"
refused gather_floats 1 "is F16, but numbers of rows are integers" gather --input $v --rows $v -o "$work/none"
refused gather_widths 1 "width" gather --input $v --input $w:target --rows $w:page -o "$work/none"
refused gather_choice 2 "a range" gather --input $v --rows $w:test@80-20% -o "$work/none"
refused gather_vectors 2 "give another name" gather --input $v --as vectors --rows $w:test -o "$work/none"
refused gather_none 1 "no row is left" gather --input $v --rows $w:test@0 -o "$work/none"

# --- without learning: the figures are those of eval ---
lnsp loop "$work/m.st" $v --rows $w:test --pool arriving --json > "$work/still.json"
lnsp eval "$work/m.st" --input $v --rows "$w:test[0:5]" --target-rows "$w:test[5]" --json > "$work/eval.json"
for key in cosine r_at_1 r_at_5 r_at_10 mrr; do
  sed -n "s/^ *\"$key\": \([0-9.e-]*\),*/\1/p" "$work/eval.json" | tail -n 1 > "$work/one"
  field end so_far.$key < "$work/still.json" > "$work/two"
  # floats are summed in another order
  expect still_$key awk '{ v[NR] = $1 } END { d = v[1] - v[2]; exit !(NR == 2 && d * d < 1e-12) }' "$work/one" "$work/two"
done
same still_lines 25 "$(wc -l < "$work/still.json")"
same still_start 23 "$(field start stream < "$work/still.json")"

# --- learning ---
learn() {
  lnsp loop "$work/m.st" "$work/often.st:vectors" --rows "$work/often.st:rows" --learn \
    --optimizer "adamw lr=3e-3" --rehearse 7 "$@"
}
learn --seed 9 --json -o "$work/l1.st" --state "$work/l1.state" > "$work/l1.json"
learn --seed 9 --json -o "$work/l2.st" --state "$work/l2.state" > "$work/l2.json"
learn --seed 10 --json -o "$work/l3.st" > "$work/l3.json"
expect same_seed_same_model cmp "$work/l1.st" "$work/l2.st"
expect same_seed_same_state cmp "$work/l1.state" "$work/l2.state"
sed '$d' "$work/l1.json" > "$work/one"
sed '$d' "$work/l2.json" > "$work/two"
expect same_seed_same_lines cmp "$work/one" "$work/two"
differ other_seed "$(field end hash < "$work/l1.json")" "$(field end hash < "$work/l3.json")"
same hash_is_of_the_file "$(field end hash < "$work/l1.json")" \
  "$(lnsp info "$work/l1.st" | sed -n 's/^hash *//p')"
learn --isa scalar --seed 9 --json -o "$work/l4.st" > /dev/null
expect same_on_scalar cmp "$work/l1.st" "$work/l4.st"
last=$(sed 's/.*"parts": \[//; s/].*//; s/.*{//; s/.*"mrr": \([0-9.e-]*\).*/\1/' "$work/l1.json" | tail -n 1)
first=$(sed 's/.*"parts": \[//; s/}.*//; s/.*"mrr": \([0-9.e-]*\).*/\1/' "$work/l1.json" | tail -n 1)
above learns_what_repeats "$last" "$(awk "BEGIN { print 2 * $first }")"
lnsp loop "$work/m.st" "$work/often.st:vectors" --rows "$work/often.st:rows" --json > "$work/no.json"
above better_than_still "$(field end so_far.mrr < "$work/l1.json")" \
  "$(field end so_far.mrr < "$work/no.json")"
# a state goes on with its own loss and optimizer
expect resumes lnsp loop "$work/l1.state" "$work/often.st:vectors" --rows "$work/often.st:rows" \
  --learn --count 3 --show 0 -o "$work/on.st"
expect learns_alone lnsp loop "$work/m.st" $v --group $w:page --learn --rehearse 0 --count 4 -o "$work/alone.st"
# old windows fill the buffer: the first pair is learned with others
lnsp loop "$work/m.st" $v --rows $w:test --learn --buffer-from $w:val --count 5 --json > "$work/fill.json"
same buffer_from 5 "$(field end steps < "$work/fill.json")"
same buffer_from_count 29 "$(field end buffer < "$work/fill.json")"
lnsp loop "$work/m.st" $v --rows $w:test --learn --buffer-from $w:val --buffer 10 --count 5 --json > "$work/fill.json"
same buffer_is_full 10 "$(field end buffer < "$work/fill.json")"
lnsp loop "$work/m.st" $v --rows $w:test --learn --store "$work/s" --commit-every 10 --show 0 > /dev/null
same commits 4 "$(lnsp store verify "$work/s" --json | sed -n 's/.*"versions": \([0-9]*\).*/\1/p')"

# --- streams, groups, rollout, texts ---
lnsp loop "$work/m.st" $v --group $w:page --texts "$work/texts.tsv" --rollout 4 --snap --json > "$work/roll.json"
same rollout_length 3 "$(sed -n '/"line": "concept"/{s/.*"rollout": //;s/"so_far".*//;p;}' "$work/roll.json" |
  head -n 1 | grep -o '"nearest"' | wc -l | tr -d ' ')"
above rollout_judged "$(field end rollout.concepts < "$work/roll.json")" 0
expect texts_of_columns grep -q '"text": "sentence number 7"' "$work/roll.json"
# contexts stay on a page: as many concepts as eval's kind of windows would have
lnsp loop "$work/m.st" $v --json --show 0 > "$work/all.json"
same all_of_it 179 "$(field end concepts < "$work/all.json")"
above pages_hold_less "$(field end concepts < "$work/all.json")" "$(field end concepts < "$work/roll.json")"
lnsp loop "$work/m.st" $v --context 3 --from 2 --count 4 --show 1 --texts "$work/texts.tsv:sentence,id" > "$work/shown"
same context_of_three 4 "$(grep -c '^  = ' "$work/shown")"
expect joined_columns grep -q 'sentence number 2: 2' "$work/shown"
lnsp loop "$work/m.st" $v --context 3 --from 2 --count 4 --texts "$work/texts.tsv" --columns sentence,id > "$work/other"
expect columns_apart cmp "$work/shown" "$work/other"
lnsp loop "$work/m.st" $v --texts "$work/plain.tsv" --count 1 > "$work/shown"
expect whole_lines grep -q '0 sentence number 0 x' "$work/shown"
lnsp loop "$work/m.st" $v --index-type f16 --count 3 --show 0 > "$work/shown"
expect index_type grep -q '^concepts  *3' "$work/shown"
lnsp loop "$work/m.st" $v --rows $w:test --pool $w:val --json --show 0 > "$work/pool.json"
above pool_of_both "$(field start pool < "$work/pool.json")" 24

# --- networks of other shapes ---
# one with a vector for each concept: the last predicts, and each concept's target is the next
lnsp new "ln_min d=384 s=48" --seed 3 -o "$work/each.st" > /dev/null
each() {
  lnsp loop "$work/each.st" "$work/often.st:vectors" --rows "$work/often.st:rows" --learn --json \
    --loss cosine --optimizer "adamw lr=1e-3" --rehearse 3 "$@"
}
each -o "$work/each1.st" > "$work/each.json"
last=$(sed 's/.*"parts": \[//; s/].*//; s/.*{//; s/.*"cosine": \([0-9.e-]*\).*/\1/' "$work/each.json" | tail -n 1)
first=$(sed 's/.*"parts": \[//; s/}.*//; s/.*"cosine": \([0-9.e-]*\).*/\1/' "$work/each.json" | tail -n 1)
above learns_each_concept "$last" "$first"
refused prev_of_each 1 "has only" loop "$work/each.st" $v --learn --loss "cosine + margin"
# one that takes tens of concepts
lnsp new "hierarchical_gru in=384 d=16 chunk=4" --seed 3 -o "$work/chunks.st" > /dev/null
same context_in_chunks 8 "$(lnsp loop "$work/chunks.st" $v --json --show 0 --count 2 | field start context)"
refused context_of_chunks 1 "a multiple of 4" loop "$work/chunks.st" $v --context 6
lnsp new "mlp in=384 hidden=16 concepts=3" --seed 3 -o "$work/three.st" > /dev/null
same context_as_fixed 3 "$(lnsp loop "$work/three.st" $v --json --show 0 --count 2 | field start context)"
refused context_fixed 1 "takes 3 concepts" loop "$work/three.st" $v --context 4

# --- an index that was made before finds the same ---
lnsp index build $v -o "$work/index.st" > /dev/null
lnsp loop "$work/m.st" $v --rows $w:test --json --top 4 --index "$work/index.st" | sed 1d > "$work/one"
lnsp loop "$work/m.st" $v --rows $w:test --json --top 4 | sed 1d > "$work/two"
expect index_made_before cmp "$work/one" "$work/two"
refused index_width 1 "vectors of width" loop "$work/narrow.st" $w:target --index "$work/index.st"

# --- what is refused ---
refused width 1 "width 16" loop "$work/narrow.st" $v
refused empty_stream 1 "the stream is empty" loop "$work/m.st" $v --context 200
refused empty_group 1 "in its group" loop "$work/m.st" $v --group $w:page --context 100
head -n 150 "$work/plain.tsv" > "$work/short.tsv"
refused texts_short 1 "150 lines for 184" loop "$work/m.st" $v --texts "$work/short.tsv"
refused texts_missing 1 "cannot be read" loop "$work/m.st" $v --texts "$work/no.tsv"
refused texts_column 1 "no column 'phrase'" loop "$work/m.st" $v --texts "$work/texts.tsv:phrase"
refused columns_alone 2 "needs --texts" loop "$work/m.st" $v --columns sentence
refused no_tensor 1 "nothing" loop "$work/m.st" $w:nothing
refused no_colon 2 "FILE:TENSOR" loop "$work/m.st" nothing
refused out_without_learn 2 "needs --learn" loop "$work/m.st" $v -o "$work/none"
refused windows_context 1 "not --context 3" loop "$work/m.st" $v --rows $w:test --context 3
refused windows_group 2 "a stream of rows" loop "$work/m.st" $v --rows $w:test --group $w:page
refused group_rows 1 "one for each row" loop "$work/m.st" $v --group $w:kind
refused buffer_columns 1 "of this stream has 6" loop "$work/m.st" $v --learn --buffer-from $w:triplets
refused rows_outside 1 "names row" loop "$work/m.st" $w:target --rows $w:test
refused from_end 1 "concepts 0 to 22" loop "$work/m.st" $v --rows $w:test --from 23
refused no_output 1 "no output" loop "$work/m.st" $v --on nothing
refused loss_reads 1 "has only" loop "$work/m.st" $v --learn --loss triplet
refused loss_unknown 1 "cosinus" loop "$work/m.st" $v --learn --loss cosinus
refused commit_every 2 "needs --store" loop "$work/m.st" $v --learn --commit-every 3
refused pool_word 2 "give all, arriving or FILE:TENSOR" loop "$work/m.st" $v --pool arrivng
refused pool_and_index 2 "not both" loop "$work/m.st" $v --pool all --index $w
refused state_is_out 2 "of its own" loop "$work/m.st" $v --learn -o "$work/none" --state "$work/none"

# --- an interrupt ends it, and what was learned is written ---
if [ -z "${EMULATOR:-}" ]; then
  tries=300
  "$LNSP" loop "$work/m.st" "$work/often.st:vectors" --rows "$work/often.st:rows" --learn --loss cosine \
    --rehearse 2048 --buffer-from "$work/often.st:rows" -o "$work/cut.st" > "$work/cut" 2> "$work/err" &
  child=$!
  while [ $tries -gt 0 ] && ! grep -q '^  = ' "$work/cut"; do
    tries=$((tries - 1))
    sleep .1 2> /dev/null || sleep 1
  done
  kill -INT $child 2> /dev/null || kill -TERM $child
  wait $child
  echo $? > "$work/status"
  same interrupt_status 0 "$(cat "$work/status")"
  expect interrupt_is_told grep -q '^interrupted' "$work/cut"
  expect interrupt_writes lnsp info "$work/cut.st"
else
  skip interrupt "under an emulator"
fi

finish
