"""The page of a comparison: what it says is what `harness compare` says, and nothing in it is anybody else's markup."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import html as lxml_html

from harness.api.compare_runs import RunComparison, compare
from harness.errors import UsageError
from harness.formats import comparison_words as words
from harness.records import Result, Status
from harness.records.causes import Cause
from harness.runs.run_store import RunStore, load_run, read_manifest
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise, selections, two_delegates, write_run

LEAD = '//section[@id="summary"]//p[@class="lead"]'
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def page_of(found: RunComparison) -> lxml_html.HtmlElement:
    return lxml_html.fromstring(found.html())


def data_of(page: lxml_html.HtmlElement, name: str = "data") -> Any:
    [block] = page.xpath(f'//script[@id="{name}"]')
    return json.loads(block.text)


def text_of(page: lxml_html.HtmlElement, place: str) -> str:
    [node] = page.xpath(place)
    return " ".join(node.text_content().split())


def static_rows(page: lxml_html.HtmlElement) -> list[list[str]]:
    rows = page.xpath('//table[@id="static-cells"]/tbody/tr')
    return [[" ".join(column.text_content().split()) for column in row] for row in rows]


def two_runs(tmp_path: Path, head: float = 1100.0) -> tuple[Path, Path]:
    base = cell(noise(1)) + cell(noise(2), delegate="gpu") + cell(noise(3), delegate="nnapi")
    other = cell(noise(4, head)) + cell([None] * 10, delegate="gpu", status=Status.FAILED, causes=(Cause.CRASHED,))
    return write_run(tmp_path / "base", base), write_run(tmp_path / "head", other)


def test_every_number_and_verdict_is_that_of_the_table(tmp_path: Path) -> None:
    found = compare(*two_runs(tmp_path), gate=0.03)
    page = page_of(found)
    shown = [one for one in found.comparisons if one.state != "missing"]
    rows = static_rows(page)
    assert len(rows) == len(shown) == 2
    for row, one in zip(rows, shown, strict=True):
        assert row[0].startswith(words.cell_name(one))
        assert row[1:4] == [words.side(one.base, "us"), words.side(one.head, "us"), words.ratio_of(one)]
        assert row[4].startswith(words.verdict(one) if words.has_ratio(one) else f"{one.state}: {words.trouble(one)}")
        assert ("breaks the gate" in row[4]) is bool(words.breach_reason(one, found.table))
    assert text_of(page, '//*[@id="gate"]') == f"Gate of 3 %: {words.gate(found.table)}"
    assert "broken" in words.gate(found.table)
    assert f"{words.summary_line(found.table)}." in text_of(page, LEAD)


def test_what_the_scripts_show_is_that_too(tmp_path: Path) -> None:
    found = compare(*two_runs(tmp_path))
    comparisons = data_of(page_of(found))["comparisons"]
    assert [one["base"] for one in comparisons["shown"]] == [
        words.value(one.base.estimate, "us") for one in found.comparisons
    ]
    for shown, one in zip(comparisons["shown"], found.comparisons, strict=True):
        assert f"{shown['ratio']} {shown['interval']}".rstrip() == words.ratio(one.estimate)
        assert shown["words"] == words.verdict(one)


def test_a_sentence_names_what_differs_between_two_selections(tmp_path: Path) -> None:
    found = compare(*selections(two_delegates(tmp_path / "run", head=250.0)))
    assert text_of(page_of(found), LEAD).startswith("xnnpack is 4.")
    first, second = (write_run(tmp_path / name, cell(noise(1, us))) for name, us in (("a", 1000.0), ("b", 2500.0)))
    text = text_of(page_of(compare(first, second)), LEAD)
    assert text.endswith(": 1 suspected."), "separate runs without a control"


def test_what_was_not_measured_stands_there_with_the_ends_of_its_logs(tmp_path: Path) -> None:
    base, head = two_runs(tmp_path)
    results = [
        replace(one, message="the driver said no", logs={"stderr": f"logs/{one.trial.trial_id}/stderr.txt"})
        if one.status is Status.FAILED
        else one
        for one in load_run(head).results
    ]
    head = write_run(tmp_path / "again", results)
    failed = next(one for one in results if one.status is Status.FAILED)
    log = head / failed.logs["stderr"]
    log.parent.mkdir(parents=True)
    log.write_text("first line\nlast words of the tool\n")
    page = page_of(compare(base, head))
    text = text_of(page, '//*[@id="not-measured"]')
    assert "HEAD: 10 of 10 processes are not ok: crashed" in text
    assert "HEAD: the driver said no" in text
    assert "last words of the tool" in text
    assert "not in HEAD: 1 cell: m on R5CT1 nnapi 1 thr big" in text


def test_an_interrupted_head_is_said_at_the_top(tmp_path: Path) -> None:
    base = write_run(tmp_path / "base", cell(noise(1)))
    results = cell(noise(2))
    head = write_run(tmp_path / "head", results[:4])
    with RunStore.open(head) as store:
        store.extend_manifest(replace(read_manifest(head), trials=tuple(one.trial for one in results)))
    page = page_of(compare(base, head, gate=0.03))
    assert "HEAD is incomplete: 6 of 10 trials never ran." in text_of(page, "//header[@class='page']")
    assert "broken" in text_of(page, '//*[@id="gate"]')
    assert ["Trials that never ran ≠", "not said", "6 of 10"] in facts_of(page)


def facts_of(page: lxml_html.HtmlElement) -> list[list[str]]:
    rows = page.xpath('//table[@id="table-sides"]/tbody/tr')
    return [[" ".join(column.text_content().split()) for column in row] for row in rows]


def test_both_sides_stand_side_by_side_and_what_differs_is_marked(tmp_path: Path) -> None:
    base = write_run(tmp_path / "base", cell(noise(1)))
    with RunStore.open(base) as store:
        store.extend_manifest(replace(read_manifest(base), suite_text="suite: made-up\nthreads: [1]\n"))
    head = write_run(tmp_path / "head", [replace(one, artifact_sha256="f" * 64) for one in cell(noise(2))])
    page = page_of(compare(base, head))
    facts = {row[0]: row[1:] for row in facts_of(page)}
    assert facts["Binaries that ran ≠"] == ["9a3a45d01531", "f" * 12]
    assert facts["Models"][0] == facts["Models"][1]
    assert facts["Processes"] == ["10 ok for latency", "10 ok for latency"]
    marked = [name for name in facts if name.endswith("≠")]
    assert marked == ["Binaries that ran ≠"]
    assert list(facts)[:3] == ["Given as", "Run", "Binaries that ran ≠"], "what differs stands first"
    assert "-threads: [1]" in text_of(page, '//section[@id="sides"]//pre')
    assert "the benchmark binary differs" in text_of(page, '//ul[@class="cautions"]')


def test_names_of_strangers_stay_text(tmp_path: Path) -> None:
    def spoiled(one: Result) -> Result:
        return replace(one, status=Status.FAILED, causes=(Cause.CRASHED,), message=HOSTILE, measurement=None)

    base = write_run(tmp_path / "base", cell(noise(1), model=HOSTILE, delegate=HOSTILE) + cell(noise(2), model="n"))
    failed = [spoiled(one) for one in cell(noise(3), model=HOSTILE, delegate=HOSTILE)]
    head = write_run(tmp_path / HOSTILE.replace("/", "_"), failed + cell(noise(4), model="n"))
    document = compare(base, head).html()
    assert "<img" not in document
    assert document.count("<script") == 4, "three blocks of data and the page's own"
    assert HOSTILE.replace("/", "_") in lxml_html.fromstring(document).text_content()


def test_it_loads_nothing(tmp_path: Path) -> None:
    document = compare(*two_runs(tmp_path)).html()
    assert "default-src 'none'" in document
    assert not re.search(r'(?:src|href)="(?!#|data:,|[^":]*logs/)', document)


@pytest.mark.parametrize("name", ["trials.jsonl", "manifest.json", "report.html", "logs/x.html"])
def test_it_is_never_written_over_a_file_of_a_run(tmp_path: Path, name: str) -> None:
    base, head = two_runs(tmp_path)
    before = (head / "trials.jsonl").read_bytes()
    with pytest.raises(UsageError, match="is part of the run"):
        compare(base, head).write_html(head / name)
    assert (head / "trials.jsonl").read_bytes() == before
    assert not (head / "report.html").exists()


def test_links_to_logs_lead_into_the_folders_of_both_runs(tmp_path: Path) -> None:
    sides = []
    for name, seed in (("base", 1), ("head", 2)):
        results = [replace(one, logs={"stdout": "logs/t/stdout.txt"}) for one in cell(noise(seed))]
        sides.append(write_run(tmp_path / "runs" / name, results))
    (tmp_path / "pages").mkdir()
    target = compare(*sides).write_html(tmp_path / "pages" / "c.html")
    trials = data_of(lxml_html.fromstring(target.read_text("utf-8")), "trials-data")
    assert {trial["logs"]["stdout"] for trial in trials} == {
        "../runs/base/logs/t/stdout.txt",
        "../runs/head/logs/t/stdout.txt",
    }
