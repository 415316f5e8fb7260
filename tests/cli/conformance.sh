# The conformance cases against the lnsp program: outputs, gradients, and the
# updates of three steps, as PyTorch computed them (relative norms: 1e-5, 2e-4,
# 5e-3), and the losses by themselves.
#
#   sh tests/cli/conformance.sh [FOLDER]    default tests/data/conformance
#
# From the environment: LNSP, BUILD, CC; ISA, the kernel set (default auto);
# CONFORMANCE, the folder; CASES, a pattern of names.
. tests/support/check.sh
folder=${1:-${CONFORMANCE:-tests/data/conformance}}
LNSP=${LNSP:-$BUILD/lnsp}
ISA=${ISA:-auto}
CASES=${CASES:-'student_* family_* ln_min amn* mlp mamba_* gru* lstm* hierarchical_gru memory_gru*
  transformer* p8_transformer encoder*'}
compare=$work/compare

lnsp() {
  ${EMULATOR:-} "$LNSP" --isa "$ISA" "$@"
}
if ! $CC -std=c11 -Iinclude $CFLAGS -o "$compare" tests/support/compare.c "$BUILD/liblnsp.a" -lm \
    > "$work/said" 2>&1; then
  fail "compare" < "$work/said"
  finish
fi
near() {
  ${EMULATOR:-} "$compare" "$@"
}

# value FILE KEY: a number of a JSON report
value() {
  sed -n "s/^ *\"$2\": \([-+.0-9e]*\),*\$/\1/p" "$1" | head -n 1
}
# about A B TOLERANCE: two numbers, relative
about() {
  awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN {
    if (a == "" || b == "") { print "a loss is missing: \"" a "\", \"" b "\""; exit 1 }
    d = a - b; if (d < 0) d = -d; m = b < 0 ? -b : b
    if (!(d <= t * m)) { print a " instead of " b; exit 1 } }'
}
# losses CASE: the numbers of its tensor "loss", one a line
losses() {
  "$compare" print "$1" loss
}
has() {
  "$compare" print "$1" "$2" > /dev/null 2>&1
}

output() {
  lnsp run "$model" "$case" -o "$work/out" && near tensor "$work/out" output "$case" output 1e-5
}
gradients() {
  lnsp grad "$model" "$case" -o "$work/grad" $1 --json > "$work/json" &&
    near group "$work/grad" "$case" grad. 2e-4 &&
    about "$(value "$work/json" loss)" "$(losses "$case" | sed -n 1p)" 1e-5
}
# No tensor has a gradient that the case has not.
reaches() {
  near group "$case" "$work/grad" grad. 1e30
}
# steps PREFIX OPTIMIZER CLIP
steps() {
  lnsp train "$model" "$case" -o "$work/after" --loss mse --optimizer "$2" --clip "$3" \
    --batch all --steps 3 --json > "$work/json" &&
    near update "$work/after" "$case" "$1" "$model" 5e-3
}
step_losses() {
  about "$(value "$work/json" loss_first)" "$(losses "$case" | sed -n 1p)" 1e-5 &&
    about "$(value "$work/json" loss_last)" "$(losses "$case" | sed -n 3p)" 1e-3
}
check_nodes() {
  lnsp check "$model" "$case"
}
direct() {
  lnsp grad --loss "$1" --direct "$case" -o "$work/direct" &&
    near tensor "$work/direct" grad.p "$case" "grad.$1" 2e-4 &&
    near tensor "$work/direct" loss "$case" "value.$1" 1e-5
}

cases=0
for pattern in $CASES; do
  for case in "$folder"/$pattern.case.safetensors; do
    name=$(basename "$case" .case.safetensors)
    model=$folder/$name.model.safetensors
    [ -f "$case" ] && [ -f "$model" ] || continue
    cases=$((cases + 1))
    if has "$case" anchor; then
      expect "${name}_gradients" gradients "--loss student"
      expect "${name}_reaches" reaches
      continue
    fi
    expect "${name}_output" output
    expect "${name}_gradients" gradients ""
    expect "${name}_reaches" reaches
    expect "${name}_adamw" steps after. "adamw lr=1e-2 weight_decay=.1" 1.0
    expect "${name}_adamw_losses" step_losses
    expect "${name}_sgd" steps sgd. "sgd lr=.05 momentum=.9 weight_decay=.01" .01
    expect "${name}_check" check_nodes
  done
done
[ $cases -gt 0 ] || echo "no case in $folder" | fail "cases"

case=$folder/losses.case.safetensors
if [ -f "$case" ]; then
  for loss in mse cosine cosine_mse alignment triplet_cosine triplet_l2 nuclear_diversity \
      nuclear_diversity_hinge info_nce info_nce_symmetric info_nce_negatives margin \
      margin_smooth anticopy moment variance norm orthogonality echo; do
    expect "loss_$loss" direct $loss
  done
fi
finish
