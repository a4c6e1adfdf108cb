"""Governors and clocks of the cores, which only root may change (`/sys/devices/system/cpu/cpufreq/policyN`)."""

from __future__ import annotations

from collections.abc import Sequence

from harness.conditions.journal import Setting, as_root

_FOLDER = "/sys/devices/system/cpu/cpufreq"


def governor(policy: int, root: str) -> Setting:
    """Return the governor setting of a policy; for `root` see `as_root`."""
    path = f"{_FOLDER}/policy{policy}/scaling_governor"
    return Setting(
        key=f"governor:policy{policy}",
        read=f"cat {path}",
        write=lambda value: as_root(root, f"echo {value} > {path}"),
    )


def frequency(policy: int, root: str) -> Setting:
    """Return the setting of a policy's clock limits in kHz, `LOWEST HIGHEST`; equal limits fix the clock."""
    folder = f"{_FOLDER}/policy{policy}"

    def write(value: str) -> str:
        low, _, high = value.partition(" ")
        # The kernel refuses a lowest above the highest. Writing the lowest first and last works in either direction.
        lowest = f"echo {low} > {folder}/scaling_min_freq"
        return as_root(root, f"{lowest}; echo {high} > {folder}/scaling_max_freq; {lowest}")

    return Setting(
        key=f"frequency:policy{policy}",
        read=f"cat {folder}/scaling_min_freq {folder}/scaling_max_freq",
        write=write,
    )


def written_files(policies: Sequence[int]) -> dict[str, list[str]]:
    """Return the files that each condition writes."""
    return {
        "governor": [f"{_FOLDER}/policy{p}/scaling_governor" for p in policies],
        "frequency": [f"{_FOLDER}/policy{p}/scaling_{end}_freq" for p in policies for end in ("min", "max")],
    }


def available_script(policies: Sequence[int]) -> str:
    """Return shell text that prints the clocks of each policy for `read_available`."""
    return "\n".join(
        f'echo "=clocks {p} $(cat {_FOLDER}/policy{p}/scaling_available_frequencies 2>/dev/null)"\n'
        f'echo "=bounds {p} $(cat {_FOLDER}/policy{p}/cpuinfo_min_freq {_FOLDER}/policy{p}/cpuinfo_max_freq 2>/dev/null)"'
        for p in policies
    )


def read_available(text: str) -> dict[int, tuple[int, ...]]:
    """Return the clocks in kHz by policy, ascending. A policy that does not list them offers its bounds."""
    found: dict[int, set[int]] = {}
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        number, *clocks = rest.split() or [""]
        if kind in ("=clocks", "=bounds") and number.isdigit():
            found.setdefault(int(number), set()).update(int(c) for c in clocks if c.isdigit() and len(c) < 10)
    return {policy: tuple(sorted(clocks)) for policy, clocks in found.items() if clocks}


def choose_clock(asked: int | str, available_khz: Sequence[int]) -> int:
    """Return the clock to fix: `max`, `min`, or the highest up to the kHz or the share (`70%`) asked for.

    Raises:
        ValueError: every clock is higher.
    """
    if asked == "max":
        return available_khz[-1]
    if asked == "min":
        return available_khz[0]
    limit = available_khz[-1] * int(asked[:-1]) / 100 if isinstance(asked, str) else asked
    below = [khz for khz in available_khz if khz <= limit]
    if not below:
        raise ValueError(f"the lowest clock is {available_khz[0]} kHz")
    return below[-1]
