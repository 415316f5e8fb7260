"""LiteRT (TensorFlow Lite with XNNPACK). The model file is put together here, from fully
connected layers with their activation, because no converter is needed for so little."""
from importlib.metadata import version

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

import networks


class Model:
    def __init__(self):
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
        code.version = 1
        self.model.operatorCodes = [code]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, shape, array=None):
        tensor = schema.TensorT()
        tensor.name = f"t{len(self.graph.tensors)}".encode()
        tensor.shape = np.array(shape, np.int32)
        tensor.type = schema.TensorType.FLOAT32
        tensor.buffer = 0
        if array is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(array.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def linear(self, x, w, rows, relu):
        out = self.tensor([rows, w[0].shape[0]])
        operator = schema.OperatorT()
        operator.opcodeIndex = 0
        operator.inputs = np.array([x, self.tensor(w[0].shape, w[0]),
                                    self.tensor(w[1].shape, w[1])], np.int32)
        operator.outputs = np.array([out], np.int32)
        operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        operator.builtinOptions = schema.FullyConnectedOptionsT()
        kind = schema.ActivationFunctionType
        operator.builtinOptions.fusedActivationFunction = kind.RELU if relu else kind.NONE
        self.graph.operators.append(operator)
        return out

    def pack(self, x, y):
        self.graph.inputs, self.graph.outputs = np.array([x], np.int32), np.array([y], np.int32)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


class Peer:
    def __init__(self, folder):
        self.version = "ai-edge-litert " + version("ai-edge-litert")

    def make(self, network, kind, batch):
        steps = networks.network(network)
        if kind != "fwd" or not networks.is_plain(steps):
            raise NotImplementedError(f"{network}.{kind}")
        weights = networks.weights(steps)
        model = Model()
        first = at = model.tensor([batch, networks.input_width(steps)])
        for i, step in enumerate(steps):
            if step[0] == "linear":
                at = model.linear(at, weights[i], batch, i + 1 < len(steps))
        interpreter = Interpreter(model_content=model.pack(first, at), num_threads=1)
        interpreter.allocate_tensors()
        x, _ = networks.vectors(steps, batch)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        out = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        networks.check(steps, weights, x, [out])
        return interpreter.invoke
