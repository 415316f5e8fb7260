import numpy as np
import pytest

import lnsp

torch = pytest.importorskip("torch")
nn = torch.nn


class Net(nn.Module):
    """The graph of conftest.NET."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(12)
        self.down = nn.Linear(12, 8)
        self.look = nn.MultiheadAttention(8, 2, batch_first=True)
        self.up = nn.Linear(8, 12)
        self.gelu = nn.GELU()

    def forward(self, x):
        flat = x.dim() == 2
        h = self.gelu(self.down(self.norm(x)))
        h = h[:, None] if flat else h
        c = h + self.look(h, h, h, need_weights=False)[0]
        y = nn.functional.normalize(self.up(c), dim=-1)
        y, c = (y[:, 0], c[:, 0]) if flat else (y, c)
        return {"output": y, "code": c}


class Student(nn.Module):
    """The architecture `student d=20 s=16 k=8 heads=2` as its origin writes it."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict(
            {
                "input_norm": nn.LayerNorm(20),
                "compress_1": nn.Linear(20, 16),
                "compress_norm_1": nn.LayerNorm(16),
                "nuclear_compress": nn.Linear(16, 8),
                "nuclear_norm": nn.LayerNorm(8),
                "multi_head_attention": nn.MultiheadAttention(8, 2, batch_first=True),
                "nuclear_expand": nn.Linear(8, 16),
                "expand_norm_1": nn.LayerNorm(16),
                "expand_2": nn.Linear(16, 20),
                "teacher_align": nn.Linear(16, 20),
            }
        )

    def forward(self, x):
        of, gelu = self.layers, nn.functional.gelu
        h = of["compress_norm_1"](gelu(of["compress_1"](of["input_norm"](x))))
        z = of["nuclear_norm"](gelu(of["nuclear_compress"](h)))[:, None]
        c = z + of["multi_head_attention"](z, z, z, need_weights=False)[0]
        e = of["expand_norm_1"](gelu(of["nuclear_expand"](c)))[:, 0]
        return nn.functional.normalize(of["expand_2"](e), dim=-1)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(7)


@pytest.mark.parametrize("shape", [(5, 12), (4, 3, 12)])
def test_every_node_is_compared(net, tmp_path, capsys, rng, shape):
    module = Net()
    module.train()
    path = tmp_path / "net.safetensors"
    x = rng.standard_normal(shape)
    done = lnsp.export(module, path, arch=net, input=x)
    assert module.training and module.norm.training
    assert len(done.nodes) == 8 + 2  # lines and outputs
    assert all(node.difference is not None for node in done.nodes)
    assert 0 < done.largest < 1e-5
    printed = capsys.readouterr().out
    for stem in ("norm", "down", "look", "up", "input of look", "torch unit", "output code=c"):
        assert stem in printed
    assert f"largest difference {done.largest:.2e}" in printed
    model = lnsp.Model(path)
    assert model.hash == done.model.hash
    expected = module(torch.from_numpy(x).float())["output"].detach().numpy()
    assert np.allclose(model.run(x.astype(np.float32)), expected, atol=1e-5)
    assert np.array_equal(model["up.weight"], module.up.weight.detach().numpy())


def test_named_architecture(tmp_path, capsys):
    done = lnsp.export(Student(), tmp_path / "s.safetensors", arch="student heads=2")
    assert done.model.graph.input_width == 20
    by_module = {node.module: node.difference for node in done.nodes}
    assert by_module[""] is None  # forward does not use teacher_align
    assert by_module["layers.multi_head_attention"] < 1e-5
    assert by_module["what the module returned"] < 1e-5


def test_sequential_needs_no_architecture(tmp_path, capsys):
    module = nn.Sequential(
        nn.LayerNorm(10, eps=1e-3),
        nn.Linear(10, 6),
        nn.GELU(),
        nn.Dropout(0.5),
        nn.Linear(6, 6, bias=False),
        nn.SiLU(),
        nn.LayerNorm(6, elementwise_affine=False),
        nn.Linear(6, 4),
        nn.Tanh(),
    )
    done = lnsp.export(module, tmp_path / "q.safetensors", storage="bf16")
    assert done.largest < 1e-5
    assert lnsp.Model(tmp_path / "q.safetensors").graph.storage == "bf16"
    with pytest.raises(lnsp.UnknownNameError, match="Conv1d"):
        lnsp.export(nn.Sequential(nn.Conv1d(1, 1, 1)), tmp_path / "no")
    with pytest.raises(lnsp.UnknownNameError, match="arch="):
        lnsp.export(nn.Linear(2, 2), tmp_path / "no")


def test_another_architecture_is_refused(net, tmp_path, capsys):
    """relu for gelu, and that node is named."""
    path = tmp_path / "net.safetensors"
    with pytest.raises(
        lnsp.MismatchError, match="relu h. differs from input of look"
    ) as caught:
        lnsp.export(Net(), path, arch=net.replace("gelu h", "relu h"))
    assert caught.value.name == "input of look" and not path.exists()
    done = lnsp.export(Net(), path, arch=net.replace("gelu h", "relu h"), tolerance=None)
    assert path.exists() and done.largest > 1e-2
    with pytest.raises(lnsp.UnknownNameError, match="down.weight"):
        lnsp.export(Net(), path, arch=net.replace("w=down", "w=below"))
    with pytest.raises(TypeError):
        lnsp.export("a module", path, arch=net)


def test_prefix_and_quiet(net, tmp_path, capsys):
    wrapped = nn.Module()
    wrapped.net = Net()
    wrapped.forward = wrapped.net.forward
    done = lnsp.export(wrapped, tmp_path / "n", arch=net, prefix="net.", quiet=True)
    assert capsys.readouterr().out == "" and done.largest < 1e-5
    assert {node.module for node in done.nodes} >= {"net.norm", "net.down", "net.look"}


def test_back_into_torch(model, net):
    module = Net()
    module.load_state_dict({k: torch.from_numpy(v) for k, v in model.arrays().items()})
    x = torch.randn(4, 12)
    with torch.no_grad():
        assert np.allclose(module(x)["code"].numpy(), model.run(x, "code"), atol=1e-5)
