"""Android's commands on a virtual device: `getprop`, `dumpsys`, `cmd`, `settings`, `svc` and the like, answered from its state.

They cover what the harness and a curious user need. A missing command says so in one line and fails, as `am` and `pm` do: no command
pretends to have done something.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.virtual.android.bus import CommandAnswer
from harness.virtual.android.dumpsys import battery, dumpsys, services
from harness.virtual.android.state import DeviceState

_STAY_ON = {"true": 15, "false": 0, "ac": 1, "usb": 2, "wireless": 4, "dock": 8}
_KEY_POWER, _KEY_SLEEP, _KEY_WAKEUP = {"26", "KEYCODE_POWER"}, {"223", "KEYCODE_SLEEP"}, {"224", "KEYCODE_WAKEUP"}
_SHELL_PROPERTIES = ("debug.", "log.", "persist.log.", "persist.debug.")
_TASK_PROFILES = frozenset(  # task_profiles.json of Android 12 and later
    """
    HighEnergySaving NormalPerformance HighPerformance MaxPerformance RealtimePerformance CameraServicePerformance
    ProcessCapacityLow ProcessCapacityNormal ProcessCapacityHigh ProcessCapacityMax MaxIoPriority HighIoPriority LowIoPriority
    SCHED_SP_BACKGROUND SCHED_SP_FOREGROUND SCHED_SP_TOP_APP SCHED_SP_DEFAULT
    """.split()  # noqa: SIM905  # a list literal of words is no easier to read
)


class Commands:
    """Answers the commands of one device.

    Args:
        state: gives the state as it is now (a reboot makes a new one).
        loads: percent of a core, PID and name of each process, busiest first.
        process_exists: says whether a PID of the device is alive.
        reboot: begins a reboot, and returns at once.
    """

    def __init__(
        self,
        state: Callable[[], DeviceState],
        *,
        loads: Callable[[], list[tuple[float, int, str]]],
        process_exists: Callable[[int], bool],
        reboot: Callable[[], None] = lambda: None,
    ) -> None:
        self._state, self._loads, self._process_exists, self._reboot = state, loads, process_exists, reboot

    def answer(self, words: list[str]) -> CommandAnswer:
        """Answer a command line; `words[0]` is the command."""
        name, rest = words[0], words[1:]
        state = self._state()
        match name:
            case "getprop":
                return _getprop(state, rest)
            case "setprop":
                return _setprop(state, rest)
            case "dumpsys":
                return dumpsys(state, rest, loads=self._loads)
            case "cmd":
                return _cmd(state, rest)
            case "settings":
                return _settings(state, rest)
            case "reboot" if len(rest) < 2:
                self._reboot()
                return CommandAnswer()
            case "svc" if rest[:2] == ["power", "reboot"]:
                self._reboot()
                return CommandAnswer()
            case "svc":
                return _svc(state, rest)
            case "input":
                return _input(state, rest)
            case "wm":
                return _wm(state, rest)
            case "settaskprofile":
                return self._settaskprofile(rest)
            case "logcat":
                return state.log.answer(rest)
            case "service":
                return _service(state, rest)
            case "am" | "pm" | "start" | "stop":
                return CommandAnswer(err=f"{name}: this is a virtual device, it runs no Android framework\n", code=1)
        return CommandAnswer(err=f"{name}: not found\n", code=127)

    def _settaskprofile(self, words: list[str]) -> CommandAnswer:
        if len(words) < 2 or not words[0].isdigit():
            return CommandAnswer(err="Usage: settaskprofile <tid> <profile1> [<profile2> ...]\n", code=1)
        if not self._process_exists(int(words[0])):
            return CommandAnswer(err=f"Failed to apply task profiles to {words[0]}: No such process\n", code=1)
        unknown = [word for word in words[1:] if word not in _TASK_PROFILES]
        if unknown:
            return CommandAnswer(err=f"Failed to apply task profiles: {', '.join(unknown)}\n", code=1)
        return CommandAnswer()


def _getprop(state: DeviceState, words: list[str]) -> CommandAnswer:
    if not words:
        return CommandAnswer(out="".join(f"[{key}]: [{value}]\n" for key, value in sorted(state.properties.items())))
    default = words[1] if len(words) > 1 else ""
    return CommandAnswer(out=f"{state.properties.get(words[0], default)}\n")


def _setprop(state: DeviceState, words: list[str]) -> CommandAnswer:
    if len(words) != 2:
        return CommandAnswer(err='setprop: Needs 2 arguments (see "setprop --help")\n', code=1)
    key, value = words
    # Read-only ones are written once; others have at most 91 bytes (PROP_VALUE_MAX).
    impossible = key in state.properties if key.startswith("ro.") else len(value.encode()) > 91
    # Properties that the shell user may set without root (property_contexts: debug_prop, log_prop and their persistent kin).
    forbidden = not state.virtual.root and not key.startswith(_SHELL_PROPERTIES)
    if impossible or forbidden:
        return CommandAnswer(err=f"Failed to set property '{key}' to '{value}'.\nSee dmesg for error reason.\n", code=1)
    state.properties[key] = value
    return CommandAnswer()


def _cmd(state: DeviceState, words: list[str]) -> CommandAnswer:
    if not words:
        return CommandAnswer(err="cmd: No service specified; use -l to list all running services.\n", code=20)
    if words == ["-l"]:
        return CommandAnswer(out="Currently running services:\n" + "".join(f"  {name}\n" for name in services(state)))
    api = state.virtual.api_level
    match words[0], words[1:]:
        case "battery", rest if rest:
            return battery(state, rest)
        case "power", ["set-fixed-performance-mode-enabled", ("true" | "false") as word] if api >= 30:
            if not state.virtual.fixed_performance:
                # PowerManagerShellCommand's words if the power HAL lacks FIXED_PERFORMANCE.
                return CommandAnswer(
                    out="Failed to set FIXED_PERFORMANCE mode\nThis is likely because it is not supported on this device\n"
                )
            state.physics.fixed_performance = word == "true"
            return CommandAnswer()
        case "connectivity", ["airplane-mode"] if api >= 30:
            return CommandAnswer(out="enabled\n" if state.airplane_mode else "disabled\n")
        case "connectivity", ["airplane-mode", ("enable" | "disable") as word] if api >= 30:
            state.airplane_mode = word == "enable"
            state.settings["global"]["airplane_mode_on"] = str(int(state.airplane_mode))
            return CommandAnswer()
        case "thermalservice", ["override-status", level] if state.virtual.thermalservice:
            if level not in set("0123456"):
                return CommandAnswer(err=f"Error: invalid thermal status {level}\n", code=255)
            state.thermal_status_override = int(level)
            return CommandAnswer()
        case "thermalservice", ["reset"] if state.virtual.thermalservice:
            state.thermal_status_override = None
            return CommandAnswer()
        case "settings", rest:
            return _settings(state, rest)
        case (("power" | "connectivity" | "package" | "activity"), rest):
            if api < 30:
                return CommandAnswer(err="No shell command implementation.\n", code=255)
            return CommandAnswer(err=f"Unknown command: {' '.join(rest)}\n", code=255)
        case "thermalservice", rest if state.virtual.thermalservice:
            return CommandAnswer(err=f"Unknown command: {' '.join(rest)}\n", code=255)
    return CommandAnswer(err=f"cmd: Can't find service: {words[0]}\n", code=20)


def _settings(state: DeviceState, words: list[str]) -> CommandAnswer:
    match words:
        case ["get", ("global" | "secure" | "system") as table, key]:
            return CommandAnswer(out=state.settings[table].get(key, "null") + "\n")
        case ["put", ("global" | "secure" | "system") as table, key, value]:
            state.settings[table][key] = value
            return CommandAnswer()
        case ["delete", ("global" | "secure" | "system") as table, key]:
            gone = state.settings[table].pop(key, None)
            return CommandAnswer(out=f"Deleted {int(gone is not None)} rows\n")
        case ["list", ("global" | "secure" | "system") as table]:
            return CommandAnswer(
                out="".join(f"{key}={value}\n" for key, value in sorted(state.settings[table].items()))
            )
    return CommandAnswer(
        err="Invalid command: settings get|put|delete|list global|secure|system [KEY] [VALUE]\n", code=255
    )


def _svc(state: DeviceState, words: list[str]) -> CommandAnswer:
    match words:
        case ["power", "stayon", word] if word in _STAY_ON:
            state.settings["global"]["stay_on_while_plugged_in"] = str(_STAY_ON[word])
            state.awake = state.awake or state.stay_on > 0
            return CommandAnswer()
        case [("wifi" | "data" | "bluetooth"), ("enable" | "disable")]:
            return CommandAnswer()
    return CommandAnswer(
        err="Available commands: svc power stayon [true|false|usb|ac|wireless|dock], svc power reboot [REASON],"
        " svc wifi|data enable|disable\n",
        code=1,
    )


def _input(state: DeviceState, words: list[str]) -> CommandAnswer:
    keys = [word for word in words if word not in {"keyboard", "--longpress"}]
    if len(keys) < 2 or keys[0] != "keyevent":
        return CommandAnswer(err="Error: a virtual device understands `input keyevent KEY` only\n", code=255)
    for key in keys[1:]:
        if key in _KEY_POWER:
            state.awake = not state.awake
        elif key in _KEY_SLEEP:
            state.awake = False
        elif key in _KEY_WAKEUP:
            state.awake = True
    return CommandAnswer()


def _wm(state: DeviceState, words: list[str]) -> CommandAnswer:
    match words:
        case ["size"]:
            return CommandAnswer(out=f"Physical size: {state.virtual.screen}\n")
        case ["density"]:
            return CommandAnswer(out=f"Physical density: {state.virtual.density}\n")
    return CommandAnswer(err="wm: a virtual device understands `wm size` and `wm density` only\n", code=255)


def _service(state: DeviceState, words: list[str]) -> CommandAnswer:
    names = services(state)
    match words:
        case ["list"]:
            rows = "".join(f"{number}\t{name}: []\n" for number, name in enumerate(names))
            return CommandAnswer(out=f"Found {len(names)} services:\n{rows}")
        case ["check", name]:
            return CommandAnswer(out=f"Service {name}: {'found' if name in names else 'not found'}\n")
    return CommandAnswer(
        err="service: a virtual device understands `service list` and `service check NAME` only\n", code=1
    )
