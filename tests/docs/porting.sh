# Every build switch is in docs/porting.md: each LNSP name that the sources test with #if, #ifdef
# or #ifndef, include guards apart; and each name in its tables is in the sources.
. tests/support/check.sh

find lib include \( -name '*.[ch]' \) | sort | xargs grep -hE '^ *# *(if|ifdef|ifndef|elif)|^ +\(?!?defined' |
  grep -oE '\bLNSPI?_[A-Z0-9_]+' | grep -vE '_H$' | sort -u > "$work/tested"
expect "switches_are_found" grep -qx LNSP_SCALAR_ONLY "$work/tested"
grep -E '^\| `LNSP' docs/porting.md | cut -d '|' -f 2 | grep -oE 'LNSPI?_[A-Z0-9_]+' | sort -u > "$work/documented"
comm -23 "$work/tested" "$work/documented" > "$work/missing"
empty "every_switch_is_documented" "$work/missing"
comm -13 "$work/tested" "$work/documented" > "$work/gone"
empty "every_documented_switch_exists" "$work/gone"

finish
