# The lnsp program: what it answers, writes and refuses. LNSP, BUILD as in
# tests/support/check.sh.
. tests/support/check.sh
data=tests/data/conformance
case=$data/student_many.case.safetensors
model=$data/student_many.model.safetensors
vectors=examples/demo/old.safetensors:held_out
rows=tests/data/rows.safetensors
rows_four=$data/student_total.case.safetensors # anchor, positive, negative, teacher


# --- help and usage ---
for name in new info run grad train eval loop gather check convert delta replay store bench list; do
  says "help_$name" "lnsp $name " help $name
  lnsp help $name > "$work/one"
  lnsp $name --help > "$work/two"
  expect "help_option_$name" cmp "$work/one" "$work/two"
  says "help_lists_$name" "$name " help
done
says version "lnsp 0." --version
same version_json "$(lnsp --version | sed 's/.*kernels \(.*\))/\1/')" "$(key isa version)"
says list adamw list
# --- bench ---
for name in W1.fwd W1g.fwd W2.train W3.fwd S1.train; do
  says "bench_$name" "$name" bench $name 2 --seconds .001
done
refused bench_work 2 "no work" bench W9
refused bench_batch 2 "BATCH" bench W1 none
refused bench_isa 1 "kernel sets auto" bench W1 1 --isa none
refused no_command 2 "command is missing"
refused unknown_command 2 "no command 'bake'" bake
refused unknown_option 2 "no option '--stepz'" train $model $case -o "$work/none" --stepz 3
refused option_near 2 "no option '--stesp'; did you mean --steps?" train $model $case -o "$work/none" --stesp 3
refused command_near 2 "did you mean train?" trian
refused verb_near 2 "did you mean merge?" delta mergee "$work/none"
refused option_of_other_verb 2 "^lnsp delta apply: --codec has no effect here" delta apply $model $case --codec sign -o "$work/none"
refused help_verb 2 "'delta' has no verb 'mak'; did you mean make? choose make, " help delta mak
refused help_word 2 "one word too many" help train fast
says help_of_verb "lnsp delta make BASE NEW" help delta make
refused verb_missing 2 "a verb is missing: choose make, " delta
refused outputs_differ 2 "give each a file of its own" train $model $case -o "$work/none" --log "$work/none"
says option_first "steps" --steps 2 train $model $case -o "$work/first.st"
says help_default "(1 to 65536; default 10)" help index
says help_examples "lnsp delta verify base" help delta verify
says help_headings "options of the test --5cat" help eval
says help_verbs "go back to version V" help store
refused option_for_value 2 "\-\-epochs needs a value, not the option '-o': write --epochs N" \
  train $model $case --epochs -o "$work/none"
refused option_before_missing 2 "steps is 'ten'" train $model $case --steps ten
refused option_value 2 "needs a value" train $model $case -o "$work/none" --steps
refused flag_value 2 "takes no value" info --json=1 student
refused no_output 2 "-o FILE is missing" run $model $case
refused missing_argument 2 "argument is missing" run $model -o "$work/none"
refused many_arguments 2 "too many" run $model $case $case -o "$work/none"
refused steps_text 2 "whole number" train $model $case -o "$work/none" --steps ten
refused steps_zero 2 "whole number" train $model $case -o "$work/none" --steps 0
refused steps_and_epochs 2 "not both" train $model $case -o "$work/none" --steps 2 --epochs 2
refused lr_twice 2 "once" train $model $case -o "$work/none" --optimizer "sgd lr=.1" --lr .2
refused type_unknown 2 "f32, f16, bf16 or int8" new student -o "$work/none" --type f8
refused delta_verb 2 "make, apply, invert, merge, info, verify or aggregate" delta fold $model
refused no_data 2 "data are missing" train $model -o "$work/none"
refused lr_text 2 "give a number" train $model $case -o "$work/none" --lr fast
says list_keys "margin=.3                a number from 0 to 1000000" list triplet
says list_keys_of_two "layer gru" list gru
says list_keys_needed "clip_each" list adamw
says list_rules "share=.1                 a number from 0 to 0.49" list trimmed
says list_json '"default": "cosine"' list --json triplet
says list_json_whole '"high": 9007199254740992' list --json info_nce
says list_json_seed '"high": 9.22337204e+18' list --json replay
"$LNSP" list --json 2> /dev/null | sed -n 's/^          "\([a-z]*\)": .*/\1/p' | sort -u > "$work/fields"
expect list_json_has_fields grep -qx default "$work/fields"
while read -r field; do
  grep -q "\`$field\`" docs/command-line.md || echo "$field"
done < "$work/fields" > "$work/untold"
empty every_field_of_list_json_is_documented "$work/untold"
refused list_unknown 1 "there is no 'tripel'; did you mean triplet?" list tripel
refused loss_empty 2 "lnsp list" train $model $case -o "$work/none" --loss ""
refused state_is_out 2 "of its own" train $model $case -o "$work/none" --state "$work/none"
refused list_argument 2 "too many" list triplet mse

# --- new and info ---
says info_student "545,088 parameters, 2,180,352 bytes as float32" info student
says info_family_a "591,168 parameters" info family_a s=384
says info_family_b "939,840 parameters" info family_b s=512
says info_ln_min "198,016 parameters" info ln_min
says info_memory "activations" info --memory student
refused bench_seconds 2 "at least 0.001" bench W1.fwd 1 --seconds 0
says info_memory_published "two models, stored as BF16" info --memory student \
  --optimizer "sgd weights=bf16"
says info_memory_type "two models, stored as F32" info --memory student --type f32 \
  --optimizer "sgd weights=bf16"
says info_memory_run "run: a model stored as BF16" info --memory student --type bf16
says info_data "I32" info $rows
says info_case "[2, 6, 48]" info $case
refused info_unknown 1 "no_such" info no_such
refused info_no_file 1 "no file '$work/no.st'" info "$work/no.st"
refused info_memory_loss 1 "cosinus" info --memory --loss cosinus student
refused info_memory_data 1 "no network" info --memory $case
refused new_unknown 1 "studnet" new studnet -o "$work/none"
refused new_key 1 "tails" new student tails=2 -o "$work/none"
refused new_folder 1 "No such file" new student -o "$work/no/such/none"
hash=$(key hash new ln_min --seed 5 -o "$work/a.st")
same new_same_seed "$hash" "$(key hash new ln_min --seed 5 -o "$work/b.st")"
expect new_same_file cmp "$work/a.st" "$work/b.st"
same new_info_hash "$hash" "$(key hash info "$work/a.st")"
differ new_other_seed "$hash" "$(key hash new ln_min --seed 6 -o "$work/b.st")"
lnsp info --graph student > "$work/graph.txt"
says graph_reads_back "545,088 parameters" info "$work/graph.txt"
lnsp new "$work/graph.txt" --seed 3 -o "$work/graph.st" > /dev/null
lnsp info --graph "$work/graph.st" > "$work/graph2.txt"
expect graph_round_trip cmp "$work/graph.txt" "$work/graph2.txt"
lnsp new student --seed 727 -o "$work/sn727.st" > /dev/null
lnsp new student --seed 727 --type f16 -o "$work/half.st" > /dev/null
says type_half "1,099,008 bytes" info "$work/half.st"

# --- convert: types, hashes, what is refused ---
says convert_error "worst error" convert "$work/sn727.st" --type bf16 -o "$work/bf16.st"
says convert_storage "storage            BF16" info "$work/bf16.st"
for type in f32 f16 bf16 int8; do
  lnsp convert "$work/sn727.st" --type $type -o "$work/c1.st" > /dev/null
  lnsp convert "$work/c1.st" --type f32 -o "$work/c2.st" > /dev/null
  same convert_twin_hash_$type "$(key hash info "$work/c1.st")" "$(key hash info "$work/c2.st")"
  lnsp new student --seed 727 --type $type -o "$work/c3.st" > /dev/null
  expect convert_is_new_$type cmp "$work/c1.st" "$work/c3.st"
done
same convert_hash "$(key hash convert "$work/sn727.st" --type int8 -o "$work/int8.st")" \
  "$(key hash info "$work/int8.st")"
same convert_bytes_before 2180352 \
  "$(key bytes_before convert "$work/sn727.st" --type int8 -o "$work/int8.st")"
same convert_bytes_after 576256 \
  "$(key bytes_after convert "$work/sn727.st" --type int8 -o "$work/int8.st")"
refused convert_no_type 2 "\-\-type T is missing" convert "$work/sn727.st" -o "$work/none"
refused convert_type 2 "bf16 or int8" convert "$work/sn727.st" --type int4 -o "$work/none"
refused convert_data 1 "architecture" convert $case --type f16 -o "$work/none"
# float32 weights of 2^120 are too large for float16, and no other type minds
lnsp new "lnsp 1; x=input 2; y=linear x 1 w=only bias=0; output output=y" -o "$work/small.st" > /dev/null
head -c $(($(wc -c < "$work/small.st") - 4)) "$work/small.st" > "$work/large.st"
printf '\000\000\200\173' >> "$work/large.st"
refused convert_overflow 1 "only.weight.*too large for F16" \
  convert "$work/large.st" --type f16 -o "$work/none"
says convert_large "BF16" convert "$work/large.st" --type bf16 -o "$work/c1.st"
refused delta_int8_base 1 "int8.st.*only be run" \
  delta make "$work/int8.st" "$work/bf16.st" -o "$work/none"
refused delta_int8_new 1 "int8.st.*only be run" \
  delta make "$work/bf16.st" "$work/int8.st" -o "$work/none"
refused train_int8 1 "can only be run" train "$work/int8.st" $case -o "$work/none"
lnsp convert $model --type bf16 -o "$work/c1.st" > /dev/null
lnsp convert "$work/c1.st" --type f32 -o "$work/c2.st" > /dev/null
lnsp run "$work/c1.st" $case -o "$work/run1.st" --batch 1 > /dev/null
lnsp run "$work/c2.st" $case -o "$work/run2.st" --batch 2 > /dev/null
expect convert_runs_as_twin cmp "$work/run1.st" "$work/run2.st"
refused info_batch_alone 2 "\-\-batch needs --memory" info --batch 3 student
refused info_graph_memory 2 "not both" info --graph --memory student
same isa_help_differs 0 \
  "$(lnsp list | sed -n '/^kernel sets/,/^$/s/^  [^ ]* *//p' | sort | uniq -d | wc -l | tr -d ' ')"
refused isa_names 1 "sets auto, .*scalar.* not 'sse'" info student --isa sse
lnsp train "$work/sn727.st" --input $vectors --loss mse --steps 1 --type f32 -o "$work/o.st" \
  --optimizer "sgd weights=bf16" > /dev/null
says train_bf16_type_f32 "storage            F32" info "$work/o.st"
lnsp train "$work/sn727.st" --input $vectors --loss mse --steps 1 -o "$work/o.st" \
  --optimizer "sgd weights=bf16" > /dev/null
says train_bf16 "storage            BF16" info "$work/o.st"
says info_memory_int8 "can only be run" info --memory "$work/int8.st"
# what info tells of in-place training is what train counts
lnsp info --memory "$work/bf16.st" --batch 7 --json > "$work/one"
lnsp train "$work/bf16.st" --input $vectors --batch 7 --loss mse --steps 1 -o "$work/o.st" --json \
  > "$work/two"
same info_memory_is_trains \
  "$(sed -n '/"train": {/,/handle_bytes/s/.*"handle_bytes": \([0-9]*\).*/\1/p' "$work/one")" \
  "$(sed -n 's/.*"total_bytes": \([0-9]*\).*/\1/p' "$work/two")"

# --- run: the same bits whatever the batch and the kernels ---
lnsp run $model $case -o "$work/run1.st" --batch 1 > /dev/null
lnsp run $model $case -o "$work/run2.st" --batch 2 > /dev/null
lnsp --isa scalar run $model $case -o "$work/run3.st" > /dev/null
expect run_batch cmp "$work/run1.st" "$work/run2.st"
expect run_scalar cmp "$work/run1.st" "$work/run3.st"
says run_outputs "[2, 6, 24]" info "$work/run1.st"
refused run_width 1 "48" run $model $data/family_a.case.safetensors -o "$work/none"
refused run_no_input 1 "nput" run $model $model -o "$work/none"
refused run_tensor 1 "means FILE:TENSOR, give a file that calls its vectors 'input'" run $model $case:input -o "$work/none"
refused tensor_names 1 "no tensor 'nothing': name one that it has, " train $model --input $case:nothing -o "$work/none"
refused run_no_loss 1 "has no tensor 'input'" run $model $rows_four -o "$work/none"
refused run_no_arch 1 "not say what its architecture is: give a model, or" run $case $case -o "$work/none"
refused run_folder 1 "is a folder" run $model $case -o "$work"
refused run_no_model 1 "no/such" run no/such $case -o "$work/none"
refused run_text 1 "README" run README.md $case -o "$work/none"
refused isa_unknown 1 "sse9" --isa sse9 run $model $case -o "$work/none"
head -c 20000 $model > "$work/short.st"
refused run_truncated 1 "short.st" run "$work/short.st" $case -o "$work/none"

# --- grad and check ---
says grad_tensors "20 tensors" grad $model $case -o "$work/grad.st"
refused grad_loss 1 "cosine" grad $model $case --loss cosinus -o "$work/none"
refused grad_no_anchor 1 "anchor" grad $model $case --loss student -o "$work/none"
lnsp index build $vectors -o "$work/words" > /dev/null
lnsp new student --seed 1 -o "$work/student.st" > /dev/null
says train_echo '"steps": 3' train "$work/student.st" --input $vectors --steps 3 --json \
  --loss "cosine + .5*echo every=2 rows=3" --echo "$work/words" -o "$work/echo.st"
lnsp train "$work/student.st" --input $vectors --steps 3 --loss cosine -o "$work/none.st" > /dev/null
expect train_echo_matters sh -c "! cmp -s '$work/echo.st' '$work/none.st'"
rm -f "$work/none.st"
refused train_echo_unused 1 "no echo term" train "$work/student.st" --input $vectors --steps 1 \
  --loss cosine --echo "$work/words" -o "$work/none"
refused train_echo_no_index 1 "not an index" train "$work/student.st" --input $vectors --steps 1 \
  --loss "cosine + echo" --echo "$work/student.st" -o "$work/none"
refused train_echo_nowhere 1 "echo" train "$work/student.st" --input $vectors --steps 1 \
  --loss "cosine + echo" -o "$work/none"
says check_case "nodes with the scalar kernels" check $model $case
lnsp train $model $case -o "$work/moved.st" --steps 1 --lr .1 > /dev/null
lnsp check "$work/moved.st" $case > /dev/null 2> "$work/err"
same check_status $? 1
expect check_names_it grep -q "output is the first value that differs" "$work/err"
cp "$work/run1.st" "$work/without.st"
refused check_no_input 1 "nput" check $model "$work/without.st"

# --- train ---
train="train $model $case -o $work/t.st"
full=$(key hash $train --steps 6 --batch 1 --shuffle --seed 4)
same train_again "$full" "$(key hash $train --steps 6 --batch 1 --shuffle --seed 4)"
same train_info_hash "$full" "$(key hash info "$work/t.st")"
same train_scalar "$full" "$(key hash --isa scalar $train --steps 6 --batch 1 --shuffle --seed 4)"
lnsp $train --steps 2 --batch 1 --shuffle --seed 4 --state "$work/state.st" > /dev/null
same train_resume "$full" \
  "$(key hash train $case -o "$work/t.st" --resume "$work/state.st" --steps 4 --batch 1 --shuffle --seed 4)"
same train_epochs "$(key steps $train --epochs 3 --batch 1)" 6
same train_default_epoch "$(key steps $train)" 1
same train_all "$(key batch $train --batch all --steps 2)" 2
plain=$(key hash $train --steps 3)
differ train_seed "$(key hash $train --steps 3 --batch 1)" "$plain"
differ train_ema "$(key hash $train --steps 3 --ema .5)" "$plain"
differ train_schedule "$(key hash $train --steps 3 --schedule cosine)" "$plain"
differ train_clip "$(key hash $train --steps 3 --clip .001 --optimizer sgd)" \
  "$(key hash $train --steps 3 --optimizer sgd)"
head -c 32 /dev/zero | tr '\0' k > "$work/key"
train_private() { key hash $train --steps 3 --optimizer "sgd lr=.01 clip_each=.5 noise=1" "$@"; }
same train_private "$(train_private --noise-key "$work/key")" \
  "$(train_private --noise-key "$work/key")"
differ train_poisson_key "$(train_private)" "$(train_private)"
refused train_private_file 1 "does not have 32 bytes" train $model $case -o "$work/none" \
  --optimizer "sgd clip_each=1 noise=1" --noise-key /dev/null
refused train_private_none 1 "adds no noise" train $model $case -o "$work/none" \
  --noise-key "$work/key"
refused train_private_loss 1 "nuclear_diversity" train $model $case -o "$work/none" \
  --loss student --optimizer "sgd clip_each=1"
same train_frozen "$(key hash $train --steps 3 --freeze '*')" "$(key hash info $model)"
differ train_partly_frozen "$(key hash $train --steps 3 --freeze '*norm*')" "$plain"
refused train_freeze 1 "nowhere" train $model $case -o "$work/none" --freeze 'nowhere*'
refused train_loss 1 "cosine" train $model $case -o "$work/none" --loss cosinus
refused train_options_optimizer 1 "no optimizer .rmsprop" train $model $case -o "$work/none" --optimizer rmsprop
refused train_replay 1 "lnsp replay fit" train $model $case -o "$work/none" --loss "mse + replay"
refused train_diverges 1 "^lnsp train: step " train $data/student_bare.model.safetensors \
  $data/student_bare.case.safetensors -o "$work/none" --optimizer "sgd lr=1e6" --steps 40
refused train_folder 1 "No such file" train $model $case -o "$work/no/such/none"
refused train_state_folder 1 "\-\-state is '" train $model $case -o "$work/none" --state "$work/no/such"
refused train_no_state 1 "not written by --state" train $case -o "$work/none" --resume $model
refused grad_replay 1 "leave it out" grad $model $case -o "$work/none" --loss "mse + replay"
refused eval_replay 1 "lnsp replay fit" eval $model $case --loss "mse + replay"
refused eval_text 1 "README" eval $model README.md
{ # target is the last tensor; its last number becomes a NaN
  head -c $(($(wc -c < $case) - 4)) $case
  printf '\377\377\377\377'
} > "$work/nan.st"
refused eval_nan 1 "'target' has a NaN" eval $model "$work/nan.st"
says train_half "F16" info "$(lnsp $train --type f16 > /dev/null && echo "$work/t.st")"

# --- vectors through index tensors ---
wide="train $work/sn727.st --input $vectors --loss cosine"
some=$(key hash $wide --rows $rows:first --batch 8 --steps 1 -o "$work/t.st")
same rows_first "$some" "$(key hash $wide --batch 8 --steps 1 -o "$work/t.st")"
differ rows_order "$some" "$(key hash $wide --rows $rows:back --batch 4 --steps 1 -o "$work/t.st")"
differ rows_normalise "$some" \
  "$(key hash $wide --rows $rows:first --normalise --batch 8 --steps 1 -o "$work/t.st")"
differ rows_target "$some" \
  "$(key hash $wide --rows $rows:first --target-rows $rows:back --batch 8 --steps 1 -o "$work/t.st")"
same rows_triplets "$(key rows train "$work/sn727.st" --input $vectors --rows $rows:triplets \
  --loss student -o "$work/t.st")" 5
same rows_sequences "$(key vectors eval "$work/sn727.st" --input $vectors --rows $rows:pairs)" 6
same rows_where "$(key rows eval "$work/sn727.st" --input $vectors --rows $rows:first=0)" 1
# columns of an index [M, L], as Python's slices take them
columns() {
  key hash $wide --rows "$rows:$1" --batch 4 --steps 1 -o "$work/t.st"
}
anchors=$(columns triplets[0])
differ columns_one "$anchors" "$(columns triplets[1])"
same columns_negative "$anchors" "$(columns triplets[-3])"
same columns_slice "$anchors" "$(columns triplets[0:1])"
same columns_step "$anchors" "$(columns triplets[::3])"
same columns_back "$(columns triplets[1:3])" "$(columns triplets[-2:9])"
differ columns_reversed "$(columns triplets[0:2])" "$(columns triplets[1::-1])"
same columns_all "$(columns pairs)" "$(columns pairs[:])"
same columns_count "$(key vectors eval "$work/sn727.st" --input $vectors --rows "$rows:triplets[1:]")" 10
same columns_where "$(key rows eval "$work/sn727.st" --input $vectors --rows "$rows:pairs[0]=2")" 1
refused columns_none 1 "names no column" $wide --rows "$rows:triplets[3]" -o "$work/none"
refused columns_empty 1 "names no column" $wide --rows "$rows:triplets[2:2]" -o "$work/none"
refused columns_of_row 1 "without columns" $wide --rows "$rows:first[0]" -o "$work/none"
for text in '[]' '[1' '[a]' '[0:2:0]' '[1]x' '[0:1:2:3]' '[99999999999]'; do
  refused "columns_text_$text" 2 "columns" $wide --rows "$rows:triplets$text" -o "$work/none"
done
refused rows_where_none 1 "no row" $wide --rows $rows:first=12345 -o "$work/none"
refused rows_where_word 2 "NUMBER" $wide --rows $rows:first=a -o "$work/none"
refused rows_where_pairs 1 "has 2 columns" $wide --rows $rows:pairs=0 -o "$work/none"
refused rows_beyond 1 "400" $wide --rows $rows:beyond -o "$work/none"
refused rows_negative 1 "-1" $wide --rows $rows:negative -o "$work/none"
refused rows_tensor 1 "nothing" $wide --rows $rows:nothing -o "$work/none"
refused rows_spec 2 "FILE:TENSOR" $wide --rows $rows -o "$work/none"
refused rows_lengths 1 "rows" train "$work/sn727.st" --input $vectors --rows $rows:first \
  --target-rows $rows:triplets -o "$work/none"
held=$(lnsp $wide --rows $rows:first --steps 3 -o "$work/t.st" --eval-rows $rows:back --json |
  sed -n 's/^ *"cosine": \([^,]*\),*$/\1/p' | tail -n 1)
same eval_same_as_train "$held" \
  "$(key cosine eval "$work/t.st" --input $vectors --rows $rows:back)"
says eval_losses "triplet" eval "$work/sn727.st" --input $vectors --rows $rows:triplets \
  --loss triplet --loss "cosine"
# 8 rows by 7 make one batch, since a pair loss needs two rows
says eval_left_over "nuclear_diversity" eval "$work/sn727.st" --input $vectors \
  --rows $rows:first --loss nuclear_diversity --batch 7
poisson="$wide --poisson --steps 3 -o $work/t.st"
differ train_poisson "$(key hash $poisson --seed 1)" "$(key hash $poisson --seed 2)"
same train_poisson_seed "$(key hash $poisson --seed 1)" "$(key hash $poisson --seed 1)"
differ train_poisson_chance "$(key hash $poisson)" "$(key hash $poisson)"
refused train_poisson_few 2 "32 or more" $wide --poisson --batch 8 -o "$work/none"
refused train_poisson_shuffle 2 "shuffle" $poisson --shuffle
says replay_fit "384" replay fit --input $vectors -o "$work/replay.st"
says replay_train "hash" $wide --rows $rows:first --loss "cosine + 4*replay rows=7" --batch 1 \
  --replay "$work/replay.st" -o "$work/t.st"
refused replay_width 1 "384" train $model $case -o "$work/none" --loss "mse + replay" \
  --replay "$work/replay.st"

# --- delta ---
lnsp train $model $case -o "$work/next.st" --steps 3 > /dev/null
base_hash=$(key hash info $model) next_hash=$(key hash info "$work/next.st")
says delta_make "exact" delta make $model "$work/next.st" -o "$work/d.st"
same delta_base "$base_hash" "$(key base_hash delta info "$work/d.st")"
same delta_result "$next_hash" "$(key result_hash info "$work/d.st")"
same delta_apply "$next_hash" "$(key hash delta apply $model "$work/d.st" -o "$work/n.st")"
lnsp delta invert "$work/d.st" -o "$work/back.st" > /dev/null
same delta_invert "$base_hash" "$(key hash delta apply "$work/n.st" "$work/back.st" -o "$work/o.st")"
says delta_verify "yes:" delta verify $model "$work/d.st" $case --steps 3
refused_out() { # as refused, but the report comes first
  refused_name=$1 refused_words=$2
  shift 2
  lnsp "$@" > "$work/out" 2> "$work/err"
  if [ $? -eq 1 ] && grep -q -e "$refused_words" "$work/err"; then pass "$refused_name"
  else fail "$refused_name" < "$work/err"; fi
}
refused_out delta_verify_no "did not lead" delta verify $model "$work/d.st" $case --steps 2
lnsp delta make $model "$work/next.st" --codec int4 -o "$work/d4.st" > /dev/null
says delta_verify_lossy "yes:" delta verify $model "$work/d4.st" $case --steps 3
lnsp delta make $model "$work/next.st" --codec int4 --only 1d -o "$work/d5.st" > /dev/null
says delta_verify_only "yes:" delta verify $model "$work/d5.st" $case --steps 3 --only 1d
refused_out delta_verify_all "did not lead" delta verify $model "$work/d5.st" $case --steps 3
lnsp delta make "$work/next.st" "$work/next.st" -o "$work/d6.st" > /dev/null
lnsp delta merge "$work/d.st" "$work/d6.st" -o "$work/d7.st" > /dev/null
refused delta_verify_merged 1 "verify each" delta verify $model "$work/d7.st" $case --steps 3
refused delta_invert_lossy 1 "d4.st: .*cannot be inverted" delta invert "$work/d4.st" -o "$work/none"
refused delta_max_norm 1 "norm of 0.* at most 1e-06 is" delta apply $model "$work/d.st" \
  --max-norm .000001 -o "$work/none"
refused delta_verify_base 1 "is not the model that" delta verify "$work/next.st" "$work/d.st" $case
refused delta_verify_usage 2 "argument is missing" delta verify $model
refused delta_replay 2 "now called .lnsp delta verify" delta replay $model "$work/d.st" $case
says delta_verify_help "equal hashes are" help delta verify
refused delta_wrong_base 1 "hash" delta apply "$work/next.st" "$work/d.st" -o "$work/none"
head -c $(($(wc -c < "$work/d.st") - 1)) "$work/d.st" > "$work/cut.st"
refused delta_truncated 1 "cut.st" delta apply $model "$work/cut.st" -o "$work/none"
refused delta_other_network 1 "" delta make $model "$work/sn727.st" -o "$work/none"
for codec in "int8 block=32" int5 int4 "sparse share=.2" sign float16 float32; do
  name=$(echo "$codec" | tr -d ' .=')
  lnsp delta make $model "$work/next.st" --codec "$codec" -o "$work/lossy.st" > /dev/null
  same "delta_codec_$name" "$(key result_hash delta info "$work/lossy.st")" \
    "$(key hash delta apply $model "$work/lossy.st" -o "$work/n2.st")"
done
refused delta_lossy_back 1 "float32.*inverted" delta invert "$work/lossy.st" -o "$work/none"
refused delta_codec 1 "did you mean .int" delta make $model "$work/next.st" --codec int3 -o "$work/none"
refused delta_only 1 "no tensor's name matches" delta make $model "$work/next.st" --only x -o "$work/none"
says delta_only_1d "int4 block=64" delta make $model "$work/next.st" --codec int4 --only 1d -o "$work/d1.st"
says delta_merge "stages" delta merge "$work/d.st" "$work/back.st" "$work/d.st" -o "$work/m.st"
same delta_merged "$next_hash" "$(key hash delta apply $model "$work/m.st" -o "$work/n2.st")"
lnsp delta merge "$work/d.st" "$work/back.st" "$work/d.st" --base $model -o "$work/m1.st" > /dev/null
same delta_merged_anew "$(cksum < "$work/d.st")" "$(cksum < "$work/m1.st")"
refused delta_gap 1 "does not begin" delta merge "$work/d.st" "$work/d.st" -o "$work/none"
printf 'sixteen bytes...' > "$work/key"
printf 'sixteen bytes..,' > "$work/other"
says delta_stamp "watch-17" delta make $model "$work/next.st" --codec int8 --sender watch-17 \
  --nonce 42 --key "$work/key" -o "$work/stamped.st"
says delta_stamp_info "42" delta info "$work/stamped.st" --base $model
refused delta_info_base 1 "apply it to that version" delta info "$work/stamped.st" \
  --base "$work/next.st"
same delta_check_key "$(key result_hash delta info "$work/stamped.st")" \
  "$(key hash delta apply $model "$work/stamped.st" --key "$work/key" -o "$work/n2.st")"
refused delta_other_key 1 "authentication code" delta apply $model "$work/stamped.st" \
  --key "$work/other" -o "$work/none"
refused delta_no_code 1 "carries no authentication code" delta apply $model "$work/d.st" \
  --key "$work/key" -o "$work/none"
refused delta_max_norm 1 "norm" delta apply $model "$work/d.st" --max-norm 1e-9 -o "$work/none"
refused delta_max_change 1 "changes a weight" delta apply $model "$work/d.st" --max-change 1e-9 \
  -o "$work/none"
refused delta_sender 1 "printable" delta make $model "$work/next.st" --sender "a b" -o "$work/none"
# an aggregate holds float32 changes: in float32, w + (new - w) is not always new
lnsp delta make $model "$work/next.st" --codec float32 -o "$work/d32.st" > /dev/null
moved=$(key result_hash delta info "$work/d32.st")
same delta_aggregate_one "$moved" \
  "$(key hash delta aggregate $model "$work/d.st" -o "$work/n2.st")"
same delta_aggregate_equal "$moved" "$(key hash delta aggregate $model "$work/d.st" \
  "$work/d.st" --weights 3,5 --rule "mean clip=median" -o "$work/n2.st")"
refused delta_aggregate_bad 1 "back.st.*delta 2 of 3.*another version" delta aggregate $model \
  "$work/d.st" "$work/back.st" "$work/d.st" -o "$work/none"
says delta_aggregate_skip "LNSP_E_MISMATCH" delta aggregate $model "$work/d.st" "$work/back.st" \
  --rule "median skip=1" -o "$work/n2.st" --delta "$work/sum.st"
says delta_aggregate_torn "LNSP_E_" delta aggregate $model "$work/d.st" "$work/cut.st" \
  --rule "mean skip=1" -o "$work/n2.st"
says delta_aggregate_key "LNSP_E_MISSING" delta aggregate $model "$work/d.st" "$work/stamped.st" \
  --rule "mean skip=1" --key "$work/key" -o "$work/n2.st"
same delta_aggregate_key_used "$(key result_hash delta info "$work/stamped.st")" "$(key hash \
  delta aggregate $model "$work/stamped.st" "$work/d.st" --weights 2,1 --rule "mean skip=1" \
  --key "$work/key" -o "$work/n2.st")"
refused delta_aggregate_no_code 1 "d.st.*carries no authentication code" delta aggregate $model \
  "$work/stamped.st" "$work/d.st" --key "$work/key" -o "$work/none"
refused delta_aggregate_none 1 "all of the 2 deltas were refused" delta aggregate $model "$work/d.st" \
  "$work/d.st" --max-norm 1e-9 --rule "mean skip=1" -o "$work/none"
same delta_aggregate_delta "$moved" \
  "$(key hash delta apply $model "$work/sum.st" -o "$work/n2.st")"
refused delta_aggregate_weights 2 "2 numbers" delta aggregate $model "$work/d.st" "$work/d.st" \
  --weights 1 -o "$work/none"
same delta_server_sgd "$moved" "$(key hash delta aggregate $model "$work/d.st" \
  --server "sgd lr=1" --state "$work/server.st" -o "$work/n2.st")"
lnsp delta make "$work/n2.st" $model --codec float32 -o "$work/again.st" > /dev/null
same delta_server_state "$(key result_hash delta info "$work/again.st")" "$(key hash delta aggregate "$work/n2.st" "$work/again.st" \
  --server "sgd lr=1" --state "$work/server.st" -o "$work/n3.st")"
refused delta_server_behind 1 "current weights" delta aggregate "$work/n2.st" "$work/again.st" \
  --server "sgd lr=1" --state "$work/server.st" -o "$work/none"
refused delta_no_delta 1 "delta" delta info $model

# --- reports ---
if have python3; then
  for command in "info student --memory" "info $model" "info $case" "info $work/d.st" \
      "info --graph student" "run $model $case -o $work/o.st" "grad $model $case -o $work/o.st" \
      "$train --steps 2" "eval $model $case --loss mse" "check $model $case" \
      "delta info $work/d.st" "replay fit --input $vectors -o $work/o.st" \
      "new student -o $work/o.st" "bench W1.fwd 1 --seconds .001" list; do
    lnsp $command --json > "$work/json"
    expect "json_$(echo "$command" | cut -d' ' -f1,2 | tr -c 'a-z0-9\n' _)" \
      python3 -c 'import json, sys; assert isinstance(json.load(open(sys.argv[1])), dict)' "$work/json"
  done
else
  skip json "python3 is not installed"
fi
if [ -c /dev/full ]; then
  for command in "info student" list help "help run" version; do
    lnsp $command > /dev/full 2> "$work/err"
    same "full_disk_$(echo "$command" | tr ' ' _)" $? 1
  done
else
  skip full_disk "there is no /dev/full"
fi
refused json_refusal 1 "no_such" info no_such --json

# An interrupt ends after the present step and writes what was asked for.
rm -f "$work/cut.st"
${EMULATOR:-} "$LNSP" train "$work/sn727.st" --input $vectors --batch 1 --steps 20000 \
  -o "$work/cut.st" --json > "$work/json" 2> "$work/err" &
pid=$! # of the program itself
sleep 1
kill -INT $pid 2> /dev/null
wait $pid
same interrupt_status $? 0
expect interrupt_says grep -q '"interrupted": "yes' "$work/json"
same interrupt_file "$(key hash info "$work/cut.st")" "$(sed -n 's/^ *"hash": "\([^"]*\)",*$/\1/p' "$work/json")"

# The whole process that trains SN727 stays small; a sanitizer's does not.
case "${CFLAGS:-} ${EMULATOR:-}" in
  *sanitize*|*qemu*|*valgrind*) skip peak_memory "not a plain build" ;;
  *)
    kb=$(key peak_resident_kb train "$work/sn727.st" --input $vectors --batch 1 --steps 50 -o "$work/o.st")
    if [ -z "$kb" ]; then
      skip peak_memory "the system does not tell"
    elif [ "$kb" -le 8192 ]; then
      pass peak_memory
    else
      echo "$kb kB" | fail peak_memory
    fi ;;
esac
# Ids and masks under the names that tokenizers give them are not left out in silence.
# ids_file IDS MASK: one row of two ids, and its mask, under these names.
ids_file() {
  header="{\"$1\":{\"dtype\":\"U8\",\"shape\":[1,2],\"data_offsets\":[0,2]},"
  header="$header\"$2\":{\"dtype\":\"U8\",\"shape\":[1,2],\"data_offsets\":[2,4]}}"
  printf "\\$(printf %o ${#header})\\0\\0\\0\\0\\0\\0\\0%s\\3\\1\\1\\0" "$header"
}
text="encoder ids=9 d=8 heads=2 layers=1 ff=8 positions=4 compress=0 expand=5"
expect ids_model lnsp new "$text" --seed 1 -o "$work/ids"
ids_file ids mask > "$work/masked"
expect ids_masked lnsp run "$work/ids" "$work/masked" -o "$work/ids_out"
ids_file ids attention_mask > "$work/masked"
refused mask_of_tokenizer 1 "'attention_mask': name it 'mask'" run "$work/ids" "$work/masked" -o "$work/none"
ids_file input_ids mask > "$work/masked"
refused ids_of_tokenizer 1 "'input_ids': name it 'ids'" run "$work/ids" "$work/masked" -o "$work/none"

finish
