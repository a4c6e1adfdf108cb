"""What the sampler and the affinity check cost the benchmark that they watch.

    python -m benchmarks.sampler_cost                 40 pairs, about five minutes
    python -m benchmarks.sampler_cost --pairs 100

On a virtual device, the MobileNet-style model runs in pairs of processes, one with the sampler beside it and one without, in random order
within each pair. Prints the ratio of latencies, with / without, with its 95 % interval; the same for none against none (this machine's
noise), and for a sampler that looks twenty times as often. Where a device has other cores the sampler is kept off those that are measured;
`--cpus all` leaves it none, the worst case. The CPU time of one look, which it prints first, bounds the cost where cores are shared.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import secrets
import tempfile
from pathlib import Path

from harness.analysis.ratio_interval import paired
from harness.benchmark_model import parse_output
from harness.benchmark_model.command_line import BinaryFacts, trial_flags
from harness.binaries.choice import program_for
from harness.devices.adb_target import AdbTarget
from harness.devices.device_config import load_device_configs
from harness.devices.device_folder import BASE_DIR
from harness.devices.inventory import Inventory, take_inventory
from harness.devices.lease import open_folder
from harness.devices.push import Blob, push_missing
from harness.devices.target import STDERR, STDOUT
from harness.devices.topology import resolve
from harness.files.shipped_data import data_dir
from harness.measuring.trailer import split_trailer
from harness.measuring.trial_frames import TrialFrames
from harness.measuring.trial_script import CANNOT, SAMPLE_INTERVAL_S, BlockScript, TrialScript
from harness.measuring.trial_watch import look, watching
from harness.records import DelegateRequest, Purpose, RunLengths
from harness.suite.suite_file import model_ref
from harness.virtual.farm import VirtualFarm

RUN = RunLengths(min_runs=20, min_s=0.7, max_s=10.0, warmup_runs=3, warmup_s=0.1, timeout_s=60.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--cpus", default="big")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", default="virtual-flagship")
    arguments = parser.parse_args()
    rng = random.Random(1)  # noqa: S311  # an order, not a secret
    with VirtualFarm([arguments.profile]) as farm, tempfile.TemporaryDirectory() as folder:
        target = AdbTarget(farm.serials[0], port=farm.adb_port)
        device = _Device(target, Path(folder), arguments.cpus, arguments.threads)
        print(
            f"mobilenet_fp32, xnnpack, {arguments.threads} thread(s) on {arguments.cpus}, {arguments.pairs} pairs each"
        )
        look_ms = device.look_ms()
        share = look_ms / 1000 / SAMPLE_INTERVAL_S
        print(
            f"  one look takes {look_ms:.2f} ms of CPU time: {share:.2%} of one core, at {SAMPLE_INTERVAL_S:g} s between looks"
        )
        # Beside the harness's own interval: none against none, which shows what this machine's noise alone makes of it, and twenty times as
        # many samples, where a cost would show twenty times over.
        for every_s in (SAMPLE_INTERVAL_S, None, SAMPLE_INTERVAL_S / 20):
            ratios = []
            for _ in range(arguments.pairs):
                order = ["with", "without"]
                rng.shuffle(order)
                seen = {one: device.latency_us(every_s if one == "with" else None) for one in order}
                ratios.append(math.log(seen["with"] / seen["without"]))
            found = paired(ratios)
            if found.ratio is None or found.ci_low is None or found.ci_high is None:
                raise SystemExit("too few pairs for an interval: at least 6")
            print(
                f"  {f'sampler every {every_s * 1000:3.0f} ms' if every_s else 'no sampler':22} / none: {found.ratio:.4f} "
                f"(95 % interval {found.ci_low:.4f} to {found.ci_high:.4f})"
            )


class _Device:
    def __init__(self, target: AdbTarget, work: Path, cpus: str, threads: int) -> None:
        self._target, self._threads = target, threads
        self._inventory: Inventory = take_inventory(target, load_device_configs())
        request = resolve(cpus, self._inventory.topology)
        if request is None:
            raise SystemExit(f"the device has no cores {cpus!r}")
        self._mask = request.mask
        ref = model_ref(data_dir("suites") / "models" / "mobilenet_fp32.tflite")
        self._model = Blob(path=Path(ref.path), sha256=ref.sha256, size=ref.size_bytes)
        self._program = program_for(self._inventory.info, {}, work).blob
        present = open_folder(target, owner="sampler-cost").blobs
        push_missing(target, [self._model, self._program], present)

    def latency_us(self, sample_every_s: float | None) -> float:
        """Average latency of one process."""
        script = self._script(sample_every_s)
        output = self._target.run(script.text(), timeout_s=RUN.timeout_s + 20)
        frames = TrialFrames(script.nonce)
        frames.feed(STDOUT, output.stdout)
        frames.feed(STDERR, output.stderr)
        frame = frames.take() or frames.rest()
        cores = tuple(script.trials[0].frequency_paths)
        stderr, trailer = split_trailer(frame.stderr, script.nonce, cores, script.zone_path is not None)
        if trailer is None or bool(trailer.samples) != (sample_every_s is not None):
            raise SystemExit("the trial did not go as it should")
        average = parse_output(frame.stdout, stderr=stderr, exit_code=trailer.exit_code).measurement.inference_avg_us
        if average is None:
            raise SystemExit(f"no latency: {output.stdout.decode(errors='replace')[-400:]}")
        return average

    def look_ms(self, looks: int = 300) -> float:
        """CPU time of one look of the sampler, with what it starts, at a process with one thread."""
        script = self._script(SAMPLE_INTERVAL_S)
        watched = " ".join(script.trials[0].frequency_paths.values())
        each = f"taken= up=0\n{look()}"
        loop = f"W='{watched}'; p=$$; n=0; while [ $n -lt {looks} ]; do n=$((n+1))\n{each}\ndone; times"
        text = self._target.run(f"{watching(CANNOT, SAMPLE_INTERVAL_S, 0)}\n{loop}", timeout_s=60)
        # `times`: user and system time of the shell, and on the next line of its children, as 0m1.23s.
        spent_s = sum(int(m) * 60 + float(s) for m, s in re.findall(r"(\d+)m([\d.]+)s", text.stdout.decode()))
        return spent_s / looks * 1000

    def _script(self, sample_every_s: float | None) -> BlockScript:
        zone, topology = self._inventory.zone, self._inventory.topology
        asked = [[cpu for cpu in cluster.cpus if self._mask >> cpu & 1] for cluster in topology.clusters]
        watched = [cores[0] for cores in asked if cores]
        trial = TrialScript(
            folder=f"{BASE_DIR}/run/sampler-cost",
            program=self._program.remote,
            flags=trial_flags(
                graph=self._model.remote,
                delegate=DelegateRequest(name="xnnpack"),
                threads=self._threads,
                purpose=Purpose.LATENCY,
                run=RUN,
                binary=BinaryFacts(flags=frozenset()),
            ),
            mask=self._mask,
            other_mask=topology.all_mask & ~self._mask,
            timeout_s=RUN.timeout_s,
            frequency_paths={cpu: f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq" for cpu in watched},
        )
        return BlockScript(
            trials=[trial],
            zone_path=zone.path if zone else None,
            hal_line=zone.line if zone and zone.path is None else None,
            nonce=secrets.token_hex(8),
            sample_every_s=sample_every_s,
        )


if __name__ == "__main__":
    main()
