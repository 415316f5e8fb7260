# What the five source documents say of sizes, memory and operations, as far as it is
# arithmetic: each row of docs/claims.md is reckoned here from the program's own counts.
. tests/support/check.sh
LNSP=${LNSP:-$BUILD/lnsp}

# fact KEY ARCH [OPTION ...]: a number of the JSON report of `lnsp info`
fact() {
  fact_key=$1
  shift
  ${EMULATOR:-} "$LNSP" info --json "$@" | sed -n "s/^ *\"$fact_key\": \([0-9]*\),*\$/\1/p" | head -n 1
}
# is NAME FOUND EXPECTED
is() {
  if [ "$2" = "$3" ]; then pass "$1"; else echo "$2, not $3" | fail "$1"; fi
}
# reckoned NAME EXPECTED PROGRAM: what awk prints
reckoned() {
  is "$1" "$(awk "BEGIN { $3 }")" "$2"
}

# ---- networks: parameters, and millions of operations for five concepts ----
# (amn_serve: the table's 4.2 encodes four concepts before their mean; ours encodes the mean;
# transformers: the table's 173, 131 and 130 take all concepts through the last layer, of which
# only the last one is looked at; mamba: the table's 80, 143, 349, 141 and 174 have the half of
# x_proj that nothing reads)
while read -r name parameters flop arch; do
  is "parameters_of_$name" "$(fact parameters "$arch")" "$parameters"
  [ "$flop" = - ] ||
    is "operations_of_$name" "$(fact flop "$arch" | awk '{ printf "%.1f", $1 / 1e6 }')" "$flop"
done <<'TABLE'
amn 1510912 4.6 amn
amn_serve 1510912 3.0 amn_serve
mlp 4720384 9.4 mlp
student 545088 1.1 student
family_a 591168 1.2 family_a
family_b_doc 296000 0.6 family_b_doc
ln_min 198016 0.4 ln_min
gru 7095552 67.6 gru
gru_prenorm 7359232 68.2 gru_prenorm
lstm 5120768 48.0 lstm
lstm_stack 9196800 88.6 lstm_stack
lstm_mlp 5384448 48.5 lstm_mlp
transformer 17867520 148.1 transformer
transformer_encoder 13659904 110.3 transformer_encoder
p8_transformer 13138437 109.2 p8_transformer
hierarchical_gru 8602112 - hierarchical_gru
memory_gru 11292160 - memory_gru
mamba_s 7239936 74.9 mamba_s
mamba_hybrid 13192640 135.5 mamba_hybrid
mamba_xl 31353216 324.9 mamba_xl
mamba_sandwich 12819520 132.2 mamba_sandwich
mamba_gated 16194336 165.8 mamba_gated
encoder 66658432 - encoder
TABLE

# other contexts than five
is operations_of_hierarchical_gru "$(fact flop hierarchical_gru --concepts 100 |
  awk '{ printf "%.0f", $1 / 1e6 }')" 775
is operations_of_memory_gru "$(fact flop memory_gru --concepts 7 |
  awk '{ printf "%.0f", $1 / 1e6 }')" 127 # the table's 116 leaves out the reads of the memory

# ---- 000: comparison with GPT ----
student=$(fact parameters student)
flop=$(fact flop student)
is student_parameters "$student" 545088
is student_bytes "$(fact bytes student)" 2180352
reckoned student_MB "2.18 MB, 2.08 MiB" "printf \"%.2f MB, %.2f MiB\", $student * 4 / 1e6, $student * 4 / 2^20"
encoder=$(fact bytes encoder)
reckoned encoder_MiB 254.28 "printf \"%.2f\", $encoder / 2^20"
# weights, gradients and two moments in float32: more than the 8 MB that the document has
reckoned float32_training_MB "8.72 MB, 8.32 MiB" \
  "printf \"%.2f MB, %.2f MiB\", $student * 16 / 1e6, $student * 16 / 2^20"
# its "1 MB each" are two bytes a number
reckoned float16_weights_MB 1.09 "printf \"%.2f\", $student * 2 / 1e6"
# ours has no gradient in memory
reckoned trainer_without_gradients_MB 6.54 "printf \"%.2f\", $student * 12 / 1e6"
reckoned storage_MB 6.54 "printf \"%.2f\", $student * 4 / 1e6 + $student * 8 / 1e6"
# TFLOP for a thousand vectors as the document has them, 2 N for each and twice that backward;
# it prints .001, .002, .003 and divides GPT's 12, 24, 36 by .0032, .002, .003 of them
reckoned operations_forward_GFLOP 1.09 "printf \"%.2f\", 2 * $student * 1000 / 1e9"
reckoned operations_counted_GFLOP 1.08 "printf \"%.2f\", $flop * 1000 / 1e9"
reckoned operations_training_GFLOP 3.27 "printf \"%.2f\", 6 * $student * 1000 / 1e9"
reckoned GPT_forward_TFLOP "12 24 36" 'n = 6e9; printf "%g %g %g", 2 * n * 1000 / 1e12, 4 * n * 1000 / 1e12, 6 * n * 1000 / 1e12'
reckoned GPT_to_student "12000 12000 12000" 'printf "%g %g %g", 12 / .001, 24 / .002, 36 / .003'
reckoned GPT_to_encoder "92 92 92" 'printf "%.0f %.0f %.0f", 12 / .13, 24 / .26, 36 / .39'

# ---- 001: sizes ----
for s in 384:591168 512:1050368 768:2361984 1024:4197888 2048:16784384 3072:37759488; do
  is "family_a_${s%:*}" "$(fact parameters "family_a s=${s%:*}")" "${s#*:}"
done
for s in 256:545088 320:643776 512:939840 768:1334592 1024:1729344 2048:3308352 4096:6466368; do
  is "family_b_${s%:*}" "$(fact parameters "family_b s=${s%:*}")" "${s#*:}"
done
# the printed breakdown 962 S + 576 leaves out the expansion's 192 S: 1,154 S + 576
for s in 256 320 512; do
  is "family_b_doc_$s" "$(fact parameters "family_b_doc s=$s")" "$((1154 * s + 576))"
done
reckoned printed_breakdown 246848 'print 962 * 256 + 576'

# ---- 002: scaling ----
# petaFLOP/s-days: FLOP / (1e15 * 86400)
reckoned PF_days_of_a_thousand_steps 1.0e-08 \
  "printf \"%.1e\", 3 * $(fact flop amn) * 64 * 1e3 / (1e15 * 86400)"

# ---- 003: one layer, written down ----
# E V + L (8 E^2 S + 4 E H S + H S^2): what is printed has 4 E S, the heads left out
gpt='E = 4096; L = 100; S = 128000; H = 8; V = 200000'
reckoned printed_formula 1731304652800000 \
  "$gpt; printf \"%.0f\", E * V + L * (8 * E * E * S + 4 * E * S + H * S * S)"
reckoned formula_with_heads 1732772659200000 \
  "$gpt; printf \"%.0f\", E * V + L * (8 * E * E * S + 4 * E * H * S + H * S * S)"
reckoned two_N_S "2.56e+16 2.56e+17" 'printf "%.2e %.2e", 2 * 1e11 * 128000, 2 * 1e12 * 128000'

# ---- 004: fewer, larger steps: attention's pairs ----
reckoned pairs_of_attention "4194304 65536 1024" 'print 2048 ^ 2, 256 ^ 2, 32 ^ 2'

finish
