# The tree itself: no path of one machine in it, every file that a document or a
# comment names is there, every document is reached from docs/README.md, files
# keep to their size.
. tests/support/check.sh

if have git && git rev-parse --is-inside-work-tree > /dev/null 2>&1; then
  git ls-files -co --exclude-standard
else
  find . -type f ! -path './build/*' ! -path './.git/*' | sed 's|^\./||'
fi | sort | while read -r file; do
  [ ! -f "$file" ] || echo "$file"
done > "$work/files"
expect "files_are_found" grep -qx 'include/lnsp.h' "$work/files"

# text files only: grep -I passes over the others
tr '\n' '\0' < "$work/files" | xargs -0 grep -nIE '/(wor[k]|roo[t]|hom[e])/[A-Za-z.]' > "$work/paths" 2> /dev/null
empty "no_path_of_a_machine" "$work/paths"

# [text](target) in documents
grep -E '\.md$' "$work/files" | while read -r document; do
  grep -o '](\([^)]*\))' "$document" | sed 's/^](//; s/)$//; s/#.*//' | while read -r target; do
    case $target in '' | http://* | https://* | mailto:*) continue ;; esac
    [ -e "$(dirname "$document")/$target" ] || echo "$document: no file $target"
  done
done > "$work/links"
empty "links_in_documents_lead_somewhere" "$work/links"

# docs/NAME.md anywhere, in code too
tr '\n' '\0' < "$work/files" | xargs -0 grep -noIE '\bdocs/[a-z_/]+\.md' 2> /dev/null | while IFS=: read -r file line name; do
  [ -f "$name" ] || echo "$file:$line: no file $name"
done > "$work/mentions"
empty "documents_that_are_named_exist" "$work/mentions"

for document in docs/*.md; do
  name=$(basename "$document")
  [ "$name" = README.md ] || grep -q "($name)" docs/README.md || echo "docs/README.md does not list $document"
done > "$work/index"
empty "docs_index_is_complete" "$work/index"

grep -E '^lib/.*\.[ch]$' "$work/files" | grep -v '^lib/kernels/' | while read -r file; do
  lines=$(wc -l < "$file")
  [ "$lines" -le 450 ] || echo "$file has $lines lines"
done > "$work/long"
empty "files_stay_under_450_lines" "$work/long"

# First line: what the file is.
grep -E '^(lib|tests|programs|examples|bench)/.*\.[ch]$' "$work/files" | while read -r file; do
  head -n 1 "$file" | grep -q '^/\*' || echo "$file does not begin with a comment"
done > "$work/first"
empty "files_say_what_they_are" "$work/first"

# The newest section of the change log is the version in the header, or Unreleased.
version=$(awk '$2 ~ /^LNSP_VERSION_(MAJOR|MINOR|PATCH)$/ { v = v (v == "" ? "" : ".") $3 } END { print v }' include/lnsp.h)
expect "changelog_has_version_$version" grep -q "^## .*$version" CHANGELOG.md

finish
