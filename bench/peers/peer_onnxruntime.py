"""ONNX Runtime, float32 or dynamically quantised to int8."""
import os
import subprocess
import sys

import numpy as np
import onnxruntime

import networks


class Peer:
    def __init__(self, folder, int8=False):
        self.folder, self.int8 = folder, int8
        self.version = "onnxruntime " + onnxruntime.__version__ + (" int8" if int8 else "")

    def path(self, network):
        kind = "int8" if self.int8 else "fp32"
        path = os.path.join(self.folder, f"{network.replace(':', '_')}.{kind}.onnx")
        if not os.path.exists(path):
            here = os.path.dirname(os.path.abspath(__file__))
            subprocess.run([sys.executable, os.path.join(here, "write_onnx.py"), network, kind,
                            path], check=True, stdout=sys.stderr)
        return path + (".int8" if self.int8 else "")

    def make(self, network, kind, batch):
        if kind != "fwd":
            raise NotImplementedError(kind)
        steps = networks.network(network)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(self.path(network), options,
                                               providers=["CPUExecutionProvider"])
        x, _ = networks.vectors(steps, batch)
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x))
        for output in session.get_outputs():
            room = np.empty((batch, networks.output_width(steps)), "f4")
            binding.bind_ortvalue_output(output.name,
                                         onnxruntime.OrtValue.ortvalue_from_numpy(room))
        session.run_with_iobinding(binding)
        networks.check(steps, networks.weights(steps), x,
                       [o.numpy() for o in binding.get_outputs()], 0.99 if self.int8 else 0.999999)
        return lambda: session.run_with_iobinding(binding)
