# lnsp index: building, searching with texts, changing, and what is refused.
. tests/support/check.sh
# the first id of each query
firsts() {
  sed -n 's/^ *1  *[-0-9.]*  \([0-9]*\).*/\1/p' "$1" | tr '\n' ' '
}
data=examples/demo/old.safetensors:held_out
rows=$(key vectors index build $data -o "$work/f32")

for type in f16 int8; do
  expect build_$type lnsp index build $data --type $type -o "$work/$type"
done
same type int8 "$(key type index info "$work/int8")"
same count "$rows" "$(key vectors index info "$work/f16")"

# each vector finds itself
lnsp index search "$work/f32" $data -k 1 > "$work/all"
i=0 all=
while [ $i -lt "$rows" ]; do
  all="$all$i "
  i=$((i + 1))
done
same finds_itself "$all" "$(firsts "$work/all")"
expect to_a_file lnsp index search "$work/int8" $data -o "$work/found"
same file_has_ids "[$rows, 10]" "$(lnsp info "$work/found" --json | tr -d '\n' |
  sed -n 's/.*"ids"[^[]*\(\[[0-9, ]*\]\).*/\1/p')"
for isa in scalar avx2 avx512; do
  if lnsp --isa $isa version > /dev/null 2>&1; then
    lnsp --isa $isa index search "$work/f32" $data -k 3 > "$work/$isa"
    lnsp index search "$work/f32" $data -k 3 --trust > "$work/auto"
    expect same_with_$isa cmp "$work/$isa" "$work/auto"
  else
    skip same_with_$isa "this CPU cannot run it"
  fi
done

# texts: by line, or as a first column says
i=0
printf 'id\tname\tkind\n' > "$work/named"
while [ $i -lt "$rows" ]; do
  echo "line $i" >> "$work/lines"
  printf '%d\tname %d\tkind %d\n' $((rows - 1 - i)) $((rows - 1 - i)) $((i % 2)) >> "$work/named"
  i=$((i + 1))
done
lnsp index search "$work/f32" $data -k 1 --texts "$work/lines" > "$work/with"
same text_of_line "line 7" "$(sed -n 's/^ *1 .*  7  \(.*\)/\1/p' "$work/with")"
lnsp index search "$work/f32" $data -k 1 --texts "$work/named" > "$work/with"
same text_of_id "name 7  kind $(((rows - 8) % 2))" "$(sed -n 's/^ *1 .*  7  \(name.*\)/\1/p' "$work/with")"
lnsp index search "$work/f32" $data -k 1 --texts "$work/named" --columns kind,name > "$work/with"
same text_of_columns "kind $(((rows - 8) % 2))  name 7" "$(sed -n 's/^ *1 .*  7  \(kind.*\)/\1/p' "$work/with")"
same text_in_json "line 0" "$(key text index search "$work/f32" $data -k 1 --texts "$work/lines")"
refused no_such_column 1 "no column 'size'" index search "$work/f32" $data --texts "$work/named" --columns size
refused texts_without_ids 1 "names of columns" index search "$work/f32" $data --texts "$work/lines" --columns a
printf 'id\tname\nseven\tx\n' > "$work/bad"
refused texts_with_bad_ids 1 "line 2" index search "$work/f32" $data --texts "$work/bad"
refused no_texts 1 "cannot be read" index search "$work/f32" $data --texts "$work/nowhere"

# what was found is an index tensor: of rows, of what is left out
expect build_rows lnsp index build $data --rows "$work/found:ids[3]" -o "$work/some"
expect rows_are_ids lnsp index search "$work/some" $data --rows "$work/found:ids[3]" -k 1 -o "$work/s"
lnsp index search "$work/f32" $data -k 2 > "$work/two"
sed -n 's/^ *2  *[-0-9.]*  \([0-9]*\).*/\1/p' "$work/two" | tr '\n' ' ' > "$work/second"
expect search_first lnsp index search "$work/f32" $data -k 1 -o "$work/one"
lnsp index search "$work/f32" $data --without "$work/one:ids" -k 1 > "$work/rest"
same without_itself "$(cat "$work/second")" "$(firsts "$work/rest")"

# add and remove
expect remove lnsp index remove "$work/f32" 3 5 7 -o "$work/less"
same removed $((rows - 3)) "$(key vectors index info "$work/less")"
expect remove_by_file lnsp index remove "$work/f32" --ids "$work/some:ids" -o "$work/rest"
expect add_again lnsp index add "$work/rest" "$work/some" -o "$work/again" --keep
lnsp index search "$work/again" $data -k 3 > "$work/found_again"
lnsp index search "$work/f32" $data -k 3 > "$work/found_once"
expect add_and_remove_leave_no_trace cmp "$work/found_again" "$work/found_once"
expect add_new_ids lnsp index add "$work/f32" $data -o "$work/double"
same doubled $((2 * rows)) "$(key vectors index info "$work/double")"

refused missing_id 1 "no vector with the id 999999" index remove "$work/f32" 3 999999 -o "$work/none"
refused double_id 1 "given twice" index remove "$work/f32" 3 3 -o "$work/none"
refused no_id 2 "is not an id" index remove "$work/f32" three -o "$work/none"
refused no_ids 2 "name the ids" index remove "$work/f32" -o "$work/none"
refused there_already 1 "already: remove it first" index add "$work/f32" "$work/some" -o "$work/none"
refused verb 2 "'index' has no verb 'bake'" index bake "$work/f32"
refused no_index 1 "no tensor 'vectors'" index info "$work/found"
says kind "kind               index" info "$work/f32"
refused not_a_model 1 "not a model but has the kind 'index'" eval "$work/f32" $data
refused no_vectors 1 "no tensor 'queries': name one that it has as FILE:TENSOR" \
  index search "$work/f32" "$work/found"
refused not_a_file 1 "no such file" index info "$work/nowhere"
refused no_output 2 "-o FILE is missing" index build $data
refused bf16 1 "F32, F16 or I8, not as BF16" index build $data --type bf16 -o "$work/none"
refused too_many 2 "whole number from 1 to 65536" index search "$work/f32" $data -k 0
refused other_width 1 "must be \[any, 384\]" index search "$work/f32" "$work/one:scores"
refused rows_and_ids 2 "not both" index build $data --rows "$work/found:ids[3]" --ids "$work/f32:ids" -o "$work/none"
refused columns 1 "choose one" index build $data --rows "$work/found:ids" -o "$work/none"
head -c 3000 "$work/f32" > "$work/cut"
refused cut_short 1 "cut" index search "$work/cut" $data
expect nothing_is_written test ! -e "$work/none"

finish
