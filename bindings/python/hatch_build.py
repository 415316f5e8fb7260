"""Builds the shared library and puts it into the wheel.

LNSP_LIBRARY names a library that was built already; without it make builds one, with the
CC, CFLAGS and LDFLAGS of the environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # version() needs no hatchling
    BuildHookInterface = object

HERE = Path(__file__).resolve().parent


def tree() -> Path:
    """Where the library's sources are: two folders up, or in a source package in c/."""
    for folder in (HERE / "c", HERE.parent.parent):
        if (folder / "include" / "lnsp.h").is_file():
            return folder
    raise FileNotFoundError("include/lnsp.h: build from a checkout or a source package")


def version() -> str:
    text = (tree() / "include" / "lnsp.h").read_text()
    parts = (
        re.search(rf"#define LNSP_VERSION_{part} (\d+)", text)
        for part in ("MAJOR", "MINOR", "PATCH")
    )
    return ".".join(part.group(1) for part in parts)


class LibraryHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def initialize(self, _version, build_data):
        self.folder = tempfile.mkdtemp(prefix="lnsp-")
        if self.target_name != "wheel":
            return
        library = Path(self.folder) / "liblnsp.so"
        built = os.environ.get("LNSP_LIBRARY") or self.make()
        shutil.copyfile(built, library)
        strip = shutil.which(os.environ.get("STRIP", "strip"))
        if strip:
            subprocess.run([strip, "--strip-unneeded", str(library)], check=True)
        build_data["force_include"][str(library)] = "lnsp/liblnsp.so"
        # any Python 3, but this system and CPU only
        build_data["pure_python"] = False
        platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
        build_data["tag"] = f"py3-none-{platform}"

    def make(self) -> str:
        name = f"liblnsp.so.{version()}"
        build = os.path.join(self.folder, "build")
        command = ["make", f"BUILD={build}", f"-j{os.cpu_count() or 1}"]
        for variable in ("CC", "CFLAGS", "LDFLAGS"):
            if os.environ.get(variable):
                command.append(f"{variable}={os.environ[variable]}")
        subprocess.run(command + [f"{build}/{name}"], cwd=tree(), check=True)
        return f"{build}/{name}"

    def finalize(self, _version, _build_data, _artifact):
        shutil.rmtree(self.folder, ignore_errors=True)
