from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.binaries.build_events import Advance, BuildEvents, local_path, read_progress

LABEL = "//a:b"


def fed(*events: dict[str, Any]) -> BuildEvents:
    found = BuildEvents()
    for event in events:
        found.feed(json.dumps(event).encode())
    return found


def completed(label: str = LABEL, **what: Any) -> dict[str, Any]:
    return {"id": {"targetCompleted": {"label": label}}, "completed": what}


def test_outputs_are_found_through_sets_of_sets() -> None:
    events = fed(
        {"id": {"namedSet": {"id": "0"}}, "namedSetOfFiles": {"files": [{"name": "b", "uri": "file:///o/a%20x/b"}]}},
        {"id": {"namedSet": {"id": "1"}}, "namedSetOfFiles": {"fileSets": [{"id": "0"}, {"id": "1"}]}},
        completed(success=True, outputGroup=[{"name": "default", "fileSets": [{"id": "1"}]}, {"name": "other"}]),
    )
    assert events.outputs(LABEL) == (Path("/o/a x/b"),)


def test_older_and_newer_ways_to_name_outputs_and_labels() -> None:
    older = completed(success=True, importantOutput=[{"name": "b", "uri": "file:///o/b"}])
    assert fed(older).outputs(LABEL) == (Path("/o/b"),)
    newer = completed("@@" + LABEL, success=True, importantOutput=[{"name": "b", "uri": "file:///o/b"}])
    assert fed(newer).outputs(LABEL) == (Path("/o/b"),)


def test_a_target_that_failed_or_lies_elsewhere_has_none_here() -> None:
    assert fed(completed()).outputs(LABEL) is None
    assert fed().outputs(LABEL) is None
    remote = completed(success=True, importantOutput=[{"name": "b", "uri": "bytestream://cache/blobs/1"}])
    assert fed(remote).outputs(LABEL) == ()


def test_the_failing_action_is_the_first_that_failed() -> None:
    events = fed(
        {"id": {"actionCompleted": {"label": LABEL}}, "action": {"success": True, "type": "Genrule"}},
        {
            "id": {"actionCompleted": {"label": LABEL}},
            "action": {"type": "CppCompile", "exitCode": 1, "stderr": {"uri": "file:///o/stderr-3"}},
        },
        {"id": {"buildFinished": {}}, "finished": {"exitCode": {"name": "BUILD_FAILURE", "code": 1}}},
        {"id": {"buildToolLogs": {}}, "lastMessage": True},
    )
    (action,) = events.failed_actions
    assert (action.kind, action.label, action.exit_code) == ("CppCompile", LABEL, 1)
    assert action.stderr_path == Path("/o/stderr-3")
    assert (events.exit_name, events.finished) == ("BUILD_FAILURE", True)


def test_what_was_given_up_says_why_once() -> None:
    event = {
        "id": {"pattern": {"pattern": ["//x"]}},
        "aborted": {"reason": "LOADING_FAILURE", "description": "no such package"},
    }
    assert fed(event, event).problems == ["no such package"]


def test_progress_is_bazels_own() -> None:
    assert read_progress("[12 / 3,456] Compiling x.cc; 3s local") == Advance(
        done=12, total=3456, doing="Compiling x.cc; 3s local"
    )
    assert read_progress("Analyzing: target //a:b (3 packages loaded)") == Advance(
        done=None, total=None, doing="Analyzing: target //a:b (3 packages loaded)"
    )
    assert read_progress("INFO: Found 1 target...") is None
    stderr = "\r\x1b[1A\x1b[K\x1b[32m[3 / 7]\x1b[0m Linking b\nINFO: done\n"
    event = {"id": {"progress": {"opaqueCount": 1}}, "progress": {"stderr": stderr}}
    assert fed(event).advance == Advance(done=3, total=7, doing="Linking b")


def test_half_a_line_and_strangers_events_are_passed_over() -> None:
    events = BuildEvents()
    for line in (b'{"id": {"bui', b"[]", b"null", b'{"id": 3}', b'{"id": {"unheardOf": {}}}', b""):
        events.feed(line)
    assert events.exit_name is None


def test_the_version_where_it_has_one() -> None:
    for said, version in (("7.4.1", "7.4.1"), ("no_version", None), ("", None)):
        assert fed({"id": {"started": {}}, "started": {"buildToolVersion": said}}).version == version


def test_addresses() -> None:
    assert local_path("file:///a/b%20c") == Path("/a/b c")
    assert local_path("bytestream://x/y") is None
    assert local_path("") is None
