# Size and shape of the sources: lines of code, words of comment, width. Bounds are what the tree
# has reached; a change that needs another one says why in its commit.
. tests/support/check.sh

# counts NAME FOLDER...: the line that counts.awk prints
counts() {
  find "$@" -name '*.[ch]' ! -name lnsp_all.c | sort | xargs awk -f tests/build/counts.awk
}
# at_most NAME FIGURE BOUND; at_least NAME FIGURE BOUND
at_most() {
  expect "$1_at_most_$3" test "$2" -le "$3"
}
at_least() {
  expect "$1_at_least_$3" test "$2" -ge "$3"
}

counts lib > "$work/lib"
counts lib/api > "$work/api"
counts programs > "$work/programs"
counts lib programs tests bench examples include > "$work/all"
sed 's/^/# lib: /' "$work/lib"
sed 's/^/# lib\/api: /' "$work/api"
sed 's/^/# programs: /' "$work/programs"
expect "code_is_counted" grep -q '^[1-9][0-9]* code lines' "$work/lib"

at_least comment_words_in_lib "$(awk '{ print $7 }' "$work/lib")" 140
at_least comment_words_in_api "$(awk '{ print $7 }' "$work/api")" 180
at_most lines_over_96_columns "$(awk '{ print $10 }' "$work/all")" 0

# Hot files say so themselves: every kernel set and codec is one; dispatch.c only picks a set.
ls lib/kernels/*.c lib/delta/codecs/*.c | grep -v /dispatch.c |
  xargs grep -Lx '/\* Hot: built for speed\. \*/' > "$work/cold"
empty "kernels_and_codecs_are_built_for_speed" "$work/cold"

finish
