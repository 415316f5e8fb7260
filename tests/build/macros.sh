# The macros of a kernel set: each that a set defines or undefine.h forgets is in the tables of
# lib/kernels/README.md, is used by a template, and is forgotten at the end of the set.
. tests/support/check.sh

sets="lib/kernels/scalar.c lib/kernels/avx2.c lib/kernels/avx512.c lib/kernels/neon.c"
# those of one file alone, which it forgets itself
cat $sets $(ls lib/kernels/*.h | grep -v undefine) | sed -n 's/^#undef \(LV_[A-Z0-9_]*\)$/\1/p' | sort -u > "$work/local"
cat $sets lib/kernels/*.h | sed -n 's/^#define \(LV_[A-Z0-9_]*\).*/\1/p' | sort -u |
  comm -23 - "$work/local" > "$work/defined"
sed -n 's/^#undef \(LV_[A-Z0-9_]*\)$/\1/p' lib/kernels/undefine.h | sort -u > "$work/forgotten"
grep -oE 'LV_[A-Z0-9_]+' lib/kernels/README.md | sort -u > "$work/documented"

expect "macros_are_found" test "$(wc -l < "$work/defined")" -ge 70
comm -13 "$work/documented" "$work/forgotten" > "$work/found"
empty "every_macro_is_in_the_readme" "$work/found"
comm -23 "$work/documented" "$work/forgotten" > "$work/found"
empty "the_readme_names_no_other_macro" "$work/found"
comm -23 "$work/defined" "$work/forgotten" > "$work/found"
empty "every_macro_is_forgotten" "$work/found"

finish
