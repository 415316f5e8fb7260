# The code blocks of README.md and docs/quickstart/*.md, as a reader would paste them: all blocks
# of a page in order, in a copy of the tree. Blocks of C and Python whose first line is a comment
# with a file's name are written to that file, blocks of sh are run in one shell, and each number
# in a block of text must be in the output of the sh block before it ("12..." is a number
# that begins with 12). PAGES says which pages, default all. The page for Python needs PyPI: it
# runs with QUICKSTART_PYPI=1.
. tests/support/check.sh
unset MAKEFLAGS MFLAGS MAKELEVEL
tree=$PWD
built=$(cd "$BUILD" && pwd)

if [ -n "${EMULATOR:-}" ]; then
  skip "quick_starts" "they are for this machine's own CPU"
  finish
fi

# What a reader types as cc is the compiler under test; what is installed goes to a home of ours.
mkdir -p "$work/bin" "$work/home"
printf '#!/bin/sh\nPATH=%s\nexec %s %s "$@"\n' "'$PATH'" "$CC" "$CFLAGS" > "$work/bin/cc"
chmod +x "$work/bin/cc"

# split PAGE FOLDER: the blocks as FOLDER/LINE.LANGUAGE, and their order in FOLDER/order.
split() {
  awk -v folder="$2" '
    /^```/ && file == "" {
      kind = substr($0, 4)
      if (kind ~ /^(sh|c|python|text)$/) {
        file = sprintf("%s/%04d.%s", folder, NR, kind)
        print file > (folder "/order")
        printf "" > file
      } else file = "none"
      next
    }
    /^```$/ { file = ""; next }
    file != "" && file != "none" { print > file }' "$1"
}

# numbers EXPECTED OUTPUT: the numbers of EXPECTED that OUTPUT does not have.
numbers() {
  awk '
    { gsub(/[(),;:=\[\]]/, " ") }
    FNR == NR { for (i = 1; i <= NF; i++) seen[$i] = 1; next }
    {
      for (i = 1; i <= NF; i++) {
        if ($i !~ /[0-9]/) continue
        found = $i in seen
        if (!found && $i ~ /[.][.][.]$/) {
          start = substr($i, 1, length($i) - 3)
          for (word in seen) if (index(word, start) == 1) found = 1
        }
        if (!found) print $i
      }
    }' "$2" "$1"
}

# page FILE: its blocks, in a folder that looks like the tree.
page() {
  page_name=$(basename "$1" .md)
  blocks=$work/$page_name.blocks copy=$work/$page_name
  mkdir -p "$blocks" "$copy"
  split "$1" "$blocks"
  case $page_name in
    contributor) # changes the tree: a copy, with what is built
      cp -pr "$tree"/Makefile "$tree"/lib "$tree"/include "$tree"/programs "$tree"/tests "$tree"/bench "$tree"/common \
        "$tree"/docs "$tree"/examples "$copy"
      mkdir -p "$copy/build"
      cp -pr "$built"/lib "$built"/common "$built"/libcommon.a "$built"/programs "$built"/lnsp "$built"/liblnsp.* "$copy/build"
      ;;
    *)
      # what belongs to the tree, and nothing that a reader has left in it
      if have git && git rev-parse --is-inside-work-tree > /dev/null 2>&1; then
        git ls-files | cut -d / -f 1 | sort -u
      else
        ls | grep -vx build
      fi | while read -r entry; do ln -s "$tree/$entry" "$copy"; done
      ln -s "$built" "$copy/build"
      ;;
  esac
  {
    echo "set -e; cd '$copy'; PATH='$work/bin':\$PATH; HOME='$work/home'; export HOME PATH"
    echo "trap 'code=\$?; [ \$code -eq 0 ] || { echo \"the block at line \$at ends with \$code:\"; tail -n 20 \"\$out\"; }' EXIT"
    while read -r block; do
      case $block in
        *.sh)
          sed -i.all '/^make check$/d' "$block"
          echo "at=$(basename "$block" .sh) out='$block.out'; . '$block' > \"\$out\" 2>&1"
          out=$block.out
          ;;
        *.text) echo "$block $out" >> "$blocks/expected" ;;
        *)
          name=$(sed -n '1s|^[/#]\*\{0,1\} \([A-Za-z_./0-9]*\).*|\1|p' "$block")
          [ -z "$name" ] || echo "mkdir -p \"\$(dirname '$name')\"; cp '$block' '$name'"
          ;;
      esac
    done < "$blocks/order"
  } > "$blocks/page.sh"
  expect "blocks_of_${page_name}_run" sh "$blocks/page.sh"
  [ ! -f "$blocks/expected" ] || while read -r text out; do
    [ ! -f "$out" ] || numbers "$text" "$out" | sed "s/^/line $(basename "$text" .text), not printed: /"
  done < "$blocks/expected" > "$blocks/wrong"
  [ ! -f "$blocks/expected" ] || empty "numbers_of_${page_name}_are_printed" "$blocks/wrong"
}

for file in ${PAGES:-README.md docs/quickstart/*.md}; do
  case $file in
    */python.md)
      if [ -z "${QUICKSTART_PYPI:-}" ]; then
        skip "blocks_of_python_run" "needs PyPI: set QUICKSTART_PYPI=1"
      elif ! python3 -m venv --help > /dev/null 2>&1; then
        skip "blocks_of_python_run" "no python3 with venv"
      else
        page "$file"
      fi
      ;;
    *) page "$file" ;;
  esac
done

finish
