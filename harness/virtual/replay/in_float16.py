"""Stands in for a GPU that computes in half precision: the host's CPU really does so, and overflows where such a GPU does.

XNNPACK's half-precision kernels run the model. What they print is told in the words of the requested delegate, and marked synthetic: its
times are those of no GPU.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.benchmark_model.synthetic import SYNTHETIC_LINE

FLOAT16 = "float16"
"""The word in a profile's `replay` that asks for it instead of a recording."""

_START = "import sys; sys.path.insert(0, sys.argv[1]); from harness.litert_host.program import main; main(sys.argv[2], sys.argv[3:])"
_OF_DELEGATES = re.compile(
    r"--(?:use_(?!xnnpack)\w+|gpu_\w+|nnapi_\w+|hexagon_\w+|external_delegate_\w+|delegate_\w+|\w*model_runtime_info\w*)="
)
_CPU_LINE = re.compile(rb"^INFO: Created TensorFlow Lite XNNPACK delegate for CPU\.$", re.MULTILINE)


def compute_in_float16(program: str, arguments: Sequence[str], delegate: str) -> int:
    """Run the model in half precision and return the exit code.

    Args:
        program: the program's name.
        arguments: the arguments after it; those that ask for a delegate are replaced.
        delegate: the suite's name of the delegate that it stands for.
    """
    own = [one for one in arguments if not _OF_DELEGATES.match(one)]
    asked = [one for one in arguments if one.startswith("--use_") and one not in own]
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [
            *(sys.executable, "-I", "-c", _START, root, program),
            *own,
            "--use_xnnpack=true",
            "--xnnpack_force_fp16=true",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    name = delegate.upper().encode()
    said = done.stdout.replace(b"XNNPACK delegate", name + b" delegate")
    said = said.replace(
        b"INFO: Use xnnpack: [1]\n", b"".join(b"INFO: Use %s: [1]\n" % delegate.encode() for _ in asked)
    )
    said = said.replace(b"INFO: XNNPACK force FP16: [1]\n", b"")
    sys.stderr.write(
        f"{SYNTHETIC_LINE}: computed in float16 by this host's CPU, which stands for the {delegate}; times are no {delegate}'s\n"
    )
    sys.stderr.flush()
    sys.stderr.buffer.write(_CPU_LINE.sub(b"INFO: Created TensorFlow Lite delegate for %s." % name, done.stderr))
    sys.stdout.buffer.write(said)
    sys.stdout.flush()
    return done.returncode
