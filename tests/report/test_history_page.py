"""The page of a history as a file."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.history_scale import BEGAN, LIMITS, history
from harness.errors import UsageError
from harness.records.history import ChangeVerdict
from harness.report.history_page import render_history, write_history_report
from tests.report.histories import NOW, block, change_of, key_of, night, series_of, steady
from tests.report.runs import demo_run

_HOSTILE = (
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    "\"><img src=x onerror='window.pwned=1'>",
    "a\u202eevil\u2066",
    "nul\0nul",
    "\ud800 alone",
    "{{ 7*7 }}",
)


def _page(count: int, nights: int) -> str:
    series, changes = history(count, nights)
    return render_history(series, changes, title="lab", now=BEGAN + timedelta(days=nights))


def test_a_year_of_200_series_fits_and_so_do_1000() -> None:
    """The issue's limit, in bytes: nothing here depends on the machine's speed."""
    assert len(_page(200, 365).encode()) < 1_200_000 < LIMITS["file (MB)"] * 1e6
    assert len(_page(1000, 365).encode()) < LIMITS["file (MB)"] * 1e6


def test_many_runs_a_night_fit_too() -> None:
    """Every series from a run of its own, with other labels and files each night: nothing to share."""
    series, changes = history(200, 365)
    apart = [
        series_of(
            one.key,
            [
                night(
                    place,
                    each.value,
                    at=each.at,
                    run_id=f"{one.key.model}-{number}-{place}",
                    run_path=f"/lab/runs/{one.key.model}-{number}-{place}",
                    labels=(("commit", each.binary_sha256[:10]), ("build", str(1000 * number + place))),
                    binary_sha256=each.binary_sha256,
                )
                for place, each in enumerate(one.estimates)
            ],
        )
        for number, one in enumerate(series)
    ]
    assert len(render_history(apart, changes, title="lab", now=NOW).encode()) < LIMITS["file (MB)"] * 1e6


def test_the_page_has_the_policy_of_the_runs_report_and_loads_nothing() -> None:
    page = _page(10, 30)
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert found
    policy = dict(part.strip().split(" ", 1) for part in found[1].split(";"))
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in found[1]
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    for kind, code in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert policy[f"{kind}-src"] == f"'sha256-{digest}'"
    without_code = re.sub(r"<script.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)
    assert not re.search(r"https?:|<(?:iframe|object|embed|img)\b| style=", without_code)
    assert not re.search(r"url\(|@import", style)


def test_made_again_it_has_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.report.test_history_page import _page; "
        "Path(sys.argv[1]).write_text(_page(12, 40), encoding='utf-8')"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "page")], env=environment, check=True, timeout=120)
    assert (tmp_path / "page").read_text(encoding="utf-8") == _page(12, 40)


def test_the_words_and_the_table_need_no_javascript() -> None:
    series = [steady(key_of()), steady(key_of("resnet"))]
    change = change_of(key_of("resnet"), verdict=ChangeVerdict.CONFIRMED)
    page = re.sub(r"<script.*?</script>", "", render_history(series, [change], title="Lab 7", now=NOW), flags=re.DOTALL)
    assert (
        page.index("1 confirmed regression")
        < page.index("resnet</bdi></strong></a> is 3.1 % slower")
        < page.index("<table")
    )
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", page, re.DOTALL)
    texts = [re.sub(r"<[^>]*>", " ", row).split() for row in rows]
    assert [text[0] for text in texts] == ["resnet", "mobilenet"]
    assert "+3.1 % since 21 Oct" in " ".join(texts[0])
    assert "8.370 ms 30 Oct 30" in " ".join(texts[0])
    assert "need JavaScript" in page


def test_a_thousand_series_have_a_short_table_without_javascript() -> None:
    page = _page(1000, 2)
    assert page.count('<th scope="row">') == 500
    assert "and 500 more series, which need JavaScript" in page.replace("\u202f", " ")


@pytest.mark.parametrize(
    ("count", "nights", "text"),
    [
        (0, 0, "There is nothing to show: no estimate matches."),
        (1, 1, "One night so far, so there is nothing to compare it with: 1 series, 1 night (12 Nov 2025)."),
        (3, 3, "No change in 3 series, 3 nights (12 Nov 2025 to 14 Nov 2025). A change shows only against a level"),
    ],
)
def test_short_histories_say_what_they_are(count: int, nights: int, text: str) -> None:
    series, changes = history(count, nights)
    page = render_history(series, changes, title="lab", now=NOW)
    assert text in page
    assert ("No series." in page) == (count == 0)


def test_synthetic_nights_are_marked_from_the_first_line_on() -> None:
    series = [steady(key_of()), steady(key_of("made up"), 10, synthetic=True)]
    page = render_history(series, [], title="lab", now=NOW)
    assert "Synthetic data.</strong> 10 of 40 estimates were replayed or modelled" in page
    assert page.index("Synthetic data.") < page.index('id="summary"')
    assert [one["synthetic"] for one in block(page, "data")["series"]] == [10, 0]
    assert "Synthetic data." not in render_history(series[:1], [], title="lab", now=NOW)


def test_what_is_wrong_with_a_gain_stands_beside_it() -> None:
    one = steady(key_of(), output_differs=True)
    page = render_history([one], [change_of(key_of(), verdict=ChangeVerdict.IMPROVED, ratio=0.5)], title="lab", now=NOW)
    assert "output differs" in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert block(page, "data")["series"][0]["differs"] is True


@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_names_stay_text(name: str, tmp_path: Path) -> None:
    key = key_of(name, name, delegate=name, cpus=name, binary=name, variant=name, metric=name)
    nights = [night(n, run_id=f"{name}{n}", run_path=name, labels=((name, name),), model_sha256=name) for n in range(9)]
    change = change_of(key, 5, explained_by=(name,), notes=(name,), verdict=ChangeVerdict.EXPLAINED)
    path = write_history_report([series_of(key, nights)], [change], tmp_path / "page.html", title=name, now=NOW)
    page = path.read_bytes().decode("utf-8")
    without_code = re.sub(r"<script.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)
    for markup in ("<script>window", "<img", "onerror='window.pwned=1'>"):
        assert markup not in without_code
    assert "\0" not in page
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", page)[0]
    assert len(re.findall(r"<script>", page)) == 1
    assert block(page, "data")["texts"]["device"] == [name]


def test_runs_with_a_report_are_linked_from_where_the_page_is(tmp_path: Path) -> None:
    there, gone = tmp_path / "runs" / "a b", tmp_path / "runs" / "gone"
    there.mkdir(parents=True)
    (there / "report.html").write_text("x")
    one = series_of(key_of(), [night(0, run_path=str(there)), night(1, run_path=str(gone))])
    output = tmp_path / "pages" / "history.html"
    output.parent.mkdir()
    page = write_history_report([one], [], output, title="lab", now=NOW).read_text(encoding="utf-8")
    assert block(page, "nights-data")["runs"]["href"] == ["../runs/a%20b/report.html", None]
    assert block(page, "nights-data")["runs"]["path"] == [str(there), str(gone)]


def test_a_runs_own_files_are_never_overwritten(tmp_path: Path) -> None:
    demo_run(tmp_path / "run")
    for name in ("trials.jsonl", "report.html"):
        with pytest.raises(UsageError, match="part of the run"):
            write_history_report([], [], tmp_path / "run" / name, title="lab", now=NOW)
    with pytest.raises(UsageError, match="cannot write"):
        write_history_report([], [], tmp_path / "no" / "page.html", title="lab", now=NOW)
