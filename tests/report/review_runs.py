"""A run with noise for the tests of comparisons in the report. The numbers are made up, not measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.records import DelegateRequest, DelegateUse, Purpose, Result
from harness.runs.run_store import Run
from tests.report.runs import PHONE, VIRTUAL, demo_results, measurement_of, model_ref, ops_of, trial_of, write_run

CPU_OPS = (
    ("CONV_2D", "[net/conv_1]:0"),
    ("DEPTHWISE_CONV_2D", "[net/depthwise]:1"),
    ("CUMSUM", "[net/cumsum]:2"),
    ("CONV_2D", "[net/conv_2]:3"),
    ("ADD", "[net/add]:4"),
    ("SOFTMAX", "[net/out]:5"),
)
XNNPACK_OPS = (
    ("Convolution (NHWC, F32) IGEMM", "Delegate/Convolution (NHWC, F32) IGEMM:0"),
    ("Convolution (NHWC, F32) DWConv", "Delegate/Convolution (NHWC, F32) DWConv:1"),
    ("CUMSUM", "[net/cumsum]:2"),
    ("Fully Connected (NC, F32) GEMM", "Delegate/Fully Connected (NC, F32) GEMM:0"),
    ("Add (ND)", "Delegate/Add (ND):1"),
    ("SOFTMAX", "[net/out]:5"),
)
# What the delegate does to each model: much faster, one per cent slower (nobody can tell), the same.
EFFECTS = {"fast": 0.4, "close": 1.01, "level": 1.0}
BLOCKS = 16


def review_run(path: Path, *, profiles: int = 3, seed: int = 5) -> Run:
    """Three models on a phone and a virtual device, on two delegates, sixteen blocks of latency and a few profiles."""
    noise = np.random.default_rng(seed)
    results: list[Result] = []
    for name, effect in EFFECTS.items():
        for device in (PHONE, VIRTUAL):
            template = demo_results((model_ref(name),), (device,))[0]
            for label, factor in (("cpu", 1.0), ("xnnpack", effect)):
                use = DelegateUse(name="XNNPACK", applied="partial", nodes_delegated=4, nodes_total=6, partitions=3)
                spread = 0.001 if name == "level" else 0.01
                for purpose, count in ((Purpose.LATENCY, BLOCKS), (Purpose.PROFILE, profiles)):
                    for process in range(count):
                        us = float(10_000 * factor * np.exp(noise.normal(0, spread)))
                        ops = ops_of(CPU_OPS if label == "cpu" else XNNPACK_OPS, us * 0.97)
                        trial = trial_of(
                            device.serial, model_ref(name), DelegateRequest(name=label), 1, purpose, process
                        )
                        seen = measurement_of(
                            us,
                            uses=() if label == "cpu" else (use,),
                            ops=ops if purpose is Purpose.PROFILE else None,
                        )
                        results.append(replace(template, trial=trial, measurement=seen))
    return write_run(path, results)
