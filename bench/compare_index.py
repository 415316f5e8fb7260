#!/usr/bin/env python3
"""Compares the index with FAISS's exact indexes of the same type: one thread, one run.

    pip install faiss-cpu numpy safetensors
    taskset -c 1 python3 bench/compare_index.py VECTORS [QUERIES]

VECTORS and QUERIES are safetensors files with a tensor `vectors`; without QUERIES, some of the
VECTORS are the queries. In every round each index is asked once, one after the other, so that
a machine that slows down slows all of them. Times are milliseconds a call of one query and of
32, ten results each; the ratio is FAISS's time through ours: above 1, lnsp is faster. Then how
often each finds what an exact search in float64 finds.
"""
import argparse
import ctypes as ct
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
import faiss  # noqa: E402
import numpy as np  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

TYPES = {"f32": 1, "f16": 2, "int8": 5}
RESULTS = 10


class Settings(ct.Structure):
    _fields_ = [("size", ct.c_uint32), ("dtype", ct.c_int32), ("width", ct.c_int64),
                ("capacity", ct.c_int64), ("keep", ct.c_int32), ("trust", ct.c_int32)]


class Limits(ct.Structure):
    _fields_ = [("size", ct.c_uint32), ("queries", ct.c_int32), ("results", ct.c_int32),
                ("tasks", ct.c_int32)]


class Tensor(ct.Structure):
    _fields_ = [("name", ct.c_char_p), ("dtype", ct.c_int32), ("rank", ct.c_int32),
                ("dims", ct.c_int64 * 4), ("strides", ct.c_int64 * 4), ("data", ct.c_void_p)]


def tensor(array):
    made = Tensor(b"x", 1, 2)
    made.dims[0], made.dims[1] = array.shape
    made.data = array.ctypes.data
    return made


def check(status):
    if status:
        raise SystemExit(f"lnsp refused: status {status}")


class Ours:
    """As a C program would call it: the arrays are there before."""

    def __init__(self, lib, name, vectors, most):
        self.lib, self.handle, self.search_handle = lib, ct.c_void_p(), ct.c_void_p()
        settings = Settings(ct.sizeof(Settings), TYPES[name], vectors.shape[1], len(vectors))
        limits = Limits(ct.sizeof(Limits), most, RESULTS, 0)
        check(lib.lnsp_index_create(ct.byref(settings), None, ct.byref(self.handle), None))
        check(lib.lnsp_index_add(self.handle, ct.byref(tensor(vectors)), None, None))
        check(lib.lnsp_search_create(self.handle, ct.byref(limits), None,
                                     ct.byref(self.search_handle), None))

    def search(self, queries):
        ids = np.empty((len(queries), RESULTS), np.int64)
        scores = np.empty((len(queries), RESULTS), np.float32)
        check(self.lib.lnsp_search_run(
            self.search_handle, ct.byref(tensor(queries)), None, RESULTS,
            ids.ctypes.data_as(ct.c_void_p), scores.ctypes.data_as(ct.c_void_p), None))
        return ids


class Theirs:
    def __init__(self, name, vectors):
        width = vectors.shape[1]
        if name == "f32":
            self.index = faiss.IndexFlatIP(width)
        else:
            kind = {"f16": faiss.ScalarQuantizer.QT_fp16, "int8": faiss.ScalarQuantizer.QT_8bit}
            self.index = faiss.IndexScalarQuantizer(width, kind[name],
                                                    faiss.METRIC_INNER_PRODUCT)
        self.index.train(vectors)
        self.index.add(vectors)

    def search(self, queries):
        return self.index.search(queries, RESULTS)[1]


def unit(array):
    array = np.ascontiguousarray(array, np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("vectors")
    parser.add_argument("queries", nargs="?")
    parser.add_argument("--library", default="build/liblnsp.so")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--busy", action="store_true",
                        help="count the processor's time instead, on a machine that others use")
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    clock = time.thread_time if options.busy else time.perf_counter
    vectors = unit(load_file(options.vectors)["vectors"])
    source = unit(load_file(options.queries)["vectors"]) if options.queries else vectors
    queries = np.ascontiguousarray(source[:: max(1, len(source) // 2048)][:2048])
    lib = ct.CDLL(os.path.abspath(options.library))
    pairs = {name: (Ours(lib, name, vectors, 32), Theirs(name, vectors)) for name in TYPES}
    print(f"{len(vectors)} vectors of {vectors.shape[1]}, faiss {faiss.__version__}, "
          f"{options.rounds} rounds")
    print("type   queries   lnsp ms (least)     FAISS ms (least)    ratio of medians, of leasts")
    for batch in (1, 32):
        times = {(name, who): [] for name in TYPES for who in (0, 1)}
        for turn in range(options.rounds + 3):
            at = turn * batch % (len(queries) - batch)
            asked = np.ascontiguousarray(queries[at:at + batch])
            for name in TYPES:
                for who in (turn % 2, 1 - turn % 2):
                    start = clock()
                    pairs[name][who].search(asked)
                    if turn >= 3:
                        times[name, who].append((clock() - start) * 1e3)
        for name in TYPES:
            m = [statistics.median(times[name, who]) for who in (0, 1)]
            least = [min(times[name, who]) for who in (0, 1)]
            print(f"{name:5}  {batch:7}   {m[0]:7.3f} ({least[0]:.3f})".ljust(38)
                  + f"{m[1]:7.3f} ({least[1]:.3f})".ljust(20)
                  + f"{m[1] / m[0]:.2f}, {least[1] / least[0]:.2f}")
    exact = queries.astype(np.float64) @ vectors.astype(np.float64).T
    best = np.argsort(-exact, axis=1, kind="stable")[:, :RESULTS]
    print("type   found of the first, of the first ten: lnsp, FAISS")
    for name in TYPES:
        line = []
        for engine in pairs[name]:
            got = np.concatenate([engine.search(np.ascontiguousarray(queries[i:i + 32]))
                                  for i in range(0, len(queries), 32)])
            first = np.mean(got[:, 0] == best[:, 0])
            ten = np.mean([len(set(a) & set(b)) / RESULTS for a, b in zip(got, best)])
            line.append(f"{first:.4f} {ten:.4f}")
        print(f"{name:5}  " + "   ".join(line))


if __name__ == "__main__":
    main()
