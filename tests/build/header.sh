# lnsp.h by itself compiles as C99, C11 and C++17 without a warning, and keeps to
# what docs/stability.md promises of it.
. tests/support/check.sh

cat > "$work/alone.c" <<'C'
#include "lnsp.h"
#include "lnsp.h"
int lnsp_header_is_enough(const lnsp_model *model);
int lnsp_header_is_enough(const lnsp_model *model) { return lnsp_model_graph(model) != 0; }
C
cp "$work/alone.c" "$work/alone.cc"
for standard in c99 c11 c17; do
  expect "header_alone_as_$standard" "$CC" -std=$standard -Wall -Wextra -pedantic -Werror \
    -Iinclude -c -o "$work/alone.o" "$work/alone.c"
done
if have g++; then
  for standard in c++11 c++17; do
    expect "header_alone_as_$standard" g++ -std=$standard -Wall -Wextra -pedantic -Werror \
      -Iinclude -c -o "$work/alone.o" "$work/alone.cc"
  done
else
  skip "header_alone_as_c++" "no g++"
fi

# Each struct with a struct_size has an initialiser that sets that and nothing else, and
# names every member: -Wextra, with -Wmissing-field-initializers in it, stays silent.
awk '/^typedef struct lnsp_[a-z_]+ \{/ { name = $3; getline; if (/uint32_t struct_size;/) print name }' \
  include/lnsp.h > "$work/sized"
expect "structs_with_a_size_are_found" test "$(wc -l < "$work/sized")" -gt 15
{
  echo '#include "lnsp.h"'
  echo '#include <string.h>'
  while read -r name; do
    macro=$(echo "$name" | tr '[:lower:]' '[:upper:]')_INIT
    echo "static $name a_$name = $macro;"
  done < "$work/sized"
  echo 'int main(void) {'
  while read -r name; do
    echo "  { $name b; lnsp_struct_init(&b, sizeof b);"
    echo "    if (memcmp(&a_$name, &b, sizeof b) || b.struct_size != sizeof b) return 1; }"
  done < "$work/sized"
  echo '  return 0; }'
} > "$work/init.c"
cp "$work/init.c" "$work/init.cc"
expect "initialisers_in_c" "$CC" -std=c99 -Wall -Wextra -Wconversion -pedantic -Werror -Iinclude \
  -c -o "$work/init.o" "$work/init.c"
expect "initialisers_link" "$CC" $CFLAGS -o "$work/init" "$work/init.o" "$BUILD/liblnsp.a" -lm
expect "initialisers_set_struct_size_alone" ${EMULATOR:-} "$work/init"
if have g++; then
  expect "initialisers_in_c++" g++ -std=c++11 -Wall -Wextra -Wconversion -pedantic -Werror -Iinclude \
    -c -o "$work/init.o" "$work/init.cc"
else
  skip "initialisers_in_c++" "no g++"
fi

# The example at the head: C99 without a warning, 15 to 20 lines, and it runs.
sed -n 's/^ \* *$//; s/^ \*   //; /^#include <stdio.h>/,/^}/p' include/lnsp.h > "$work/example.c"
expect "example_is_short" test "$(wc -l < "$work/example.c")" -le 20
expect "example_compiles" "$CC" $CFLAGS -std=c99 -Wall -Wextra -pedantic -Werror -Iinclude \
  -o "$work/example" "$work/example.c" "$BUILD/liblnsp.a" -lm
${EMULATOR:-} "$work/example" > "$work/example.out" 2>&1
expect "example_runs" grep -q '^loss before the first step: [0-9.]' "$work/example.out"

# The frozen layouts, where pointers have 8 bytes.
cat > "$work/layout.c" <<'C'
#include "lnsp.h"
#define SAME(name, a, b) typedef char name[(a) == (b) ? 1 : -1]
SAME(error, sizeof(lnsp_error), 384);
SAME(error_name, offsetof(lnsp_error, name), 24);
SAME(error_message, offsetof(lnsp_error, message), 128);
#if UINTPTR_MAX > 0xffffffffu
SAME(tensor, sizeof(lnsp_tensor), 88);
SAME(tensor_dims, offsetof(lnsp_tensor, dims), 16);
SAME(tensor_strides, offsetof(lnsp_tensor, strides), 48);
SAME(tensor_data, offsetof(lnsp_tensor, data), 80);
#endif
C
expect "frozen_layouts" "$CC" -std=c99 -Werror -Iinclude -c -o "$work/layout.o" "$work/layout.c"

# Without comments, strings and the preprocessor's lines.
awk '
  { line = $0; text = "" }
  { while (line != "") {
      if (inside) {
        at = index(line, "*/")
        if (!at) { line = ""; break }
        line = substr(line, at + 2); inside = 0
      } else {
        at = index(line, "/*")
        if (!at) { text = text line; line = "" } else { text = text substr(line, 1, at - 1); line = substr(line, at + 2); inside = 1 }
      }
    } }
  text !~ /^[ \t]*#/ { gsub(/"[^"]*"/, "\"\"", text); print FNR ": " text }
' include/lnsp.h > "$work/code"
grep -nwE 'enum|bool|_Bool|long|short|unsigned|inline|static|va_list|size_t *:|wchar_t|FILE' "$work/code" \
  > "$work/forbidden" || true
grep -nE '\.\.\.|:[ ]*[0-9]+;' "$work/code" | grep -vE '^[0-9]+:[0-9]+: *$' >> "$work/forbidden" || true
empty "no_enum_bool_long_varargs_or_inline" "$work/forbidden"

# Every struct that a caller fills begins with its size, except the frozen ones.
awk '/^typedef struct lnsp_[a-z_]+ \{/ { name = $3; getline; if ($0 !~ /uint32_t struct_size;/ &&
  name !~ /^lnsp_(error|tensor|key_value|rank)$/) print name ": " $0 }' include/lnsp.h > "$work/unsized"
empty "structs_begin_with_struct_size" "$work/unsized"

finish
