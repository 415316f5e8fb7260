"""The README's Python example, run as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[3] / "README.md"


@pytest.mark.skipif(not README.is_file(), reason="no README.md here")
def test_readme_example(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.S)
    assert len(blocks) == 1
    code = blocks[0]
    assert len(code.strip().splitlines()) <= 10
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    losses = [float(line) for line in capsys.readouterr().out.splitlines()[:-1]]
    assert len(losses) == 10
    assert losses[-1] < losses[0]
