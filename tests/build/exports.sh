# Names: those declared in lnsp.h, those in the version script and those that the
# shared library exports are the same.
. tests/support/check.sh

awk -f tests/build/interface.awk include/lnsp.h > "$work/slots"
awk '$2 != "-"' "$work/slots" > "$work/lacking"
empty "every_function_is_described_in_the_same_slots" "$work/lacking"

awk '{ print $1 }' "$work/slots" | sort > "$work/declared"
expect "declared_names_are_found" test "$(wc -l < "$work/declared")" -gt 50
sort -u "$work/declared" | diff "$work/declared" - > "$work/twice"
empty "no_name_declared_twice" "$work/twice"

awk '/^ *lnsp_[a-z0-9_]*;/ { sub(/;/, ""); print $1 }' lib/lnsp.map | sort > "$work/listed"
diff "$work/declared" "$work/listed" > "$work/difference"
empty "lnsp.map_lists_what_lnsp.h_declares" "$work/difference"

version=$(awk '/^#define LNSP_VERSION_(MAJOR|MINOR|PATCH)/ { printf "%s%s", dot, $3; dot = "." }' include/lnsp.h)
library=$BUILD/liblnsp.so.$version
[ -f "$library" ] || library=
if [ -z "$library" ] || ! have nm; then
  skip "library_exports_what_lnsp.h_declares" "no nm or no shared library"
else
  nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort > "$work/exported"
  diff "$work/declared" "$work/exported" > "$work/difference"
  empty "library_exports_what_lnsp.h_declares" "$work/difference"
fi

if [ -z "$library" ] || ! have readelf; then
  skip "soname" "no readelf or no shared library"
else
  major=$(awk '$2 == "LNSP_VERSION_MAJOR" { print $3 }' include/lnsp.h)
  readelf -d "$library" > "$work/dynamic"
  expect "soname" grep -q "SONAME.*\[liblnsp\.so\.$major\]" "$work/dynamic"
fi

finish
