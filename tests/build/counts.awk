# Lines of code and words of comment in C files: awk -f counts.awk FILES; prints code lines, comment words, lines over 96 columns.
# A line counts as code if anything but blanks is left without its comments. Licence heads are not there.
FNR == 1 { inside = 0 }
{
  if (length($0) > 96) long++
  line = $0; code = ""; comment = ""
  while (line != "") {
    if (inside) {
      at = index(line, "*/")
      if (at == 0) { comment = comment " " line; line = "" }
      else { comment = comment " " substr(line, 1, at - 1); line = substr(line, at + 2); inside = 0 }
    } else if (match(line, /"([^"\\]|\\.)*"|'([^'\\]|\\.)'|\/\*/)) {
      code = code substr(line, 1, RSTART - 1)
      if (substr(line, RSTART, 2) == "/*") { inside = 1; line = substr(line, RSTART + 2) }
      else { code = code "\"\""; line = substr(line, RSTART + RLENGTH) }
    } else { code = code line; line = "" }
  }
  if (code ~ /[^ \t]/) lines++
  count = split(comment, words, /[ \t]+/)
  for (i = 1; i <= count; i++) if (words[i] ~ /[A-Za-z0-9]/) total++
}
END { printf "%d code lines, %d comment words, %d per 100, %d lines over 96 columns\n", lines, total, lines ? 100 * total / lines : 0, long }
