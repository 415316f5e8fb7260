"""Picks the demo's data from the vectors that it was made of (not in this repository):

    python3 pick.py FOLDER

writes manual.safetensors and old.safetensors in the folder of this file. FOLDER has
concepts.safetensors, sentences.safetensors and tasks.safetensors: all-MiniLM-L6-v2
vectors, float16, of WordNet 3.0 noun definitions and of sentences of the PostgreSQL 15
manual, split by word family and by page. Needs numpy and safetensors; the demo itself
needs neither."""
import os
import sys

import numpy as np
from safetensors.numpy import load_file, save_file

LEARN, HELD_OUT, OLD = 2400, 400, 400

source = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(727)
sentences = load_file(os.path.join(source, "sentences.safetensors"))
concepts = load_file(os.path.join(source, "concepts.safetensors"))
tasks = load_file(os.path.join(source, "tasks.safetensors"))

# sentences of train pages in random order, and others from test pages
learn = rng.permutation(np.flatnonzero(sentences["split"] == 0))[:LEARN]
held_out = np.sort(rng.permutation(np.flatnonzero(sentences["split"] == 2))[:HELD_OUT])
assert not set(sentences["page"][learn]) & set(sentences["page"][held_out])
old = np.sort(rng.permutation(tasks["rest_test"])[:OLD])

save_file(
    {"learn": sentences["vectors"][learn], "held_out": sentences["vectors"][held_out]},
    os.path.join(here, "manual.safetensors"),
    metadata={"text": "PostgreSQL 15 manual", "model": "sentence-transformers/all-MiniLM-L6-v2",
              "licence": "PostgreSQL licence, LICENSE-PostgreSQL-doc.txt"},
)
save_file(
    {"held_out": concepts["vectors"][old]},
    os.path.join(here, "old.safetensors"),
    metadata={"text": "WordNet 3.0 noun definitions",
              "model": "sentence-transformers/all-MiniLM-L6-v2",
              "licence": "WordNet 3.0 licence, LICENSE-WordNet-3.0.txt"},
)
