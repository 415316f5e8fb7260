"""The declarations in lnsp/_c.py against lnsp.h."""

import ctypes as ct
import re
from pathlib import Path

import pytest

from lnsp import _c

HEADER = Path(__file__).resolve().parents[3] / "include" / "lnsp.h"
pytestmark = pytest.mark.skipif(not HEADER.is_file(), reason="no include/lnsp.h here")

SIZES = {
    "int32_t": (4, "int"),
    "uint32_t": (4, "uint"),
    "int64_t": (8, "int"),
    "uint64_t": (8, "uint"),
    "size_t": (8, "uint"),
    "float": (4, "float"),
    "double": (8, "float"),
}


def text():
    return re.sub(r"/\*.*?\*/", " ", HEADER.read_text(), flags=re.S)


def kind_of_ctype(ctype):
    if ctype is None:
        return "void"
    if ctype in (ct.c_void_p, ct.c_char_p) or hasattr(ctype, "contents"):
        return "pointer"
    code = ctype._type_
    return (ct.sizeof(ctype), "float" if code in "fd" else "int" if code.islower() else "uint")


def kind_of_c(declaration):
    if "*" in declaration or "[" in declaration:
        return "pointer"
    words = declaration.replace("const", "").split()
    return "void" if words[0] == "void" else SIZES[words[0]]


def functions():
    found = {}
    for result, name, arguments in re.findall(
        r"LNSP_API\s+([\w\s*]+?)(lnsp_\w+)\s*\(([^;]*?)\)\s*;", text(), flags=re.S
    ):
        parts = [] if arguments.strip() == "void" else arguments.split(",")
        found[name] = (result, [" ".join(part.split()) for part in parts])
    return found


def test_every_function_is_declared():
    declared = set(functions())
    assert len(declared) > 90
    assert declared - _c.NOT_BOUND == set(_c.PROTOTYPES)
    assert declared >= _c.NOT_BOUND


@pytest.mark.parametrize("name", sorted(_c.PROTOTYPES))
def test_prototype(name):
    result, arguments = functions()[name]
    ours_result, ours = _c.PROTOTYPES[name]
    assert kind_of_ctype(ours_result) == kind_of_c(result)
    assert [kind_of_ctype(ctype) for ctype in ours] == [kind_of_c(a) for a in arguments]


@pytest.mark.parametrize("name", sorted(_c.STRUCTS))
def test_struct(name):
    body = re.search(rf"typedef struct {name} \{{(.*?)\}} {name};", text(), flags=re.S)
    constants = {"LNSP_MAX_RANK": "4", "LNSP_HASH_BYTES": "32"}
    expected = []
    for line in body.group(1).split(";"):
        line = " ".join(line.split())
        if not line:
            continue
        if "(" in line:  # a callback
            expected.append((re.search(r"\(\*(\w+)\)", line).group(1), 8))
            continue
        base = 1 if line.startswith("char ") else SIZES.get(line.split()[0], (1, ""))[0]
        if line.startswith("uint8_t"):
            base = 1
        for item in line.split(" ", 1)[1].split(",") if "*" not in line else [line]:
            field, _, count = item.strip().partition("[")
            pointer = "*" in item
            number = constants.get(count.rstrip("]"), count.rstrip("]") or "1")
            expected.append(
                (field.split()[-1].lstrip("*"), 8 if pointer else base * int(number))
            )
    ours = [(f, ct.sizeof(c)) for f, c in _c.STRUCTS[name]._fields_]
    assert ours == expected


def test_constants():
    numbers = dict(re.findall(r"#define (LNSP_\w+) (\d+)", HEADER.read_text()))
    dtypes = ["F32", "F16", "BF16", "F64", "I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64"]
    for name in [*dtypes, "BOOL", "MARK_STATE", "MARK_WEIGHTS", "HASH_BYTES"]:
        assert getattr(_c, name) == int(numbers["LNSP_" + name])
    for name in ["SAVE_WEIGHTS", "SAVE_AVERAGE", "SAVE_STATE"]:
        assert getattr(_c, name) == int(numbers["LNSP_" + name])
    for i, name in enumerate(_c.KEY_TYPES[1:], 1):
        assert int(numbers["LNSP_KEY_" + name.upper()]) == i
    for name in ["KEY_REQUIRED", "KEY_PERCENT", "KEY_DEPENDS"]:
        assert getattr(_c, name) == int(numbers["LNSP_" + name])
    lists = {k: int(v) for k, v in numbers.items() if k.startswith("LNSP_LIST_")}
    assert {f"LNSP_LIST_{name.upper()}": n for name, n in _c.LISTS.items()} == lists


def test_statuses():
    from lnsp import _errors

    for code, kind in _errors._CLASSES.items():
        assert _c.lib.lnsp_status_name(code).decode() == kind.status
    assert _c.lib.lnsp_status_name(len(_errors._CLASSES) + 1) == b"LNSP_E_?"
