"""ONNX Runtime Training (PyPI: onnxruntime-training-cpu), plain networks."""
import os

import numpy as np
import onnx
import onnxruntime
from onnxruntime.training import artifacts, api

import networks
import write_onnx


class Peer:
    def __init__(self, folder):
        self.folder = folder
        self.version = "onnxruntime-training " + onnxruntime.__version__

    def make(self, network, kind, batch):
        steps = networks.network(network)
        if kind != "train" or not networks.is_plain(steps):
            raise NotImplementedError(f"{network}.{kind}")
        folder = os.path.join(self.folder, "training_" + network.replace(":", "_"))
        if not os.path.isdir(folder):
            os.mkdir(folder)
            model = write_onnx.build(network, 17)
            model.ir_version = 8
            artifacts.generate_artifacts(
                model, requires_grad=[w.name for w in model.graph.initializer],
                loss=artifacts.LossType.MSELoss, optimizer=artifacts.OptimType.AdamW,
                artifact_directory=folder)
            for name in os.listdir(folder):
                if name.endswith(".onnx"):  # a newer onnx writes more than this runtime reads
                    made = onnx.load(os.path.join(folder, name))
                    made.ir_version = 8
                    onnx.save(made, os.path.join(folder, name))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        state = api.CheckpointState.load_checkpoint(os.path.join(folder, "checkpoint"))
        module = api.Module(os.path.join(folder, "training_model.onnx"), state,
                            os.path.join(folder, "eval_model.onnx"), session_options=options)
        adam = api.Optimizer(os.path.join(folder, "optimizer_model.onnx"), module)
        adam.set_learning_rate(networks.LR)
        x, y = networks.vectors(steps, batch)
        module.train()
        loss = float(np.asarray(module(x, y)))
        expected = ((networks.run(steps, networks.weights(steps), x)[0] - y) ** 2).mean()
        if abs(loss - expected) > 1e-3 * expected:
            raise ValueError(f"the loss is {loss}, not {expected}")

        def call():
            module(x, y)
            adam.step()
            module.lazy_reset_grad()
        return call
