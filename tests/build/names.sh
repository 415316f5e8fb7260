# Names tell the file: a function that other files call is declared in X.h, defined in X.c of the
# same folder, and called lnspi_X or lnspi_X_...; no two files of lib/ share a name; static names
# begin with their file's. Who reads a call knows where to look.
. tests/support/check.sh

find lib -name '*.[ch]' ! -name lnsp_all.c | sort > "$work/files"

# File names: list.h is the list of a folder's plug-ins.
sed -n 's|.*/\(.*\)\.c$|\1|p' "$work/files" | sort | uniq -d > "$work/twice"
empty "file_names_are_unique" "$work/twice"

if have nm && [ -f "$BUILD/liblnsp.a" ]; then
  # function, file that defines it
  nm -A -g --defined-only "$BUILD/liblnsp.a" 2> /dev/null |
    sed -n 's/^[^:]*:\([^:]*\)\.o:.* T _\{0,1\}\(lnspi_[a-z0-9_]*\)$/\2 \1/p' | sort > "$work/defined"
  # function, header that declares it; comments and macros out
  while read -r file; do
    case $file in *.h) ;; *) continue ;; esac
    awk -v stem="$(basename "$file" .h)" '
      { line = $0 }
      inside { if (!sub(/^.*\*\//, "", line)) next; inside = 0 }
      { while (match(line, /\/\*/)) {
          rest = substr(line, RSTART + 2); before = substr(line, 1, RSTART - 1)
          if ((at = index(rest, "*/")) == 0) { inside = 1; line = before; break }
          line = before substr(rest, at + 2)
        }
        while (match(line, /lnspi_[a-z0-9_]+[(]/)) {
          print substr(line, RSTART, RLENGTH - 1), stem
          line = substr(line, RSTART + RLENGTH)
        } }' "$file"
  done < "$work/files" | sort -u > "$work/declared"

  expect "functions_are_found" test "$(wc -l < "$work/defined")" -ge 400
  join "$work/declared" "$work/defined" > "$work/both" # function, header, file
  awk '$2 == $3 { good[$1] = 1 } { seen[$1] = $3 }
       END { for (f in seen) if (!(f in good)) print f " is defined in " seen[f] ".c, but not declared in " seen[f] ".h" }' \
    "$work/both" | sort > "$work/misplaced"
  count=$(wc -l < "$work/misplaced") all=$(cut -d ' ' -f 1 "$work/both" | sort -u | wc -l)
  echo "# $count of $all functions are declared elsewhere"
  empty "functions_are_declared_in_the_header_of_their_file" "$work/misplaced"
  awk '$1 != "lnspi_" $2 && index($1, "lnspi_" $2 "_") != 1 { print $1 " is defined in " $2 ".c" }' \
    "$work/defined" > "$work/misnamed"
  empty "functions_are_named_after_their_file" "$work/misnamed"
else
  skip "functions_are_declared_in_the_header_of_their_file" "no nm, or nothing is built"
fi

# Statics: a macro that makes names (LV_F and the like) is in the kernels' templates.
while read -r file; do
  case $file in lib/kernels/* | *.h) continue ;; esac
  awk -v file="$file" -v stem="$(basename "$file" .c)" '
    /^static / && match($0, /[a-z_0-9]+[(]/) {
      name = substr($0, RSTART, RLENGTH - 1)
      if (name != stem && index(name, stem "_") != 1 && name !~ /^lnspi_/) print file ": " name
    }' "$file"
done < "$work/files" > "$work/statics"
count=$(wc -l < "$work/statics")
empty "static_functions_begin_with_their_file" "$work/statics"

# Messages name the function that was called: what uses __func__ is in an exported one.
awk '
  FNR == 1 { name = "" }
  /^[A-Za-z].*[(]/ && !/;$/ && match($0, /[a-z_0-9]+[(]/) { name = substr($0, RSTART, RLENGTH - 1) }
  /(API_(NEED|OUT|FLAG|OPTIONS|SPLIT|SIZES|SINK)[(]|__func__)/ && name !~ /^lnsp_/ {
    print FILENAME ":" FNR ": in " name
  }' lib/api/*.c > "$work/inner"
empty "messages_name_exported_functions" "$work/inner"

finish
