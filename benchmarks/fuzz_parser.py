"""Fuzz the reader of benchmark_model's output with mutations of recorded logs.

    python benchmarks/fuzz_parser.py [--count 20000] [--seed 1]

Each mutation of a log under tests/data/logs must give a result: no exception, JSON without NaN, in bounded time, and never a wrong number:

- without a timings line there is no `inference_avg_us`;
- a log that was only cut, or lost lines, or whose lines were broken in two, says nothing that the whole log does not say;
- a log in other clothes (CRLF, colours, a byte order mark, logcat's columns, indented, quoted) says exactly the same.

Prints one line for each kind of mutation; exits with 1 at the first violation, after writing the input to a file.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.benchmark_model import to_json
from harness.benchmark_model.foreign import read_foreign_log
from harness.benchmark_model.foreign.recorded_command import unwrap
from harness.benchmark_model.foreign.recording import decode_log

LOGS = Path(__file__).resolve().parent.parent / "tests" / "data" / "logs"
SCALARS = ("init_us", "first_inference_us", "warmup_avg_us", "inference_avg_us", "model_size_mb")
SLOWEST_S = 5.0

_TIMINGS = re.compile(r"nference timings in us:|^.{0,80}Inference \(avg\): ", re.MULTILINE)


class Violation(Exception):
    """A mutation that was read wrongly."""


def load_logs() -> dict[str, str]:
    """Every recorded log by name; of the one with 1.4 MB of driver chatter only the first 300 and the last 100 lines."""
    logs = {path.name: decode_log(path.read_bytes()) for path in sorted(LOGS.glob("*/*.log"))}
    for path in sorted(LOGS.glob("*/*.log.gz")):
        lines = decode_log(gzip.decompress(path.read_bytes())).split("\n")
        logs[path.name] = "\n".join(lines[:300] + lines[-100:])
    return logs


def read(data: str | bytes) -> dict[str, Any]:
    """Parse, check what must hold of every result, and return it in the contract's keys."""
    started = time.perf_counter()
    document = to_json(read_foreign_log(data).parsed)
    spent = time.perf_counter() - started
    if spent > SLOWEST_S:
        raise Violation(f"took {spent:.1f} s for {len(data)} bytes")
    json.dumps(document, allow_nan=False)
    if (document["status"] == "ok") != (not document["causes"]):
        raise Violation(f"status {document['status']} with causes {document['causes']}")
    text = unwrap(decode_log(data))[-1]
    if document["inference_avg_us"] is not None and not _TIMINGS.search(text.stdout + "\n" + (text.stderr or "")):
        raise Violation("inference_avg_us without a timings line")
    return document


def cut(text: str, rng: random.Random) -> str:
    """The end is missing, from any byte on."""
    return text[: rng.randrange(len(text))]


def excerpt(text: str, rng: random.Random) -> str:
    """Whole lines from somewhere to somewhere."""
    lines = text.split("\n")
    begin = rng.randrange(len(lines))
    return "\n".join(lines[begin : begin + rng.randrange(1, len(lines) + 1)]) + "\n"


def lose_lines(text: str, rng: random.Random) -> str:
    """Some lines are gone."""
    share = rng.choice((0.02, 0.2, 0.6))
    return "".join(line for line in text.splitlines(keepends=True) if rng.random() > share)


def lose_timings(text: str, rng: random.Random) -> str:
    """The timings line is gone."""
    return "".join(line for line in text.splitlines(keepends=True) if not _TIMINGS.search(line))


def flip(text: str, rng: random.Random) -> bytes:
    """Some bytes are others."""
    data = bytearray(text.encode())
    for _ in range(rng.choice((1, 5, 50))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def insert(text: str, rng: random.Random) -> bytes:
    """Something else is printed in between, anywhere."""
    data = text.encode()
    at = rng.randrange(len(data))
    return data[:at] + rng.choice(_INTRUDERS) + data[at:]


def shuffle(text: str, rng: random.Random) -> str:
    """Lines change places."""
    lines = text.splitlines(keepends=True)
    for _ in range(rng.choice((1, 3, 30))):
        one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def double(text: str, rng: random.Random) -> str:
    """Lines stand twice."""
    return "".join(line * (2 if rng.random() < 0.1 else 1) for line in text.splitlines(keepends=True))


def digits(text: str, rng: random.Random) -> str:
    """Numbers are longer, shorter, not numbers."""
    return re.sub(r"\d+", lambda m: rng.choice(_NUMBERS) if rng.random() < 0.05 else m[0], text)


def wrap(text: str, rng: random.Random) -> str:
    """A terminal broke the lines, in the middle of words and numbers."""
    width = rng.randrange(40, 200)
    return "\n".join(line[at : at + width] for line in text.split("\n") for at in range(0, max(len(line), 1), width))


def dress(text: str, rng: random.Random) -> str | bytes:
    """The same in other clothes: line ends, colours, encodings, logcat."""
    plain = unwrap(text)[-1]
    body = plain.stdout + (plain.stderr or "")
    return rng.choice(_CLOTHES)(body)


_INTRUDERS = (
    b"\x00" * 40,
    b"\xff\xfe\x80",
    b"\n[    3] AXI_READ_BANDWIDTH  (MByte): 0.25\n",
    b"W [query_hardware_caps:71]Unsupported evis version\n",
    b"\x1b[0;31m",
    b"\r\n",
    b"%" * 500,
    b" \t" * 5000,
    b"count=",
    b"Inference timings in us: ",
    b"9" * 400,
    b"e" * 400,
    b"\n{\n{\n}\n",
    b"init_profile {\n",
    ("\u2028\u0085\u0660\u0661\u0662" * 20).encode(),
)
_NUMBERS = ("", "-1", "0", "1e400", "nan", "-nan", "inf", "9" * 30, "1.2.3", "0x10", "\u0661", "1e5", "00012")
_CLOTHES: tuple[Callable[[str], str | bytes], ...] = (
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace("\n", "\r\r\n").encode(),
    lambda text: "".join(f"\x1b[32m{line}\x1b[0m\n" for line in text.split("\n")),
    lambda text: b"\xef\xbb\xbf" + text.encode(),
    lambda text: text.encode("utf-16"),
    lambda text: "".join(f"08-17 21:47:50.315 29423 29423 I tflite  : {line}\n" for line in text.split("\n")),
    lambda text: "".join(f"I/tflite  (29423): {line}\n" for line in text.split("\n")),
    lambda text: "".join(f"> {line}\n" for line in text.split("\n")),
    lambda text: "".join(f"    > {line}\n" for line in text.split("\n")),
    lambda text: "".join(f"    {line}\n" for line in text.split("\n")),
    lambda text: "".join(f"# {line}\n" for line in text.split("\n")),
    lambda text: "".join(f"[INFO] {line}\n" for line in text.split("\n")),
    lambda text: "".join(f"Aug 17 21:47:50 imx8 bench[{n}]: {line}\n" for n, line in enumerate(text.split("\n"))),
    lambda text: f"<pre><code>{text}</code></pre>\n",
    lambda text: text.encode("utf-16-le"),
)
MUTATIONS: dict[str, Callable[[str, random.Random], str | bytes]] = {
    function.__name__: function
    for function in (cut, excerpt, lose_lines, lose_timings, flip, insert, shuffle, double, digits, wrap, dress)
}


def check(kind: str, original: dict[str, Any], mutated: dict[str, Any]) -> None:
    """What a mutation that only takes away, or only dresses, must leave as it was.

    Raises:
        Violation: it did not.
    """
    if kind == "dress":
        keys = (*SCALARS, "warmup", "runs", "memory", "delegates", "ops", "op_summary", "unconsumed_flags")
        different = [key for key in keys if original[key] != mutated[key]]
        if different:
            raise Violation(f"not the same in other clothes: {different}")
    if kind in ("cut", "excerpt", "lose_lines", "lose_timings", "wrap"):
        for key in (*SCALARS, "warmup", "runs", "memory"):
            if not _part_of(mutated[key], original[key]):
                raise Violation(f"{key} is {mutated[key]}, and {original[key]} in the whole log")
    if kind in ("cut", "excerpt", "lose_lines", "lose_timings"):
        for key in ("ops", "init_ops"):
            known = {_op(op) for op in (original["ops"] or []) + (original["init_ops"] or [])}
            if any(_op(op) not in known for op in mutated[key] or []):
                raise Violation(f"{key} holds what the whole log does not")
        if kind == "lose_timings" and mutated["inference_avg_us"] is not None:
            raise Violation("inference_avg_us without a timings line")


def _part_of(value: Any, whole: Any) -> bool:
    """Whether a value says nothing but what the whole log says."""
    if isinstance(value, dict) and isinstance(whole, dict):
        return all(_part_of(value[key], whole[key]) for key in value)
    return value is None or value == whole


def _op(op: dict[str, Any]) -> tuple[Any, ...]:
    return op["node_type"], op["name"], op["first_us"], op["avg_us"], op["percent"], op["times_called"]


def run(count: int, seed: int, logs: dict[str, str]) -> Counter[str]:
    """Make and read `count` mutations.

    Raises:
        Violation: of the first that was read wrongly; its message names the file that the input was written to.
    """
    done: Counter[str] = Counter()
    names = sorted(logs)
    dressed = {name: read(plain.stdout + (plain.stderr or "")) for name in names if (plain := unwrap(logs[name])[-1])}
    whole = {name: read(logs[name]) for name in names}
    for index in range(count):
        rng = random.Random(f"{seed}/{index}")  # noqa: S311  # reproducible, not secret
        name = names[rng.randrange(len(names))]
        # A logcat is dressed already.
        kind = rng.choice([kind for kind in sorted(MUTATIONS) if kind != "dress" or "logcat" not in name])
        data = MUTATIONS[kind](logs[name], rng)
        try:
            check(kind, dressed[name] if kind == "dress" else whole[name], read(data))
        except Exception as error:
            with tempfile.NamedTemporaryFile(prefix="fuzz-", suffix=".log", delete=False) as file:
                file.write(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
            raise Violation(
                f"mutation {index} ({kind} of {name}, seed {seed}), kept in {file.name}: {error!r}"
            ) from error
        done[kind] += 1
    return done


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Fuzz the reader of benchmark_model's output.")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.perf_counter()
    try:
        done = run(options.count, options.seed, load_logs())
    except Violation as violation:
        print(violation, file=sys.stderr)
        return 1
    for kind, number in sorted(done.items()):
        print(f"{kind:14} {number:6} mutations read")
    print(f"{sum(done.values())} mutations in {time.perf_counter() - started:.0f} s, none read wrongly")
    return 0


if __name__ == "__main__":
    sys.exit(main())
