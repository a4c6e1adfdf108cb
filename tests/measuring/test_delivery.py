"""What a device is brought and when: before it measures, or beside that."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.conditions.request import ConditionsRequest
from harness.devices.fake_target import Answer, FakeTarget, Hang
from harness.devices.push import Blob
from harness.errors import DeviceLost, PushFailed, StorageFull
from harness.measuring.delivery import Delivery
from harness.measuring.lane_plan import Patience
from harness.measuring.run_services import RunServices
from harness.records import ModelRef, Trial
from tests.measuring.test_device_session import MODEL, TRIAL, Events

NAMES = "abc"


class Scene:
    """A phone without files, and three models that its trials need."""

    def __init__(
        self,
        folder: Path,
        *,
        eager: bool = False,
        canary: bool = False,
        answer: Callable[[str], Answer] | None = None,
        faults: Mapping[int, BaseException | Hang] | None = None,
    ) -> None:
        self.blobs, self.trials, self.notes = list[Blob](), list[Trial](), list[str]()
        for name in NAMES:
            path = folder / name
            path.write_bytes(name.encode())
            self.blobs.append(Blob(path=path, sha256=name * 64, size=1))
            model: ModelRef = replace(MODEL, name=name, path=str(path), sha256=name * 64)
            self.trials.append(replace(TRIAL, trial_id=name, model=model))
        self.target = FakeTarget(answer or places, serial="phone", faults=faults)
        self.cancel = threading.Event()
        services = RunServices(
            owner="run",
            wait_for_lease_s=0.0,
            conditions=ConditionsRequest(canary=canary),
            patience=Patience(),
            configs={},
            models={blob.sha256: blob for blob in self.blobs},
            canary_model=self.trials[-1].model,
            help_texts=None,
            log_dir=lambda _: folder,
            events=Events(),
            cancel=self.cancel,
            eager_push=eager,
        )
        self.delivery = Delivery(services, self.target, self.notes.append)
        self.delivery.begin({})

    @property
    def pushed(self) -> list[str]:
        """First letters of the files that were pushed, in order."""
        return [Path(call.argument).name[0] for call in self.target.calls if call.verb == "push"]


def places(command: str) -> str:
    return "".join(f"placed {name}\n" for name in re.findall(r"[a-c]+\.tflite", command))


def test_everything_goes_before_the_first_trial_in_one_session_and_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.delivery.prepare([*scene.trials, *scene.trials])
    assert ("".join(scene.pushed), len(scene.target.commands)) == (NAMES, 1)
    scene.delivery.bring(scene.blobs)
    assert "".join(scene.pushed) == NAMES
    assert all(map(scene.delivery.has, scene.blobs))


@pytest.mark.parametrize(("canary", "pushed"), [(True, ["c", "a"]), (False, ["a"])])
def test_the_canary_s_model_goes_with_them_where_it_is_asked_for(
    tmp_path: Path, canary: bool, pushed: list[str]
) -> None:
    scene = Scene(tmp_path, canary=canary)
    scene.delivery.prepare(scene.trials[:1])
    assert scene.pushed == pushed


def test_what_the_device_has_is_not_pushed(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.delivery.begin({scene.blobs[0].name: 1, scene.blobs[1].name: 7})
    scene.delivery.prepare(scene.trials)
    assert scene.pushed == ["b", "c"], "and a file of another size is not the same"


def test_a_model_whose_file_is_gone_is_left_to_its_own_trials(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.blobs[1].path.unlink()
    scene.delivery.prepare(scene.trials)
    assert scene.pushed == ["a", "c"]
    with pytest.raises(FileNotFoundError):
        scene.delivery.bring([scene.blobs[1]])


@pytest.mark.parametrize("error", [StorageFull("no room", serial="phone"), PushFailed("half", serial="phone")])
def test_a_file_that_the_device_refuses_is_left_to_its_own_trials(tmp_path: Path, error: Exception) -> None:
    scene = Scene(tmp_path, faults={2: error})
    scene.delivery.prepare(scene.trials)
    assert not any(map(scene.delivery.has, scene.blobs))
    for blob in scene.blobs:
        scene.delivery.bring([blob])
    assert all(map(scene.delivery.has, scene.blobs))


def test_a_device_that_goes_away_is_told_at_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path, faults={2: DeviceLost("gone", serial="phone")})
    with pytest.raises(DeviceLost):
        scene.delivery.prepare(scene.trials)


def test_a_watcher_hears_of_large_pushes(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    large = [replace(blob, size=200_000_000) for blob in scene.blobs]
    scene.delivery.bring(large)
    assert scene.notes == ["gets 3 files, 600 MB", "has got 200 of 600 MB", "has got 400 of 600 MB"]


def test_eager_pushes_beside_the_trials_and_who_needs_a_model_has_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, eager=True)
    scene.delivery.prepare(scene.trials)
    scene.delivery.bring(scene.blobs)
    assert sorted(scene.pushed) == list(NAMES), "each once, whoever pushed it"
    assert all(map(scene.delivery.has, scene.blobs))
    scene.delivery.stop()


def test_eager_renews_no_lease(tmp_path: Path) -> None:
    """It could shorten the lease that the running trial has taken for its own time."""
    scene = Scene(tmp_path, eager=True)
    scene.delivery.prepare(scene.trials)
    scene.delivery._eager._thread.join(60)  # type: ignore[union-attr]  # it was just begun
    assert len(scene.target.commands) == len(NAMES)
    assert not any("lease" in command for command in scene.target.commands)


def test_a_failure_beside_the_trials_leaves_the_push_to_the_foreground(tmp_path: Path) -> None:
    scene = Scene(tmp_path, eager=True, faults={1: DeviceLost("gone", serial="phone")})
    scene.delivery.prepare(scene.trials)
    scene.delivery._eager._thread.join(60)  # type: ignore[union-attr]  # it was just begun
    assert scene.notes == [f"pushes no more beside its trials: {DeviceLost('gone', serial='phone').message}"]
    for blob in scene.blobs:
        scene.delivery.bring([blob])
    assert all(map(scene.delivery.has, scene.blobs))


def test_stop_ends_a_push_that_hangs(tmp_path: Path) -> None:
    scene = Scene(tmp_path, eager=True, answer=lambda _: Hang.UNTIL_CANCELLED)
    scene.delivery.prepare(scene.trials)
    scene.delivery.stop()
    scene.delivery.stop()
    assert not any(thread.name == "eager push" for thread in threading.enumerate())
