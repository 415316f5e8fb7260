# Prints what include/lnsp.h declares: "NAME PROBLEM" a line for each LNSP_API function, where
# PROBLEM is "-" or says what its comment lacks. A comment is for the one declaration that
# follows it, and has these slots, each at the start of a line and in this order:
#
#   a sentence that begins with a verb ("Creates"), and a line for each parameter that its name
#   does not explain, or a word on it in the sentence
#   Returns:   (not for void)
#   Memory:    (for functions that give a handle or a pointer to something that is not static)
#   Threads:   in words, then "Since 0.1."
/^\/\*/ { comment = ""; in_comment = 1 }
in_comment { comment = comment "\n" $0 }
/\*\// { in_comment = 0 }
/^LNSP_API/ { declaration = ""; open = 1 }
open {
  declaration = declaration " " $0
  if (/;/) {
    open = 0
    if (match(declaration, /lnsp_[a-z0-9_]+ *\(/)) {
      name = substr(declaration, RSTART, RLENGTH - 1)
      print name, lacks(comment, substr(declaration, 1, RSTART), declaration)
    } else print "?", "cannot read:" declaration
    comment = ""
  }
}
# The first parameter of a function that its comment does not name; "" if there is none. The
# handle needs no word, and neither do the parameters that mean the same everywhere.
function unnamed(text, whole,   list, n, i, name) {
  sub(/^[^(]*\(/, "", whole)
  sub(/\)[^)]*$/, "", whole)
  n = split(whole, list, ",")
  for (i = 1; i <= n; i++) {
    name = list[i]
    sub(/\[[^\]]*\]$/, "", name)
    if (i == 1 && name ~ /lnsp_[a-z_]+ \*[a-z]+$/) continue
    sub(/^.*[ *]/, "", name)
    if (name ~ /^(void|out|error|path|base|bytes|count|[a-z]+_count)$/) continue
    if (text !~ "(^|[^a-z_0-9])" name "([^a-z_0-9]|$)") return name
  }
  return ""
}
function lacks(text, result, whole,   returns, memory, threads, since) {
  if (text == "") return "no comment of its own"
  if (text !~ /^\n\/\* [A-Z][a-z]+s /) return "does not begin with a verb"
  if (unnamed(text, whole) != "") return "no word on '" unnamed(text, whole) "'"
  returns = index(text, "\n * Returns:")
  memory = index(text, "\n * Memory:")
  threads = index(text, "\n * Threads: ")
  gsub(/\n \* /, " ", text)
  since = match(text, /Since [0-9]+\.[0-9]+\. \*\//)
  if (result !~ / void /) { if (!returns) return "no 'Returns:'" }
  else if (returns) return "'Returns:', but it returns nothing"
  if (whole ~ /\*\*out/ && !memory) return "gives a handle, but has no 'Memory:'"
  if (!threads) return "no 'Threads:'"
  if (text !~ /Threads: (any thread|one thread at a time for each [a-z]+)/) return "threads not in words"
  if (!since) return "no 'Since X.Y.' at the end"
  if ((memory && memory < returns) || threads < memory || threads < returns)
    return "slots not in the order Returns, Memory, Threads"
  return "-"
}
