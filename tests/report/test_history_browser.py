"""The page of a history in a real browser: what a reader sees and does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness.records.history import Change, Series
from harness.report.history_page import write_history_report
from harness.report.history_rows import series_id
from harness.report.page_template import milliseconds
from tests.report.browsing import Open, open_series
from tests.report.histories import GAPS, GROUND, NOW, SLOWER, change_of, key_of, night, series_of, steady


def _rows(page: Page) -> list[str]:
    return page.locator("#table-series tbody th a").all_inner_texts()


def test_what_matters_comes_first_and_says_why(open_report: Open, lab: Path) -> None:
    page = open_report(lab)
    rows = page.locator("#table-series tbody tr")
    expect(rows).to_have_count(6)
    assert [text.split("\n")[0] for text in rows.locator("td:nth-child(2)").all_inner_texts()] == [
        "confirmed +3.1\u00a0%",
        "suspected +3.1\u00a0%",
        "explained +3.1\u00a0%",
        "none",
        "none",
        "suspected accepted +3.1\u00a0%",
    ]
    first = rows.first
    expect(first).to_contain_text("+2.5\u00a0% to +3.8\u00a0%, since 21\u00a0Oct")
    last = 8560 + 9.17 * (29 % 4)
    expect(first).to_contain_text(f"{milliseconds(last)}\u00a0ms")
    expect(first).to_contain_text(f"{milliseconds(last * 0.995)} to {milliseconds(last * 1.006)}")
    expect(page.locator("#summary .lead")).to_contain_text("1 confirmed regression, 1 suspected regression")
    expect(page.locator(".groups .group").first).to_contain_text(
        "commit abc → def; the binary changed; an experiment on D1 found"
    )


def test_the_overview_sorts_by_any_column(open_report: Open, lab: Path) -> None:
    page = open_report(lab)
    page.locator("#table-series thead button", has_text="Last night").click()
    expect(page.locator("#table-series th", has_text="Last night")).to_have_attribute("aria-sort", "descending")
    assert _rows(page)[0] == "resnet"
    page.locator("#table-series thead button", has_text="Series").press("Enter")
    assert _rows(page) == sorted(_rows(page))


def test_filters_narrow_the_overview_and_the_address_keeps_them(open_report: Open, lab: Path) -> None:
    page = open_report(lab)
    page.locator("#choose-device").select_option(label="D2")
    expect(page.locator("#table-series tbody tr")).to_have_count(3)
    page.locator("#choose-delegate").select_option(label="gpu")
    expect(page.locator("#table-series tbody tr")).to_have_count(2)
    page.locator("#choose-verdict").select_option(label="accepted")
    expect(page.locator("#table-series tbody tr")).to_have_count(1)
    assert _rows(page) == ["efficientnet"]
    address = page.url
    again = open_report(lab, address[address.index("#") :])
    expect(again.locator("#choose-device")).to_have_value("=D2")
    expect(again.locator("#table-series tbody tr")).to_have_count(1)
    again.locator("#choose-verdict").select_option(label="all")
    again.locator("#choose-device").select_option(label="all")
    again.locator("#choose-delegate").select_option(label="all")
    again.locator("#choose-metric").select_option(label="peak memory")
    expect(again.locator("#table-series tbody tr")).to_have_count(1)
    expect(again.locator("#table-series tbody tr")).to_contain_text("39.0\u00a0MB")
    again.locator("#choose-metric").select_option(label="all")
    again.locator("#choose-model").select_option(label="mobilenet")
    expect(again.locator("#table-series tbody tr")).to_have_count(2)
    again.locator("#filter").fill("d1 confirmed")
    expect(again.locator("#table-series tbody tr")).to_have_count(1)
    again.locator("#filter").fill("nothing like that")
    expect(again.locator("#series .more")).to_contain_text("No row matches the filter.")


def test_a_deep_link_opens_a_series_and_back_closes_it(open_report: Open, lab: Path) -> None:
    page = open_report(lab)
    page.locator("#choose-device").select_option(label="D1")
    page.locator("#table-series a").first.click()
    expect(page.locator("#cell-h")).to_have_text("mobilenet")
    assert f"series={series_id(SLOWER)}" in page.url
    assert "device=D1" in page.url
    page.locator("#cell .next").click()
    expect(page.locator("#cell-h")).to_have_text("efficientnet")
    page.keyboard.press("Escape")
    expect(page.locator("#cell")).to_be_hidden()
    assert "series=" not in page.url
    expect(page.locator("#choose-device")).to_have_value("=D1")
    page.go_back()
    expect(page.locator("#cell-h")).to_have_text("mobilenet")
    again = open_series(open_report, lab, SLOWER)
    expect(again.locator("#cell-h")).to_have_text("mobilenet")


def test_a_link_to_a_change_opens_its_series_and_marks_it(open_report: Open, lab: Path) -> None:
    page = open_report(lab, "#change=c20d1")
    expect(page.locator(".change-item.asked")).to_contain_text(
        "confirmed +3.1\u00a0% (+2.5\u00a0% to +3.8\u00a0%): 8.341\u00a0ms before"
    )
    expect(page.locator(".change-item")).to_contain_text("Label commit: abc → def")
    expect(page.locator(".change-item")).to_contain_text(
        "found +3.0\u00a0% (+2.0\u00a0% to +4.0\u00a0%) in 412 s of device time"
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_dark_and_light_on_a_phone_and_a_desk(open_report: Open, lab: Path, width: int) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    for scheme in ("light", "dark"):
        page = open_series(open_report, lab, GAPS, scheme=scheme, width=width)
        assert (page.evaluate(paper) == "rgb(255, 255, 255)") == (scheme == "light")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = page.locator("#night-chart svg").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        page.keyboard.press("Escape")
        page.locator("#table-series").scroll_into_view_if_needed()
        assert (
            page.evaluate(
                "(() => { const one = document.querySelector('#series .scroll'); return one.scrollWidth - one.clientWidth; })()"
            )
            <= 0
        )
        expect(page.locator("#table-series .spark-host:visible svg").first).to_be_visible()


def test_paper_has_every_row_with_its_drawing_and_no_controls(open_report: Open, lab: Path) -> None:
    page = open_report(lab)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    expect(page.locator("#table-series tbody tr")).to_have_count(6)
    expect(page.locator("#table-series td .spark path")).to_have_count(6)
    expect(page.locator("#toolbar")).not_to_be_visible()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_short_histories_open_without_complaint(open_report: Open, tmp_path: Path, count: int) -> None:
    series = [steady(SLOWER, count)] if count else []
    path = write_history_report(series, [], tmp_path / "report.html", title="lab", now=NOW)
    page = open_report(path)
    if not count:
        expect(page.locator("#series")).to_contain_text("No series.")
        return
    page.locator("#table-series a").click()
    expect(page.locator("#night-chart circle.night")).to_have_count(count)
    expect(page.locator("#cell")).to_contain_text(
        "there is nothing to compare it with" if count == 1 else "No change was found."
    )
    page.keyboard.press("ArrowRight")
    expect(page.locator("#night-words")).to_contain_text("10 processes")


def test_a_thousand_series_are_shown_a_hundred_at_a_time(open_report: Open, tmp_path: Path) -> None:
    series = [steady(key_of(f"m{number:04d}"), 2) for number in range(1000)]
    page = open_report(write_history_report(series, [], tmp_path / "report.html", title="lab", now=NOW))
    expect(page.locator("#table-series tbody tr")).to_have_count(100)
    page.locator("#filter").fill("m0999")
    expect(page.locator("#table-series tbody tr")).to_have_count(1)
    page.locator("#filter").fill("")
    page.locator("#series .more button").click()
    expect(page.locator("#table-series tbody tr")).to_have_count(1000)


def test_hostile_names_stay_text(open_report: Open, tmp_path: Path) -> None:
    names = [
        "<script>window.pwned=1</script>",
        "\"><img src=x onerror='window.pwned=1'>",
        "a\u202eevil\u2066",
        "nul\0nul",
        "x" * 4096,
        "javascript:alert(1)",
    ]
    series: list[Series] = []
    changes: list[Change] = []
    for name in names:
        key = key_of(name, name, delegate=name, cpus=name, binary=name, variant="v", metric=name)
        grounds = [
            replace(GROUND, fingerprint=name if n > 4 else "f", governor=name if n > 6 else None) for n in range(9)
        ]
        series.append(
            series_of(
                key,
                [
                    night(n, run_id=f"{name}{n}", run_path=name, labels=((name, f"{name}{n}"),), ground=grounds[n])
                    for n in range(9)
                ],
            )
        )
        changes.append(
            change_of(
                key,
                5,
                explained_by=(name,),
                notes=(name,),
                first_bad=f"{name}5",
                last_good=f"{name}4",
                id=f"c{len(changes)}",
            )
        )
    page = open_report(write_history_report(series, changes, tmp_path / "report.html", title=names[0], now=NOW))
    expect(page.locator("h1")).to_have_text(names[0])
    for row in range(len(names)):
        page.locator("#table-series a").nth(row).click()
        expect(page.locator("#night-chart circle.night")).to_have_count(9)
        page.locator("#nights-details summary").press("Enter")
        expect(page.locator("#table-nights tbody tr")).to_have_count(9)
        page.keyboard.press("Escape")
    for choice in ("device", "model", "delegate", "metric"):
        page.locator(f"#choose-{choice}").select_option(index=2)
        expect(page.locator("#table-series tbody tr")).to_have_count(1)
        page.locator(f"#choose-{choice}").select_option(index=0)
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1400
