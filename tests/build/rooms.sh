# The include rule: a file in lib/ includes only rooms above its own, its own
# room's headers and lnsp.h, by names from lib/; and the C library's headers only
# where they are allowed (docs/contributing.md, "Rooms").
. tests/support/check.sh

find lib -name '*.[ch]' ! -name lnsp_all.c | sort > "$work/files"

awk '
  BEGIN {
    count = split("base kernels format graph run train delta store text index metrics api", names, " ")
    for (i = 1; i <= count; i++) order[names[i]] = i
    # freestanding headers, and those that only declare memcpy, sqrt and fabs
    split("float.h limits.h stddef.h stdint.h stdarg.h string.h math.h", list, " ")
    for (i in list) anywhere["<" list[i] ">"] = 1
    # malloc is for base, files are for api
    only["<stdlib.h>"] = "base"
    also["<stdlib.h>"] = "api"
    only["<stdio.h>"] = only["<errno.h>"] = only["<fcntl.h>"] = only["<unistd.h>"] = "api"
    only["<sys/types.h>"] = only["<sys/stat.h>"] = only["<io.h>"] = "api"
    # the CPU: what it can do, and its vector instructions
    only["<cpuid.h>"] = only["<intrin.h>"] = only["<immintrin.h>"] = only["<fenv.h>"] = "base"
    only["<cblas.h>"] = "kernels"
    also["<immintrin.h>"] = also["<intrin.h>"] = also["<arm_neon.h>"] = "kernels"
  }
  function say(text) { print FILENAME ":" FNR ": " text }
  FNR == 1 {
    split(FILENAME, part, "/")
    room = part[2]
    if (!(room in order)) say("the room \"" room "\" is not in the list of rooms")
  }
  /^[ \t]*#[ \t]*include/ {
    what = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", what)
    if (what ~ /^</) {
      sub(/>.*/, ">", what)
      if (!(what in anywhere) && only[what] != room && also[what] != room)
        say("includes " what ", which this room does without")
    } else if (what ~ /^"/) {
      sub(/^"/, "", what)
      sub(/".*/, "", what)
      if (what == "lnsp.h") next
      split(what, to, "/")
      if (what ~ /\.\./ || !(to[1] in order)) say("includes \"" what "\": name it from lib/")
      else if (order[to[1]] > order[room]) say("includes \"" what "\", a room below " room)
    } else if (what !~ /^[A-Z_]+$/) say("cannot read this include")
  }
' $(cat "$work/files") > "$work/broken" 2> "$work/error" || cat "$work/error" >> "$work/broken"
empty "includes_keep_the_rooms" "$work/broken"

# A macro that names a file to include would escape the rule above.
grep -nE '^[ 	]*#[ 	]*include[ 	]+[A-Z_]' $(cat "$work/files") > "$work/macro" || true
empty "no_include_through_a_macro" "$work/macro"

# The same for programs/: the command line's plumbing and the data below, the families of
# commands above; no family includes another (docs/contributing.md, "Rooms").
find programs -name '*.[ch]' | sort > "$work/programs"
awk '
  BEGIN {
    rank["command.h"] = 0
    count = split("cli data score train", below, " ")
    for (i = 1; i <= count; i++) rank[below[i]] = i
    count = split("model eval loop delta store index", names, " ")
    for (i = 1; i <= count; i++) family[names[i]] = 1
  }
  function say(text) { print FILENAME ":" FNR ": " text }
  FNR == 1 {
    count = split(FILENAME, part, "/")
    folder = part[2]
    top = count == 2
    if (!top && !(folder in rank) && !(folder in family))
      say("the folder \"" folder "\" is not in the list of rooms")
    if (top && folder != "lnsp.c" && folder != "command.h") say("belongs into a folder")
  }
  /^[ \t]*#[ \t]*include[ \t]*"/ {
    what = $0
    sub(/^[^"]*"/, "", what)
    sub(/".*/, "", what)
    if (what == "lnsp.h" || folder == "lnsp.c" || what ~ /^common\/[a-z0-9_]+\.h$/) next
    split(what, to, "/")
    if (what ~ /\.\./ || !(to[1] in rank || to[1] in family))
      say("includes \"" what "\": name it from programs/")
    else if (to[1] == folder) next
    else if (to[1] in family) say("includes \"" what "\", of another family")
    else if (folder in rank && rank[to[1]] > rank[folder])
      say("includes \"" what "\", a room below " folder)
  }
' $(cat "$work/programs") > "$work/broken" 2> "$work/error" || cat "$work/error" >> "$work/broken"
empty "programs_keep_their_rooms" "$work/broken"

for folder in programs/*/; do
  count=$(find "$folder" -name '*.[ch]' | wc -l)
  [ "$count" -le 15 ] || echo "$folder has $count files, and 15 are the most"
done > "$work/large"
empty "folders_of_programs_have_15_files_at_most" "$work/large"

# Names: what is visible outside a file begins with lnsp_ or lnspi_.
if have nm && [ -f "$BUILD/liblnsp.a" ]; then
  nm -g --defined-only "$BUILD/liblnsp.a" 2> /dev/null | awk 'NF == 3 && $3 !~ /^_?(lnsp_|lnspi_)/ { print $3 }' \
    > "$work/names"
  empty "global_names_have_the_prefix" "$work/names"
else
  skip "global_names_have_the_prefix" "no nm, or nothing is built"
fi

finish
