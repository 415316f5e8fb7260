# Prints what include/lnsp.h declares: "NAME PROBLEM" a line for each LNSP_API
# function, where PROBLEM is "-" or says what its comment lacks. A comment speaks
# for all declarations up to the next empty line; destroy functions are described
# once, under "Ownership" at the head of the file.
/^$/ { comment = ""; in_comment = 0 }
/^\/\*/ { comment = ""; in_comment = 1 }
in_comment { comment = comment " " $0 }
/\*\// { in_comment = 0 }
/^LNSP_API/ { declaration = ""; open = 1 }
open {
  declaration = declaration " " $0
  if (/;/) {
    open = 0
    if (match(declaration, /lnsp_[a-z0-9_]+ *\(/)) {
      name = substr(declaration, RSTART, RLENGTH - 1)
      lacks = "-"
      if (name !~ /_destroy$/) {
        words = comment
        gsub(/[ \t]*\*?[ \t]+/, " ", words)
        if (comment == "") lacks = "no comment"
        else if (words !~ /Threads: ?T[012]/) lacks = "no thread condition"
      }
      print name, lacks
    } else print "?", "cannot read:" declaration
  }
}
