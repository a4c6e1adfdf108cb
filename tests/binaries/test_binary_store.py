from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.binaries.binary_store import BinaryStore
from harness.binaries.record import BinaryRecord, new_record
from harness.errors import SetupError, UsageError
from tests.binaries.programs import elf, write_elf


def put(store: BinaryStore, path: Path, **keys: object) -> BinaryRecord:
    record = replace(new_record("import", str(path)), **keys)  # type: ignore[arg-type]  # fields by name
    return store.add(path, record)


def test_a_binary_is_kept_by_content_executable_and_not_writable(tmp_path: Path) -> None:
    store = BinaryStore(tmp_path / "store")
    source = write_elf(tmp_path / "p")
    source.chmod(0o600)
    record = put(store, source)
    kept = store.path(record)
    assert record.sha256 == hashlib.sha256(elf()).hexdigest()
    assert (record.size_bytes, record.abi, record.platform) == (len(elf()), "arm64-v8a", "android")
    assert kept.read_bytes() == elf()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o555
    assert BinaryStore(tmp_path / "store").records() == (record,)


def test_two_ways_to_one_content_are_two_records_of_one_file(tmp_path: Path) -> None:
    store = BinaryStore(tmp_path / "store")
    first = put(store, write_elf(tmp_path / "a"), name="a")
    second = put(store, write_elf(tmp_path / "b"), name="b")
    assert first.sha256 == second.sha256
    assert len(store.records()) == 2
    assert len(list((tmp_path / "store" / "programs").iterdir())) == 1
    put(store, write_elf(tmp_path / "b"), name="b")
    assert len(store.records()) == 2


@pytest.mark.parametrize("content", [b"hello\n", b"", elf()[:100], elf(kind=1)])
def test_what_is_no_program_leaves_nothing_behind(tmp_path: Path, content: bytes) -> None:
    store = BinaryStore(tmp_path / "store")
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        put(store, tmp_path / "p")
    assert str(tmp_path / "p") in caught.value.message
    assert ".part" not in caught.value.message
    assert store.records() == ()
    assert not (tmp_path / "store").exists()


def test_an_endless_file_is_not_copied(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="device file"):
        put(BinaryStore(tmp_path / "store"), Path("/dev/zero"))


def test_records_that_may_not_be_read_are_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "records").write_text("a file where a folder should be")
    with pytest.raises(SetupError, match="records cannot be read"):
        BinaryStore(tmp_path).records()


@pytest.mark.parametrize("closed", ["", "records", "programs", "in"])
def test_what_may_not_be_read_is_one_line(tmp_path: Path, closed: str) -> None:
    """As somebody who has no power over permissions; root gives that up for it."""
    put(BinaryStore(tmp_path / "binaries"), write_elf(tmp_path / "in"), name="mine")
    place = tmp_path / "in" if closed == "in" else tmp_path / "binaries" / closed
    place.chmod(0)
    script = "import sys; from harness.cli.main import run_cli; sys.exit(run_cli(sys.argv[1:]))"
    # To list what is here needs the records only; to look at a program needs that.
    asked = ["build", "--list"] if closed in ("", "records") else ["build", "--import", str(tmp_path / "in")]
    command = [sys.executable, "-c", script, *asked]
    if os.getuid() == 0:
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "HARNESS_STATE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        place.chmod(0o755)
    assert done.returncode == (2 if closed == "in" else 3), done.stderr
    assert "Permission denied" in done.stderr
    assert done.stderr.startswith("harness: ")
    assert len(done.stderr.splitlines()) <= 2


def test_a_full_disk_leaves_nothing_half_kept(tmp_path: Path) -> None:
    """A file system of one megabyte, in a namespace of its own."""
    program = write_elf(tmp_path / "p", payload=bytes(3_000_000))
    (tmp_path / "disk").mkdir()
    script = (
        "import sys; from pathlib import Path; from harness.cli.main import run_cli\n"
        "code = run_cli(['build', '--import', sys.argv[1]])\n"
        "left = [str(p) for p in Path(sys.argv[2]).rglob('*') if p.is_file()]\n"
        "print(code, left)\n"
    )
    mount = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$4" "$1"'
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"),
            *(str(tmp_path / "disk"), sys.executable, script, str(program)),
        ],
        env={**os.environ, "HARNESS_STATE_DIR": str(tmp_path / "disk")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"this machine allows no mount: {done.stderr.strip()}")
    assert done.stdout.strip() == "3 []", done.stderr
    assert "No space left" in done.stderr


def test_a_changed_or_lost_binary_is_refused_by_name(tmp_path: Path) -> None:
    store = BinaryStore(tmp_path)
    record = put(store, write_elf(tmp_path / "p"), request="r")
    path = store.path(record)
    path.chmod(0o755)
    path.write_bytes(elf(payload=b"tampered"))
    with pytest.raises(SetupError, match="has been changed"):
        store.path(record)
    assert store.with_request("r") is None
    assert store.records() == (record,)
    path.unlink()
    assert store.records() == ()
    with pytest.raises(SetupError, match="cannot be read"):
        store.path(record)


def test_adding_it_again_mends_it(tmp_path: Path) -> None:
    store = BinaryStore(tmp_path)
    record = put(store, write_elf(tmp_path / "p"))
    path = store.path(record)
    path.chmod(0o755)
    path.write_bytes(b"half")
    put(store, tmp_path / "p")
    assert store.path(record).read_bytes() == elf()


def test_words_that_mean_a_binary(tmp_path: Path) -> None:
    store = BinaryStore(tmp_path)
    commit = "12ab" * 10
    one = put(store, write_elf(tmp_path / "a", payload=b"1"), name="mine", revision=commit, revision_name="v1")
    two = put(store, write_elf(tmp_path / "b", payload=b"2"), revision="2.1.4")
    assert store.matching("mine") == store.matching("v1") == store.matching(commit) == (one,)
    assert store.matching(commit[:10]) == store.matching(one.sha256[:8]) == (one,)
    assert store.matching("2.1.4") == (two,)
    assert store.matching("") == store.matching(one.sha256[:4]) == store.matching("other") == ()
    assert (one.label, two.label) == ("mine", "2.1.4")


def test_an_equal_request_is_found_again(tmp_path: Path) -> None:
    store = BinaryStore(tmp_path)
    record = put(store, write_elf(tmp_path / "p"), request="a" * 64)
    assert store.with_request("a" * 64) == record
    assert store.with_request("b" * 64) is None


def test_help_is_remembered_by_hash(tmp_path: Path) -> None:
    store = BinaryStore(tmp_path / "store")
    sha256 = "ab" * 32
    assert store.help_text(sha256) is None
    store.keep_help(sha256, "--num_runs=50\n\ud800")
    assert str(store.help_text(sha256)).startswith("--num_runs=50\n")
    with pytest.raises(ValueError, match="SHA-256"):
        store.help_text("../../etc/passwd")


def test_damaged_and_newer_records_are_refused_by_name(tmp_path: Path) -> None:
    store = BinaryStore(tmp_path)
    put(store, write_elf(tmp_path / "p"))
    (path,) = (tmp_path / "records").iterdir()
    text = path.read_text()
    path.write_text(text.replace('"format": 1', '"format": 2'))
    with pytest.raises(SetupError, match="format 2"):
        store.records()
    path.write_text(text[:50])
    with pytest.raises(SetupError, match=f"{path.name} is damaged: Invalid JSON"):
        store.records()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SetupError, match="cannot write"):
        BinaryStore(tmp_path / "store").folder("logs")


def test_a_file_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(SetupError, match="cannot write"):
        put(BinaryStore(tmp_path / "store"), write_elf(tmp_path / "p"))
