"""Logs of a recent Linux build, one for each way to run it and to fail: status and causes, decided by reading each log."""

from __future__ import annotations

import pytest

from harness.benchmark_model import to_json
from harness.benchmark_model.foreign import read_foreign_log
from tests.benchmark_model.recorded import host_log, host_names, streams

NOT_OK = {
    "16_gpu_backend": ("invalid", "unconsumed_flags delegate_not_applied"),
    "16_gpu_nnapi_reqfull": ("invalid", "unconsumed_flags delegate_not_applied"),
    "16_usegpu": ("invalid", "unconsumed_flags delegate_not_applied"),
    "16_usennapi": ("invalid", "unconsumed_flags delegate_not_applied"),
    "17_badpath": ("failed", "model_unreadable"),
    "17b_directory": ("failed", "model_unreadable"),
    "17c_nograph": ("failed", "bad_flags"),
    "18_corrupt_empty": ("failed", "model_invalid"),
    "18_corrupt_half": ("failed", "model_invalid"),
    "18_corrupt_trunc": ("failed", "model_invalid"),
    "19_custom_inv": ("failed", "op_unsupported prepare_failed allocate_failed"),
    "19_flex_inv": ("failed", "op_unsupported prepare_failed allocate_failed"),
    "21_help": ("failed", "bad_flags"),
    "21b_help_true": ("failed", "bad_flags"),
    "23_badint": ("failed", "bad_flags"),
    "23b_badbool": ("failed", "bad_flags"),
    "23c_space_sep": ("invalid", "unconsumed_flags bad_flags"),
    "23d_boolnoval": ("invalid", "unconsumed_flags"),
    "23e_unknownflag": ("invalid", "unconsumed_flags"),
    "25_badmode": ("failed", "bad_flags"),
    "26b_reqfull_none": ("failed", "delegate_partial"),
    "26d_xnn_gather": ("failed", "invoke_failed delegate_not_applied"),
    "27_multisig": ("failed", "signature_missing"),
    "27e_sig_on_nosig": ("failed", "signature_missing"),
    "28c_inputlayer_rank": ("failed", "bad_input"),
    "28e_inputlayer_neg": ("failed", "bad_input"),
    "28j_valuefile_missing": ("failed", "bad_input"),
    "29_gather_oob": ("failed", "invoke_failed"),
    "35_extdelegate_bad": ("invalid", "delegate_not_applied"),
    "35b_extdelegate_nosym": ("invalid", "delegate_not_applied"),
    "37b_profbuf_while": ("invalid", "profile_dropped"),
    "38_sigterm_timeout": ("failed", "timeout"),
    "60_merged_badpath": ("failed", "model_unreadable"),
    "71_oom_ulimit30m": ("failed", "prepare_failed allocate_failed"),
    "71b_oom_ulimit45m": ("failed", "prepare_failed allocate_failed"),
    "73_sigkill": ("failed", "killed"),
    "73b_sigint": ("failed", "killed"),
    "74_closed_pipe": ("failed", "truncated_output"),
    "79_both_delegates": ("invalid", "delegate_not_applied"),
    "79b_ext_reqfull": ("failed", "delegate_not_applied"),
    "80_nonaccessible": ("failed", "model_unreadable"),
    "81c_badrange_name": ("failed", "bad_input"),
    "82_valuefile_wrongsize": ("failed", "bad_input"),
    "85_list_nosig": ("failed", "bad_flags"),
    "90_gpubin_usegpu": ("failed", "delegate_unavailable delegate_not_applied prepare_failed"),
    "90b_gpubin_usegpu_reqfull": ("failed", "delegate_unavailable delegate_not_applied prepare_failed"),
    "90c_gpubin_usegpu_backend_gl": ("failed", "delegate_unavailable delegate_not_applied prepare_failed"),
    "90d_gpubin_badbackend": ("failed", "delegate_unavailable delegate_not_applied prepare_failed"),
    "90g_gpubin_two_delegates": ("failed", "delegate_unavailable delegate_not_applied prepare_failed"),
    "90j_gpubin_help": ("failed", "bad_flags"),
    "91f_pocl_gpu_gather": ("failed", "delegate_not_applied prepare_failed"),
    "92f_mixed_gpu_reqfull": ("failed", "delegate_partial"),
    "95_perfopts_default": ("failed", "crashed"),
    "95b_perfopts_help": ("failed", "bad_flags"),
    "95d_perfopts_bad": ("failed", "bad_flags"),
}
"""Every other log is `ok`."""


@pytest.mark.parametrize("name", host_names())
def test_status_and_causes(name: str) -> None:
    got = to_json(read_foreign_log(host_log(name)).parsed)
    status, causes = NOT_OK.get(name, ("ok", ""))
    assert (got["status"], " ".join(got["causes"])) == (status, causes)
    assert bool(got["message"]) == (status != "ok")


@pytest.mark.parametrize("name", [name for name in host_names() if not name.startswith("60_")])
def test_streams_apart_say_the_same_as_the_recording(name: str) -> None:
    stdout, stderr, code = streams(name)
    apart = to_json(read_foreign_log(stdout, stderr=stderr, exit_code=code).parsed)
    whole = to_json(read_foreign_log(host_log(name)).parsed)
    if name.startswith("79b_"):  # its command line is known to the recording alone
        return
    assert apart == whole


@pytest.mark.parametrize(
    ("name", "delegates"),
    [
        ("01_default_fp32", [("XNNPACK", "implicit", None, None)]),
        ("03_opprof_xnnfalse_fp32", []),
        ("04_opprof_xnntrue_fp32", [("XNNPACK", "full", None, None)]),
        ("04_opprof_xnntrue_dynrange", [("XNNPACK", "partial", None, None)]),
        ("26d_xnn_gather", [("XNNPACK", "none", None, None)]),
        ("33b_runtimeinfo_nofile", [("XNNPACK", "full", 2, 2)]),
        ("90_gpubin_usegpu", [("GPU", "failed", None, None)]),
        ("90g_gpubin_two_delegates", [("XNNPACK", None, None, None), ("GPU", "failed", None, None)]),
        ("92c_mixed_gpu", [("GPU", "partial", 4, 9), ("XNNPACK", "implicit", None, None)]),
    ],
)
def test_delegates(name: str, delegates: list[tuple[str, str | None, int | None, int | None]]) -> None:
    got = to_json(read_foreign_log(host_log(name)).parsed)["delegates"]
    assert [(use["name"], use["applied"], use["nodes_delegated"], use["nodes_total"]) for use in got] == delegates


def test_subgraphs_are_listed_and_not_counted_twice() -> None:
    got = to_json(read_foreign_log(host_log("30_while_prof")).parsed)
    assert {op["subgraph"] for op in got["ops"]} == {0, 1, 2}
    assert [op["index"] for op in got["ops"]] == list(range(len(got["ops"])))
    assert [row["node_type"] for row in got["op_summary"]] == ["WHILE"]
    assert got["profile_runs"]["count"] == 10


def test_the_profile_of_another_signature_is_its_subgraph() -> None:
    got = to_json(read_foreign_log(host_log("27b_multisig_two")).parsed)
    assert [(op["node_type"], op["subgraph"]) for op in got["ops"]] == [("Add (ND)", 1), ("Multiply (ND)", 1)]
    assert all(op["percent"] is None for op in got["ops"])  # printed as -nan%
    assert got["op_summary"][0]["node_type"] == "Multiply (ND)"
    assert got["profile_runs"]["count"] == 10


def test_rows_merged_across_partitions_keep_their_calls() -> None:
    ops = to_json(read_foreign_log(host_log("92_mixed_xnn_implicit")).parsed)["ops"]
    assert [(ops[0]["node_type"], ops[0]["avg_us"], ops[0]["times_called"])] == [
        ("Convolution (NHWC, F32) IGEMM", 97, 2)
    ]


def test_a_proto_printed_as_text_is_read() -> None:
    got = to_json(read_foreign_log(host_log("07b_proto_stdout")).parsed)
    assert [op["node_type"] for op in got["ops"]] == ["Add (ND)", "Clamp (NC)", "Multiply (ND)"]
    assert [op["name"] for op in got["init_ops"]] == ["ModifyGraphWithDelegate/0", "AllocateTensors/0"]


def test_csv_on_stdout_is_read() -> None:
    got = to_json(read_foreign_log(host_log("08c_csv_unwritable")).parsed)
    assert [op["node_type"] for op in got["ops"]] == ["Add (ND)", "Clamp (NC)", "Multiply (ND)"]
    assert [(row["node_type"], row["avg_us"]) for row in got["init_op_summary"]] == [
        ("ModifyGraphWithDelegate", 64),
        ("AllocateTensors", 21),
    ]


@pytest.mark.parametrize("name", ["14c_numruns0", "15_dryrun", "15b_dryrun_prof_result"])
def test_no_run_is_no_measurement(name: str) -> None:
    got = to_json(read_foreign_log(host_log(name)).parsed)
    assert got["inference_avg_us"] is None
    assert got["runs"]["count"] == 0
    assert got["runs"]["median"] is None
    assert any("no inference was timed" in note for note in got["notes"])


def test_no_warmup_is_no_first_inference() -> None:
    got = to_json(read_foreign_log(host_log("12b_warmup0")).parsed)
    assert (got["first_inference_us"], got["warmup_avg_us"], got["inference_avg_us"]) == (None, None, 9165)


def test_below_a_microsecond_zero_is_a_measurement() -> None:
    got = to_json(read_foreign_log(host_log("47_names")).parsed)
    assert (got["inference_avg_us"], got["runs"]["count"], got["runs"]["curr"]) == (0, 10, 0)


def test_six_digit_scientific_averages() -> None:
    got = to_json(read_foreign_log(host_log("72_slow_sci")).parsed)
    assert (got["inference_avg_us"], got["runs"]["avg"], got["first_inference_us"]) == (3191670, 3191670, 3354000)


def test_peak_memory() -> None:
    assert to_json(read_foreign_log(host_log("09_peakmem")).parsed)["memory"]["periodic_peak_mb"] == 44.375


def test_a_result_file_that_was_not_written_is_noted() -> None:
    got = to_json(read_foreign_log(host_log("10b_resultfile_unwritable")).parsed)
    assert any("could not write its result file" in note for note in got["notes"])


def test_unconsumed_flags_are_listed() -> None:
    got = to_json(read_foreign_log(host_log("16_gpu_backend")).parsed)
    assert got["unconsumed_flags"] == ["--use_gpu=true", "--gpu_backend=cl", "--gpu_precision_loss_allowed=true"]
    assert got["inference_avg_us"] == 9284.2  # kept, and not to be trusted as the GPU's
