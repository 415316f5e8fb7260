# lnsp eval: tables, ranks, baselines, suites and what is refused. What it should print
# for real vectors is what tests/tools/window_numbers.py printed. LNSP, BUILD as in
# tests/support/check.sh.
. tests/support/check.sh
w=tests/data/windows.safetensors
vectors="--input $w:vectors --normalise"
text="$vectors --rows $w:test[0:5] --target-rows $w:test[5]"
conformance=tests/data/conformance
model=$conformance/student_many.model.safetensors
case=$conformance/student_many.case.safetensors

# row NAME PREDICTOR NUMBERS: cosine, R@1, R@5, R@10 and MRR of the table in $work/table
row() {
  row_text=$(awk -v name="$2" '$1 == name { print $2, $4, $5, $6, $7 }' "$work/table")
  same "$1" "$row_text" "$3"
}

# --- ranks and baselines ---
weighted=weighted=.05,.1,.15,.25,.45
lnsp eval $text --baseline copy-last --baseline mean --baseline $weighted --baseline random \
  > "$work/table"
row copy_last copy-last "0.4329 0.3478 0.7391 0.9130 0.5012"
row mean mean "0.5292 0.2609 0.7391 0.9565 0.4617"
row weighted $weighted "0.5179 0.3043 0.7391 0.9565 0.4963"
says pool "23 distinct concepts, the query's own context left out" eval $text --baseline mean
same rows 23 "$(key rows eval $text --baseline mean)"
same any_batch "$(key mrr eval $text --baseline mean --batch 5)" "$(key mrr eval $text --baseline mean)"
# one number is all the weight: copy-last by another name
same weights_of_last "$(key mrr eval $text --baseline copy-last)" \
  "$(key mrr eval $text --baseline weighted=0,0,0,0,2)"
# with its own context kept, copy-last finds itself first wherever that is a target too
same own_context 0.0434782609 "$(key r_at_1 eval $text --baseline copy-last --keep-context)"
same pool_larger 62 "$(key pool eval $text --baseline mean --pool "$w:val")"
same random_seed "$(key mrr eval $text --baseline random --seed 3)" \
  "$(key mrr eval $text --baseline random --seed 3)"
same val_cosine "$(key val_cosine eval $text --baseline mean --batch 23 | cut -c 1-9)" \
  "$(key cosine eval $text --baseline mean | cut -c 1-9)"
same val_batches 0.5020 "$(key val_cosine eval $text --baseline mean --batch 20 | awk '{ printf "%.4f", $1 }')"
says val_printed "1e-8 added" eval $text --baseline mean --val-cosine
lnsp new "lnsp 1; x=input 384; y=l2norm x; output output=y" -o "$work/same.st" > /dev/null
same model_cosine 0.4328 "$(key cosine eval "$work/same.st" $vectors --rows "$w:test[4]" \
  --target-rows "$w:test[5]" | cut -c 1-6)"
# contexts and targets by themselves are told apart by their bits
lnsp eval --baseline mean $w > "$work/table"
row by_bits mean "0.4040 0.0870 0.5217 0.8261 0.2689"
says losses "cosine" eval "$work/same.st" $vectors --rows "$w:test[4]" --target-rows "$w:test[5]" \
  --loss cosine
says two_models "mean  " eval "$work/same.st" "$work/same.st" $vectors --rows "$w:test[4]" \
  --target-rows "$w:test[5]" --baseline mean
says case_without_ranks "mean cosine" eval $model $case
says svg "pool" eval $text --baseline mean --baseline copy-last --svg "$work/recall.svg"
same svg_lines 2 "$(grep -c "stroke-dasharray" "$work/recall.svg")"
expect svg_ends grep -q "^</svg>" "$work/recall.svg"

# baselines that learn, here from few coordinates
short="--input $w:short --normalise --rows $w:test[0:5] --target-rows $w:test[5]"
fit="--fit-rows $w:val[0:5] --fit-target-rows $w:val[5]"
lnsp eval $short $fit --baseline ridge=.5 --baseline train-mean > "$work/table"
row ridge ridge=.5 "0.1355 0.0870 0.2609 0.5652 0.1973"
same train_mean 0.2293 "$(awk '$1 == "train-mean" { print $2 }' "$work/table")"
refused ridge_zero 2 "positive number" eval $short $fit --baseline ridge=0
refused ridge_no_rows 2 "learns from data" eval $short --baseline ridge
refused ridge_other 1 "fitted to predict 8 numbers from 24" eval $short --fit-rows "$w:val[0:3]" \
  --fit-target-rows "$w:val[5]" --baseline ridge

refused baseline_unknown 2 "copy-last, mean" eval $text --baseline last
refused baseline_weights 2 "commas" eval $text --baseline weighted=.1,,.2
refused baseline_count 1 "has 2 numbers" eval $text --baseline weighted=.1,.2
refused no_model 2 "argument is missing" eval $text
refused no_ranks 1 "nothing to rank" eval "$work/same.st" $vectors --rows "$w:test[4]" --diagnose
refused no_curve 1 "nothing is ranked" eval "$work/same.st" $vectors --rows "$w:test[4]" --svg "$work/none.svg"
refused pool_beyond 1 "rows 0 to 183" eval $text --baseline mean --pool tests/data/rows.safetensors:beyond
refused pool_of_file 2 "give --input" eval --baseline mean $conformance/ln_min.case.safetensors \
  --pool "$w:test"
refused rows_beyond 1 "rows 0 to 183" eval $vectors --rows tests/data/rows.safetensors:beyond \
  --target-rows tests/data/rows.safetensors:beyond --baseline mean
refused rows_differ 1 "same number" eval $vectors --rows "$w:test[0:5]" --target-rows "$w:val[5]" \
  --baseline mean
refused width_model 1 "'output' has width 384, but the target has width 8" eval "$work/same.st" $vectors --rows "$w:test[4]" \
  --target $w:short --target-rows "$w:test[5]"
refused width_input 1 "reads vectors of width 384, but the data have width 8" \
  eval "$work/same.st" --input $w:short --rows "$w:test[4]"
refused replay_missing 1 "^lnsp eval: the loss has a replay term.*: add --replay FILE" \
  eval "$work/same.st" $vectors --loss "mse + replay"
refused width_baseline 1 "the target has width 8" eval $vectors --rows "$w:test[4]" --target $w:short \
  --target-rows "$w:test[5]" --baseline mean
refused empty_pool 1 "picks no row" eval $vectors --rows $w:page=99 --target-rows $w:page=98 \
  --baseline mean
refused no_output 1 "no output 'code': choose another with --on" eval "$work/same.st" $text --on code
refused loss_of_baseline 2 "give MODEL" eval $text --baseline mean --loss mse
refused svg_folder 1 "No such file" eval $text --baseline mean --svg "$work/no/such.svg"

# --- diagnosis ---
says direction "data direction     +0.0504, good" eval $text --baseline mean --diagnose
same direction_json good "$(key gate eval $text --baseline mean --diagnose)"
# who copies the last concept is as near to it as can be, and so is collapsed by no means
same copying FAIL "$(key margin_gate eval $text --baseline copy-last --diagnose)"
same not_collapsed no "$(key collapsed eval $text --baseline copy-last --diagnose)"
lnsp new "lnsp 1; x=input 384; y=last x; y=scale y by=0; y=linear y 384 w=a; y=l2norm y; output output=y" \
  -o "$work/constant.st" > /dev/null
same collapsed yes "$(key collapsed eval "$work/constant.st" $text --diagnose)"
says loss_beside_table "mse  " eval "$work/constant.st" $text --loss mse --diagnose

# --- triplets ---
triplets="$vectors --triplets $w:triplets --kinds $w:kind"
says triplets "as they are          0.6034  0.8276  0.3793" eval $triplets
same triplets_json 0.603448276 "$(key accuracy eval $triplets)"
same triplets_model 2 "$(lnsp eval "$work/same.st" $triplets --json | grep -c 0.603448276)"
refused triplets_input 2 "missing" eval --triplets $w:triplets
refused triplets_shape 1 "anchor" eval $vectors --triplets $w:page
refused triplets_kinds 1 "for 58 triplets" eval $vectors --triplets $w:triplets --kinds $w:page
refused triplets_baseline 2 "not both" eval $triplets --baseline mean

# --- echo ---
echo="--echo $vectors --rows $w:test[4]"
same echo 0.432850 "$(key echo eval $echo --target-rows "$w:test[5]" | cut -c 1-8)"
same echo_pass PASS "$(key verdict eval $echo)"
same echo_soft 0 "$(key soft_pass eval $echo --soft-rows "$w:test[4]")"
same echo_hard 0.4329 "$(lnsp eval $echo --hard-rows "$w:test[5]" | sed -n 's/.*hard.*cosine \(0.4329\).*/\1/p')"
refused echo_sequences 1 "one vector" eval --echo $text
refused echo_missing 2 "missing" eval --echo

# --- 5CAT ---
five="--5cat $text --articles $w:page"
second="--ood-rows $w:val[0:5] --ood-target-rows $w:val[5]"
same five_base last_context "$(key base eval $five --baseline mean)"
same cat5_target target "$(key base eval $five --baseline mean --base target)"
# k = 0 is the last concept by the one base, the target by the other
same cat5_offsets 0.99999 "$(lnsp eval $five --baseline copy-last --json | sed -n '/"offset"/,/]/p' |
  sed -n '5s/[ ,]//gp' | cut -c 1-7)"
same five_same_cosine "$(key cosine eval $five --baseline mean)" \
  "$(key cosine eval $five --baseline mean --base target)"
same five_copy 0 "$(key repeat-pad eval $five --baseline copy-last)"
same five_any_batch "$(key rollout eval $five --baseline mean --batch 3 | cut -c 1-9)" \
  "$(key rollout eval $five --baseline mean | cut -c 1-9)"
says five_gates "copy-last                  OOD   FAIL FAIL FAIL FAIL" eval $five $second --baseline copy-last
says five_without "-     FAIL" eval $five --baseline mean
same five_samples 7 "$(key windows eval $five --baseline mean --samples 7)"
says cat5_svg "gates" eval $five $second --baseline mean --svg "$work/five.svg"
same five_svg_lines 4 "$(grep -c "stroke-dasharray" "$work/five.svg")"
refused five_articles 2 "give --articles" eval --5cat $text --baseline mean
refused five_count 1 "one for each" eval --5cat $text --articles $w:kind --baseline mean
refused five_windows 1 "contexts and targets" eval --5cat $vectors --rows "$w:test[4]" \
  --target-rows "$w:test[5]" --articles $w:page --baseline mean
refused five_base_word 2 "last_context or target" eval $five --baseline mean --base first
refused five_none 1 "no sample" eval $five --baseline mean --horizon 16 --base target --samples 1
refused five_half 2 "both --ood-rows" eval $five --baseline mean --ood-rows "$w:val[0:5]"
refused not_joined 1 "layer that joins" eval "$work/same.st" $text
refused five_width 1 "reads vectors of width 48" eval $model $five

finish
