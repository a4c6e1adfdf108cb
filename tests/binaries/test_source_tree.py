"""What is said of a source tree, and the trees that revisions are checked out into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.binaries.checkout import checkout, planned
from harness.binaries.preflight import preflight
from harness.binaries.source_tree import is_unchanged, read_tree
from harness.binaries.sources import Source, load_sources
from harness.errors import SetupError, UsageError
from tests.binaries.workspace import TENSORFLOW, git

SOURCES = load_sources()
ANSWERS = 'build --action_env ANDROID_NDK_HOME="/opt/ndk"\nbuild --action_env ANDROID_NDK_API_LEVEL="24"\n'


def commit(path: Path, files: dict[str, str], tag: str) -> Path:
    if not (path / ".git").exists():
        path.mkdir(parents=True, exist_ok=True)
        git(path, "init", "--quiet", "--initial-branch=main")
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    git(path, "add", "--all", "--force")
    git(path, "commit", "--quiet", "--message", tag)
    git(path, "tag", tag)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        f"{TENSORFLOW}/BUILD": "",
        ".bazelrc": "build -c opt\ntry-import %workspace%/.tf_configure.bazelrc\ntry-import %workspace%/.bazelrc.user\n",
        ".bazelversion": "7.4.1\n",
        ".gitignore": "/.tf_configure.bazelrc\n/.bazelrc.user\n",
        "configure.py": "_SUPPORTED_ANDROID_NDK_VERSIONS = [19, 25]\n",
    }
    path = commit(tmp_path / "src", files, "v1")
    return commit(path, {".bazelversion": "7.7.0\n"}, "v2")


def litert(tmp_path: Path, rc: str) -> Path:
    return commit(tmp_path / "litert", {"tflite/tools/benchmark/BUILD": "", ".bazelrc": rc}, "v1")


def test_a_clean_tree_and_what_makes_it_dirty(tree: Path) -> None:
    clean = read_tree(tree, SOURCES)
    assert (clean.kind, clean.commit, clean.dirty) == ("tensorflow", git(tree, "rev-parse", "HEAD"), False)
    assert (clean.bazel_version, clean.ndk_versions, clean.settings, clean.lacks) == ("7.7.0", (19, 25), {}, ())
    (tree / "new.cc").touch()
    dirty = read_tree(tree, SOURCES)
    assert dirty.dirty
    assert dirty.digest != clean.digest
    assert is_unchanged(dirty)
    assert not is_unchanged(clean)


def test_without_git_nothing_is_claimed_of_the_content(tree: Path) -> None:
    shutil.rmtree(tree / ".git")
    found = read_tree(tree, SOURCES)
    assert (found.kind, found.commit, found.dirty, found.digest) == ("tensorflow", None, None, None)


def test_a_filter_of_the_users_hides_no_change(tree: Path) -> None:
    commit(tree, {".gitattributes": "*.cc diff=upper\n", "a.cc": "int a;\n"}, "v3")
    git(tree, "config", "diff.upper.textconv", "sh -c 'echo always the same'")
    before = read_tree(tree, SOURCES)
    (tree / "a.cc").write_text("int b;\n")
    after = read_tree(tree, SOURCES)
    assert (before.dirty, after.dirty) == (False, True)
    assert before.digest != after.digest


def test_the_repository_of_a_git_hook_is_not_taken_for_the_tree(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = commit(tmp_path / "other", {"x": ""}, "x")
    expected = git(tree, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    found = read_tree(tree, SOURCES)
    assert (found.commit, found.dirty) == (expected, False)


def test_a_tree_that_git_refuses_to_look_at_is_no_tree_without_git(tree: Path) -> None:
    """Another user's checkout (a mounted folder in a container, say): its revision would be lost in silence."""
    if os.getuid() != 0:
        pytest.skip("only root can give a folder to another user")
    for path in [tree, tree / ".git"]:
        os.chown(path, 12345, 12345)
    with pytest.raises(SetupError) as caught:
        read_tree(tree, SOURCES)
    assert "dubious ownership" in caught.value.message
    assert "safe.directory" in str(caught.value.remedy)


def test_a_damaged_repository_is_not_a_clean_one(tree: Path) -> None:
    (tree / ".git" / "index").write_bytes(b"DIRC" + bytes(40))
    with pytest.raises(SetupError, match="git diff"):
        read_tree(tree, SOURCES)


def test_changes_inside_a_submodule_count(tree: Path, tmp_path: Path) -> None:
    inner = commit(tmp_path / "inner", {"inner.cc": "int a;\n"}, "i1")
    git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "third_party/inner")
    git(tree, "commit", "--quiet", "--message", "submodule")
    clean = read_tree(tree, SOURCES)
    assert clean.dirty is False
    digests = {clean.digest}
    for text in ("int b;\n", "int c;\n"):
        (tree / "third_party/inner/inner.cc").write_text(text)
        changed = read_tree(tree, SOURCES)
        assert changed.dirty
        digests.add(changed.digest)
    assert len(digests) == 3
    # Another commit inside, named in the index already and in no commit of the tree.
    git(tree / "third_party/inner", "commit", "--quiet", "--all", "--message", "i2")
    git(tree, "add", "third_party/inner")
    staged = read_tree(tree, SOURCES)
    assert staged.dirty
    assert staged.digest not in digests


def test_rc_files_that_git_ignores_and_bazel_reads_count(tree: Path) -> None:
    before = read_tree(tree, SOURCES)
    (tree / ".bazelrc.user").write_text("build --copt=-O3\n")
    after = read_tree(tree, SOURCES)
    assert (after.dirty, after.digest != before.digest) == (False, True)


@pytest.mark.parametrize("name", [".tf_configure.bazelrc", ".litert_configure.bazelrc"])
def test_the_answers_of_configure_are_read_where_the_tree_reads_them(tmp_path: Path, name: str) -> None:
    """LiteRT's ./configure writes .litert_configure.bazelrc since 2.0."""
    path = litert(tmp_path, f"try-import %workspace%/{name}\n")
    for one in (".tf_configure.bazelrc", ".litert_configure.bazelrc"):
        (path / one).write_text(ANSWERS if one == name else 'build --action_env ANDROID_NDK_HOME="/left/over"\n')
    assert read_tree(path, SOURCES).settings == {"ANDROID_NDK_HOME": "/opt/ndk", "ANDROID_NDK_API_LEVEL": "24"}


def test_a_file_that_the_tree_cannot_do_without_is_found_before_bazel_is(tmp_path: Path) -> None:
    """LiteRT 2.0 `import`s what ./configure writes: Bazel does not even start without it."""
    path = litert(tmp_path, "import %workspace%/.litert_configure.bazelrc\ntry-import %workspace%/.bazelrc.user\n")
    found = preflight(read_tree(path, SOURCES), ["linux_x86_64"], SOURCES.android, tmp_path)
    (finding,) = [one for one in found.blocking if one.what == "configuration of the tree"]
    assert ".litert_configure.bazelrc" in finding.detail
    assert "./configure" in str(finding.remedy)
    (path / ".litert_configure.bazelrc").touch()
    assert read_tree(path, SOURCES).lacks == ()


def test_a_revision_is_built_with_the_users_configuration(tree: Path, tmp_path: Path) -> None:
    (tree / ".tf_configure.bazelrc").write_text(ANSWERS)
    (tree / ".bazelrc.user").write_text("build --jobs=2\n")
    old = checkout("v1", tree, tmp_path / "sources", SOURCES)
    assert old.settings["ANDROID_NDK_HOME"] == "/opt/ndk"
    assert (old.dirty, old.bazel_version, old.revision_name) == (False, "7.4.1", "v1")
    assert (old.path / ".bazelrc.user").read_text() == "build --jobs=2\n"
    # What is said anew is taken over; what is taken back is gone.
    (tree / ".tf_configure.bazelrc").write_text(ANSWERS.replace("/opt/ndk", "/opt/other"))
    (tree / ".bazelrc.user").unlink()
    again = checkout("v1", tree, tmp_path / "sources", SOURCES)
    assert again.settings["ANDROID_NDK_HOME"] == "/opt/other"
    assert not (again.path / ".bazelrc.user").exists()
    assert again.digest != old.digest


def test_a_plan_says_what_the_checkout_will_and_writes_nothing(tree: Path, tmp_path: Path) -> None:
    (tree / ".tf_configure.bazelrc").write_text(ANSWERS)
    folder = tmp_path / "sources"
    plan = planned("v1", tree, folder, SOURCES)
    assert not folder.exists()
    real = checkout("v1", tree, folder, SOURCES)
    assert replace(plan, digest=real.digest) == real


def test_a_pinned_revision_is_planned_without_a_network(tmp_path: Path) -> None:
    plan = planned("litert-v2.2.0", None, tmp_path / "sources", SOURCES)
    assert (plan.kind, plan.commit) == ("litert", SOURCES.sources["litert"].revisions["litert-v2.2.0"].commit)
    assert (plan.bazel_version, plan.revision_name) == ("7.7.0", "litert-v2.2.0")
    assert list(tmp_path.iterdir()) == []


def test_a_pinned_revision_is_fetched_by_its_commit(tree: Path, tmp_path: Path) -> None:
    """From a repository on this disk instead of GitHub."""
    source = SOURCES.sources["tensorflow"]
    at = git(tree, "rev-parse", "v1")
    pin = source.revisions["v2.20.0"].model_copy(update={"commit": at})
    local = source.model_copy(update={"git": f"file://{tree}", "revisions": {"v1": pin}})
    assert isinstance(local, Source)
    sources = SOURCES.model_copy(update={"sources": {"tensorflow": local}})
    got = checkout("v1", None, tmp_path / "sources", sources)
    assert (got.commit, got.dirty, got.revision_name, got.bazel_version) == (at, False, "v1", "7.4.1")
    # Once it is there, nothing is fetched.
    shutil.rmtree(tree)
    assert checkout("v1", None, tmp_path / "sources", sources).commit == at
    assert planned("v1", None, tmp_path / "sources", sources).path == got.path


@pytest.mark.parametrize("revision", ["nothing", "--all", "", "v1:.bazelrc", "a b", "\x1b[31m", "../../etc"])
def test_what_is_no_revision_is_said(tree: Path, tmp_path: Path, revision: str) -> None:
    for ask in (checkout, planned):
        with pytest.raises(UsageError, match="no such revision"):
            ask(revision, tree, tmp_path / "sources", SOURCES)
    assert not (tmp_path / "sources").exists()


def test_one_checkout_goes_from_revision_to_revision(tree: Path, tmp_path: Path) -> None:
    """Bazel keeps what it built by folder, so whoever builds many revisions stays in one."""
    commit(tree, {"only-later": "2"}, "v9")
    trees = [checkout(name, tree, tmp_path / "sources", SOURCES, place="moving") for name in ("v1", "v9", "v1")]
    assert {one.path for one in trees} == {tmp_path / "sources" / "moving"}
    assert [one.commit for one in trees] == [git(tree, "rev-parse", name) for name in ("v1", "v9", "v1")]
    assert not any(one.dirty for one in trees)
    assert trees[0].digest == trees[2].digest == checkout("v1", tree, tmp_path / "sources", SOURCES).digest
    assert not (tmp_path / "sources" / "moving" / "only-later").exists()


def test_a_checkout_that_was_killed_is_taken_up_again(tree: Path, tmp_path: Path) -> None:
    first = checkout("v1", tree, tmp_path / "sources", SOURCES)
    (first.path / ".bazelversion").unlink()
    (first.path / ".git" / "index.lock").touch()  # what a killed Git leaves
    assert checkout("v1", tree, tmp_path / "sources", SOURCES).bazel_version == "7.4.1"
    shutil.rmtree(first.path)
    (first.path / ".git").mkdir(parents=True)  # killed even earlier
    assert checkout("v1", tree, tmp_path / "sources", SOURCES).dirty is False


def test_three_at_once_all_get_it(tree: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from harness.binaries.checkout import checkout\n"
        "from harness.binaries.sources import load_sources\n"
        "print(checkout('v1', Path(sys.argv[1]), Path(sys.argv[2]), load_sources()).dirty)\n"
    )
    command = [sys.executable, "-c", script, str(tree), str(tmp_path / "sources")]
    others = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [other.communicate(timeout=60) for other in others]
    assert [out.strip() for out, _ in said] == ["False"] * 3, said
