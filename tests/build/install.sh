# The installed tree: an example compiles against it knowing only what pkg-config
# says, shared and static, and runs; uninstall leaves nothing.
. tests/support/check.sh
prefix=/opt/lnsp
root=$work/root
MAKE=${MAKE:-make}

expect "make_install" $MAKE -s install DESTDIR="$root" PREFIX=$prefix LIBDIR=$prefix/lib \
  INCLUDEDIR=$prefix/include BINDIR=$prefix/bin
for file in include/lnsp.h lib/liblnsp.a lib/liblnsp.so lib/pkgconfig/lnsp.pc; do
  [ -f "$root$prefix/$file" ] || echo "$file is not there"
done > "$work/missing"
grep -n '@' "$root$prefix/lib/pkgconfig/lnsp.pc" >> "$work/missing"
empty "installed_files" "$work/missing"

if ! have pkg-config; then
  skip "examples_against_installed_library" "no pkg-config"
else
  PKG_CONFIG_PATH=$root$prefix/lib/pkgconfig
  PKG_CONFIG_SYSROOT_DIR=$root
  PKG_CONFIG_LIBDIR=$PKG_CONFIG_PATH
  export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
  version=$(awk '$2 ~ /^LNSP_VERSION_(MAJOR|MINOR|PATCH)$/ { v = v (v == "" ? "" : ".") $3 } END { print v }' include/lnsp.h)
  expect "pkg_config_version" test "$(pkg-config --modversion lnsp)" = "$version"
  expect "pkg_config_static_adds_libm" sh -c 'pkg-config --static --libs lnsp | grep -q -- -lm'
  expect "pkg_config_shared_needs_no_libm" sh -c '! pkg-config --libs lnsp | grep -q -- "-lm\>"'

  # Somewhere else, so that nothing of this tree is found by chance.
  mkdir -p "$work/elsewhere"
  cp examples/*.c "$work/elsewhere/"
  awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' README.md > "$work/elsewhere/readme.c"
  for source in "$work"/elsewhere/*.c; do
    name=$(basename "$source" .c)
    (cd "$work/elsewhere" && "$CC" -std=c99 -Wall -Wextra -pedantic -Werror $CFLAGS -o "$name" "$name.c" \
      $(pkg-config --cflags --libs lnsp) -pthread &&
      LD_LIBRARY_PATH=$root$prefix/lib ${EMULATOR:-} "./$name") > "$work/said" 2>&1
    if [ $? -eq 0 ] && [ -s "$work/said" ]; then
      pass "example_${name}_shared"
    else
      head -n 30 "$work/said" | fail "example_${name}_shared"
    fi
    (cd "$work/elsewhere" && "$CC" -std=c99 $CFLAGS -static -o "$name" "$name.c" \
      $(pkg-config --static --cflags --libs lnsp) -pthread) > "$work/said" 2>&1 &&
      (cd "$work/elsewhere" && ${EMULATOR:-} "./$name") >> "$work/said" 2>&1
    if [ $? -eq 0 ]; then
      pass "example_${name}_static"
    elif grep -qE 'cannot find -lc|library not found' "$work/said"; then
      skip "example_${name}_static" "no static C library"
    else
      head -n 30 "$work/said" | fail "example_${name}_static"
    fi
  done
fi

expect "make_uninstall" $MAKE -s uninstall DESTDIR="$root" PREFIX=$prefix LIBDIR=$prefix/lib \
  INCLUDEDIR=$prefix/include BINDIR=$prefix/bin
find "$root" ! -type d > "$work/left"
empty "uninstall_leaves_nothing" "$work/left"

finish
