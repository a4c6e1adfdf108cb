"""Several files to our folder on a device: how many requests they cost, and what stays of those that fail."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.devices.adb_target import AdbTarget
from harness.devices.device_folder import BASE_DIR
from harness.devices.fake_target import Answer, FakeTarget, Hang
from harness.devices.lease import LEASE_LOST, open_folder
from harness.devices.push import BATCH_BYTES, BATCH_FILES, Blob, push_missing
from harness.devices.target import Cancelled, CommandOutput
from harness.errors import DeviceBusy, DeviceLost, PushFailed, StorageFull, StorageRefused
from harness.virtual.farm import VirtualFarm

NO_HASH = "sha256sum() { return 1; }; command() { [ $2 != sha256sum ]; }; "
"""Makes a device's shell one that has no sha256sum."""


@pytest.fixture
def target(farm: VirtualFarm) -> Iterator[AdbTarget]:
    device = AdbTarget(farm.serials[0], port=farm.adb_port)
    open_folder(device, owner="a")
    device.round_trips = 0
    yield device
    device.run(f"rm -rf {BASE_DIR}", timeout_s=60)


def blobs(folder: Path, *contents: bytes) -> list[Blob]:
    made = []
    for number, data in enumerate(contents):
        path = folder / f"file {number}"
        path.write_bytes(data)
        made.append(Blob(path=path, sha256=hashlib.sha256(data).hexdigest(), size=len(data), executable=number == 0))
    return made


def there(target: AdbTarget) -> set[str]:
    return set(target.run(f"ls {BASE_DIR}/blobs", timeout_s=60).stdout.decode().split())


def phone(
    answer: Callable[[str], Answer] | None = None, faults: Mapping[int, BaseException] | None = None
) -> FakeTarget:
    """It finds every file whole, unless `answer` says otherwise."""

    def places(command: str) -> str:
        return "".join(f"placed {name}\n" for name in re.findall(r"[0-9a-f]+(?:-benchmark_model|\.tflite)", command))

    return FakeTarget(answer or places, serial="phone", faults=faults)


def test_several_files_are_two_requests(target: AdbTarget, tmp_path: Path) -> None:
    files = blobs(tmp_path, b"#!/bin/sh\necho it runs\n", *(os.urandom(100_000) for _ in range(20)))
    told: list[Blob] = []
    assert push_missing(target, files, {}, pushed=told.extend) == told == files
    assert target.round_trips == 2
    assert there(target) == {blob.name for blob in files}
    assert target.run(files[0].remote, timeout_s=60).stdout == b"it runs\n"


def test_of_several_files_only_the_changed_one_is_refused(target: AdbTarget, tmp_path: Path) -> None:
    files = blobs(tmp_path, b"one", b"two", b"three")
    files[1].path.write_bytes(b"TWO")
    told: list[Blob] = []
    with pytest.raises(PushFailed, match="file 1 did not arrive whole"):
        push_missing(target, files, {}, pushed=told.extend)
    assert told == [files[0], files[2]]
    assert there(target) == {files[0].name, files[2].name}, "and no part of the other"


def test_a_file_that_shrank_is_refused(target: AdbTarget, tmp_path: Path) -> None:
    files = blobs(tmp_path, os.urandom(200_000))
    os.truncate(files[0].path, 100_000)
    with pytest.raises(PushFailed):
        push_missing(target, files, {})
    assert there(target) == set()


class WithoutHash(AdbTarget):
    """A phone from before sha256sum."""

    def run(self, command: str, *, timeout_s: float, cancel: threading.Event | None = None) -> CommandOutput:
        return super().run(NO_HASH + command, timeout_s=timeout_s, cancel=cancel)


def test_a_phone_without_sha256sum_compares_sizes(target: AdbTarget, farm: VirtualFarm, tmp_path: Path) -> None:
    files = blobs(tmp_path, b"one", b"three")
    os.truncate(files[1].path, 2)
    with pytest.raises(PushFailed, match="file 1"):
        push_missing(WithoutHash(farm.serials[0], port=farm.adb_port), files, {})
    assert there(target) == {files[0].name}


def test_a_file_that_vanished_leaves_no_part_of_the_others(target: AdbTarget, tmp_path: Path) -> None:
    files = blobs(tmp_path, b"one", b"two")
    files[1].path.unlink()
    with pytest.raises(FileNotFoundError):
        push_missing(target, files, {})
    assert there(target) == set()


@pytest.mark.parametrize("error", [StorageFull, StorageRefused])
def test_a_device_that_refuses_a_file_keeps_no_part_of_any(tmp_path: Path, error: type[StorageFull]) -> None:
    files = blobs(tmp_path, b"one", b"two")
    target = FakeTarget({re.compile("rm -rf"): ""}, faults={2: error("no room", serial="phone")})
    with pytest.raises(error):
        push_missing(target, files, {})
    (cleaned,) = target.commands
    assert cleaned == f"rm -rf {BASE_DIR}/blobs/{files[0].sha256}.part"


def test_a_lost_device_costs_one_batch(tmp_path: Path) -> None:
    small = blobs(tmp_path, *(b"%d" % number for number in range(BATCH_FILES + 1)))
    told: list[Blob] = []
    target = phone(faults={BATCH_FILES + 2: DeviceLost("gone", serial="phone")})
    with pytest.raises(DeviceLost):
        push_missing(target, small, {}, pushed=told.extend)
    assert told == small[:BATCH_FILES]


def test_large_files_are_named_before_the_next_is_pushed(tmp_path: Path) -> None:
    files = [replace(blob, size=BATCH_BYTES // 2 + 1) for blob in blobs(tmp_path, b"one", b"two", b"three")]
    target = phone()
    push_missing(target, files, {})
    assert [call.verb for call in target.calls] == ["push", "run"] * 3


def test_the_lease_is_renewed_with_each_batch_only_for_its_owner(tmp_path: Path) -> None:
    files = blobs(tmp_path, b"one")
    target = phone()
    push_missing(target, files, {})
    assert "lease" not in target.commands[0]
    push_missing(target, files, {}, owner="me")
    assert f">{BASE_DIR}/lease" in target.commands[1]


def test_before_a_push_that_may_outlive_the_lease_it_is_renewed(tmp_path: Path) -> None:
    target = phone()
    push_missing(target, [replace(blobs(tmp_path, b"one")[0], size=3_000_000_000)], {}, owner="me")
    assert [call.verb for call in target.calls] == ["run", "push", "run"]
    assert ">" + BASE_DIR + "/lease" in target.commands[0]


def test_a_device_that_another_process_took_meanwhile_is_busy(tmp_path: Path) -> None:
    target = phone(lambda _: LEASE_LOST)
    with pytest.raises(DeviceBusy):
        push_missing(target, blobs(tmp_path, b"one"), {}, owner="me")


def test_a_cancel_ends_the_hashing(tmp_path: Path) -> None:
    cancel = threading.Event()

    def answer(command: str) -> Answer:
        cancel.set()
        return Hang.UNTIL_CANCELLED

    with pytest.raises(Cancelled):
        push_missing(phone(answer), blobs(tmp_path, b"one"), {}, cancel)
