"""The configs of real phones that the project ships: each loads, is complete, is matched by its phone alone, and says where it is from."""

from __future__ import annotations

import re
import typing
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from harness.devices.cpu_list import format_list, from_mask
from harness.devices.device_config import DeviceConfig, Fact, Quirk, load_device_configs, match_config
from harness.devices.topology import Topology, build_topology, named_sets
from harness.errors import SuiteError
from harness.files.shipped_data import data_dir

CONFIGS = load_device_configs()
REAL = {name: config for name, config in CONFIGS.items() if config.virtual is None}

# What getprop would print on one phone for each config, after the config's sources (not captured from phones): what matching looks at.
GETPROP = {
    "asus-zenfone-6": """
        [ro.board.platform]: [msmnile]
        [ro.product.device]: [ASUS_I01WD]
        [ro.product.manufacturer]: [asus]
        [ro.product.model]: [ASUS_I01WD]""",
    "google-pixel": """
        [ro.board.platform]: [msm8996]
        [ro.product.device]: [marlin]
        [ro.product.manufacturer]: [Google]
        [ro.product.model]: [Pixel XL]""",
    "google-pixel-4a": """
        [ro.board.platform]: [sm6150]
        [ro.product.device]: [sunfish]
        [ro.product.manufacturer]: [Google]
        [ro.product.model]: [Pixel 4a]""",
    "google-pixel-5": """
        [ro.board.platform]: [lito]
        [ro.product.device]: [redfin]
        [ro.product.manufacturer]: [Google]
        [ro.product.model]: [Pixel 5]""",
    "google-pixel-6": """
        [ro.board.platform]: [gs101]
        [ro.product.device]: [oriole]
        [ro.product.manufacturer]: [Google]
        [ro.product.model]: [Pixel 6]
        [ro.soc.model]: [Tensor]""",
    "google-pixel-7": """
        [ro.board.platform]: [gs201]
        [ro.product.device]: [cheetah]
        [ro.product.manufacturer]: [Google]
        [ro.product.model]: [Pixel 7 Pro]""",
    "google-pixel-8-pro": """
        [ro.board.platform]: [zuma]
        [ro.product.device]: [husky]
        [ro.product.manufacturer]: [Google]
        [ro.product.model]: [Pixel 8 Pro]""",
    "google-pixel-9-pro": """
        [ro.board.platform]: [zumapro]
        [ro.product.device]: [caiman]
        [ro.product.manufacturer]: [Google]
        [ro.product.model]: [Pixel 9 Pro]""",
    "motorola-moto-g7-power": """
        [ro.board.platform]: [msm8953]
        [ro.product.device]: [ocean]
        [ro.product.manufacturer]: [motorola]
        [ro.product.model]: [moto g(7) power]""",
    "oneplus-6": """
        [ro.board.platform]: [sdm845]
        [ro.product.device]: [OnePlus6]
        [ro.product.manufacturer]: [OnePlus]
        [ro.product.model]: [ONEPLUS A6003]""",
    "oneplus-8-pro": """
        [ro.board.platform]: [kona]
        [ro.product.device]: [OnePlus8Pro]
        [ro.product.manufacturer]: [OnePlus]
        [ro.product.model]: [IN2023]""",
    "oneplus-11": """
        [ro.board.platform]: [kalama]
        [ro.product.device]: [salami]
        [ro.product.manufacturer]: [OnePlus]
        [ro.product.model]: [CPH2449]""",
    "oneplus-12": """
        [ro.board.platform]: [pineapple]
        [ro.product.device]: [waffle]
        [ro.product.manufacturer]: [OnePlus]
        [ro.product.model]: [CPH2581]""",
    "samsung-galaxy-m20": """
        [ro.board.platform]: [exynos5]
        [ro.product.device]: [m20lte]
        [ro.product.manufacturer]: [samsung]
        [ro.product.model]: [SM-M205FN]""",
    "samsung-galaxy-s10": """
        [ro.board.platform]: [exynos5]
        [ro.product.device]: [beyond1]
        [ro.product.manufacturer]: [samsung]
        [ro.product.model]: [SM-G973F]""",
    "xiaomi-mi-11": """
        [ro.board.platform]: [lahaina]
        [ro.product.device]: [venus]
        [ro.product.manufacturer]: [Xiaomi]
        [ro.product.model]: [M2011K2G]""",
    "xiaomi-poco-f3": """
        [ro.board.platform]: [kona]
        [ro.product.device]: [alioth]
        [ro.product.manufacturer]: [Xiaomi]
        [ro.product.model]: [M2012K11AG]""",
    "xiaomi-redmi-8": """
        [ro.board.platform]: [msm8937]
        [ro.product.device]: [olive]
        [ro.product.manufacturer]: [Xiaomi]
        [ro.product.model]: [Redmi 8]""",
    "xiaomi-redmi-note-4": """
        [ro.board.platform]: [msm8953]
        [ro.product.device]: [mido]
        [ro.product.manufacturer]: [Xiaomi]
        [ro.product.model]: [Redmi Note 4]""",
    "xiaomi-redmi-note-7": """
        [ro.board.platform]: [sdm660]
        [ro.product.device]: [lavender]
        [ro.product.manufacturer]: [Xiaomi]
        [ro.product.model]: [Redmi Note 7]""",
    "xiaomi-redmi-note-9t": """
        [ro.board.platform]: [mt6853]
        [ro.product.device]: [cannong]
        [ro.product.manufacturer]: [Xiaomi]
        [ro.product.model]: [M2007J22G]""",
}

# Phones that look like one of ours and are not: the Snapdragon S10, the MediaTek Redmi Note 4, a smaller sister, another maker.
STRANGERS: list[dict[str, str]] = [
    {"ro.product.manufacturer": "samsung", "ro.product.model": "SM-G973U", "ro.product.device": "beyond1q"},
    {"ro.product.manufacturer": "Xiaomi", "ro.product.model": "Redmi Note 4", "ro.product.device": "nikel"},
    {"ro.product.manufacturer": "Google", "ro.product.model": "Pixel 8", "ro.product.device": "shiba"},
    {"ro.product.manufacturer": "OnePlus", "ro.product.model": "IN2010", "ro.product.device": "OnePlus8"},
    {"ro.product.manufacturer": "Fairphone", "ro.product.model": "FP4", "ro.product.device": "FP4"},
    {},
]


def properties_of(name: str) -> dict[str, str]:
    return dict(re.findall(r"\[([^\]]*)\]: \[([^\]]*)\]", GETPROP[name]))


def topology_of(config: DeviceConfig) -> Topology:
    """What the harness would find on the phone if its kernel said only what the config says."""
    capacities: dict[int, int] = {}
    frequencies: dict[int, int] = {}
    for cluster in config.clusters:
        for cpu in cluster.cpus:
            frequencies[cpu] = cluster.max_frequency_khz
            if cluster.capacity is not None:
                capacities[cpu] = cluster.capacity
    cores = format_list(config.cpus)
    return build_topology(present=cores, online=cores, capacities=capacities, max_frequencies_khz=frequencies)


def test_there_are_enough_of_them_and_they_differ() -> None:
    shapes = {tuple(len(cluster.cpus) for cluster in config.clusters) for config in REAL.values()}
    assert len(REAL) >= 12
    assert {(4, 3, 1), (6, 2), (4, 4), (2, 3, 2, 1), (3, 4, 1), (4, 2, 2), (6, 1, 1), (4, 4, 1), (2, 2), (8,)} <= shapes
    assert len({name.split("-")[0] for name in REAL}) >= 6
    assert len({config.soc.split()[0] for config in REAL.values()}) >= 4


def test_each_lies_in_the_file_of_its_name() -> None:
    files = {path.stem for path in data_dir("device_configs").glob("*.yaml")}
    assert files == set(CONFIGS)


@pytest.mark.parametrize("name", REAL)
def test_clusters_hold_every_core_once(name: str) -> None:
    config = REAL[name]
    listed = [cpu for cluster in config.clusters for cpu in cluster.cpus]
    assert sorted(listed) == list(range(len(listed)))
    for cluster in config.clusters:
        assert list(cluster.cpus) == list(range(cluster.cpus[0], cluster.cpus[-1] + 1)), (
            "phones number a cluster without a gap"
        )
        assert 1_000_000 <= cluster.max_frequency_khz <= 5_000_000


@pytest.mark.parametrize("name", REAL)
def test_words_for_cores_mean_what_they_mean_without_a_config(name: str) -> None:
    config = REAL[name]
    found = {word: from_mask(mask) for word, mask in named_sets(topology_of(config)).items()}
    if "same_max_frequency" in config.quirks:
        assert found["big"] == config.cpus, (
            "clocks alone do not tell these clusters apart, which is what the quirk says"
        )
        return
    for word, cpus in config.cpu_sets.items():
        if word != "fast":
            assert cpus == found[word], word
    if len(config.clusters) > 1:
        # The name of a cluster is that word too, so that the file cannot contradict itself.
        for cluster in config.clusters:
            assert cluster.cpus == found[cluster.name], cluster.name
    if "fast" in config.cpu_sets:
        assert set(config.cpu_sets["fast"]) == set(config.cpus) - set(found["little"])


@pytest.mark.parametrize("name", REAL)
def test_quirks_agree_with_the_clusters(name: str) -> None:
    config = REAL[name]
    clocks = [cluster.max_frequency_khz for cluster in sorted(config.clusters, key=lambda cluster: cluster.cpus)]
    assert ("same_max_frequency" in config.quirks) == (len(set(clocks)) < len(clocks))
    assert ("big_cores_first" in config.quirks) == (len(clocks) > 1 and clocks[0] > clocks[-1])


@pytest.mark.parametrize("name", REAL)
def test_each_part_says_where_it_is_from(name: str) -> None:
    config = REAL[name]
    assert not isinstance(config.source, str)
    given = {
        "match": True,
        "soc": True,
        "clusters": True,
        "capacity": any(cluster.capacity is not None for cluster in config.clusters),
        "cpu_sets": bool(config.cpu_sets),
        "thermal": bool(config.thermal.zones),
        "thresholds": config.thermal.start_below_c is not None or config.thermal.too_hot_c is not None,
        "quirks": bool(config.quirks),
        "notes": bool(config.notes),
    }
    assert set(config.source) == {part for part, is_given in given.items() if is_given}
    # A repository at a commit, so that the fact can be looked up again.
    for part in ("match", "soc", "clusters"):
        assert re.search(r"\b[\w.-]+/[\w.-]+@[0-9a-f]{7}\b", config.source[part]), part


def test_every_config_has_an_example() -> None:
    assert set(GETPROP) == set(REAL)


@pytest.mark.parametrize("name", GETPROP)
def test_its_phone_is_matched_by_it_alone(name: str) -> None:
    properties = properties_of(name)
    assert match_config(CONFIGS, properties) == CONFIGS[name]
    others = {other: config for other, config in CONFIGS.items() if other != name}
    assert match_config(others, properties) is None


@pytest.mark.parametrize("properties", STRANGERS, ids=lambda properties: properties.get("ro.product.model", "nothing"))
def test_a_phone_that_is_not_ours_matches_nothing(properties: dict[str, str]) -> None:
    assert match_config(CONFIGS, properties) is None


def test_no_two_configs_claim_the_same_phone() -> None:
    claims = [
        (name, rule, pattern)
        for name, config in CONFIGS.items()
        for rule in ("model", "device")
        for pattern in getattr(config.match, rule) or ()
    ]
    assert {name for name, *_ in claims} == set(CONFIGS), "each has a rule for the model or the device"
    for name, rule, pattern in claims:
        for other, other_rule, word in claims:
            assert other == name or rule != other_rule or not fnmatchcase(word, pattern), (name, other, word)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_survives_the_way_to_another_process(name: str) -> None:
    assert DeviceConfig.model_validate_json(CONFIGS[name].model_dump_json()) == CONFIGS[name]


def test_a_list_in_a_rule_fits_with_any_of_its_words(tmp_path: Path) -> None:
    text = """
name: phone
match: {model: [A1, B*], manufacturer: M}
soc: S1
clusters: [{name: all, cpus: 0-3, max_frequency_khz: 2000000}]
source: {match: here, clusters: there}
"""
    path = tmp_path / "phone.yaml"
    path.write_text(text)
    configs = load_device_configs(tmp_path)
    for model, fits in (("A1", True), ("B7", True), ("A2", False), ("[A1", False)):
        found = match_config(configs, {"ro.product.model": model, "ro.product.manufacturer": "M"})
        assert (found is not None) == fits, model

    for old, new, words in (
        ("[A1, B*]", "2201", "a number goes in quotes"),
        ("[A1, B*]", "[]", "at least 1 item"),
        ("[A1, B*]", "[A1, 7]", "valid string"),
        ("match: here", "matches: here", "match"),
    ):
        path.write_text(text.replace(old, new))
        with pytest.raises(SuiteError, match=r"phone\.yaml") as caught:
            load_device_configs(tmp_path)
        assert words in str(caught.value)


def test_the_page_about_them_says_what_the_code_says(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "device_configs.md").read_text()
    example = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    (tmp_path / "example.yaml").write_text(example[1])
    shown, bundled = load_device_configs(tmp_path)["google-pixel-4a"], CONFIGS["google-pixel-4a"]
    assert (shown.match, shown.clusters, shown.cpu_sets) == (bundled.match, bundled.clusters, bundled.cpu_sets)
    quirks = page.split("a closed list.")[1].split("They are for")[0]
    assert set(re.findall(r"^  \| `(\w+)`", quirks, re.MULTILINE)) == set(typing.get_args(Quirk))
    facts = page.split("**`source`** (required)")[1].split(")")[0]
    assert set(re.findall(r"`(\w+)`", facts)) == set(typing.get_args(Fact))
