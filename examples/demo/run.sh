# make demo: builds the demo against the library in $BUILD and runs it. ISA: the
# kernel set (default auto).
set -eu
BUILD=${BUILD:-build}
here=examples/demo
mkdir -p "$BUILD/demo"
${CC:-cc} -std=c11 -Iinclude ${CFLAGS:--O2} -o "$BUILD/demo/lnsp-demo" \
  $here/demo.c $here/curve.c "$BUILD/liblnsp.a" -lm
${EMULATOR:-} "$BUILD/demo/lnsp-demo" $here "$BUILD/demo/curve.svg" "${ISA:-auto}"
