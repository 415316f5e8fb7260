# Helpers of programs/ that are called once: for each of them a reader jumps, so that they are
# worth it where they shorten a long function or name a step. Counted are the static functions
# of a file that are called in one place of it; one whose name also appears without a bracket
# behind it (in a table, as a callback) is not called once.
. tests/support/check.sh

most=45 # per cent

cat > "$work/calls.awk" << 'AWK'
# The line without comments and strings.
function strip(line,   out, at) {
  out = ""
  while (line != "") {
    if (inside) {
      at = index(line, "*/")
      if (!at) return out
      line = substr(line, at + 2)
      inside = 0
    } else if (match(line, /"([^"\\]|\\.)*"|'([^'\\]|\\.)'|\/\*/)) {
      out = out substr(line, 1, RSTART - 1) " "
      inside = substr(line, RSTART, 2) == "/*"
      line = substr(line, RSTART + (inside ? 2 : RLENGTH))
    } else {
      out = out line
      line = ""
    }
  }
  return out
}
function tell(   name) {
  for (name in defined) {
    total++
    if (!other[name] && calls[name] == 1) {
      once++
      print file ": " name
    }
  }
  split("", defined)
  split("", calls)
  split("", other)
}
FNR == 1 {
  tell()
  file = FILENAME
  inside = 0
  head = ""
}
{
  line = strip($0)
  # a definition begins with static in the first column and ends with an opening brace
  if (line ~ /^static /) head = line
  else if (head != "") head = head line
  if (head ~ /[;=]/) head = ""
  if (head ~ /\{/ && match(head, /[a-zA-Z_0-9]+\(/)) {
    defined[substr(head, RSTART, RLENGTH - 1)] = 1
    calls[substr(head, RSTART, RLENGTH - 1)]-- # its own head
  }
  if (head ~ /\{/) head = ""
  while (match(line, /[a-zA-Z_][a-zA-Z_0-9]*/)) {
    name = substr(line, RSTART, RLENGTH)
    line = substr(line, RSTART + RLENGTH)
    if (line ~ /^\(/) calls[name]++
    else other[name]++
  }
}
END {
  tell()
  print once, total > counts
}
AWK

find programs -name '*.c' | sort > "$work/files"
awk -v counts="$work/counts" -f "$work/calls.awk" $(cat "$work/files") > "$work/once"
read -r once total < "$work/counts"
expect "functions_are_found" test "$total" -ge 100
if [ $((100 * once)) -le $((most * total)) ]; then
  pass "few_helpers_are_called_once"
else
  {
    echo "$once of $total static functions are called once, $((100 * once / total)) %; $most % are the bound"
    cat "$work/once"
  } | fail "few_helpers_are_called_once"
fi

finish
