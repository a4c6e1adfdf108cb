from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.benchmark_model.failures import _SYSTEM_NEEDLES, system_messages
from harness.benchmark_model.foreign import process_ids, unknown_prefix, wrapped
from harness.benchmark_model.needles import present
from harness.benchmark_model.performance_options import _PROGRAM_NAME, _TITLES

CHATTER = "".join(f"[{number:5}] AXI_READ_BANDWIDTH  (MByte): {number * 7}.25\n" for number in range(300))


@given(st.text(alphabet="ab1\n模", max_size=40), st.lists(st.text(alphabet="ab模", min_size=1, max_size=3), max_size=4))
def test_what_occurs_is_present(text: str, needles: list[str]) -> None:
    found = present(text, needles)
    assert [needle for needle in needles if needle in text] == [needle for needle in found if needle in text]


def test_among_chatter_only_what_occurs_is_present() -> None:
    assert present(f"{CHATTER}Aborted\n{CHATTER}", ["Aborted", "Killed", "MByte"]) == ["Aborted", "MByte"]


def test_no_needle_holds_what_the_search_leaves_out() -> None:
    needles = (*_SYSTEM_NEEDLES, *wrapped._NEEDLES, *unknown_prefix._ANCHORS, *process_ids._TOOL_WORDS)
    for needle in (*needles, *_TITLES, _PROGRAM_NAME):
        assert not set(needle) & set("0123456789\n"), needle


def test_each_word_of_the_tool_marks_its_text_and_the_first_only_ends_a_line() -> None:
    for word in process_ids._TOOL_WORDS:
        assert process_ids._TOOL.search(f"x\n{word}\ny"), word
    assert process_ids._TOOL.search("STARTING! the engine") is None


def test_a_message_of_the_kernel_among_chatter_is_found() -> None:
    line = "[ 1234.5] lowmemorykiller: Killing 'benchmark_model' (99), adj 0"
    [found] = system_messages(f"{CHATTER}{line}\n{CHATTER}")
    assert found.line == line
