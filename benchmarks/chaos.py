"""Does every trial end exactly once, with the right cause, whatever happens to devices, ADB server and controller?

    python -m benchmarks.chaos --trials 1000 --devices 8 --seed 1

Virtual devices of which something goes wrong at random (docs/faults.md) run a suite; now and then the controller is killed with SIGKILL and
the run is resumed. The devices' event logs are the truth that the results are held against. What "runs" there is a shell script that prints
a recorded output, marked as synthetic: this is about the harness, not about latency. Exit code 1 where anything is violated.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.chaos_state import Snapshot, differences, snapshot
from benchmarks.chaos_truth import Judgement, judge, unproven
from harness.files.shipped_data import data_dir
from harness.records import Result
from harness.runs.run_store import load_run
from harness.virtual.adb_server import find_adb
from harness.virtual.farm import VirtualFarm
from harness.virtual.faults import FaultPlan

_LOGS = Path(__file__).resolve().parent.parent / "tests" / "data" / "logs" / "host"
_TRIAL = "trial_0"
"""What only the script of a trial holds."""
PROFILES = ("virtual-flagship", "virtual-midrange", "virtual-old")
"""In turn: without root, with root, and of an old Android."""


@dataclass(slots=True)
class Campaign:
    """What happened, beside what the results and the event logs say."""

    kills: list[float] = field(default_factory=list)
    """When the controller was killed, in seconds since the epoch."""
    sessions: int = 0
    refusals: int = 0
    """Resumes that found a device away, and were tried again."""
    violations: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 where everything held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000, help="at least so many")
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=None, help="of the controller (default: one in 250 trials)")
    parser.add_argument("--keep", type=Path, help="folder for the run, the event logs and what the controllers said")
    parser.add_argument(
        "--patience", type=float, help="seconds after which it is given up (default: an hour, or 2 s a trial)"
    )
    options = parser.parse_args(arguments)
    kills = options.kills if options.kills is not None else max(1, options.trials // 250)
    patience_s = options.patience if options.patience is not None else max(3600.0, 2.0 * options.trials)
    with _folder(options.keep) as folder:
        return run(folder, options.trials, options.devices, options.seed, kills, patience_s)


def run(folder: Path, trials: int, devices: int, seed: int, kills: int, patience_s: float) -> int:
    """The whole campaign in a folder; exit code."""
    began = time.monotonic()
    binary = write_binary(folder / "benchmark_model")
    suite = write_suite(folder, trials, devices, seed)
    campaign = Campaign()
    profiles = [PROFILES[i % len(PROFILES)] for i in range(devices)]
    with VirtualFarm(profiles, base_dir=folder / "farm", seed=seed, faults=fault_plan(seed)) as farm:
        environment = {**os.environ, **farm.adb_environment, "HARNESS_STATE_DIR": str(folder / "state")}
        before = {serial: _snapshot(farm, serial) for serial in farm.serials}
        command = [sys.executable, "-m", "harness", "run"]
        rest = [f"--binary=x86_64={binary}", f"--parallel-virtual={min(devices, 64)}", "--quarantine=120"]
        rest += [f"--device={serial}" for serial in farm.serials]
        control(folder, command, rest, suite, environment, campaign, kills, seed, began + patience_s)
        after = {serial: _snapshot(farm, serial) for serial in farm.serials}
        events = {serial: _events(farm.folder / "devices" / serial / "events.jsonl") for serial in farm.serials}
        daemon_log = (farm.folder / "daemon.log").read_text(errors="replace")
        for serial in farm.serials:
            shutil.copy(farm.folder / "devices" / serial / "events.jsonl", folder / f"events-{serial}.jsonl")
        (folder / "daemon.log").write_text(daemon_log)
    if "Traceback" in daemon_log:
        campaign.violations.append("the daemon of the devices had an internal error (daemon.log)")
    for serial in before:
        campaign.violations += [f"{serial}: {line}" for line in differences(before[serial], after[serial])]
    (folder / "kills.json").write_text(json.dumps(campaign.kills))
    judgement = check(folder / "run", events, campaign)
    report(judgement, campaign, time.monotonic() - began)
    return 1 if campaign.violations else 0


def control(
    folder: Path,
    command: list[str],
    rest: list[str],
    suite: Path,
    environment: dict[str, str],
    campaign: Campaign,
    kills: int,
    seed: int,
    give_up_at: float,
) -> None:
    """Start the controller, kill it now and then, and resume until every trial has a result."""
    draws = random.Random(f"{seed}/kills")  # noqa: S311  # not a secret
    run_folder = folder / "run"
    total = None
    with (folder / "controller.log").open("ab") as log:
        while True:
            if time.monotonic() > give_up_at:
                campaign.violations.append("it did not come to an end")
                return
            fresh = not (run_folder / "manifest.json").exists()
            what = [str(suite), f"--out={run_folder}"] if fresh else [f"--resume={run_folder}"]
            process = subprocess.Popen([*command, *what, *rest], stdout=log, stderr=log, env=environment)
            campaign.sessions += 1
            total = total or _wait_for_manifest(run_folder, process)
            kill_after = None
            if total and len(campaign.kills) < kills:
                # Spread over the whole run, each at a place that is drawn.
                kill_after = int(total * (len(campaign.kills) + draws.uniform(0.2, 0.8)) / kills)
            code = _watch(run_folder, process, kill_after, give_up_at)
            if code == -signal.SIGKILL:
                campaign.kills.append(time.time())
            elif code == 3:
                campaign.refusals += 1
                time.sleep(1.0)
            elif code not in (0, 1):
                campaign.violations.append(f"the controller ended with {code}")
                return
            elif total is not None and len(_lines(run_folder)) >= total:
                return


def _watch(run_folder: Path, process: subprocess.Popen[bytes], kill_after: int | None, give_up_at: float) -> int:
    while process.poll() is None:
        time.sleep(0.05)
        due = kill_after is not None and len(_lines(run_folder)) >= kill_after
        if due or time.monotonic() > give_up_at:
            process.kill()
    return process.wait()


def _wait_for_manifest(run_folder: Path, process: subprocess.Popen[bytes]) -> int | None:
    while process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            return len(json.loads((run_folder / "manifest.json").read_text())["trials"])
        time.sleep(0.05)
    return None


def check(run_folder: Path, events: dict[str, list[dict[str, Any]]], campaign: Campaign) -> Judgement:
    """Hold the results against the plan and the truth; what is wrong goes to the campaign's violations."""
    finished = load_run(run_folder)
    planned = [trial.trial_id for trial in finished.manifest.trials]
    ended = [json.loads(line)["trial"]["trial_id"] for line in _lines(run_folder)]
    if missing := set(planned) - set(ended):
        campaign.violations.append(f"{len(missing)} trials have no result")
    if extra := set(ended) - set(planned):
        campaign.violations.append(f"{len(extra)} results of no trial")
    if len(ended) != len(set(ended)):
        campaign.violations.append(f"{len(ended) - len(set(ended))} trials ended more than once")
    results: dict[str, list[Result]] = {serial: [] for serial in events}
    for result in finished.results:
        results[result.trial.device].append(result)
        if lost := [path for path in result.logs.values() if not (run_folder / path).is_file()]:
            campaign.violations.append(f"{result.trial.trial_id}: the result names logs that are not there: {lost}")
    judgement = judge(events, results, campaign.kills)
    campaign.violations += judgement.violations
    return judgement


def report(judgement: Judgement, campaign: Campaign, took_s: float) -> None:
    """Print the counts."""
    print(f"trials {judgement.trials}: {' '.join(f'{k} {v}' for k, v in sorted(judgement.statuses.items()))}")
    print(f"causes of failed and invalid trials: {judgement.causes or 'none'}")
    print(f"trials that needed more than one attempt: {judgement.retried}")
    print(
        f"controller: {campaign.sessions} sessions, {len(campaign.kills)} SIGKILL, {campaign.refusals} refused resumes"
    )
    print(f"{'fault':20s} injected  found  harmless  hidden by another  died with the controller")
    for kind, count in sorted(judgement.faults.items()):
        print(
            f"{kind:20s} {count.injected:8d} {count.found:6d} {count.harmless:9d} {count.hidden:18d} {count.forgotten:25d}"
        )
    if not_shown := unproven(judgement):
        print(f"not shown by this run, for want of one that came through to its result: {', '.join(not_shown)}")
    total = sum(count.injected for count in judgement.faults.values())
    print(f"{total} faults in {took_s:.0f} s; {len(campaign.violations)} violations")
    for line in campaign.violations:
        print(f"VIOLATION: {line}")


def fault_plan(seed: int) -> FaultPlan:
    """What goes wrong: each kind often enough to be seen in a thousand trials."""
    trial: dict[str, Any] = {"during": "shell", "match": _TRIAL}
    return FaultPlan.model_validate(
        {
            "seed": seed,
            "faults": [
                {"fault": "same_serial", "devices": [2], "after_s": 0},
                {"fault": "lost", **trial, "chance": 0.02, "delay_s": (0.0, 0.15), "lasts_s": 1},
                {"fault": "lost", "during": "push", "chance": 0.1, "after_bytes": 1500, "lasts_s": 1},
                {"fault": "lost", "during": "pull", "chance": 0.01, "lasts_s": 1},
                {"fault": "lost", "every_s": 120, "lasts_s": 1},
                {"fault": "reboot", **trial, "chance": 0.012, "delay_s": (0.0, 0.1)},
                {"fault": "hung", **trial, "chance": 0.01, "lasts_s": 30},
                {"fault": "killed", **trial, "chance": 0.02},
                {"fault": "truncated", **trial, "chance": 0.02, "after_bytes": 200},
                {"fault": "slow", **trial, "chance": 0.02, "pause_s": 0.05},
                {"fault": "clock_jump", **trial, "chance": 0.01, "by_s": -40000},
                {"fault": "storage_full", **trial, "chance": 0.01, "lasts_s": 1},
                {"fault": "read_only", **trial, "chance": 0.005, "lasts_s": 1},
                {"fault": "permission_denied", **trial, "chance": 0.005, "lasts_s": 1},
                {"fault": "unauthorized", **trial, "chance": 0.005, "lasts_s": 6},
                {"fault": "battery_dead", **trial, "chance": 0.004, "lasts_s": 2},
                {"fault": "moved", **trial, "chance": 0.004, "lasts_s": 6},
                {"fault": "adb_server_killed", "every_s": 70},
            ],
        }
    )


def write_suite(folder: Path, trials: int, devices: int, seed: int) -> Path:
    """A suite of at least so many trials over so many devices; conditions that change something, and gates that never close."""
    models = sorted((data_dir("suites") / "models").glob("*.tflite"))
    path = folder / "suite.yaml"
    document = {
        "suite": "chaos",
        "models": [str(model) for model in models],
        "delegates": ["xnnpack"],
        "threads": [1],
        "cpus": ["all"],
        "purposes": ["latency"],
        "processes": -(-trials // (devices * len(models))),
        "run": {"min_runs": 1, "min_s": 0, "max_s": 1, "warmup_runs": 0, "warmup_s": 0, "timeout_s": 3},
        "order": {"interleave": True, "seed": seed},
        "conditions": {
            "stay_awake": True,
            "screen": "off",
            "airplane_mode": True,
            "fixed_performance": True,
            "governor": {"all": "powersave"},
            "frequency": {"big": "min"},
            "when_supported": True,
            "thermal": {"max_status": None, "low_clock": None},
            "battery": {"min_percent": 0},
        },
    }
    path.write_text(yaml.safe_dump(document))
    return path


def write_binary(path: Path, *, works: str = "sleep 0.1") -> Path:
    """Write a stand-in for `benchmark_model`: it does what `works` says, prints a recorded output, and writes the file that is pulled.

    Args:
        path: the file to write.
        works: shell text that takes the place of inferences.
    """
    output, errors = _recorded("01_default_fp32.log")
    _, usage = _recorded("21_help.log")
    details = "".join(f"\\{byte:03o}" for byte in (_LOGS / "files" / "runtime_info.pb").read_bytes())
    path.write_text(
        "#!/bin/sh\n# Prints a recorded output: nothing is measured.\n"
        f"case $1 in --help) cat >&2 <<'EOT'\n{usage}EOT\nexit 1;; esac\n"
        f"{works}\ncat <<'EOT'\n{output}EOT\ncat >&2 <<'EOT'\n{errors}harness-replay: synthetic, benchmarks/chaos.py\nEOT\n"
        f"for f; do case $f in --model_runtime_info_output_file=*) printf '{details}' >\"${{f#*=}}\";; esac; done\n"
    )
    path.chmod(0o755)
    return path


def _recorded(name: str) -> tuple[str, str]:
    text = (_LOGS / name).read_text()
    output, _, rest = text.partition("# ---- stdout ----\n")[2].partition("# ---- stderr ----\n")
    return output, rest.partition("# exit:")[0]


def _ask(farm: VirtualFarm, serial: str, command: str, patience_s: float = 60.0) -> str:
    """What a device answers, once it does: it may be away, or its server be new."""
    deadline = time.monotonic() + patience_s
    adb = [str(find_adb()), "-P", str(farm.adb_port), "-s", serial, "shell", command]
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(adb, capture_output=True, text=True, timeout=20, check=False)
            if done.returncode == 0:
                return done.stdout
        if time.monotonic() > deadline:
            return f"{serial} does not answer"
        time.sleep(0.5)


def _snapshot(farm: VirtualFarm, serial: str) -> Snapshot:
    return snapshot(lambda command: _ask(farm, serial, command))


def _events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _lines(run_folder: Path) -> list[str]:
    """Whole lines of results; a line that a killed controller began does not end."""
    with contextlib.suppress(OSError):
        return [line for line in (run_folder / "trials.jsonl").read_text().split("\n")[:-1] if line.startswith("{")]
    return []


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        yield Path(name)


if __name__ == "__main__":
    sys.exit(main())
