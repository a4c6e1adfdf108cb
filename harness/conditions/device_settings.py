"""Sets, reads back and restores one device's settings, also after a killed session. See `conditions.journal`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.conditions.cpufreq import available_script, read_available
from harness.conditions.journal import (
    Setting,
    SettingChange,
    apply_script,
    read_journal,
    read_script,
    read_values,
    restore_script,
)
from harness.conditions.request import ConditionsRequest
from harness.conditions.support import read_support, support_script
from harness.conditions.wanted import Abilities, setting_of, wanted_settings
from harness.devices.device_folder import BASE_DIR, JOURNAL
from harness.devices.inventory import Inventory
from harness.devices.target import CommandOutput, Target
from harness.errors import CommandFailed

_TIMEOUT_S = 60.0
_HAS_PROFILES = "=has task profiles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The outcome of a request.

    Args:
        asked: the wanted value of each setting.
        held: those that read back as wanted.
        refused: the reason for each condition that the device does not have.
        read_back: shell text that reads all of `held`.
        knows_task_profiles: whether the device has the command for task profiles; False if the request has none.
    """

    asked: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    read_back: str = ""
    knows_task_profiles: bool = False


def probe_support(target: Target, inventory: Inventory) -> dict[str, str | None]:
    """Map each condition to None if the device supports it, else to the reason. Leaves the device as it was.

    Raises:
        DeviceError: the device failed.
    """
    api_level, root = inventory.info.api_level, inventory.become_root
    script = support_script(BASE_DIR, api_level=api_level, root=root, policies=tuple(inventory.policies))
    text = _text(target.run(script, timeout_s=_TIMEOUT_S))
    return read_support(text, api_level=api_level, root=root, temperature=inventory.zone is not None)


class DeviceSettings:
    """The settings of one device while this process holds its lease."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target, self._inventory = target, inventory
        self._changed = False
        config = inventory.config
        self._able = Abilities(
            serial=target.serial,
            virtual=inventory.info.virtual,
            api_level=inventory.info.api_level,
            root=inventory.become_root,
            topology=inventory.topology,
            cpu_sets=config.cpu_sets if config else {},
            policies=inventory.policies,
            folder=BASE_DIR,
        )

    def mend(self, journal: str) -> list[str]:
        """Restore the changes in the device's journal; return lines for the user. Sends nothing if it is empty.

        Args:
            journal: its text, as `harness.devices.lease.open_folder` returns it.

        Raises:
            DeviceError: the device failed.
        """
        lines = self._restore(journal)
        return ["gave back what an earlier session left changed", *lines] if lines is not None else []

    def restore(self) -> list[str]:
        """Restore what `apply` changed, if anything; return lines for the user about failures.

        Raises:
            DeviceError: the device failed; call this again when it is back.
        """
        if not self._changed:
            return []
        lines = self._restore(self._run(f"cat {BASE_DIR}/{JOURNAL} 2>/dev/null; true")) or []
        self._changed = False
        return lines

    def apply(self, request: ConditionsRequest) -> Applied:
        """Apply a request: read the settings, then journal, set and read back. Sends nothing if nothing is asked for.

        Raises:
            DeviceError: the device failed, or the journal cannot be written.
        """
        seen = self._look(request)
        wanted = wanted_settings(request, self._able, read_available(seen))
        refused = dict(wanted.impossible)
        profiles = _HAS_PROFILES in seen
        if not wanted.values:
            return Applied(refused=refused, knows_task_profiles=profiles)
        settings = [setting for setting, _ in wanted.values.values()]
        old = now = read_values(seen)
        changes = []
        for key, (setting, value) in wanted.values.items():
            if key not in old:
                refused[setting.condition] = "the device has no such thing"
            elif old[key] != value:
                changes.append(SettingChange(setting=setting, wanted=value, old=old[key]))
        if changes:
            self._changed = True
            script = apply_script(BASE_DIR, changes) + read_script(settings)
            output = self._target.run(script, timeout_s=_TIMEOUT_S)
            if output.exit_code != 0:
                raise CommandFailed(
                    "write the journal", exit_code=output.exit_code, output=_text(output), serial=self._target.serial
                )
            now = read_values(_text(output))
        held = {key: value for key, (_, value) in wanted.values.items() if now.get(key) == value}
        for key, (setting, value) in wanted.values.items():
            if key in old and key not in held:
                refused[setting.condition] = f"{key} was set to {value} and reads {now.get(key, 'nothing')}"
        return Applied(
            asked={key: value for key, (_, value) in wanted.values.items()},
            held=held,
            refused=refused,
            read_back=read_script([setting for setting in settings if setting.key in held]),
            knows_task_profiles=profiles,
        )

    def _look(self, request: ConditionsRequest) -> str:
        """Read all that a request needs to know, in one round trip; return an empty text if it needs nothing."""
        # Which settings, whatever their values: a clock of 0 satisfies every request.
        planned = wanted_settings(request, self._able, dict.fromkeys(self._able.policies, (0,)))
        parts = [read_script([setting for setting, _ in planned.values.values()])]
        if request.frequency:
            parts.append(available_script(list(self._able.policies)))
        if request.task_profile is not None:
            parts.append(f"command -v settaskprofile >/dev/null && echo {_HAS_PROFILES}")
        script = "\n".join(part for part in parts if part)
        return self._run(f"{script}\ntrue") if script else ""

    def _restore(self, text: str) -> list[str] | None:
        journal = read_journal(text)
        if not journal:
            return None
        settings: dict[str, Setting] = {}
        lines = []
        for key in journal:
            setting = setting_of(key, self._able)
            if setting is None:
                lines.append(f"{key} was {journal[key]} and cannot be given back by this session")
            else:
                settings[key] = setting
        known = {key: value for key, value in journal.items() if key in settings}
        answer = self._run(restore_script(BASE_DIR, settings, known, forget=not lines))
        left = answer.partition("left ")[2].split()
        return [*lines, *(f"{key} would not go back to {journal.get(key)}" for key in left)]

    def _run(self, command: str) -> str:
        return _text(self._target.run(command, timeout_s=_TIMEOUT_S))


def _text(output: CommandOutput) -> str:
    return output.stdout.decode(errors="replace")
