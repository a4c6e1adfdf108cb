"""Which programs have TensorFlow's own ops, and which models need them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.binaries.benchmark_program import has_flex
from harness.binaries.binary_store import BinaryStore
from harness.binaries.choice import Demands, how_to_get_flex, parse_binary_option, program_for
from harness.binaries.record import new_record
from harness.errors import SetupError
from harness.models.select_tf_ops import select_tf_ops
from harness.records import DeviceInfo
from tests.binaries.programs import elf, write_elf
from tests.in_process import harness
from tests.litert_host import models
from tests.model_files import shipped, truncated

PHONE = DeviceInfo(serial="R5", abis=("arm64-v8a",))
VIRTUAL = DeviceInfo(serial="emulator-5554", abis=("x86_64",), virtual=True)
FLEX = b"\0TfLiteFlexDelegate\0"
WITHOUT = b"\0TF_AcquireFlexDelegate\0"
"""Every TensorFlow Lite holds this name: that of the function that Flex would bring."""


def test_a_program_with_flex_holds_the_delegate_s_name(tmp_path: Path) -> None:
    assert has_flex(write_elf(tmp_path / "a", payload=FLEX)) is True
    assert has_flex(write_elf(tmp_path / "b", payload=WITHOUT)) is False


def test_a_name_may_say_it(tmp_path: Path) -> None:
    assert has_flex(write_elf(tmp_path / "android_aarch64_benchmark_model_plus_flex")) is True


def test_what_may_start_another_program_says_nothing(tmp_path: Path) -> None:
    script = tmp_path / "benchmark_model"
    script.write_text("#!/bin/sh\nexec /data/local/tmp/tool\n")
    assert has_flex(script) is None
    assert has_flex(write_elf(tmp_path / "wrapper", words=b"")) is None
    assert has_flex(tmp_path / "none") is None


def test_a_library_may_bring_it(tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs the system package gcc")
    (tmp_path / "none.c").write_text("int here(void) { return 0; }\n")
    main = 'extern int here(void);\nconst char words[] = "Running benchmark for at least ";\nint main(void) { return here() + words[0]; }\n'
    (tmp_path / "main.c").write_text(main)
    for library in ("tensorflowlite_flex", "other"):
        path = tmp_path / f"lib{library}.so"
        subprocess.run([compiler, "-shared", "-o", path, tmp_path / "none.c"], check=True, timeout=60)
        subprocess.run([compiler, "-o", tmp_path / "tool", tmp_path / "main.c", path], check=True, timeout=60)
        assert has_flex(tmp_path / "tool") is (None if "flex" in library else False)


def test_an_import_is_recorded_with_what_the_file_tells(tmp_path: Path) -> None:
    plain, flex = write_elf(tmp_path / "plain", payload=WITHOUT), write_elf(tmp_path / "flexed", payload=FLEX)
    for path, known in ((plain, False), (flex, True)):
        assert harness("build", "--import", path, "--name", path.name).returncode == 0
        (record,) = BinaryStore().matching(path.name)
        assert record.flex is known
    assert harness("build", "--import", plain, "--name", "said", "--flex").returncode == 0
    assert [record.flex for record in BinaryStore().matching("said")] == [True]


def test_a_binary_of_unknown_origin_is_looked_at(tmp_path: Path) -> None:
    store = BinaryStore(tmp_path / "store")
    path = write_elf(tmp_path / "in", payload=WITHOUT)
    store.add(path, replace(new_record("import", str(path), name="old"), flex=None))
    with pytest.raises(SetupError, match="old: it has no Select TF ops"):
        program_for(PHONE, {}, tmp_path, store=store, demands=Demands(flex="all"))
    assert program_for(PHONE, {}, tmp_path, store=store).artifact.flex is False
    own = parse_binary_option([f"arm64-v8a={write_elf(tmp_path / 'own', payload=FLEX)}"])
    assert program_for(PHONE, own, tmp_path, store=store).artifact.flex is True


def test_the_harness_s_own_program_has_none(tmp_path: Path) -> None:
    assert program_for(VIRTUAL, {}, tmp_path).artifact.flex is False
    assert "--abi linux_x86_64 --flex" in how_to_get_flex(VIRTUAL)
    assert "--abi arm64-v8a --flex" in how_to_get_flex(PHONE)


def test_the_ops_of_a_model(tmp_path: Path, repository: Path) -> None:
    assert select_tf_ops(repository / "tests" / "data" / "models" / "flex_erf.tflite") == ("FlexErf",)
    assert select_tf_ops(models.unknown_op(tmp_path / "m.tflite", "Mine")) == ()
    assert select_tf_ops(shipped("cnn_fp32.tflite")) == ()
    for path in (truncated(tmp_path / "half.tflite"), tmp_path, tmp_path / "none.tflite"):
        assert select_tf_ops(path) == ()


def test_a_program_without_the_tool_s_words_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(elf(words=b"UPX!Running benchmark for at least "))
    assert has_flex(tmp_path / "p") is None
