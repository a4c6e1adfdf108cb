"""Writes JUnit XML for Jenkins and GitLab, after the schema of Jenkins' xUnit plugin (junit-10.xsd). The texts are strangers'."""

from __future__ import annotations

import xml.etree.ElementTree as ET  # writes only
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Why a case did not pass."""

    kind: Literal["failure", "error", "skipped"]
    type: str
    """One word, for programs."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test case; without an `outcome` it passed."""

    name: str
    classname: str
    outcome: Outcome | None
    out: str = ""
    """For `system-out`."""
    err: str = ""
    """For `system-err`; left out if empty."""
    seconds: float | None = None
    """Its duration."""


def junit_document(name: str, suites: Mapping[str, Sequence[Case]], *, suite_out: str = "") -> str:
    """Return the document with its XML declaration.

    Args:
        name: the document's name.
        suites: the cases by the names of their suites.
        suite_out: a text for each suite's `system-out`.
    """
    root = ET.Element("testsuites", {"name": _clean(name)})
    totals = {"tests": 0, "failures": 0, "errors": 0}
    for suite_name, cases in suites.items():
        suite = _suite(suite_name, cases, suite_out)
        root.append(suite)
        for total in totals:
            totals[total] += int(suite.get(total, "0"))
    for total, count in totals.items():
        root.set(total, str(count))
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(name: str, cases: Sequence[Case], suite_out: str) -> ET.Element:
    suite = ET.Element("testsuite", {"name": _clean(name)})
    for one in cases:
        case = ET.SubElement(suite, "testcase", {"name": _clean(one.name), "classname": _clean(one.classname)})
        if one.seconds is not None:
            case.set("time", f"{one.seconds:.3f}")
        if one.outcome is not None:
            ET.SubElement(case, one.outcome.kind, {"type": one.outcome.type, "message": _clean(one.outcome.message)})
        ET.SubElement(case, "system-out").text = _clean(one.out)
        if one.err:
            ET.SubElement(case, "system-err").text = _clean(one.err)
    if suite_out:
        ET.SubElement(suite, "system-out").text = _clean(suite_out)
    suite.set("tests", str(len(cases)))
    for kind, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(one.outcome is not None and one.outcome.kind == kind for one in cases)))
    return suite


def _clean(text: str) -> str:
    """Replace the characters that XML 1.0 cannot hold (section 2.2 of the recommendation)."""
    return "".join(
        c if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "\ufffd"
        for c in text
    )
