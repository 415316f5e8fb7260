#!/bin/sh
# Makes the environment of the example, in build/flower/python: Flower from PyPI, and lnsp
# from this tree.
set -e
cd "$(dirname "$0")/../.."
python3 -m venv build/flower/python
build/flower/python/bin/pip install -q --disable-pip-version-check 'flwr[simulation]>=1.40,<2' \
  ./bindings/python
echo "now: build/flower/python/bin/python examples/flower/run.py"
