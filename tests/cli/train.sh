# `lnsp train` with held-out data, schedules, accumulation, a log, and checkpoints. LNSP,
# BUILD as in tests/support/check.sh.
. tests/support/check.sh
vectors=examples/demo/old.safetensors:held_out
rows=tests/data/held_out.safetensors

# column NAME FILE.csv: its values, a line each
column() {
  awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next }
    { print at ? $at : "no " name }' "$2"
}
# holds NAME AWK FILE.csv: the awk program, with values by name in v[], prints nothing
holds() {
  awk -F, "NR == 1 { for (i = 1; i <= NF; i++) name[i] = \$i; next }
    { for (i = 1; i <= NF; i++) v[name[i]] = \$i; $2 }
    function is(a, b) { return a - b <= 1e-6 * b + 1e-12 && b - a <= 1e-6 * b + 1e-12 }" "$3" > "$work/why" 2>&1
  empty "$1" "$work/why"
}
log=$work/log.csv

lnsp new "student d=384 s=24 k=12 heads=2" --seed 1 -o "$work/m.st" > /dev/null
train="train $work/m.st --input $vectors --rows $rows:train --loss cosine -o $work/t.st"
held="--eval-rows $rows:val"

# --- the log ---
rm -f "$log"
steps=$(last_key steps $train --batch 16 --epochs 2 --shuffle --clip .5 --log "$log" $held)
same log_steps "$steps" 14
same log_lines "$(column step "$log" | tr '\n' ' ')" "1 2 3 4 5 6 7 8 9 10 11 12 13 14 "
same log_columns "$(head -n 1 "$log")" \
  "step,epoch,seconds,lr,loss,val_loss,val_cosine,gradient_norm,flops,total_flops,pf_days"
flops=$(last_key flop info "$work/m.st")
holds log_flops "rows = NR % 7 == 1 ? 4 : 16; total += 3 * rows * $flops
  if (v[\"flops\"] != 3 * rows * $flops || v[\"total_flops\"] != total ||
      !is(v[\"pf_days\"], total / 8.64e19)) print NR, v[\"flops\"], total, v[\"pf_days\"]" "$log"
holds log_looks 'held = v["val_loss"] != "" && v["val_cosine"] != ""
  if (held != (v["step"] == 7 || v["step"] == 14)) print' "$log"
holds log_values 'if (!(v["gradient_norm"] > 0) || !(v["loss"] > 0) || !is(v["lr"], .001) ||
  !is(v["epoch"], v["step"] / 7) || v["seconds"] < last) print; last = v["seconds"]' "$log"
same log_json_loss "$(column val_loss "$log" | tail -n 1 | cut -c 1-7)" \
  "$(last_key loss $train --batch 16 --epochs 2 --shuffle --clip .5 $held | cut -c 1-7)"
same log_cosine_is_evals "$(column val_cosine "$log" | tail -n 1 | cut -c 1-7)" \
  "$(last_key cosine eval "$work/t.st" --input $vectors --rows $rows:val | cut -c 1-7)"
lnsp $train --steps 1 --log "$log" > /dev/null
holds log_without 'if (v["val_loss"] v["val_cosine"] v["gradient_norm"] != "") print' "$log"

# --- schedules, by the log's rates ---
rates() {
  rates_text=$1
  shift
  lnsp $train --lr 1 --optimizer sgd --batch 25 "$@" --log "$log" --schedule "$rates_text" > /dev/null
  column lr "$log" | tr '\n' ' '
}
same schedule_warmup "$(rates 'constant warmup=1epoch' --epochs 2)" "0.25 0.5 0.75 1 1 1 1 1 "
same schedule_percent "$(rates 'linear warmup=25% min_lr=10%' --epochs 2)" \
  "0.5 1 1 0.850000024 0.699999988 0.550000012 0.400000006 0.25 "
same schedule_step "$(rates 'step every=1epoch factor=.5' --epochs 3)" \
  "1 1 1 1 0.5 0.5 0.5 0.5 0.25 0.25 0.25 0.25 "
same schedule_cosine "$(rates 'cosine' --steps 4)" "1 0.853553414 0.5 0.146446615 "
same schedule_cosine_ends "$(rates 'cosine steps=2 min_lr=.5' --steps 4)" "1 0.75 0.5 0.5 "
same schedule_half_epochs "$(rates 'step every=.5epoch' --epochs 1 --accumulate 2)" "1 0.100000001 "
# the held-out loss gets worse where nothing is learned: a rate of 0 stays
lnsp $train --optimizer sgd --lr 1e-30 --batch 25 --epochs 9 $held --log "$log" \
  --schedule "plateau factor=.5 patience=1 warmup=2" > /dev/null
same schedule_plateau_small "$(column lr "$log" | sort -u | wc -l)" 2 # PyTorch's eps: no fall
lnsp $train --optimizer sgd --freeze '*' --lr 1 --batch 50 --epochs 9 $held --log "$log" \
  --schedule "plateau factor=.5 patience=1 min_lr=20%" > /dev/null
same schedule_plateau "$(column lr "$log" | tr '\n' ' ')" \
  "1 1 1 1 1 1 0.5 0.5 0.5 0.5 0.25 0.25 0.25 0.25 0.200000003 0.200000003 0.200000003 0.200000003 "
refused schedule_plateau_word 1 "factor" $train -o "$work/none" $held --schedule "plateau factor=2"
refused schedule_plateau_key 1 "patience" $train -o "$work/none" $held --schedule "plateau patience=1.5"
refused schedule_plateau_blind 2 "held-out" $train -o "$work/none" --schedule plateau
refused schedule_unknown 1 "constant, cosine, linear, step, plateau" $train -o "$work/none" --schedule fast
refused schedule_warmup 1 "^lnsp train: warmup needs steps, 5% or (in --schedule) 1epoch, not '5percent'" $train -o "$work/none" --schedule "cosine warmup=5percent"
refused schedule_near 1 "did you mean 'cosine'" $train -o "$work/none" --schedule cosin
refused schedule_twice 2 "once" $train -o "$work/none" --optimizer "sgd schedule=step every=2" --schedule step
refused schedule_step_alone 1 "every=N" $train -o "$work/none" --schedule step

# --- accumulation ---
same accumulate_steps "$(last_key steps $train --batch 10 --epochs 3 --accumulate 4)" 7
same accumulate_again "$(last_key hash $train --batch 10 --epochs 3 --accumulate 4 --shuffle)" \
  "$(last_key hash $train --batch 10 --epochs 3 --optimizer "adamw accumulate=4" --shuffle --isa scalar)"
differ accumulate_differs "$(last_key hash $train --batch 10 --steps 2 --accumulate 2)" \
  "$(last_key hash $train --batch 10 --steps 2)"
# the mean of two halves is the whole, but for rounding
lnsp $train --batch 100 --optimizer sgd --lr .1 --steps 3 --log "$log" > /dev/null
whole=$(column loss "$log" | cut -c 1-7 | tr '\n' ' ')
lnsp $train --batch 50 --optimizer sgd --lr .1 --steps 3 --accumulate 2 --log "$log" > /dev/null
same accumulate_whole "$(column loss "$log" | cut -c 1-7 | tr '\n' ' ')" "$whole"
holds accumulate_flops "if (v[\"flops\"] != 300 * $flops) print" "$log"
refused accumulate_few 2 "one step accumulates 9" $train -o "$work/none" --batch 20 --accumulate 9
refused accumulate_none 2 "whole number of at least 1" $train -o "$work/none" --accumulate 0
refused accumulate_twice 2 "once" $train -o "$work/none" --optimizer "sgd accumulate=2" --accumulate 2

# --- early stopping and best weights ---
frozen="$train --freeze * --batch 50 $held"
set -f # the pattern is no file name
same stop_steps "$(last_key steps $frozen --epochs 9 --patience 2)" 6
same stop_every "$(last_key steps $frozen --epochs 9 --patience 3 --eval-every 3)" 12
same stop_half "$(last_key steps $frozen --epochs 9 --patience 2 --eval-every .5epoch --best cosine)" 3
same stop_first_is_best "$(last_key best_step $frozen --epochs 9 --patience 2)" 2
lnsp $frozen --epochs 9 --patience 2 > "$work/told"
expect stop_said grep -q "stopped early *yes, after 2 evaluations" "$work/told"
lnsp $train $held --epochs 1 --patience 2 > "$work/told"
expect stop_not_said sh -c "! grep -q stopped $work/told"
set +f
# learning by heart is best somewhere in the middle
heart="train $work/m.st --input $vectors --rows $rows:train[0:1] -o $work/t.st"
rm -f "$log"
by_heart="train $work/m.st --input $vectors --rows $rows:val --loss mse --batch 10 --optimizer adamw
  --lr .03 --shuffle --seed 3"
best=$(last_key best_step $by_heart --epochs 12 --eval-rows $rows:train --best loss --log "$log" \
  -o "$work/t.st")
least=$(awk -F, 'NR > 1 && $6 != "" && (!n || $6 < n) { n = $6; s = $1 } END { print s }' "$log")
same best_is_least "$best" "$least"
differ best_is_not_last "$best" "$(column step "$log" | tail -n 1)"
kept=$(last_key hash info "$work/t.st")
same best_weights "$kept" "$(last_key hash $by_heart --steps "$best" -o "$work/o.st")"
same best_hash "$kept" "$(last_key hash $by_heart --epochs 12 --eval-rows $rows:train --best loss \
  -o "$work/t.st")"
differ last_weights "$kept" "$(last_key hash $by_heart --epochs 12 --eval-rows $rows:train -o "$work/t.st")"
same best_half "$(last_key storage info "$work/t.st")" F32
lnsp $by_heart --epochs 3 --eval-rows $rows:train --best cosine --type f16 -o "$work/h.st" > /dev/null
same best_type "$(last_key storage info "$work/h.st")" F16
ema=$(last_key best_step $by_heart --epochs 12 --eval-rows $rows:train --best loss --ema .9 --log "$log" \
  -o "$work/t.st")
same best_average "$(last_key hash info "$work/t.st")" \
  "$(last_key hash $by_heart --steps "$ema" --ema .9 -o "$work/o.st")"
# ranks: targets that are other rows
pairs="train $work/m.st --input $vectors --rows $rows:windows_train[4] --target-rows
  $rows:windows_train[5] --loss cosine --batch 8 --epochs 3 -o $work/t.st
  --eval-rows $rows:windows_val[4] --eval-target-rows $rows:windows_val[5]"
lnsp $pairs --best mrr --log "$log" > /dev/null
best=$(column val_mrr "$log" | sort -g | tail -n 1 | cut -c 1-7)
same best_mrr_is_evals "$best" "$(last_key mrr eval "$work/t.st" --input $vectors \
  --rows $rows:windows_val[4] --target-rows $rows:windows_val[5] | cut -c 1-7)"
lnsp $pairs --best r@3 --log "$log" > /dev/null
holds best_recall 'n = 12 * v["val_r@3"]
  if (v["val_r@3"] != "" && (n - int(n + .5) > 1e-6 || n > 12)) print' "$log"
same best_recall_is_evals "$(column val_r@3 "$log" | grep -c .)" 3
refused best_word 2 "r@5" $train $held -o "$work/none" --best accuracy
refused best_zero 2 "r@5" $train $held -o "$work/none" --best r@0
refused best_blind 2 "held-out" $train -o "$work/none" --best cosine
refused best_of_itself 2 "rank targets" $train $held -o "$work/none" --best mrr
refused patience_blind 2 "held-out" $train -o "$work/none" --patience 3
refused patience_zero 2 "whole number" $train $held -o "$work/none" --patience 0
refused every_blind 2 "held-out" $train -o "$work/none" --eval-every 3
refused every_word 2 "1epoch" $train $held -o "$work/none" --eval-every often
refused target_rows_blind 2 "held-out" $train -o "$work/none" --eval-target-rows $rows:val
refused held_and_rows 2 "not both" $train -o "$work/none" --eval "$work/m.st" --eval-input $vectors
refused held_empty 1 "no row" $train -o "$work/none" --eval-rows $rows:val=77
refused held_triplets 1 "anchor" train "$work/m.st" --input $vectors --rows $rows:windows_train[0:3] \
  --loss triplet $held --patience 2 -o "$work/none"
# without what the loss reads there is still a cosine
expect held_cosine_alone lnsp train "$work/m.st" --input $vectors --rows $rows:windows_train[0:3] \
  --loss triplet $held --best cosine -o "$work/t.st"

# --- sequences: five concepts of context, the sixth is the target ---
lnsp new "amn in=384 d=24 hidden=32 dropout=.3" --seed 2 -o "$work/amn.st" > /dev/null
lnsp new "amn in=384 d=24 hidden=32" --seed 2 -o "$work/plain.st" > /dev/null
windows="--input $vectors --rows $rows:windows_train[0:5] --target-rows $rows:windows_train[5]
  --eval-rows $rows:windows_val[0:5] --eval-target-rows $rows:windows_val[5] --normalise
  --batch 10 --shuffle --seed 1 --lr 3e-3 -o $work/t.st"
nce='info_nce tau=.1 duplicates=mask context=mask'
lnsp train "$work/amn.st" $windows --loss "$nce" --epochs 6 --best mrr \
  --schedule "cosine warmup=4" --log "$log" > /dev/null
same windows_lines "$(column val_mrr "$log" | grep -c .)" 6
same windows_best_is_evals "$(column val_mrr "$log" | sort -g | tail -n 1 | cut -c 1-7)" \
  "$(last_key mrr eval "$work/t.st" --input $vectors --normalise --rows $rows:windows_val[0:5] \
  --target-rows $rows:windows_val[5] | cut -c 1-7)"
# a network of one's own, written as a text; untrained it is the weighted mean
lnsp new examples/next_concept.txt --seed 1 -o "$work/next.st" > /dev/null
val="--input $vectors --normalise --rows $rows:windows_val[0:5] --target-rows $rows:windows_val[5]"
same next_starts "$(last_key mrr eval "$work/next.st" $val)" \
  "$(last_key mrr eval $val --baseline weighted=.05,.1,.15,.25,.45)"
lnsp train "$work/next.st" $windows --loss "$nce" --steps 8 --log "$log" > /dev/null
holds next_learns 'if (v["step"] == 1) first = v["loss"]
  if (v["step"] == 5 && !(v["loss"] < first)) print first, v["loss"]' "$log"
# looks have no dropout
start() {
  lnsp train "$@" $windows --loss "$nce" --steps 1 --json | sed -n 's/^ *"loss": \([^,]*\),*$/\1/p' | head -n 1
}
same look_without_chance "$(start "$work/amn.st")" "$(start "$work/plain.st")"
differ learn_with_chance "$(last_key loss_first train "$work/amn.st" $windows --loss "$nce" --steps 1)" \
  "$(last_key loss_first train "$work/plain.st" $windows --loss "$nce" --steps 1)"
# down the chain: the context backwards, the target its first concept
down=$(echo "$windows" | sed 's/\[0:5\]/[5:0:-1]/g; s/windows_train\[5\]/windows_train[0]/; s/windows_val\[5\]/windows_val[0]/')
differ windows_down "$(last_key hash train "$work/amn.st" $down --loss "$nce" --steps 2)" \
  "$(last_key hash train "$work/amn.st" $windows --loss "$nce" --steps 2)"
full=$(last_key hash train "$work/amn.st" $windows --loss "$nce" --accumulate 2 --epochs 4 --patience 3)
lnsp train "$work/amn.st" $windows --loss "$nce" --accumulate 2 --steps 3 --patience 3 \
  --checkpoint "$work/c.st" > /dev/null
same windows_resume "$full" "$(last_key hash train "$work/amn.st" $windows --loss "$nce" --accumulate 2 \
  --epochs 4 --patience 3 --resume "$work/c.st")"

# --- checkpoints ---
run="$train --batch 16 --epochs 4 --shuffle --seed 5 --clip .5 --ema .9 --accumulate 2 --lr .01
  --eval-rows $rows:val --eval-every 3 --best cosine --patience 9"
schedule="plateau factor=.5 patience=0 threshold=.9 warmup=1epoch"
rm -f "$log"
full=$(last_key hash $run --schedule "$schedule" --log "$work/full.csv" --state "$work/full.state")
same checkpoint_all_steps "$(column step "$work/full.csv" | tail -n 1)" 14
differ checkpoint_rate_fell "$(column lr "$work/full.csv" | tail -n 1)" 0.00999999978
# cut: a copy of the checkpoint of step 5, in the middle of an epoch and before a look
lnsp $run --schedule "$schedule" --log "$work/part.csv" --checkpoint "$work/c.st" \
  --checkpoint-every 5 --steps 5 --epochs 4 > /dev/null 2>&1
same checkpoint_steps_or_epochs $? 2
part() { # part STEPS: a run that ends there
  lnsp $(echo "$run" | sed 's/--epochs 4/--steps '"$1"'/') --schedule "$schedule" \
    --log "$work/part.csv" --checkpoint "$work/c.st" > /dev/null
}
for at in 5 6 13; do
  part $at
  same checkpoint_resumes_$at "$full" "$(last_key hash $run --schedule "$schedule" \
    --log "$work/part.csv" --resume "$work/c.st" --state "$work/part.state")"
  expect checkpoint_state_$at cmp "$work/full.state" "$work/part.state"
  cut -d, -f 1,2,4- "$work/full.csv" > "$work/one"
  cut -d, -f 1,2,4- "$work/part.csv" > "$work/two"
  # a run that ends at step 5 or 13 looks then, and a run that goes on does not
  [ $at = 6 ] && expect checkpoint_log_$at cmp "$work/one" "$work/two"
  same checkpoint_lines_$at "$(wc -l < "$work/two")" "$(wc -l < "$work/one")"
done
part 6
lnsp $run --schedule "$schedule" --resume "$work/c.st" --log "$work/new.csv" > /dev/null
same checkpoint_new_log "$(column step "$work/new.csv" | head -n 1)" 7
same checkpoint_seconds "$(awk -F, 'NR > 2 && $3 < last { print } NR > 1 { last = $3 }' "$work/part.csv" | wc -l)" 0
# a process that is killed between checkpoints
${EMULATOR:-} "$LNSP" $(echo "$run" | sed 's/--epochs 4/--steps 100000/; s/--eval-every 3/--eval-every 500/') \
  --schedule "$schedule" --checkpoint "$work/k.st" --checkpoint-every 20 > /dev/null 2>&1 &
pid=$!
tries=0
while [ ! -e "$work/k.st" ] && [ $tries -lt 100 ]; do sleep .1; tries=$((tries + 1)); done
kill -KILL $pid
wait $pid 2> /dev/null
expect checkpoint_after_kill lnsp info "$work/k.st"
long=$(echo "$run" | sed 's/--epochs 4/--steps 100000/; s/--eval-every 3/--eval-every 500/')
${EMULATOR:-} "$LNSP" $long --schedule "$schedule" --resume "$work/k.st" --checkpoint "$work/k.st" --json \
  > "$work/json" 2>&1 &
pid=$!
sleep 1
kill -TERM $pid
wait $pid
expect checkpoint_interrupt grep -q '"interrupted": "yes' "$work/json"
at=$(sed -n 's/^ *"steps": \([0-9]*\),*$/\1/p' "$work/json")
more=$((at + 7))
one=$(last_key hash $(echo "$long" | sed "s/--steps 100000/--steps $more/") --schedule "$schedule" \
  --resume "$work/k.st" --state "$work/one.state")
two=$(last_key hash $(echo "$long" | sed "s/--steps 100000/--steps $more/") --schedule "$schedule" \
  --state "$work/two.state")
same checkpoint_after_interrupt "$one" "$two"
expect checkpoint_state_after_interrupt cmp "$work/one.state" "$work/two.state"
# narrow states, and triplets
for text in "adamw moments=8bit weights=bf16" "adam moments=8bit clip=.1" "sgd momentum=.9"; do
  narrow="train $work/m.st --input $vectors --rows $rows:windows_train[0:3] --loss triplet
    --batch 8 --shuffle --eval-rows $rows:windows_val[0:3] --patience 3 -o $work/t.st"
  whole=$(last_key hash $narrow --optimizer "$text" --steps 12)
  lnsp $narrow --optimizer "$text" --steps 7 --checkpoint "$work/n.st" > /dev/null
  same "checkpoint_of_$(echo "$text" | tr ' =.' '___')" "$whole" \
    "$(last_key hash $narrow --optimizer "$text" --steps 12 --resume "$work/n.st")"
done
# early stopping is part of it
set -f
lnsp $frozen --epochs 9 --patience 2 --checkpoint "$work/s.st" > /dev/null
same checkpoint_stopped "$(last_key steps $frozen --epochs 9 --patience 2 --resume "$work/s.st")" 6
set +f
part 6
again="$run --resume $work/c.st"
refused checkpoint_batch 1 "batch was '16', and now it is '8'" $again --schedule "$schedule" --batch 8 -o "$work/none"
refused checkpoint_schedule 1 "schedule was" $again -o "$work/none" --schedule "plateau patience=1 warmup=1epoch"
refused checkpoint_optimizer 1 "optimizer was" $again --schedule "$schedule" -o "$work/none" --lr .02
refused checkpoint_seed 1 "seed was '5'" $again --schedule "$schedule" -o "$work/none" --seed 6
refused checkpoint_loss 1 "loss was 'cosine'" $again --schedule "$schedule" -o "$work/none" --loss mse
refused checkpoint_data 1 "the data was" $again --schedule "$schedule" -o "$work/none" --rows $rows:windows_train[0]
refused checkpoint_held 1 "held-out data was" $again --schedule "$schedule" -o "$work/none" --eval-rows $rows:train
refused checkpoint_values 1 "normalise was" $again --schedule "$schedule" -o "$work/none" --normalise
refused checkpoint_freeze 1 "freeze" $again --schedule "$schedule" -o "$work/none" --freeze '*bias'
for damage in 's/"lnsp.run.state":"0 6 /"lnsp.run.state":"0 7 /' 's/"lnsp.run.state":"0 /"lnsp.run.state":"x /' \
  's/"lnsp.run.state"/"lnsp.run.stat_"/'; do
  sed "$damage" "$work/c.st" > "$work/damaged.st"
  refused "checkpoint_damaged_${#damage}" 1 "damaged" $run --schedule "$schedule" -o "$work/none" \
    --resume "$work/damaged.st"
done
sed 's/best\.layers/beat.layers/' "$work/c.st" > "$work/damaged.st"
refused checkpoint_without_best 1 "beat" $run --schedule "$schedule" -o "$work/none" \
  --resume "$work/damaged.st"
if [ -c /dev/full ]; then
  refused log_full_disk 1 "could not be written" $train -o "$work/none" --log /dev/full
fi
refused checkpoint_every 2 "needs --checkpoint" $train -o "$work/none" --checkpoint-every 3
refused checkpoint_is_out 2 "of its own" $train -o "$work/none" --checkpoint "$work/none"
refused log_is_checkpoint 2 "of its own" $train -o "$work/none" --checkpoint "$work/c2" --log "$work/c2"
refused checkpoint_poisson 2 "poisson" $train -o "$work/none" --checkpoint "$work/c2" --poisson
refused checkpoint_folder 1 "\-\-checkpoint is '" $train -o "$work/none" --checkpoint "$work/no/c"
refused resume_model 1 "not written by --state" train --input $vectors -o "$work/none" --resume "$work/m.st"
refused resume_nothing 1 "no such file" train --input $vectors -o "$work/none" --resume "$work/no.st"

finish
