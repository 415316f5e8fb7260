"""From PyTorch to a model file, with both sides run and compared node by node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._errors import ArgumentError, MismatchError, UnknownNameError
from ._model import Model
from ._options import Path
from ._session import Session


@dataclass(frozen=True)
class NodeDifference:
    """One line of the graph: how far the library is from PyTorch."""

    index: int
    line: str  # of the graph's text
    module: str  # what it was compared with: a submodule, a formula, or "" for nothing
    difference: float | None  # largest, absolute; None where there is nothing to compare


@dataclass(frozen=True)
class Export:
    """What export did: the model, the lines compared, and the largest difference."""

    model: Model
    nodes: list[NodeDifference] = field(default_factory=list)

    @property
    def largest(self) -> float:
        """The largest difference of any line."""
        return max((n.difference for n in self.nodes if n.difference is not None), default=0.0)

    def __str__(self) -> str:
        width = max(len(n.line) for n in self.nodes)
        from_width = max(len(n.module) for n in self.nodes)
        rows = [
            f"{n.index:4}  {n.line:<{width}}  {n.module:<{from_width}}  "
            + ("-" if n.difference is None else f"{n.difference:.2e}")
            for n in self.nodes
        ]
        return "\n".join([*rows, f"largest difference {self.largest:.2e}"])


@dataclass
class _Line:
    text: str
    name: str
    op: str
    inputs: list[str]
    keys: dict[str, str]


def export(
    module: Any,
    path: Path,
    *,
    arch: str | None = None,
    prefix: str = "",
    input: Any = None,
    tolerance: float | None = 1e-4,
    storage: str | None = None,
    quiet: bool = False,
) -> Export:
    """Writes a torch.nn.Module as a model file after running both sides on the same input,
    and prints the largest difference of every node of the network.

    arch: the architecture, named ("student heads=8") or written out (docs/architecture.md),
        whose tensors have the names of the module's state_dict, after `prefix`. None: an
        nn.Sequential of Linear, LayerNorm and activations is written out by itself.
    input: what to run, [rows, width] or [rows, concepts, width]; None: 8 normal rows.
    tolerance: MismatchError, which names the first node that is further off, and no file,
        if the two differ by more. None: write it whatever they differ by.
    storage: type of the matrices in the file, "f32", "f16", "bf16" or "int8"; compared is
        float32.
    quiet: print nothing; the result can be printed.

    A node is compared with what the submodule whose weights it has (w=NAME) gave, a node
    without weights with what such a submodule got from it, or else with its formula on
    PyTorch's values, and outputs with what the module returned."""
    import torch

    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module is {type(module).__name__}: give a torch.nn.Module")
    text = arch if arch is not None else _sequential_text(module, torch)
    arrays = {
        name: np.ascontiguousarray(value.detach().to("cpu", torch.float32).numpy())
        for name, value in module.state_dict().items()
    }
    model = Model.from_arrays(text, arrays, prefix=prefix or None)
    graph = model.graph
    if input is None:
        generator = np.random.default_rng(727)
        input = generator.standard_normal((8, graph.input_width))
    given = np.ascontiguousarray(np.asarray(input), dtype=np.float32)
    if given.ndim not in (2, 3):
        raise ArgumentError(f"input has {given.ndim} dimensions: give 2 or 3")

    seen, returned = _run_torch(module, torch, given)
    report = Export(model, _compare(model, torch, given, prefix, seen, returned))
    if not quiet:
        print(report)
    if tolerance is not None:
        for node in report.nodes:
            # written so that NaN fails, too
            if node.difference is not None and not node.difference <= tolerance:
                raise MismatchError(
                    f"'{node.line}' differs from {node.module} by {node.difference:.2e}, more "
                    f"than {tolerance:.2e}: the architecture is not that of the module; "
                    "nothing was written",
                    name=node.module,
                )
    model.save(path, storage)
    return report


def _run_torch(
    module: Any, torch: Any, given: Any
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """What each submodule got and gave, call by call, and what the module itself gave, in
    evaluation mode."""
    seen: dict[str, list[Any]] = {}

    def hook(name: str) -> Any:
        def keep(_module: Any, inputs: Any, output: Any) -> None:
            value = output[0] if isinstance(output, tuple) else output
            got = inputs[0] if inputs else None
            if isinstance(value, torch.Tensor) and isinstance(got, torch.Tensor):
                seen.setdefault(name, []).append((_plain(got), _plain(value)))

        return keep

    hooks = [part.register_forward_hook(hook(name)) for name, part in module.named_modules()]
    was_training = [part for part in module.modules() if part.training]
    parameter = next(module.parameters(), None)
    device = parameter.device if parameter is not None else "cpu"
    dtype = parameter.dtype if parameter is not None else torch.float32
    module.eval()
    try:
        with torch.no_grad():
            result = module(torch.from_numpy(given.copy()).to(device, dtype))
    finally:
        for handle in hooks:
            handle.remove()
        for part in was_training:
            part.training = True
    if isinstance(result, Mapping):
        named = dict(result)
    elif isinstance(result, (tuple, list)):
        named = {"output": result[0]} if len(result) else {}
    else:
        named = {"output": result}
    return seen, {k: _plain(v) for k, v in named.items() if v is not None}


def _plain(value: Any) -> Any:
    return value.detach().cpu().float()


def _compare(
    model: Model,
    torch: Any,
    given: Any,
    prefix: str,
    seen: dict[str, list[Any]],
    returned: dict[str, Any],
) -> list[NodeDifference]:
    lines, outputs = _parse(model.graph.text)
    names = model.graph.outputs
    concepts = given.shape[1] if given.ndim == 3 else 1
    with Session(
        model, max_rows=given.shape[0], max_concepts=concepts, keep_nodes=True
    ) as session:
        got = session.run(given, tuple(names))
        values = [session.node(i) for i in range(len(lines))]
    found: list[NodeDifference] = []
    torch_values: dict[str, Any] = {}  # PyTorch's value of a name, where it is known
    known = _known(lines, prefix, seen)
    for index, (line, value) in enumerate(zip(lines, values)):
        reference, source = known.get(index, (None, ""))
        if line.op == "input":
            reference, source = torch.from_numpy(given.copy()), "input"
        elif reference is None:
            reference, source = _formula(torch, line, torch_values)
        difference = None
        torch_values.pop(line.name, None)
        if reference is not None and reference.numel() != value.size:
            source += ": another shape"
        elif reference is not None:
            torch_values[line.name] = reference = reference.reshape(value.shape)
            difference = _largest(value, reference.numpy())
        found.append(NodeDifference(index, line.text, source, difference))
    for name in names:
        if name in returned and returned[name].numel() == got[name].size:
            reference = returned[name].numpy().reshape(got[name].shape)
            found.append(
                NodeDifference(
                    len(found),
                    f"output {name}={outputs.get(name, name)}",
                    "what the module returned",
                    _largest(got[name], reference),
                )
            )
    return found


def _largest(ours: Any, theirs: Any) -> float:
    return float(np.max(np.abs(ours.astype(np.float64) - theirs))) if ours.size else 0.0


def _parse(text: str) -> tuple[list[_Line], dict[str, str]]:
    """The lines of a written-out graph, and node of each output."""
    lines: list[_Line] = []
    outputs: dict[str, str] = {}
    for raw in re.split(r"[\n;]", text):
        words = raw.split("#")[0].split()
        if not words or words[0] == "lnsp":
            continue
        if words[0] == "output":
            outputs = dict(word.split("=", 1) for word in words[1:])
            continue
        name, _, op, *rest = words
        keys = dict(word.split("=", 1) for word in rest if "=" in word)
        inputs = [word for word in rest if "=" not in word and not word.isdigit()]
        lines.append(_Line(" ".join(words), name, op, inputs, keys))
    return lines, outputs


def _known(
    lines: list[_Line], prefix: str, seen: dict[str, list[Any]]
) -> dict[int, tuple[Any, str]]:
    """PyTorch's values of lines, and where they come from: what the submodule with a line's
    weights gave, and, for lines without weights, what such a submodule got from them."""
    known: dict[int, tuple[Any, str]] = {}
    binds: dict[str, int] = {}  # the line that a name means now
    for index, line in enumerate(lines):
        stem = prefix + line.keys.get("w", "")
        stem = next(
            (s for s in (stem, f"{stem}.attention") if "w" in line.keys and seen.get(s)), ""
        )
        if stem:
            got, gave = seen[stem].pop(0)  # a shared stem is used in the order of the lines
            known[index] = gave, stem
            before = binds.get(line.inputs[0]) if line.inputs else None
            if before is not None and before not in known:
                known[before] = got, f"input of {stem}"
        binds[line.name] = index
    return known


def _formula(torch: Any, line: _Line, values: dict[str, Any]) -> tuple[Any, str]:
    """A line without weights by its formula, from PyTorch's values."""
    arguments = [values.get(name) for name in line.inputs]
    formula = None if "w" in line.keys else _formulas(torch, line).get(line.op)
    if formula is None or any(argument is None for argument in arguments):
        return None, ""
    return formula(*arguments), f"torch {line.op}"


def _formulas(torch: Any, line: _Line) -> dict[str, Any]:
    functional = torch.nn.functional
    eps = float(line.keys.get("eps", "1e-12" if line.op in ("l2norm", "unit") else "1e-5"))

    def l2norm(x: Any) -> Any:
        return functional.normalize(x, dim=-1, eps=eps)

    return {
        "relu": functional.relu,
        "gelu": functional.gelu,
        "silu": functional.silu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "add": torch.add,
        "layernorm": lambda x: functional.layer_norm(x, x.shape[-1:], eps=eps),
        "l2norm": l2norm,
        "unit": l2norm,  # the word of 0.1
    }


def _sequential_text(module: Any, torch: Any) -> str:
    """The graph of an nn.Sequential."""
    nn = torch.nn
    if not isinstance(module, nn.Sequential):
        raise UnknownNameError(
            f"the architecture of a {type(module).__name__} is not known: give arch="
        )
    lines: list[str] = []
    width: int | None = None
    for name, part in module.named_children():
        if isinstance(part, nn.Linear):
            width = width or part.in_features
            bias = "" if part.bias is not None else " bias=0"
            lines.append(f"h = linear h {part.out_features} w={name}{bias}")
        elif isinstance(part, nn.LayerNorm) and len(part.normalized_shape) == 1:
            width = width or part.normalized_shape[0]
            stem = f" w={name}" if part.elementwise_affine else " affine=0"
            if part.elementwise_affine and part.bias is None:
                raise UnknownNameError(f"'{name}' is a LayerNorm without bias: give arch=")
            lines.append(f"h = layernorm h{stem} eps={part.eps:g}")
        elif isinstance(part, nn.GELU) and part.approximate == "none":
            lines.append("h = gelu h")
        elif isinstance(part, (nn.ReLU, nn.SiLU, nn.Tanh, nn.Sigmoid)):
            lines.append(f"h = {type(part).__name__.lower()} h")
        elif not isinstance(part, (nn.Identity, nn.Dropout)):
            raise UnknownNameError(
                f"'{name}' is a {type(part).__name__}, which the library does not have: give "
                "arch="
            )
    if width is None:
        raise UnknownNameError("there is no layer that tells the input's width: give arch=")
    return "\n".join(["lnsp 1", f"h = input {width}", *lines, "output output=h"])
