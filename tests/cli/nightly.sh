# examples/nightly: a night that publishes, nights that do not, and nights that are cut off at
# every call and run again.
. tests/support/check.sh
LNSP=${LNSP:-$BUILD/lnsp}
case $LNSP in */*) LNSP=$(cd "$(dirname "$LNSP")" && pwd)/$(basename "$LNSP") ;; esac
if [ -n "${EMULATOR:-}" ]; then
  { echo '#!/bin/sh' && echo "exec $EMULATOR \"$LNSP\" \"\$@\""; } > "$work/emulated"
  chmod +x "$work/emulated"
  LNSP=$work/emulated
fi
w=$(pwd)/tests/data/windows.safetensors
nightly=$(pwd)/examples/nightly/nightly.sh
hash_of() { # STORE: of its newest version
  "$LNSP" store log "$1" --last 1 --json | sed -n 's/.*"hash": "\(.*\)",*/\1/p'
}
# night NAME STORE REPORTS [SETTING...]: runs a night, says its status
night() {
  night_name=$1
  {
    echo "LNSP='$LNSP' STORE='$2' REPORTS='$3' NEW='$w:vectors' OLD='$w:vectors'"
    echo "NEW_ROWS='$w:test' NEW_HELD_OUT='$w:test' OLD_ROWS='$w:val' OLD_HELD_OUT='$w:val' REPLAY=12"
    echo "LEARN='--loss \"info_nce tau=.1\" --batch 10 --epochs 20 --lr 3e-3' FALL_MRR=.5 FALL_COSINE=.5"
    shift 3
    for setting in "$@"; do echo "$setting"; done
  } > "$work/settings"
  sh "$nightly" "$work/settings" "$night_name" > "$work/night.out" 2> "$work/night.err"
  echo $?
}

"$LNSP" new "amn in=384 d=32 hidden=32" --seed 3 -o "$work/fresh.st" > /dev/null
"$LNSP" train "$work/fresh.st" --input "$w:vectors" --rows "$w:val[:-1]" --target-rows "$w:val[-1]" \
  --normalise --loss "info_nce tau=.1" --batch 8 --epochs 10 --lr 3e-3 -o "$work/start.st" > /dev/null
"$LNSP" store init "$work/first" "$work/start.st" --tag start > /dev/null
start=$(hash_of "$work/first")

# --- published ---
cp "$work/first" "$work/s"
same publishes 0 "$(night n1 "$work/s" "$work/r")"
report=$work/r/n1/report.md
same version 2 "$("$LNSP" store log "$work/s" --last 1 --json | sed -n 's/.*"version": \([0-9]*\).*/\1/p')"
expect report_says grep -q "^Published as version 2" "$report"
expect report_table grep -q '^| new | MRR | 0\.[0-9]* | 0\.[0-9]* | +0\.[0-9]* |$' "$report"
expect report_gates grep -q '^| old | no collapse .* passed |$' "$report"
expect report_before grep -q "$start" "$report"
expect report_after grep -q "$(hash_of "$work/s")" "$report"
expect report_delta grep -q 'exact delta | [1-9][0-9]* bytes' "$report"
expect report_checksum grep -q "$(cksum "$w")" "$report"
if [ "$(hash_of "$work/s")" = "$start" ]; then echo "$start" | fail learned; else pass learned; fi
# the delta leads from what was published to what is
"$LNSP" store checkout "$work/s" 1 -o "$work/one.st" > /dev/null
"$LNSP" delta apply "$work/one.st" "$work/r/n1/delta.st" -o "$work/two.st" > /dev/null
same delta_leads_there "$(hash_of "$work/s")" "$("$LNSP" info "$work/two.st" | sed -n 's/^hash *//p')"
cp "$work/s" "$work/before"
cp "$work/s" "$work/s1"
same again_is_done 0 "$(night n1 "$work/s" "$work/r")"
expect again_changes_nothing cmp "$work/s" "$work/before"
same next_night 0 "$(night n2 "$work/s" "$work/r" RISE_MRR=-1)"
expect next_from_there grep -q "^| version before | 2 |" "$work/r/n2/report.md"
# another name, another seed: other draws, another model
cp "$work/first" "$work/t"
night n7 "$work/t" "$work/r" RISE_MRR=-1 > /dev/null
case $(hash_of "$work/t") in
  "$start" | "$(hash_of "$work/s1")") echo "the same" | fail other_night ;;
  *) pass other_night ;;
esac

# --- not published ---
cp "$work/first" "$work/s"
refuses() { # NAME SETTING
  same "$1_status" 3 "$(night "$1" "$work/s" "$work/r" "$2")"
  expect "$1_report" grep -q '^Not published: .* stays at version 1' "$work/r/$1/report.md"
  expect "$1_names_the_gate" grep -q '\*\*failed\*\*' "$work/r/$1/report.md"
  expect "$1_store" cmp "$work/first" "$work/s"
  same "$1_hash" "$start" "$(hash_of "$work/s")"
}
refuses new_must_rise RISE_MRR=.99
refuses old_must_stay FALL_MRR=-.9
refuses cosine_must_stay FALL_COSINE=-.9
same refused_again 3 "$(night old_must_stay "$work/s" "$work/r" FALL_MRR=-.9)"

# --- single vectors, with statistics instead of old data ---
"$LNSP" new "ln_min d=384 s=48" --seed 3 -o "$work/small.st" > /dev/null
"$LNSP" store init "$work/v" "$work/small.st" > /dev/null
"$LNSP" replay fit --input "$w:vectors" --rows "$w:val[0]" -o "$work/old.stats" > /dev/null
same vectors 0 "$(night v1 "$work/v" "$work/r" KIND=vectors "NEW_ROWS='$w:test[0]' NEW_HELD_OUT='$w:test[0]'" \
  "OLD_HELD_OUT='$w:val[0]' OLD_ROWS= STATISTICS='$work/old.stats' RISE_COSINE=.05 FALL_COSINE=.02" \
  "LEARN='--loss \"cosine + .5*replay rows=4\" --batch 8 --epochs 4'")"
expect vectors_report grep -q '^| new | cosine | at least +0.0500 | .* | passed |$' "$work/r/v1/report.md"

# --- refused before anything ---
same no_settings 2 "$(sh "$nightly" "$work/none" 2> /dev/null; echo $?)"
same bad_name 2 "$(night 'a/b' "$work/s" "$work/r")"
same long_name 2 "$(night 1234567890123456789012345678901234567890 "$work/s" "$work/r")"
same no_store 1 "$(night n3 "$work/nothing" "$work/r")"
same no_replay 2 "$(night n3 "$work/s" "$work/r" OLD_ROWS=)"
same no_data 1 "$(night n4 "$work/s" "$work/r" "NEW_ROWS='$w:nothing'")"
same bad_gate 2 "$(night n3 "$work/s" "$work/r" RISE_MRR=much)"
same bad_recipe 1 "$(night n5 "$work/s" "$work/r" "LEARN='--loss cosinus'")"
expect nothing_was_changed cmp "$work/first" "$work/s"
mkdir "$work/r/lock" && echo $$ > "$work/r/lock/pid"
same one_at_a_time 1 "$(night n6 "$work/s" "$work/r")"
rm -r "$work/r/lock"

# --- cut off before and after each call of the program, and run again ---
cat > "$work/cutter" <<T
#!/bin/sh
n=\$((\$(cat "$work/calls") + 1))
echo \$n > "$work/calls"
[ \$n != "\$(cat "$work/cut_before")" ] || kill -9 \$PPID
"$LNSP" "\$@"
status=\$?
[ \$n != "\$(cat "$work/cut_after")" ] || kill -9 \$PPID
exit \$status
T
chmod +x "$work/cutter"
cut_everywhere() { # SETTING STATUS WHEN
  rm -rf "$work/cut" "$work/uncut"
  cp "$work/first" "$work/cut.store"
  same "uncut_$2" $2 "$(night n9 "$work/cut.store" "$work/uncut" $1)"
  whole=$(hash_of "$work/cut.store")
  : > "$work/why"
  n=0
  while n=$((n + 1)) && [ $n -lt 40 ]; do
    rm -rf "$work/cut"
    cp "$work/first" "$work/cut.store"
    echo 0 | tee "$work/calls" "$work/cut_before" > "$work/cut_after"
    echo $n > "$work/cut_$3"
    status=$(night n9 "$work/cut.store" "$work/cut" $1 "LNSP='$work/cutter'" 2> /dev/null)
    [ "$(cat "$work/calls")" -ge $n ] || break
    [ "$status" -gt 100 ] || echo "cut $3 call $n: status $status" >> "$work/why"
    status=$(night n9 "$work/cut.store" "$work/cut" $1)
    {
      [ "$status" = $2 ] || echo "$3 call $n: then status $status"
      [ "$(hash_of "$work/cut.store")" = "$whole" ] || echo "$3 call $n: another version"
      cmp "$work/uncut/n9/report.md" "$work/cut/n9/report.md"
    } >> "$work/why" 2>&1
  done
  [ $n -gt 8 ] && [ $n -lt 40 ] || echo "$n calls" >> "$work/why"
  empty "cut_$3_each_call_$2" "$work/why"
}
cut_everywhere RISE_MRR=-1 0 after
cut_everywhere RISE_MRR=.99 3 before

finish
