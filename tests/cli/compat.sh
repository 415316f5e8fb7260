# Files that version 0.1 wrote (tests/data/v0.1): today's program opens each of them, and gets
# what 0.1 got, with the kernels of this machine and with the scalar ones. `sh tests/cli/compat.sh
# --write` prints the results instead, as tests/data/v0.1/expected.txt has them.
. tests/support/check.sh

old=tests/data/v0.1
weights() { # WHAT FILE: the hash of its weights
  echo "$1 $(lnsp info "$2" | awk '$1 == "hash" { print $2 }')"
}
numbers() { # WHAT BYTES FILE: the numbers at its end
  echo "$1 $(tail -c "$2" "$3" | cksum | awk '{ print $1 }')"
}

# Each command's output goes away, so that a line without a hash is all that a failure leaves.
results() { # KERNELS
  set -- --isa "$1"
  for model in student words words_trained words.f16 words.bf16 words.int8 words.state words.state2 words.checkpoint; do
    weights "$model" $old/$model.safetensors
  done
  for model in words words.f16 words.bf16 words.int8; do
    lnsp run "$@" $old/$model.safetensors $old/data.safetensors -o "$work/out.st" > /dev/null
    numbers "run.$model" 192 "$work/out.st"
  done
  for codec in exact int8 int5 int4 sparse sign float16 float32; do
    lnsp delta apply "$@" $old/words.safetensors $old/delta.$codec.safetensors -o "$work/applied.st" > /dev/null
    weights "delta.$codec" "$work/applied.st"
  done
  for type in f32 f16 int8; do
    lnsp index search "$@" $old/index.$type.safetensors $old/vectors.safetensors:v -k 3 -o "$work/found.st" > /dev/null
    numbers "index.$type" 720 "$work/found.st"
  done

  # training goes on from a state and from a checkpoint, and with a replay file
  lnsp train "$@" --resume $old/words.state.safetensors $old/data.safetensors --loss "cosine + .1*mse" \
    --batch 2 --steps 4 --state "$work/on.state" -o "$work/on.st" > /dev/null
  weights state_trained_on "$work/on.state"
  weights average_trained_on "$work/on.st"
  lnsp train "$@" $old/words.safetensors --resume $old/words.checkpoint.safetensors $old/data.safetensors \
    --loss "cosine + .1*mse" --optimizer "adamw lr=1e-2 ema=.9" --batch 2 --shuffle --steps 10 \
    --state "$work/resumed.state" -o "$work/resumed.st" > /dev/null
  weights checkpoint_resumed "$work/resumed.state"
  lnsp new "lnsp 1; x = input 12; y = linear x 12 w=a; output output=y" --seed 1 -o "$work/new.st" > /dev/null
  lnsp train "$@" "$work/new.st" --input $old/vectors.safetensors:v --replay $old/replay.safetensors \
    --loss "cosine + 4*replay rows=7" --steps 3 -o "$work/replayed.st" > /dev/null
  weights replay "$work/replayed.st"

  # stores: what is in them, and a commit of more
  for store in words model; do
    cp $old/$store.store "$work/$store.store"
    for version in 1 2; do
      lnsp store checkout "$@" "$work/$store.store" $version --weights -o "$work/version.st" > /dev/null
      weights "$store.store.$version" "$work/version.st"
    done
  done
  lnsp store commit "$work/words.store" "$work/on.state" > /dev/null
  lnsp store checkout "$@" "$work/words.store" --weights -o "$work/version.st" > /dev/null
  weights words.store.committed "$work/version.st"
  lnsp store commit "$work/model.store" $old/words_trained.safetensors > /dev/null
  lnsp store compact "$work/model.store" > /dev/null
  lnsp store checkout "$@" "$work/model.store" --weights -o "$work/version.st" > /dev/null
  weights model.store.committed "$work/version.st"
}

if [ "${1:-}" = --write ]; then
  results auto
  exit
fi
for kernels in auto scalar; do
  results $kernels > "$work/got" 2> "$work/complaints"
  expect "same_results_$kernels" diff $old/expected.txt "$work/got"
  empty "no_complaints_$kernels" "$work/complaints"
done

# The text of 0.1 has layers under their old names; it is written with the new ones.
lnsp info --graph $old/words.safetensors | awk '$2 == "=" { print $3 }' | sort -u > "$work/layers"
expect layers_have_new_names sh -c "! grep -wE 'attend|remember|memory|unit|mix|score|gate' '$work/layers'"
lnsp new "$(cat $old/words.txt)" --seed 1 -o "$work/new.st" > /dev/null
lnsp info --graph "$work/new.st" > "$work/new.txt"
lnsp info --graph $old/words.safetensors > "$work/old.txt"
expect old_and_new_texts_are_one_network cmp "$work/old.txt" "$work/new.txt"

finish
