from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from harness.devices.device_config import (
    DeviceConfig,
    device_config_schema,
    load_device_configs,
    match_config,
    virtual_profiles,
)
from harness.errors import SuiteError
from harness.files.shipped_data import data_dir

MINIMAL = """
name: phone
match: {model: Phone*}
soc: S1
clusters: [{name: all, cpus: 0-3, max_frequency_khz: 2000000}]
source: test
"""


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def test_the_bundled_profiles_differ_and_say_that_they_are_fictional() -> None:
    configs = load_device_configs()
    profiles = virtual_profiles(configs)
    assert [profile.name for profile in profiles] == [
        "virtual-flagship",
        "virtual-midrange",
        "virtual-old",
        "virtual-fp16",
    ]
    assert [[len(c.cpus) for c in p.clusters] for p in profiles] == [[4, 3, 1], [6, 2], [2, 2], [6, 2]]
    for profile in profiles:
        assert profile.source == "fictional"
        assert "Fictional" in profile.notes
        assert profile.virtual is not None
        properties = {"ro.product.model": profile.virtual.model, "ro.product.manufacturer": "Harness"}
        assert match_config(configs, properties) == profile
    old = configs["virtual-old"].virtual
    assert old is not None
    assert (old.thermalservice, old.cpu_capacity) == (False, False)
    assert old.api_level <= 26


def test_a_folder_of_ones_own_adds_and_replaces(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", MINIMAL)
    write(tmp_path, "b.yml", MINIMAL.replace("name: phone", "name: virtual-old"))
    configs = load_device_configs(tmp_path)
    assert configs["phone"].clusters[0].cpus == (0, 1, 2, 3)
    assert configs["virtual-old"].virtual is None
    assert "virtual-old" not in [profile.name for profile in virtual_profiles(configs)]


def test_the_environment_names_a_folder_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.yaml", MINIMAL)
    assert "phone" not in load_device_configs()
    monkeypatch.setenv("HARNESS_DEVICE_CONFIGS", str(tmp_path))
    assert "phone" in load_device_configs()
    monkeypatch.setenv("HARNESS_DEVICE_CONFIGS", str(tmp_path / "none"))
    with pytest.raises(SuiteError, match="no such folder of device configs"):
        load_device_configs()


def test_two_files_of_one_name_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", MINIMAL)
    write(tmp_path, "b.yaml", MINIMAL)
    with pytest.raises(SuiteError, match=r"b.yaml: name: 'phone' is already the name of a.yaml"):
        load_device_configs(tmp_path)
    with pytest.raises(SuiteError, match="no such folder"):
        load_device_configs(tmp_path / "none")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("soc: S1", "socc: S1", "did you mean `soc`?"),
        ("{model: Phone*}", "{}", "give at least one of model"),
        ("cpus: 0-3", "cpus: 1-3", "each core once, from 0 without a gap"),
        ("cpus: 0-3", "cpus: 3-0", "not a list of cores"),
        ("cpus: 0-3", "cpus: 0-99", "should be less than 64"),
        ("cpus: 0-3", "cpus: [0, 0, 1]", "each core once"),
        ("cpus: 0-3", "cpus: []", "at least 1 item"),
        ("soc: S1", "soc: S1\ncpu_sets: {big: 4-7}", "names cores that no cluster has: 4-7"),
        ("source: test", "", "this key is required"),
        ("2000000", ".nan", "not nan"),
        ("name: phone", "name: Phone One", "must be lower-case letters, digits"),
    ],
)
def test_mistakes_in_a_config(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = write(tmp_path, "a.yaml", MINIMAL.replace(old, new))
    with pytest.raises(SuiteError, match=r"a\.yaml") as caught:
        load_device_configs(tmp_path)
    assert words in str(caught.value)
    assert caught.value.file == str(path)


def test_mistakes_in_a_virtual_part(tmp_path: Path) -> None:
    good = (data_dir("device_configs") / "virtual-old.yaml").read_text()
    for old, new, words in (
        ("1593600]", "1600000]", "highest clock of virtual.clusters.little"),
        ("governor: interactive", "governor: fast", "not one of virtual.governors"),
        ("cpu_capacity: false", "cpu_capacity: true", "needs a capacity"),
        ("    little:\n      frequencies", "    tiny:\n      frequencies", "exactly the clusters little, big"),
        ("[307200, 768000", "[768000, 307200", "must ascend"),
    ):
        assert old in good
        write(tmp_path, "a.yaml", good.replace(old, new))
        with pytest.raises(SuiteError) as caught:
            load_device_configs(tmp_path)
        assert words in str(caught.value)


def test_the_best_match_wins(tmp_path: Path) -> None:
    def config(name: str, rules: str) -> None:
        text = MINIMAL.replace("name: phone", f"name: {name}").replace("{model: Phone*}", rules)
        write(tmp_path, f"{name}.yaml", text)

    config("any-maker", "{manufacturer: M}")
    config("glob", "{manufacturer: M, model: Phone*}")
    config("exact", "{manufacturer: M, model: Phone 8}")
    config("by-soc", "{soc: 'SM8*'}")
    configs = load_device_configs(tmp_path)

    def matched(**properties: str) -> str | None:
        found = match_config(configs, {key.replace("_", "."): value for key, value in properties.items()})
        return found.name if found else None

    assert matched(ro_product_manufacturer="M", ro_product_model="Phone 8") == "exact"
    assert matched(ro_product_manufacturer="M", ro_product_model="Phone 9") == "glob"
    assert matched(ro_product_manufacturer="M", ro_product_model="Tablet") == "any-maker"
    assert matched(ro_soc_model="SM8550") == "by-soc"
    assert matched(ro_board_platform="SM8250") == "by-soc"
    assert matched(ro_product_manufacturer="m") is None
    assert matched() is None


def test_the_schema_accepts_the_bundled_configs_and_refuses_a_typo() -> None:
    schema = device_config_schema()
    for path in sorted(data_dir("device_configs").glob("*.yaml")):
        jsonschema.validate(yaml.safe_load(path.read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(MINIMAL.replace("soc:", "socc:")), schema)


def test_a_config_is_frozen() -> None:
    config = load_device_configs()["virtual-old"]
    assert isinstance(config, DeviceConfig)
    with pytest.raises(ValueError, match="frozen"):
        config.name = "other"
