# lnsp store: versions in a file, and what is refused.
. tests/support/check.sh

lnsp new "ln_min d=384 s=16" --seed 1 -o "$work/m.st" > /dev/null
data=examples/demo/old.safetensors:held_out
step() { # FROM STEPS TO
  lnsp train "$1" --input $data --steps "$2" --state "$work/$3.state" -o "$work/$3.st" > /dev/null
}
on() { # FROM STEPS TO
  lnsp train --resume "$work/$1.state" --input $data --steps "$2" --state "$work/$3.state" -o "$work/$3.st" > /dev/null
}
step "$work/m.st" 1 a
on a 3 b
on b 5 c

expect init lnsp store init "$work/s" "$work/a.state" --tag start --size 8M --every 2
refused init_again 1 "is there already" store init "$work/s" "$work/a.state"
expect commit lnsp store commit "$work/s" "$work/b.state" --loss .25 --tag good
same commit_number 3 "$(key version store commit "$work/s" "$work/c.state")"
same rollback_number 4 "$(key version store rollback "$work/s" good)"
same rollback_from 2 "$(key from store log "$work/s")"

# a state comes back byte for byte, and training goes on as if nothing had been
expect checkout lnsp store checkout "$work/s" -o "$work/back.state"
expect checkout_is_the_state cmp "$work/back.state" "$work/b.state"
on back 5 again
expect goes_on_to_the_same_bits cmp "$work/again.state" "$work/c.state"
expect checkout_weights lnsp store checkout "$work/s" 3 --weights -o "$work/w.st"
same checkout_hash "$(key hash info "$work/c.st")" "$(key hash info "$work/w.st")"
expect commit_after_rollback lnsp store commit "$work/s" "$work/again.state"

LC_ALL=C lnsp store log "$work/s" > "$work/log"
sed -E 's/  +/  /g; s/[0-9]+ s ago/now/; s/ [0-9.]+ k?B( whole)?/ kB/; s/  [0-9a-f]{12}/  hash/' "$work/log" |
  sed '1,3d' > "$work/drawn"
cat > "$work/wanted" <<'T'
*  5  now  step 9  -  kB  hash
<  4  now  back to 2
.  3  now  step 9  -  kB  hash
o  2  now  step 4  0.25  kB  hash  good
o  1  now  step 1  -  kB  hash  start
T
# the clock may have gone on between two versions
expect log_is_drawn diff "$work/wanted" "$work/drawn"
expect log_counts grep -q "5 versions of a trainer's state" "$work/log"
lnsp store log "$work/s" --last 2 > "$work/log"
expect log_last grep -q "3 older ones" "$work/log"
same log_undone 1 "$(lnsp store log "$work/s" --json | grep -c '"undone": 1')"

same verify 5 "$(key versions store verify "$work/s")"
same compact 5 "$(key versions store compact "$work/s")"
same verify_after 5 "$(key versions store verify "$work/s")"

refused no_version 1 "no version '77'" store rollback "$work/s" 77
refused no_store 1 "no such file" store log "$work/none"
refused not_a_store 1 "is not a store" store log "$work/m.st"
head -c 1048576 /dev/zero > "$work/zeros"
refused no_header 1 "not a store.*lnsp store init" store log "$work/zeros"
lnsp new "ln_min d=384 s=8" --seed 1 -o "$work/small.st" > /dev/null
step "$work/small.st" 1 small
refused other_network 1 "'s=16': give one with 's=8'" store commit "$work/s" "$work/small.state"
refused other_kind 1 "the store is of" store commit "$work/s" "$work/m.st"
refused long_tag 1 "a tag has at most" store commit "$work/s" "$work/b.state" --tag 1234567890123456789012345678901234567890
refused verb 2 "'store' has no verb 'bake'" store bake "$work/s"
refused size 2 "give a number of bytes" store init "$work/t" "$work/m.st" --size -3
refused too_small 1 "needs at least" store init "$work/t" "$work/a.state" --size 1K
refused init_long_tag 1 "a tag has at most" store init "$work/t" "$work/a.state" --tag 1234567890123456789012345678901234567890
empty nothing_left_behind "$(ls -A "$work" | grep -E '^t$|\.tmp$' > "$work/left"; echo "$work/left")"

expect init_model lnsp store init "$work/t" "$work/m.st" --size 1M
expect commit_model lnsp store commit "$work/t" "$work/a.st"
expect checkout_model lnsp store checkout "$work/t" ~1 -o "$work/m2.st"
expect checkout_model_bytes cmp "$work/m.st" "$work/m2.st"
expect checkout_type lnsp store checkout "$work/t" --type f16 -o "$work/h.st"

# deltas from elsewhere
lnsp delta make "$work/a.st" "$work/b.st" --sender anna --nonce 3 -o "$work/d" > /dev/null
lnsp delta make "$work/a.st" "$work/b.st" -o "$work/nobody" > /dev/null
refused apply_nobody 1 "has no sender" store apply "$work/t" "$work/nobody"
refused apply_norm 1 "norm" store apply "$work/t" "$work/d" --max-norm 1e-9
same apply_delta 3 "$(key version store apply "$work/t" "$work/d")"
same apply_hash "$(key hash info "$work/b.st")" "$(key hash store log "$work/t")"
lnsp store rollback "$work/t" 2 > /dev/null
refused apply_again 1 "sent number 3 already" store apply "$work/t" "$work/d"
lnsp store rollback "$work/s" start > /dev/null
expect apply_to_trainer lnsp store apply "$work/s" "$work/d" --tag applied
expect checkout_applied lnsp store checkout "$work/s" applied --weights -o "$work/applied.st"
same applied_hash "$(key hash info "$work/b.st")" "$(key hash info "$work/applied.st")"

refused info_of_store 1 "is a store: .lnsp store log" info "$work/t"
refused run_of_store 1 "is a store: .lnsp store checkout" run "$work/t" "$work/b.st" -o "$work/none"

# damage is told, and what is left can be read
if have dd; then
  printf 'X' | dd of="$work/s" bs=1 seek=$((65536 + 300)) conv=notrunc 2> /dev/null
  printf 'XXXX' | dd of="$work/t" bs=1 seek=$((65536 + 300)) conv=notrunc 2> /dev/null
  refused damaged 1 "damaged\|no store" store log "$work/t"
  # cut short
  dd if="$work/s" of="$work/u" bs=1024 count=300 2> /dev/null
  refused truncated 1 "bytes" store log "$work/u"
else
  skip damaged "no dd"
fi

finish
