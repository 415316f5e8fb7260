# The same bits from every kernel set that runs here, and those of
# tests/golden.txt. For emulated machines: GOLDEN=quick leaves out 1,000 training
# steps of SN727, ISA=NAME takes one kernel set.
. tests/support/check.sh
golden=$BUILD/tests/golden
mode=${GOLDEN:-full}

if [ ! -x "$golden" ]; then
  echo "$golden is not there: make check builds it" | fail "golden"
  finish
fi
case $golden in /*) ;; *) golden=./$golden ;; esac

if ${EMULATOR:-} "$golden" "$mode" ${ISA:-} > "$work/found" 2> "$work/said"; then
  for isa in $(awk '{ print $2 }' "$work/found" | sort -u); do
    awk -v isa="$isa" 'FILENAME ~ /golden.txt$/ { if ($0 !~ /^#/ && NF == 2) expected[$1] = $2; next }
      $2 == isa { seen++; if (!($1 in expected)) print $1 " is not in tests/golden.txt"
                  else if (expected[$1] != $3) print $1 ": " $3 ", expected " expected[$1] }
      END { if (seen < 20) print "only " seen + 0 " hashes" }' tests/golden.txt "$work/found" \
      > "$work/differ" 2>&1
    empty "golden_${mode}_$isa" "$work/differ"
  done
  expect "golden_has_${ISA:-scalar}" grep -q " ${ISA:-scalar} " "$work/found"
else
  cat "$work/found" "$work/said" | fail "golden_$mode"
fi

finish
