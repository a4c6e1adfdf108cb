from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

from tests.in_process import harness
from tests.model_files import shipped

SUITE = """suite: viewers
models: [{model}]
delegates: [cpu, xnnpack]
cpus: [big]
purposes: [latency, profile]
processes: 2
run: {{min_runs: 5, min_s: 0, max_s: 2, warmup_runs: 1, warmup_s: 0, timeout_s: 30}}
"""


@pytest.fixture(scope="package")
def real_run(tmp_path_factory: pytest.TempPathFactory, no_server_port: int) -> Path:
    """A small run on a virtual device: real inference of a model that XNNPACK takes only in part, real profiles."""
    folder = tmp_path_factory.mktemp("viewers")
    suite = folder / "suite.yaml"
    suite.write_text(SUITE.format(model=shipped("mixed_fp32.tflite")))
    state = {"HARNESS_STATE_DIR": str(folder / "state"), "ANDROID_ADB_SERVER_PORT": str(no_server_port)}
    done = harness("run", suite, "--device", "virtual:1", "--out", folder / "run", env=state)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs the system package chromium")
    # Both viewers draw with WebGL, in software where there is no graphics card.
    arguments = [
        "--use-gl=swiftshader",
        "--enable-unsafe-swiftshader",
        "--disable-background-networking",
        "--no-first-run",
    ]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    browser = playwright.chromium.launch(executable_path=program, args=arguments)
    yield browser
    browser.close()
