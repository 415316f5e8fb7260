"""One peer in a process of its own:  worker.py PEER FOLDER [cpu]

Prints "READY peer version", then answers lines "WORK BATCH MILLISECONDS SAMPLE_US" with
samples in microseconds a call, or "NA" where the peer cannot do the work (the reason goes
to stderr). `lnsp-bench --serve` speaks the same way. With cpu the times are those of this
process on its processor, as with `lnsp-bench --cpu-time`.
"""
import importlib
import os
import sys
import time

# peer: (module, arguments of its class)
PEERS = {
    "onnxruntime": ("peer_onnxruntime", {}),
    "onnxruntime-int8": ("peer_onnxruntime", {"int8": True}),
    "onnxruntime-training": ("peer_ort_training", {}),
    "litert": ("peer_litert", {}),
    "torch": ("peer_torch", {}),
    "torch-fused": ("peer_torch", {"fused": True}),
    "jax": ("peer_jax", {}),
}


def sample(call, milliseconds, sample_us, clock):
    start = clock()
    for _ in range(5):
        if clock() - start < 1e8:  # a call of a tenth of a second is warm by the second
            call()
    start = time.perf_counter_ns()  # a processor's clock may stand still on a shared machine
    call()
    calls = range(int(1e3 * sample_us / (time.perf_counter_ns() - start + 1)) + 1)
    end = clock() + 1e6 * milliseconds
    samples = []
    while not samples or clock() < end:
        start = clock()
        for _ in calls:
            call()
        samples.append((clock() - start) / 1e3 / len(calls))
    return samples


def main(name, folder, clock="wall"):
    clock = time.process_time_ns if clock == "cpu" else time.perf_counter_ns
    answers = os.fdopen(os.dup(1), "w")  # libraries that greet on stdout greet on stderr
    os.dup2(2, 1)
    module, arguments = PEERS[name]
    peer = importlib.import_module(module).Peer(folder, **arguments)
    print("READY", peer.version, file=answers, flush=True)
    made = {}
    for line in sys.stdin:
        work, batch, milliseconds, sample_us = line.split()
        try:
            if (work, batch) not in made:
                network, kind = work.split(".")
                made[work, batch] = peer.make(network, kind, int(batch))
            times = sample(made[work, batch], float(milliseconds), float(sample_us), clock)
            print(*("%.4f" % t for t in times), file=answers, flush=True)
        except Exception as error:  # whatever a peer finds wrong, the others go on
            print(f"{name} {work} {batch}: {type(error).__name__}: {error}", file=sys.stderr)
            print("NA", file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
