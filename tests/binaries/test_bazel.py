"""`harness build` with a real Bazel, on a miniature tree with TensorFlow's labels and configs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.binaries.benchmark_program import has_flex
from harness.binaries.elf import read_program
from harness.binaries.profiles import rc_path
from tests.binaries.workspace import LABEL, TENSORFLOW, git, make_android_home, make_workspace, missing_packages


@dataclass(frozen=True)
class Site:
    """A tree, the Bazel that counts its calls, and a store."""

    tree: Path
    calls: Path
    environment: dict[str, str]

    def harness(self, *arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "harness", "build", *map(str, arguments)]

    def build(self, *arguments: object) -> list[dict[str, Any]]:
        done = self.harness("--source", self.tree, "--json", *arguments)
        assert done.returncode == 0, done.stderr
        binaries = json.loads(done.stdout)["binaries"]
        assert isinstance(binaries, list)
        return binaries

    def builds(self) -> list[str]:
        """The builds that Bazel was asked for so far."""
        return [line for line in self.calls.read_text().splitlines() if line.startswith("build ")]

    def source(self, name: str) -> Path:
        return self.tree / TENSORFLOW / name


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if missing := missing_packages():
        pytest.skip(f"needs the system package {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("bazel")
    tree = make_workspace(folder, folder / "out")
    calls = folder / "calls"
    calls.touch()
    # Bazel's servers keep an eye on nothing but their own folder; each tree has one, and each is shut down below.
    wrapper = folder / "bazel"
    wrapper.write_text(f'#!/bin/sh\necho "$*" >>{calls}\npwd >>{calls}.folders\nexec /usr/bin/bazel "$@"\n')
    wrapper.chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANDROID_")},
        **make_android_home(folder / "android"),
        "BAZEL": str(wrapper),
        "HARNESS_STATE_DIR": str(folder / "state"),
    }
    yield Site(tree=tree, calls=calls, environment=environment)
    for path in sorted(set(Path(f"{calls}.folders").read_text().split())):
        subprocess.run(["/usr/bin/bazel", "shutdown"], cwd=path, capture_output=True, timeout=60, check=False)
    subprocess.run(["chmod", "-R", "u+w", str(folder / "out")], check=True)


def test_it_builds_for_this_machine_for_aarch64_and_for_android(site: Site) -> None:
    binaries = site.build("--abi", "linux_x86_64,linux_aarch64,arm64-v8a")
    assert [one["build_abi"] for one in binaries] == ["linux_x86_64", "linux_aarch64", "arm64-v8a"]
    for one in binaries:
        path = Path(one["path"])
        program = read_program(path)
        assert (program.abi, program.platform) == (one["abi"], one["platform"])
        assert program.symbols
        assert os.access(path, os.X_OK)
        assert one["revision"] == git(site.tree, "rev-parse", "HEAD")
        assert (one["dirty"], one["target"], one["origin"]) == (False, LABEL, "build")
        assert "-DTFLITE_PROFILING_ENABLED" in " ".join(one["flags"])
        assert one["duration_s"] > 0
        assert Path(one["log"]).stat().st_size > 0
    assert [one["ndk"] for one in binaries] == [None, None, "25.2.9519653"]
    said = subprocess.run([binaries[0]["path"]], capture_output=True, text=True, check=True).stdout
    assert said.split("\n")[:2] == ["revision v2", "profiling"]

    # The second call builds nothing, and does not even start Bazel.
    before = site.calls.read_text()
    again = site.build("--abi", "linux_x86_64,linux_aarch64,arm64-v8a")
    assert [one["sha256"] for one in again] == [one["sha256"] for one in binaries]
    assert [one["built"] for one in again] == [False] * 3
    assert site.calls.read_text() == before

    # By hand, through the profiles, it is the same build: Bazel finds nothing to do.
    print_only = site.harness("--source", site.tree, "--abi", "linux_aarch64", "--print", "--json")
    by_hand = json.loads(print_only.stdout)["builds"][0]["by_hand"]
    assert by_hand[:2] == ["bazel", f"--bazelrc={rc_path()}"]
    site.build(
        "--abi", "linux_aarch64", "--flag", "--jobs=1"
    )  # its configuration is now the one that Bazel has in mind
    done = subprocess.run(["/usr/bin/bazel", *by_hand[1:]], cwd=site.tree, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "discarding analysis cache" not in done.stderr
    assert re.search(r"INFO: 1 process: 1 internal\.", done.stderr), done.stderr


def test_flex_is_another_target_and_stands_in_the_record(site: Site) -> None:
    (flex,) = site.build("--abi", "linux_x86_64", "--flex", "--name", "flexed")
    assert (flex["flex"], flex["target"]) == (True, f"{LABEL}_plus_flex")
    assert "--config=monolithic" in flex["flags"]
    assert has_flex(Path(flex["path"])) is True
    (plain,) = site.build("--abi", "linux_x86_64")
    assert (plain["flex"], plain["sha256"] == flex["sha256"]) == (False, False)


@pytest.mark.parametrize("abi", ["linux_x86_64", "arm64-v8a"])
def test_by_hand_bazel_says_the_flags_that_print_prints(site: Site, abi: str) -> None:
    done = site.harness("--source", site.tree, "--abi", abi, "--print", "--json")
    (printed,) = json.loads(done.stdout)["builds"]
    *start, label = printed["by_hand"]
    said = subprocess.run(
        ["/usr/bin/bazel", *start[1:], "--announce_rc", "--nobuild", label],
        cwd=site.tree,
        env=site.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stderr
    found = re.findall(r"^INFO: Found applicable config definition build:benchmark_\S+ in file \S+: (.*)$", said, re.M)
    assert " ".join(found).split() == printed["command"][2:-1]


def test_two_revisions_lie_side_by_side_and_the_checkout_is_left_alone(site: Site) -> None:
    before = (git(site.tree, "rev-parse", "HEAD"), git(site.tree, "status", "--porcelain", "--untracked-files=no"))
    old = site.build("--abi", "linux_x86_64", "--revision", "v1", "--name", "old")[0]
    new = site.build("--abi", "linux_x86_64", "--revision", "v2", "--name", "new")[0]
    assert old["sha256"] != new["sha256"]
    for one, tag in ((old, "v1"), (new, "v2")):
        assert (one["revision_name"], one["revision"], one["dirty"]) == (tag, git(site.tree, "rev-parse", tag), False)
        assert subprocess.run([one["path"]], capture_output=True, text=True).stdout.startswith(f"revision {tag}")
    assert before == (
        git(site.tree, "rev-parse", "HEAD"),
        git(site.tree, "status", "--porcelain", "--untracked-files=no"),
    )
    listed = site.harness("--list").stdout
    assert "old" in listed
    assert "new" in listed


def test_a_compile_error_is_its_action_and_its_first_lines(site: Site) -> None:
    source = site.source("benchmark_model.cc")
    text = source.read_text()
    try:
        source.write_text(text + "\nint broken = ;\n" + "".join(f"int broken{i} = ;\n" for i in range(300)))
        done = site.harness("--source", site.tree, "--abi", "linux_x86_64")
    finally:
        source.write_text(text)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("harness:"))
    assert lines[first] == f"harness: the build failed at CppCompile {LABEL}"
    assert re.search(r"benchmark_model\.cc:\d+:\d+: error: expected", lines[first + 1])
    assert len(lines) - first < 20
    log = Path(lines[-1].split("log: ")[1])
    assert "broken299" in log.read_text()
    assert "Traceback" not in done.stderr


def test_a_target_that_does_not_load_is_said_in_bazels_words(site: Site) -> None:
    build = site.source("BUILD")
    text = build.read_text()
    try:
        build.write_text(text.replace('"benchmark_model.cc"', '"nothing.cc"'))
        done = site.harness("--source", site.tree, "--abi", "linux_x86_64")
    finally:
        build.write_text(text)
    assert done.returncode == 1
    assert "nothing.cc" in done.stderr
    assert len(done.stderr.splitlines()) < 20


# Bazelisk starts Bazel and passes no signal on (core.go, runBazel): it counts on a terminal that tells both.
_LIKE_BAZELISK = """#!{python}
import signal, subprocess, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
    signal.signal(number, lambda *_: None)
sys.exit(subprocess.Popen([{bazel!r}, *sys.argv[1:]]).wait())
"""


@pytest.mark.parametrize("called", ["bazel", "bazelisk"])
def test_an_interrupted_build_leaves_nothing_behind(site: Site, tmp_path: Path, called: str) -> None:
    environment = dict(site.environment)
    if called == "bazelisk":
        program = tmp_path / "bazelisk"
        program.write_text(_LIKE_BAZELISK.format(python=sys.executable, bazel=site.environment["BAZEL"]))
        program.chmod(0o755)
        environment["BAZEL"] = str(program)
    generate = site.source("generate.sh")
    text = generate.read_text()
    started = tmp_path / "started"
    kept = site.harness("--list", "--json").stdout
    generate.write_text(f"echo $$ >{started}\nsleep 120\n")
    process = subprocess.Popen(
        site.command("--source", site.tree, "--abi", "linux_x86_64"),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not (started.exists() and started.read_text().strip()):
            assert time.monotonic() < deadline, "the build never reached its slow action"
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
        generate.write_text(text)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert not Path(f"/proc/{started.read_text().strip()}").exists()
    assert site.harness("--list", "--json").stdout == kept
    assert len(site.build("--abi", "linux_x86_64")) == 1


def test_without_git_it_is_bazel_that_finds_nothing_to_do(site: Site) -> None:
    repository, away = site.tree / ".git", site.tree.parent / "repository"
    before = len(site.builds())
    repository.rename(away)
    try:
        first, second = (site.build("--abi", "linux_x86_64")[0] for _ in range(2))
    finally:
        away.rename(repository)
    assert len(site.builds()) == before + 2
    assert (first["revision"], first["dirty"]) == (None, None)
    assert (first["built"], second["built"], second["sha256"]) == (True, True, first["sha256"])
    assert re.search(r"INFO: 1 process: 1 internal\.", Path(second["log"]).read_text())


def test_two_that_ask_for_the_same_at_once_build_it_once(site: Site) -> None:
    generate = site.source("generate.sh")
    text = generate.read_text()
    before = len(site.builds())
    try:
        generate.write_text("sleep 3\necho '#define REVISION \"slow\"'\n")
        command = site.command("--source", site.tree, "--abi", "linux_x86_64", "--json")
        others = [
            subprocess.Popen(command, env=site.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        said = [other.communicate(timeout=120) for other in others]
    finally:
        generate.write_text(text)
    assert [other.returncode for other in others] == [0, 0], said
    binaries = [json.loads(out)["binaries"][0] for out, _ in said]
    assert len({one["sha256"] for one in binaries}) == 1
    assert sorted(one["built"] for one in binaries) == [False, True]
    assert len(site.builds()) == before + 1
    assert sum("waiting for another process" in err for _, err in said) == 1


@pytest.mark.parametrize("setting", [{"CC": "/usr/bin/gcc"}, {"BAZEL_CXXOPTS": "-O1"}, {"HOME": "/"}])
def test_what_the_machine_tells_bazel_is_part_of_the_request(
    site: Site, tmp_path: Path, setting: dict[str, str]
) -> None:
    """Another compiler, or a ~/.bazelrc: an equal command is another build."""
    first = site.build("--abi", "linux_x86_64")[0]
    assert site.build("--abi", "linux_x86_64")[0]["built"] is False
    changed = dict(setting)
    if "HOME" in setting:
        (tmp_path / ".bazelrc").write_text("build --copt=-DTFLITE_NOTHING\n")
        changed["HOME"] = str(tmp_path)
    other = Site(site.tree, site.calls, {**site.environment, **changed})
    second = other.build("--abi", "linux_x86_64")[0]
    assert second["built"] is True
    assert second["log"] != first["log"]


def test_a_wrong_bazelversion_is_said_at_once_with_the_remedy(site: Site) -> None:
    (site.tree / ".bazelversion").write_text("9.9.9\n")
    before = site.builds()
    try:
        began = time.monotonic()
        done = site.harness("--source", site.tree, "--abi", "linux_x86_64")
        took_s = time.monotonic() - began
    finally:
        (site.tree / ".bazelversion").unlink()
    assert done.returncode == 3
    assert "9.9.9" in done.stderr
    assert "bazelisk" in done.stderr
    assert site.builds() == before
    assert took_s < 60  # seconds of Python on a busy machine; the point is that nothing was built


def test_a_program_for_another_system_is_refused(site: Site) -> None:
    """The tree's own config is wrong: it says Android and builds for Linux."""
    rc = site.tree / ".bazelrc"
    text = rc.read_text()
    try:
        rc.write_text(text.replace(" --linkopt=-Wl,--dynamic-linker=/system/bin/linker64", ""))
        done = site.harness("--source", site.tree, "--abi", "arm64-v8a")
    finally:
        rc.write_text(text)
    assert done.returncode == 2
    assert "a Linux program for arm64-v8a" in done.stderr
    assert "--config=android_arm64" in done.stderr.splitlines()[-1]


def test_changes_that_no_commit_holds_are_recorded(site: Site) -> None:
    source = site.source("benchmark_model.cc")
    text = source.read_text()
    try:
        source.write_text(text.replace('"revision "', '"changed "'))
        changed = site.build("--abi", "linux_x86_64")[0]
    finally:
        source.write_text(text)
    clean = site.build("--abi", "linux_x86_64")[0]
    assert (changed["dirty"], clean["dirty"]) == (True, False)
    assert changed["revision"] == clean["revision"]
    assert changed["sha256"] != clean["sha256"]
