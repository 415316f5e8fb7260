# The words of docs/style.md stay out of what users read: messages and help (string literals of
# lib/ and programs/), the header, and the documents.
. tests/support/check.sh

# The first column of the table, one expression a line; a word matches as a whole word.
sed -n 's/^| \(`.*\) | .*/\1/p' docs/style.md | grep -o '`[^`]*`' | tr -d '`' | sed 's/?$/[?]/' > "$work/words"
expect "the_table_is_read" test "$(wc -l < "$work/words")" -ge 20

# String literals, with the file and line they are in.
find lib programs -name '*.[ch]' | sort | while read -r file; do
  grep -noE '"([^"\\]|\\.)*"' "$file" | grep -v ':"[a-z_0-9/]*\.h"$' | sed "s|^|$file:|"
done > "$work/literals"
grep -nE '' include/lnsp.h | sed 's|^|include/lnsp.h:|' > "$work/header"
for file in README.md docs/*.md docs/quickstart/*.md bindings/python/README.md examples/*/README.md bench/README.md; do
  [ "$file" = docs/style.md ] || grep -n '' "$file" | sed "s|^|$file:|"
done > "$work/documents"

for what in literals header documents; do
  grep -inwE -f "$work/words" "$work/$what" | sed 's/^[0-9]*://' > "$work/found"
  empty "no_word_to_avoid_in_$what" "$work/found"
done

finish
