# The drawings of docs/map.md and the chart and table of docs/cost.md are what their scripts
# produce. After a change: python3 docs/drawings/draw.py build/lnsp docs/drawings
. tests/support/check.sh

if ! have python3; then
  skip "drawings_are_current" "no python3"
  finish
fi
if [ -n "${EMULATOR:-}" ]; then
  skip "drawings_are_current" "the scripts run lnsp themselves"
  finish
fi

expect "drawings_are_made" python3 docs/drawings/draw.py "$LNSP" "$work/made"
python3 docs/drawings/cost.py "$LNSP" "$work/made" > "$work/table" 2> "$work/said"
for file in "$work"/made/*.svg; do
  cmp -s "$file" "docs/drawings/$(basename "$file")" || echo "docs/drawings/$(basename "$file") is not what its script makes"
done > "$work/stale"
for file in docs/drawings/*.svg; do
  [ -f "$work/made/$(basename "$file")" ] || echo "$file: no script makes it"
done >> "$work/stale"
empty "drawings_are_current" "$work/stale"
grep -vxFf docs/cost.md "$work/table" > "$work/rows"
[ -s "$work/table" ] || echo "cost.py printed no table" >> "$work/rows"
empty "table_of_cost_is_current" "$work/rows"

finish
