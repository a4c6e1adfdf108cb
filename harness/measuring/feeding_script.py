"""The shell text that runs the benchmark once for each sample of an accuracy trial, and collects what it writes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from harness.benchmark_model.command_line import OUTPUT_FILE, OUTPUTS_FILE

FED = "fed{}.bin"
"""Name of the file with one sample of an input, by its place among the inputs."""


def feeding_words(count: int, layers: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    """Return the words of a shell that starts the program after them once for each sample, and stops where it fails.

    The tool writes only the outputs of its last inference, and says nothing if it cannot write. So each sample has a process of its own,
    whose output file is removed before it starts. The output of the last process stands for all.

    Args:
        count: number of samples.
        layers: for each input the file with all its samples, on the device, and the bytes of one.
    """
    feed = "\n".join(
        f"  dd if={shlex.quote(path)} of={FED.format(place)} bs={size} skip=$k count=1 2>/dev/null"
        for place, (path, size) in enumerate(layers)
    )
    text = f"""k=0; c=0; : >{OUTPUTS_FILE}
while [ $k -lt {count} ]; do
  rm -f {OUTPUT_FILE}
{feed}
  "$0" "$@" >said 2>errors; c=$?
  [ $c = 0 ] || break
  cat {OUTPUT_FILE} >>{OUTPUTS_FILE} 2>/dev/null
  k=$((k+1))
done
cat said; cat errors >&2; exit $c"""
    return ("sh", "-c", text)
