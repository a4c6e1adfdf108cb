"""Conditions as a user of `harness run` meets them: a phone that throttles, phones that differ, and settings that are given back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.conditions.thermal_limits import BUSY
from harness.devices.adb_target import AdbTarget
from harness.devices.device_config import DeviceConfig, load_device_configs
from harness.records import Result, Status
from harness.records.causes import Cause
from harness.runs.run_store import load_run
from harness.virtual.farm import VirtualFarm
from tests.cli.scripted_program import write_program
from tests.conditions.throttling_phone import CLOCK_SCALE, COOL_C, throttling_phone
from tests.in_process import harness
from tests.litert_host import models as make
from tests.model_files import shipped

PROFILES = ("virtual-flagship", "virtual-midrange", "virtual-old")
SHORT = "run: {min_runs: 3, min_s: 0, max_s: 2, warmup_runs: 1, warmup_s: 0, timeout_s: 30}\n"
LONG = "run: {min_runs: 3, min_s: 2.2, max_s: 3, warmup_runs: 1, warmup_s: 0, timeout_s: 30}\n"


def write_suite(folder: Path, conditions: str, *, lengths: str = SHORT, processes: int = 1) -> Path:
    file = folder / "suite.yaml"
    file.write_text(
        f"suite: conditions\nmodels: [{json.dumps(str(shipped('mobilenet_fp32.tflite')))}]\ncpus: [big]\n"
        f"processes: {processes}\n{lengths}conditions: {conditions}\n"
    )
    return file


def verb(suite: Path, farm: VirtualFarm, out: Path, *options: str) -> list[str]:
    devices = [word for serial in farm.serials for word in ("--device", serial)]
    return ["run", str(suite), *devices, "--out", str(out), *options]


def run(suite: Path, farm: VirtualFarm, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    done = harness(*verb(suite, farm, out, *options), env={"ANDROID_ADB_SERVER_PORT": str(farm.adb_port)})
    assert "Traceback" not in done.stderr, done.stderr
    return done


def unknown_phone() -> DeviceConfig:
    """A phone that no config is for."""
    flagship = load_device_configs()["virtual-flagship"]
    assert flagship.virtual is not None
    virtual = flagship.virtual.model_copy(update={"model": "Nobody's", "manufacturer": "Unknown"})
    return flagship.model_copy(update={"name": "unknown-phone", "virtual": virtual})


def was_busy(results: Sequence[Result]) -> bool:
    """Whether the processes computed most of the time, or would have on a phone: only then do their clocks tell anything."""
    lasts = [result.conditions.samples[-1] for result in results if result.conditions.samples]
    shares = [(last.cpu_s + (last.waited_s or 0.0)) / last.t_s for last in lasts if last.cpu_s]
    return bool(shares) and min(shares) > BUSY


def test_a_virtual_phone_that_throttles_is_found_out_and_its_latencies_count(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, "{thermal: {max_status: null}, repeat_invalid: 0}", lengths=LONG, processes=5)
    with VirtualFarm([throttling_phone()], clock_scale=CLOCK_SCALE) as farm:
        done = run(suite, farm, tmp_path / "run")
    results = load_run(tmp_path / "run").results
    simulated = "simulated: clock down to"
    throttled = [r for r in results if any(text.startswith(simulated) for text in r.conditions.evidence)]
    if not throttled and not was_busy(results):
        pytest.skip("this machine is too busy: the processes got too little of it to make the phone hot")
    assert done.returncode == 0, done.stderr
    assert throttled
    assert not any(text.startswith(simulated) for text in results[0].conditions.evidence), "it began cool"
    for result in throttled:
        assert result.status is Status.OK, "what is made up spoils nothing that was measured"
        assert "samples" in result.conditions.simulated
    first, hottest = results[0].conditions, max(r.conditions.temperature_after_c or 0 for r in results)
    assert first.temperature_before_c is not None
    assert hottest > first.temperature_before_c + 10, "the drift is in the records"
    page = (tmp_path / "run" / "report.html").read_text()
    assert throttled[0].conditions.evidence[0] in page
    assert (
        f"{results[0].trial.device} drifted: from {first.temperature_before_c:.1f} to {hottest:.1f} °C, median clock from"
        in page
    )


def test_with_the_gate_it_is_waited_for_and_all_is_well(tmp_path: Path) -> None:
    gate = f"{{thermal: {{below_c: {COOL_C}, wait_s: 100}}, repeat_invalid: 0}}"
    suite = write_suite(tmp_path, gate, lengths=LONG.replace("2.2", "1.2"), processes=4)
    with VirtualFarm([throttling_phone()], clock_scale=CLOCK_SCALE) as farm:
        done = run(suite, farm, tmp_path / "run")
    results = load_run(tmp_path / "run").results
    assert done.returncode == 0, done.stderr
    assert [result.status for result in results] == [Status.OK] * 4
    waited = [result.conditions.waited_s or 0.0 for result in results]
    assert waited[0] == 0
    if not any(waited) and not was_busy(results):
        pytest.skip("this machine is too busy: the processes got too little of it to make the phone warm")
    assert sum(waited) > 1
    assert "waits" in done.stderr


def test_a_thread_that_may_run_on_all_cores_is_not_throttled_for_that(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, "{repeat_invalid: 0}", lengths=LONG)
    suite.write_text(suite.read_text().replace("cpus: [big]", "cpus: [all]"))
    with VirtualFarm(PROFILES) as farm:
        run(suite, farm, tmp_path / "run")
    results = load_run(tmp_path / "run").results
    assert [(result.status, result.conditions.evidence) for result in results] == [(Status.OK, ())] * len(PROFILES)


def _spoiling(result: Result) -> list[str]:
    return [text for text in result.conditions.evidence if not text.startswith("simulated: ")]


def test_one_suite_fits_phones_that_differ(tmp_path: Path) -> None:
    """All three profiles, and a phone that no config is for; each condition where it is supported."""
    conditions = (
        "{fixed_performance: true, governor: {big: performance}, frequency: {little: 70%}, task_profile: MaxPerformance, "
        "stay_awake: true, screen: 'on', airplane_mode: true, battery: {min_percent: 20}, idle_s: 0.1, canary: true, "
        "thermal: {wait_s: 1}, repeat_invalid: 0, when_supported: true}"
    )
    configs = load_device_configs()
    with VirtualFarm([*(configs[name] for name in PROFILES), unknown_phone()]) as farm:
        done = run(write_suite(tmp_path, conditions), farm, tmp_path / "run")
        finished = load_run(tmp_path / "run")
        journals = [
            AdbTarget(s, port=farm.adb_port).stat("/data/local/tmp/litert-harness/journal") for s in farm.serials
        ]
    assert [device.config for device in finished.manifest.devices] == [*PROFILES, None]
    # The canary is a real measurement: on a busy machine it may find that this became slower.
    spoiled = [_spoiling(result) for result in finished.results]
    assert all(text.startswith("canary ") for texts in spoiled for text in texts), spoiled
    assert done.returncode == any(spoiled), done.stderr
    assert [r.status for r in finished.results] == [Status.INVALID if texts else Status.OK for texts in spoiled]
    assert journals == [None] * 4, "everything was given back"
    seen = {result.trial.device: result.conditions for result in finished.results}
    flagship, midrange, old, unknown = (seen[serial] for serial in farm_serials(finished.manifest.devices))
    for conditions_seen in (flagship, unknown):
        assert conditions_seen.settings_observed["fixed_performance"] == "true"
        assert conditions_seen.settings_observed["task_profile"] == "MaxPerformance"
    assert midrange.settings_observed["governor:policy6"] == "performance"
    assert midrange.settings_asked["fixed_performance"] == "true"
    assert "fixed_performance" not in midrange.settings_observed
    assert set(old.settings_observed) == {"stay_awake", "screen"}
    assert all(one.canary_ratio == 1.0 for one in seen.values())


def test_the_canary_runs_its_model_with_that_models_own_inputs(tmp_path: Path) -> None:
    make.gather(tmp_path / "gather.tflite")
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        f"suite: conditions\nprocesses: 1\ncpus: [big]\norder: {{interleave: false}}\n{SHORT}"
        f"models:\n  - {json.dumps(str(shipped('cnn_fp32.tflite')))}\n"
        "  - {path: gather.tflite, inputs: [{name: 'serving_default_x:0', shape: [4], range: [0, 2]}]}\n"
        "conditions: {canary: true, thermal: {wait_s: 0}, repeat_invalid: 0}\n"
    )
    with VirtualFarm(["virtual-flagship"]) as farm:
        done = run(suite, farm, tmp_path / "run")
    results = load_run(tmp_path / "run").results
    assert [result.trial.model.name for result in results] == ["cnn_fp32", "gather"]
    assert "the canary did not run" not in done.stderr
    assert all(result.conditions.canary_us is not None for result in results)


def farm_serials(devices: Sequence[object]) -> list[str]:
    return [str(getattr(device, "serial", "")) for device in devices]


def test_what_a_phone_lacks_is_a_condition_not_met(tmp_path: Path) -> None:
    with VirtualFarm(["virtual-flagship", "virtual-midrange"]) as farm:
        done = run(write_suite(tmp_path, "{governor: {big: performance}}"), farm, tmp_path / "run")
        flagship, midrange = farm.serials
    results = {result.trial.device: result for result in load_run(tmp_path / "run").results}
    assert done.returncode == 0
    assert results[midrange].status is Status.OK
    assert results[flagship].status is Status.SKIPPED
    assert results[flagship].causes == (Cause.CONDITION_NOT_MET,)
    assert results[flagship].conditions.evidence == ("governor: needs root, which this device does not give",)


@pytest.mark.parametrize(
    ("on_device", "conditions", "cause", "evidence"),
    [
        ("dumpsys battery set level 5", "{}", Cause.BATTERY_LOW, "battery at 5 %, 10 % asked"),
        (
            "cmd thermalservice override-status 2",
            "{thermal: {wait_s: 1}}",
            Cause.TOO_HOT,
            "thermal status 2 (MODERATE), at most 0 asked",
        ),
    ],
)
def test_a_gate_that_stays_closed_is_a_result_with_its_evidence(
    tmp_path: Path, on_device: str, conditions: str, cause: Cause, evidence: str
) -> None:
    with VirtualFarm(["virtual-flagship"]) as farm:
        AdbTarget(farm.serials[0], port=farm.adb_port).run(on_device, timeout_s=60)
        done = run(write_suite(tmp_path, conditions), farm, tmp_path / "run")
    (result,) = load_run(tmp_path / "run").results
    assert done.returncode == 1
    assert (result.status, result.causes, result.conditions.evidence) == (Status.INVALID, (cause,), (evidence,))
    assert result.measurement is None


def test_more_threads_than_cores_are_refused_where_the_suite_says_so(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, "{threads_over_cores: refuse}\nthreads: [1, 4]")
    with VirtualFarm(["virtual-midrange"]) as farm:
        run(suite, farm, tmp_path / "run")
    results = {result.trial.threads: result for result in load_run(tmp_path / "run").results}
    assert results[1].status is Status.OK
    assert results[4].status is Status.SKIPPED
    assert results[4].message == "4 threads on 2 cores, which the suite refuses"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core of the host stands for all of the device's")
@pytest.mark.parametrize(
    ("cores", "evidence"),
    [
        ("4-6", "threads were allowed on cores {even}, asked for {both}: the cpuset / leaves it {even}"),
        ("5,7", "cores 5,7 were refused: the cpuset / leaves it {even}"),
    ],
)
def test_a_cpuset_that_cuts_the_mask_or_closes_it_is_affinity_not_honoured(
    tmp_path: Path, cores: str, evidence: str
) -> None:
    flagship = load_device_configs()["virtual-flagship"]
    assert flagship.virtual is not None
    even_cores_only = flagship.virtual.model_copy(update={"cpuset": (0, 2, 4, 6)})
    suite = write_suite(tmp_path, "{}")
    suite.write_text(suite.read_text().replace("cpus: [big]", f"cpus: ['{cores}']"))
    with VirtualFarm([flagship.model_copy(update={"virtual": even_cores_only})]) as farm:
        done = run(suite, farm, tmp_path / "run", "--binary", write_program(tmp_path))
    even, odd = sorted(os.sched_getaffinity(0))[:2]
    (result,) = load_run(tmp_path / "run").results
    assert done.returncode == 1
    assert result.causes[0] is Cause.AFFINITY_NOT_HONOURED
    assert result.conditions.evidence == (evidence.format(even=even, both=f"{even}-{odd}"),)
    assert result.conditions.evidence[0] in (tmp_path / "run" / "report.html").read_text()


def test_a_phone_that_hides_its_zones_is_read_by_its_thermal_service(tmp_path: Path) -> None:
    flagship = load_device_configs()["virtual-flagship"]
    hiding = flagship.model_copy(update={"quirks": ("thermal_zones_unreadable",)})
    with VirtualFarm([hiding]) as farm:
        done = run(write_suite(tmp_path, "{thermal: {below_c: 90}}"), farm, tmp_path / "run")
    (result,) = load_run(tmp_path / "run").results
    assert (done.returncode, result.status) == (0, Status.OK), done.stderr
    assert 20 < (result.conditions.temperature_before_c or 0) < 90
    assert 20 < (result.conditions.temperature_after_c or 0) < 90
    assert [sample.temperature_c for sample in result.conditions.samples if sample.temperature_c is not None] == []
    assert all(sample.frequency_khz for sample in result.conditions.samples)


def test_a_killed_run_is_mended_by_the_next(tmp_path: Path) -> None:
    held = "{governor: {all: powersave}, stay_awake: true}"
    suite = write_suite(tmp_path, held, lengths=LONG, processes=3)
    with VirtualFarm(["virtual-midrange"]) as farm:
        target = AdbTarget(farm.serials[0], port=farm.adb_port)
        governors = "cat /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"
        arguments = [sys.executable, "-m", "harness", *verb(suite, farm, tmp_path / "killed")]
        environment = {**os.environ, "ANDROID_ADB_SERVER_PORT": str(farm.adb_port)}
        process = subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while target.run(governors, timeout_s=60).stdout != b"powersave\npowersave\n":
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert target.run(governors, timeout_s=60).stdout == b"powersave\npowersave\n"
        done = run(write_suite(tmp_path, "{}"), farm, tmp_path / "next")
        assert "gave back what an earlier session left changed" in done.stderr
        assert target.run(governors, timeout_s=60).stdout == b"schedutil\nschedutil\n"
        stay_on = target.run("settings get global stay_on_while_plugged_in", timeout_s=60).stdout
        assert stay_on == b"null\n"
    assert done.returncode == 0
