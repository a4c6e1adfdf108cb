from __future__ import annotations

import ast
import itertools
import xml.etree.ElementTree as ElementTree
from collections import Counter

import grimp

from tools import draw_rooms
from tools.rooms_layout import plan
from tools.rooms_svg import picture

SVG = "{http://www.w3.org/2000/svg}"
LAYERS = """
[tool.importlinter]
root_package = "house"
[[tool.importlinter.contracts]]
name = "no stairs up"
type = "layers"
layers = ["roof", "right | left", "ground"]
"""


def house(*imports: tuple[str, str]) -> grimp.ImportGraph:
    graph = grimp.ImportGraph()
    for module in ("house", "house.roof", "house.left", "house.left.a", "house.left.b", "house.right", "house.ground"):
        graph.add_module(module)
    for importer, imported in imports:
        graph.add_import(importer=importer, imported=imported)
    return graph


def test_the_picture_in_the_documentation_is_what_the_imports_say() -> None:
    drawn = (draw_rooms.ROOT / "docs" / "rooms.svg").read_text(encoding="utf-8")
    assert drawn == draw_rooms.draw(), "the imports or the layers have changed: run `make rooms`"


def test_a_file_name_says_where_you_are() -> None:
    files = sorted((draw_rooms.ROOT / "harness").rglob("*.py"))
    counted = Counter(file.name for file in files)
    assert [name for name, count in counted.items() if count > 1] == ["__init__.py", "__main__.py"]
    loose = [file.name for file in files if file.parent.name == "harness"]
    assert sorted(loose) == ["__init__.py", "__main__.py", "errors.py"]


def test_a_class_name_stands_for_one_thing() -> None:
    """Of classes that other modules see; a name that begins with _ is its module's own."""
    named = Counter(
        node.name
        for file in (draw_rooms.ROOT / "harness").rglob("*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in named.items() if count > 1] == []


def test_no_file_is_too_long_to_hold_in_the_head() -> None:
    for folder in ("harness", "tests", "benchmarks", "tools"):
        for file in (draw_rooms.ROOT / folder).rglob("*.py"):
            assert len(file.read_text(encoding="utf-8").splitlines()) <= 400, file


def test_floors_are_the_layers_from_the_top() -> None:
    assert draw_rooms.read_floors(LAYERS) == (("roof",), ("left", "right"), ("ground",))


def test_imports_are_counted_by_room_and_those_inside_a_room_are_not() -> None:
    graph = house(
        ("house", "house.left"),  # the package's own __init__ is no room
        ("house.left.a", "house.left.b"),
        ("house.left.a", "house.ground"),
        ("house.left.b", "house.ground"),
        ("house.roof", "house.left.b"),
    )
    rooms = draw_rooms.count_imports(graph, draw_rooms.read_floors(LAYERS), "house")
    assert rooms.imports == {("left", "ground"): 2, ("roof", "left"): 1}
    assert rooms.modules == {"roof": 1, "left": 3, "right": 1, "ground": 1}


def test_a_room_that_half_of_the_others_import_is_ground_and_one_that_imports_from_half_is_roof() -> None:
    floors = (("a",), ("b", "c"), ("d",), ("e",))
    imports = {("a", "b"): 1, ("a", "c"): 1, ("b", "d"): 9, ("b", "e"): 1, ("c", "e"): 1, ("d", "e"): 1}
    rooms = draw_rooms.Rooms(floors, dict.fromkeys("abcde", 1), imports)
    assert rooms.roofs() == {"a", "b"}
    assert rooms.grounds() == {"e"}, "nine imports by one room are one room"


def test_arrows_do_not_cross_where_they_need_not_and_rooms_do_not_overlap() -> None:
    floors = (("a", "b"), ("c", "d"), ("e",))
    layout = plan(floors, [("a", "d"), ("b", "c"), ("a", "e")], width=400, room=100, passing=20)
    assert (layout.x["a", 0] < layout.x["b", 0]) == (layout.x["d", 1] < layout.x["c", 1])
    assert layout.routes["a", "e"] == (("a", 0), ("e", 1), ("e", 2))
    second = sorted([(layout.x["c", 1], 50.0), (layout.x["d", 1], 50.0), (layout.x["e", 1], 10.0)])
    for (left, half), (right, other) in itertools.pairwise(second):
        assert right - left >= half + other - 0.2
    assert second[0][0] - second[0][1] >= 0
    assert second[-1][0] + second[-1][1] <= 400


def test_a_floor_that_does_not_fit_makes_the_picture_wider() -> None:
    layout = plan([tuple("abcdef")], [], width=400, room=100, passing=20)
    assert layout.width == 600
    assert sorted(layout.x.values()) == [50, 150, 250, 350, 450, 550]


def test_the_drawing_says_each_number_and_can_be_read_aloud() -> None:
    imports = {("a", "b"): 3, ("a", "c"): 12, ("b", "c"): 7}
    drawing = picture([("a",), ("b",), ("c",)], {"a": 1, "b": 2, "c": 3}, imports, roofs=(), grounds=("c",))
    root = ElementTree.fromstring(drawing)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "title desc"
    assert "a imports from c: 12" in (root.findtext(f"{SVG}desc") or "")
    arrows = [path.findtext(f"{SVG}title") for path in root.iter(f"{SVG}path") if "arrow" in path.get("class", "")]
    assert arrows == ["a imports from b: 3"]
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert "imported by a 12, b 7" in texts
    assert [text for text in texts if text.isdigit()] == ["3"]
