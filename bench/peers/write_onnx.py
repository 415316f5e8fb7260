"""The networks as ONNX files. Run as a program, so that what is timed need not have onnx in
its memory:  write_onnx.py NETWORK fp32|int8 PATH"""
import sys

import networks

HEAD = "heads"


class Builder:
    def __init__(self):
        from onnx import helper, numpy_helper
        self.helper, self.numpy_helper = helper, numpy_helper
        self.nodes, self.constants, self.count = [], [], 0

    def constant(self, array):
        name = f"w{len(self.constants)}"
        self.constants.append(self.numpy_helper.from_array(array, name))
        return name

    def node(self, kind, inputs, outputs=1, **attributes):
        names = []
        for _ in range(outputs):
            self.count += 1
            names.append(f"t{self.count}")
        self.nodes.append(self.helper.make_node(kind, inputs, names, **attributes))
        return names if outputs > 1 else names[0]

    def attention(self, step, w, x):
        """Over [rows, concepts = 1, width], as any length would be computed."""
        import numpy as np
        d, heads = step[1:]
        shape = self.constant(np.array([0, 1, heads, d // heads], "i8"))
        back = self.constant(np.array([0, d], "i8"))
        scale = self.constant(np.array((d // heads) ** -0.5, "f4"))
        qkv = self.node("Gemm", [x, self.constant(w[0]), self.constant(w[1])], transB=1)
        parts = self.node("Split", [qkv], 3, axis=1, num_outputs=3)
        q, k, v = (self.node("Reshape", [p, shape]) for p in parts)
        q = self.node("Mul", [self.node("Transpose", [q], perm=[0, 2, 1, 3]), scale])
        k = self.node("Transpose", [k], perm=[0, 2, 3, 1])
        v = self.node("Transpose", [v], perm=[0, 2, 1, 3])
        a = self.node("Softmax", [self.node("MatMul", [q, k])], axis=-1)
        o = self.node("Transpose", [self.node("MatMul", [a, v])], perm=[0, 2, 1, 3])
        o = self.node("Reshape", [o, back])
        o = self.node("Gemm", [o, self.constant(w[2]), self.constant(w[3])], transB=1)
        return self.node("Add", [x, o])

    def step(self, step, w, x):
        import numpy as np
        kind = step[0]
        if kind == "linear":
            return self.node("Gemm", [x, self.constant(w[0]), self.constant(w[1])], transB=1)
        if kind == "relu":
            return self.node("Relu", [x])
        if kind == "gelu":
            return self.node("Gelu", [x])
        if kind == "layernorm":
            return self.node("LayerNormalization", [x, self.constant(w[0]), self.constant(w[1])],
                             axis=-1, epsilon=networks.LN_EPS)
        if kind == "attention":
            return self.attention(step, w, x)
        if kind == "unit":
            axis = self.constant(np.array([-1], "i8"))
            least = self.constant(np.array(networks.UNIT_EPS, "f4"))
            norm = self.node("ReduceL2", [x, axis], keepdims=1)
            return self.node("Div", [x, self.node("Max", [norm, least])])
        raise KeyError(kind)

    def steps(self, steps, w, x):
        for step, sw in zip(steps, w):
            if step[0] == HEAD:
                return [self.steps(head, hw, x)[0] for head, hw in zip(step[1:], sw)]
            x = self.step(step, sw, x)
        return [x]


def build(name, opset=20):
    import onnx
    steps = networks.network(name)
    b = Builder()
    outputs = b.steps(steps, networks.weights(steps), "x")
    float_type = onnx.TensorProto.FLOAT
    info = b.helper.make_tensor_value_info
    graph = b.helper.make_graph(
        b.nodes, name.replace(":", "_"),
        [info("x", float_type, ["rows", networks.input_width(steps)])],
        [info(o, float_type, ["rows", networks.output_width(steps)]) for o in outputs],
        b.constants)
    model = b.helper.make_model(graph, opset_imports=[b.helper.make_opsetid("", opset)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model


def main(name, kind, path):
    import onnx
    onnx.save(build(name), path)
    if kind == "int8":
        from onnxruntime.quantization import QuantType, quantize_dynamic
        quantize_dynamic(path, path + ".int8", weight_type=QuantType.QInt8, per_channel=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
