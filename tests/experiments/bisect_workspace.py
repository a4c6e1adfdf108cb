"""The miniature source tree with a longer history: its program really works, and some revisions make it work more, or do not build."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.binaries.workspace import TENSORFLOW, git, make_workspace
from tests.experiments.working_program import PROGRAM, header

COMMITS = 16


@dataclass(frozen=True)
class BisectSite:
    """A tree with tags `r0` to `rN`, and the Bazel that counts its calls."""

    tree: Path
    calls: Path
    environment: dict[str, str]

    def builds(self) -> int:
        """How many builds Bazel was asked for so far."""
        return sum(line.startswith("build ") for line in self.calls.read_text().splitlines())

    def commit(self, place: int) -> str:
        """The commit of a place."""
        return git(self.tree, "rev-parse", f"r{place}")


@contextmanager
def bisect_site(folder: Path, work: Mapping[int, int], broken: Collection[int]) -> Iterator[BisectSite]:
    """Make the tree; its Bazel servers end with the context.

    Args:
        folder: a new folder for everything.
        work: thousands of products that the convolution computes from a revision on, by place; 0 must be there.
        broken: places that do not build.
    """
    tree = make_workspace(folder, folder / "out")
    here = tree / TENSORFLOW
    convolution = work[0]
    for place in range(COMMITS + 1):
        convolution = work.get(place, convolution)
        text = PROGRAM.replace("{folder}", TENSORFLOW)
        (here / "benchmark_model.cc").write_text(text + ("int broken = ;\n" if place in broken else ""))
        (here / "generate.sh").write_text(header(f"r{place}", convolution=convolution))
        git(tree, "commit", "--all", "--quiet", "--message", f"Change number {place}")
        git(tree, "tag", f"r{place}")
    calls = folder / "calls"
    calls.touch()
    wrapper = folder / "bazel"
    wrapper.write_text(f'#!/bin/sh\necho "$*" >>{calls}\npwd >>{calls}.folders\nexec /usr/bin/bazel "$@"\n')
    wrapper.chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANDROID_")},
        "BAZEL": str(wrapper),
        "HARNESS_STATE_DIR": str(folder / "state"),
    }
    try:
        yield BisectSite(tree=tree, calls=calls, environment=environment)
    finally:
        folders = Path(f"{calls}.folders")
        for path in sorted(set(folders.read_text().split())) if folders.exists() else []:
            if Path(path).is_dir():
                subprocess.run(["/usr/bin/bazel", "shutdown"], cwd=path, capture_output=True, timeout=60, check=False)
        if (folder / "out").exists():
            subprocess.run(["chmod", "-R", "u+w", str(folder / "out")], check=True)
