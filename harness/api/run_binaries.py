"""Chooses a run's benchmark binaries: those that the suite compares, those of `--binary`, or the local store's for each device."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.binaries.binary_store import BinaryStore
from harness.binaries.choice import (
    Demands,
    Program,
    check_requests,
    demands_of,
    how_to_get,
    how_to_get_flex,
    program_for,
    programs_for,
)
from harness.errors import SetupError, UsageError
from harness.files.strict_yaml import load_yaml_model_from_text
from harness.models.select_tf_ops import select_tf_ops
from harness.records import DeviceInfo
from harness.runs.run_store import Manifest
from harness.suite.model_sources import sources_of
from harness.suite.suite_file import LoadedSuite, Suite


def check_binaries(loaded: LoadedSuite, own: Mapping[str, Path]) -> None:
    """Check a run's binaries before any device is queried or started.

    Raises:
        UsageError: a file is no program, or both the suite and `--binary` name binaries.
        SetupError: there is no binary of a name.
    """
    requests = loaded.suite.binary_requests(loaded.path.parent)
    if requests and own:
        raise UsageError("the suite names its binaries itself", remedy="leave --binary out, or `binaries` in the suite")
    check_requests(requests, BinaryStore())


def binaries_of(
    loaded: LoadedSuite,
    devices: Mapping[str, DeviceInfo],
    own: Mapping[str, Path],
    scratch: Path,
    warning: Callable[[str], None],
) -> dict[str, dict[str | None, Program]]:
    """Return each device's binaries by their names in trials; only None if the suite compares none.

    Args:
        loaded: the suite.
        devices: devices by serial.
        own: files of `--binary`, by ABI.
        scratch: a folder for the harness's own program.
        warning: hears what a binary lacks for the suite.

    Raises:
        UsageError: a binary cannot run on its device.
        SetupError: there is none; the remedy is the command that gets it.
    """
    store = BinaryStore()
    requests = loaded.suite.binary_requests(loaded.path.parent)
    if requests:
        return {
            serial: dict(programs_for(info, requests, scratch, store=store).items()) for serial, info in devices.items()
        }
    phones = any(not info.virtual for info in devices.values())
    demands = _demands(loaded) if phones else Demands()
    programs: dict[str, dict[str | None, Program]] = {}
    for serial, info in devices.items():
        program = program_for(info, own, scratch, store=store, demands=demands)
        if program.lacks:
            warning(f"{serial}: {'; '.join(program.lacks)}\n  {how_to_get(info, demands)}")
        programs[serial] = {None: program}
    return programs


def lacking_ops(
    loaded: LoadedSuite, devices: Mapping[str, DeviceInfo], own: Mapping[str, Path]
) -> dict[str, dict[tuple[str | None, str], str]]:
    """Find the models that a device's binaries cannot run, because they hold Select TF ops and the binary has no Flex.

    Args:
        loaded: the suite.
        devices: devices by serial.
        own: files of `--binary`, by ABI.

    Returns:
        For each serial the reason with the remedy, by the binary's name in trials and the model's path. A binary is left out if it is
        unknown whether it has Flex. If any device has no binary, the result is empty.

    Raises:
        UsageError: as `binaries_of`.
    """
    ops = {model.path: names for model in loaded.models if model.path and (names := select_tf_ops(Path(model.path)))}
    if not ops:
        return {}
    with tempfile.TemporaryDirectory(prefix="harness-") as scratch:
        try:
            programs = binaries_of(loaded, devices, own, Path(scratch), lambda _: None)
        except SetupError:  # reported when the run chooses its binaries; a plan needs none
            return {}
    return {
        serial: {
            (name, path): f"Select TF ops ({_few(names)}), and no Flex in {program.artifact.name}: {remedy}"
            for name, program in mine.items()
            if program.artifact.flex is False
            for path, names in ops.items()
        }
        for serial, mine in programs.items()
        for remedy in (how_to_get_flex(devices[serial]),)
    }


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _demands(loaded: LoadedSuite) -> Demands:
    try:
        return demands_of(loaded.suite.delegate_requests(), loaded.suite.purposes, loaded.models)
    except OSError as error:
        raise UsageError(f"model {error.filename} cannot be read: {error.strerror}") from None


def suite_of(manifest: Manifest) -> LoadedSuite:
    """Return the suite of a run, from the text and the models in its manifest."""
    path = Path(manifest.suite_path or "suite.yaml")
    suite = load_yaml_model_from_text(manifest.suite_text, path, Suite)
    return LoadedSuite(
        suite=suite,
        text=manifest.suite_text,
        path=path,
        models=manifest.models,
        sources=sources_of(suite.models, path.parent),
        conversions=manifest.conversions,
    )
