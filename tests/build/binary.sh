# What the compiled library holds and asks for: no writable data, no names beyond
# those of tests/build/imports.txt, and its size.
. tests/support/check.sh
archive=$BUILD/liblnsp.a
library=$(ls "$BUILD"/liblnsp.so.*.*.* 2> /dev/null | head -n 1)

# Sections .data.rel.ro hold constant tables with addresses, which the loader
# fills in and then makes read-only.
if have size && size -A "$archive" > "$work/sizes" 2> /dev/null && grep -q '^\.text' "$work/sizes"; then
  awk '/\.o *\(ex |:$/ { file = $1 }
       $1 ~ /^(\.data|\.bss|\.tdata|\.tbss|\.ldata|\.lbss|COMMON)(\.|$)/ && $1 !~ /^\.data\.rel\.ro/ &&
       $2 > 0 { print file, $1, $2 " bytes" }' "$work/sizes" > "$work/writable"
  empty "no_writable_data_in_objects" "$work/writable"
  # The search above would find some: an object with writable data as its proof.
  printf 'int lnsp_counter = 3;\nstatic int hidden;\nint *lnsp_next(void) { return &hidden; }\n' > "$work/bad.c"
  "$CC" -fdata-sections -c -o "$work/bad.o" "$work/bad.c"
  expect "the_search_finds_writable_data" test "$(size -A "$work/bad.o" |
    awk '$1 ~ /^\.(data|bss)(\.|$)/ && $2 > 0' | wc -l)" -eq 2
else
  skip "no_writable_data_in_objects" "no size -A"
fi

# In the shared library the C compiler's own start files add up to 8 bytes each.
if [ -n "$library" ] && have size && have nm; then
  size -A "$library" | awk '$1 ~ /^(\.data|\.bss|\.tdata|\.tbss)$/ && $2 > 16 { print $1, $2 " bytes" }' > "$work/writable"
  nm "$library" 2> /dev/null | awk '$2 ~ /^[BbCDdGgSs]$/ && $3 ~ /lnsp/ { print $1, $3 }' > "$work/symbols"
  if have readelf; then
    # d and D count .data.rel.ro too: keep what lies outside it
    readelf -SW "$library" | sed 's/^ *\[ *[0-9]*\] *//' | awk '$1 ~ /^\.data\.rel\.ro/ { print $3, $5 }' > "$work/relro"
    awk 'function hex(s,  i, n) { n = 0; s = tolower(s)
           for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
           return n }
         FILENAME ~ /relro$/ { low = hex($1); high = low + hex($2); next }
         { at = hex($1); if (at < low || at >= high) print $2 }' "$work/relro" "$work/symbols" >> "$work/writable"
  else
    cat "$work/symbols" >> "$work/writable"
  fi
  empty "no_writable_data_in_the_shared_library" "$work/writable"
else
  skip "no_writable_data_in_the_shared_library" "no size or nm, or no shared library"
fi

if have nm; then
  nm -g "$archive" 2> /dev/null | awk 'NF >= 2 && $(NF - 1) ~ /^[A-TV-Zv-z]$/ { print $NF }' | sort -u > "$work/defined"
  nm -g "$archive" 2> /dev/null | awk '$1 == "U" || $1 == "w" { print $2 }' | sort -u > "$work/wanted"
  grep -vE '^(#|$)' tests/build/imports.txt | sort -u > "$work/allowed"
  cat "$work/defined" "$work/allowed" | sort -u > "$work/known"
  comm -23 "$work/wanted" "$work/known" > "$work/unknown"
  empty "archive_imports_only_listed_names" "$work/unknown"
  if [ -n "$library" ]; then
    nm -D --undefined-only "$library" | awk '{ sub(/@.*/, "", $NF); print $NF }' |
      grep -vE '^(__gmon_start__|_ITM_(de)?registerTMCloneTable|__cxa_finalize)$' | sort -u > "$work/wanted"
    comm -23 "$work/wanted" "$work/allowed" > "$work/unknown"
    empty "shared_library_imports_only_listed_names" "$work/unknown"
  else
    skip "shared_library_imports_only_listed_names" "no shared library"
  fi
  # What the core (all rooms but api) asks for, so that it links without an
  # operating system: the memory functions, sqrt, and malloc by default.
  # Objects of files that are no longer there are passed over.
  members=$(ls lib/*/*.c lib/*/*/*.c | grep -v '^lib/api/' | sed "s|^|$BUILD/|; s|c\$|o|")
  nm -g $members 2> /dev/null | awk '$1 == "U" { print $2 }' | sort -u > "$work/wanted"
  sed -n '/^# core/,/^# files/p' tests/build/imports.txt | grep -vE '^(#|$)' | sort -u - "$work/defined" > "$work/known"
  comm -23 "$work/wanted" "$work/known" > "$work/unknown"
  [ -s "$work/wanted" ] || echo "no objects found in $BUILD/lib" >> "$work/unknown"
  empty "core_imports_no_files" "$work/unknown"
else
  skip "imports" "no nm"
fi

case $($CC -dumpmachine 2> /dev/null),$CFLAGS in
  x86_64*,*-O* | x86_64*,*-fsanitize* | x86_64*,*--coverage*)
    skip "stripped_size" "not built with the Makefile's own optimisation" ;;
  x86_64*)
    if [ -n "$library" ] && have strip; then
      strip -o "$work/stripped.so" "$library"
      bytes=$(wc -c < "$work/stripped.so")
      expect "stripped_size_${bytes}_at_most_655360_bytes" test "$bytes" -le 655360
    else
      skip "stripped_size" "no strip or no shared library"
    fi ;;
  *) skip "stripped_size" "the limit is for x86-64" ;;
esac

finish
