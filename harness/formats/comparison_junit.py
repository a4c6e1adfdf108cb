"""A comparison as JUnit XML, as Jenkins and GitLab read it: a suite per device, a case per cell.

`failure`: the cell breaks the gate. `error`: it could not be measured, and no gate is set. `skipped`: it could not run there, one side has
no such cell, or base gives the gate nothing to hold head against: then the gate does not fail the job, and neither does this file.
Structure after the schema of Jenkins' xUnit plugin (junit-10.xsd).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET  # writes only; nothing is parsed here

from harness.analysis.comparison import Comparison, Table
from harness.formats import comparison_words as words


def junit(table: Table, base: str, head: str) -> str:
    """The document, with its XML declaration."""
    suites: dict[str, list[Comparison]] = {}
    for one in table.comparisons:
        suites.setdefault(one.key.device, []).append(one)
    root = ET.Element("testsuites", {"name": _clean(f"harness compare {base} {head}")})
    totals = {"tests": 0, "failures": 0, "errors": 0}
    for device, cells in suites.items():
        suite = _suite(device, cells, table)
        root.append(suite)
        for name in totals:
            totals[name] += int(suite.get(name, "0"))
    for name, count in totals.items():
        root.set(name, str(count))
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(device: str, cells: list[Comparison], table: Table) -> ET.Element:
    suite = ET.Element("testsuite", {"name": _clean(device)})
    counts = {"failure": 0, "error": 0, "skipped": 0}
    for one in cells:
        case = ET.SubElement(
            suite, "testcase", {"name": _clean(words.cell_name(one)), "classname": _clean(one.key.model)}
        )
        outcome = _outcome(one, table)
        if outcome is not None:
            kind, cause, message = outcome
            counts[kind] += 1
            ET.SubElement(case, kind, {"type": cause, "message": _clean(message)})
        text = ET.SubElement(case, "system-out")
        text.text = _clean(_evidence(one))
    lacking = words.incomplete(table)
    lacking += [words.NO_CONTROL] if table.rules.gate is not None and table.control_missing else []
    if lacking:
        ET.SubElement(suite, "system-out").text = _clean("\n".join(lacking))
    suite.set("tests", str(len(cells)))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    suite.set("skipped", str(counts["skipped"]))
    return suite


def _outcome(one: Comparison, table: Table) -> tuple[str, str, str] | None:
    reason = words.breach_reason(one, table)
    if reason is not None:
        return "failure", "gate", reason
    if one.state == "measured":
        return None
    if one.state == "unmeasured" and table.rules.gate is None:
        return "error", "unmeasured", words.trouble(one)
    return "skipped", one.state, words.verdict(one)


def _evidence(one: Comparison) -> str:
    unit = one.metric.unit
    verdict = words.verdict(one) if words.has_ratio(one) else "not measured"
    lines = [
        f"{one.metric.words}: base {words.side(one.base, unit)}, head {words.side(one.head, unit)}",
        f"head/base {words.ratio_of(one)}: {verdict}",
        *(note.text for note in one.notes),
    ]
    return "\n".join(lines)


def _clean(text: str) -> str:
    """Without the characters that XML 1.0 has no way to write (section 2.2 of the recommendation)."""
    return "".join(
        c if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "�" for c in text
    )
