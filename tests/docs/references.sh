# Documents name what is there: each path lib/..., tests/..., programs/..., and each function, type
# or macro of the library that README.md or a page in docs/ mentions is in the tree.
. tests/support/check.sh

for file in README.md docs/*.md docs/quickstart/*.md; do
  tr -d '\r' < "$file" | grep -noE '\b(lib|tests|programs|examples|bench|include|bindings)/[A-Za-z0-9_./-]*[A-Za-z0-9_]\.[a-z]+\b' |
    sed "s|^|$file:|"
done | grep -vE ':(tests/train/test_mine|lib/graph/layers/gain)\.c$' | while IFS=: read -r file line name; do
  # pages about Python name its tests from its folder; one test is of another project
  [ -e "$name" ] || [ -e "bindings/python/$name" ] || [ "$name" = tests/test_5to1_alignment.py ] ||
    echo "$file:$line: no file $name"
done > "$work/paths"
empty "files_that_documents_name_exist" "$work/paths"

# A name that ends in _ or is followed by * or . is the start of a group of names.
find lib include programs tests examples bindings \( -name '*.[chs]' -o -name '*.py' -o -name '*.sh' \) -exec cat {} + |
  grep -oE '\b(lnspi?|LNSPI?)_[A-Za-z0-9_]+' | sort -u > "$work/known"
# the layer of docs/adding_a_layer.md
printf '%s\n' lnspi_layer_gain lnspi_gain_args >> "$work/known"
for file in README.md docs/*.md docs/quickstart/*.md; do
  grep -noE '\b(lnspi?|LNSPI?)_[A-Za-z0-9_]*[A-Za-z0-9]\b' "$file" | sed "s|^|$file:|"
done | awk -F: 'FNR == NR { known[$1] = 1; next } !($3 in known) { print $1 ":" $2 ": no name " $3 }' \
  "$work/known" - > "$work/names"
empty "names_that_documents_use_exist" "$work/names"

# The pages about Python call members by their present names: `name` and `.name(...)` where the
# package has `name = other  # the name until 0.1`.
grep -rhoE '^ +[a-z_]+ = [a-z_]+ +# the name until 0[.]1' bindings/python/src/lnsp | awk '{ print $1 }' | sort -u > "$work/old"
expect "old_names_of_python_are_found" grep -qx make_live "$work/old"
while read -r old; do
  grep -nE "\`[.]?$old[\`(]|[A-Za-z_][.]$old\(" docs/python.md docs/quickstart/python.md bindings/python/README.md
done < "$work/old" > "$work/stale"
empty "pages_about_python_use_present_names" "$work/stale"

finish
