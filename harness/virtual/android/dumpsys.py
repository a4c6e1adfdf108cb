"""`dumpsys SERVICE` in Android's formats (frameworks/base: BatteryService, ThermalManagerService, PowerManagerService)."""

from __future__ import annotations

from collections.abc import Callable

from harness.virtual.android.bus import CommandAnswer
from harness.virtual.android.dropbox import dropbox
from harness.virtual.android.state import DeviceState
from harness.virtual.android.sysfs import battery_millivolts

_BATTERY_STATUS = {"charging": 2, "discharging": 3, "full": 5}
_PLUGS = {"ac": "AC", "usb": "USB", "wireless": "Wireless"}
_COOLING_CPU, _COOLING_MODEM = 2, 7  # CoolingType of the thermal HAL 2.0


def dumpsys(
    state: DeviceState, words: list[str], *, loads: Callable[[], list[tuple[float, int, str]]]
) -> CommandAnswer:
    """Answer `dumpsys`.

    Args:
        state: the device.
        words: the arguments.
        loads: percent of a core, PID and name of each process, busiest first (for `cpuinfo`).
    """
    if words == ["-l"]:
        return CommandAnswer(out="Currently running services:\n" + "".join(f"  {name}\n" for name in services(state)))
    if not words:
        return CommandAnswer(err="dumpsys: name a service; `dumpsys -l` lists those of this virtual device\n", code=1)
    service, rest = words[0], words[1:]
    if service not in services(state):
        return CommandAnswer(err=f"Can't find service: {service}\n")
    if service == "battery":
        return battery(state, rest)
    if service == "thermalservice":
        return CommandAnswer(out=thermalservice(state))
    if service == "dropbox":
        return dropbox(state.dropbox, rest)
    if service == "power":
        return CommandAnswer(out=power(state))
    return CommandAnswer(out=cpuinfo(loads()))


def services(state: DeviceState) -> list[str]:
    """Return the services that this virtual device has."""
    found = ["battery", "cpuinfo", "dropbox", "power"]
    return [*found, "thermalservice"] if state.virtual.thermalservice else found


def battery(state: DeviceState, words: list[str]) -> CommandAnswer:
    """Answer `dumpsys battery [set KEY VALUE | unplug | reset]`, which is also `cmd battery`."""
    if words and words[0] != "-a":
        return _battery_command(state, words)
    pretended, physics = state.battery, state.physics
    source = state.virtual.battery.plugged if physics.plugged else "none"
    plugs = {
        name: (name == source) if given is None else given
        for name, given in (("ac", pretended.ac), ("usb", pretended.usb), ("wireless", pretended.wireless))
    }
    level = physics.battery_level if pretended.level is None else pretended.level
    word = "discharging" if not any(plugs.values()) else "full" if level >= 100 else "charging"
    status = _BATTERY_STATUS[word] if pretended.status is None else pretended.status
    temperature = round(physics.battery_c * 10) if pretended.temperature is None else pretended.temperature
    lines = ["Current Battery Service state:"]
    if pretended.active:
        lines.append("  (UPDATES STOPPED -- use 'reset' to restart)")
    lines += [f"  {label} powered: {str(plugs[name]).lower()}" for name, label in _PLUGS.items()]
    lines += [
        "  Max charging current: 500000",
        "  Max charging voltage: 5000000",
        f"  Charge counter: {round(physics.battery_mah * 1000)}",
        f"  status: {status}",
        "  health: 2",
        "  present: true",
        f"  level: {level}",
        "  scale: 100",
        f"  voltage: {battery_millivolts(state)}",
        f"  temperature: {temperature}",
        f"  technology: {state.virtual.battery.technology}",
    ]
    return CommandAnswer(out="\n".join(lines) + "\n")


def _battery_command(state: DeviceState, words: list[str]) -> CommandAnswer:
    pretended = state.battery
    words = [word for word in words if word != "-f"]
    match words:
        case ["reset"]:
            state.battery = type(pretended)()
        case ["unplug"]:
            pretended.ac = pretended.usb = pretended.wireless = False
        case ["set", ("ac" | "usb" | "wireless") as key, value] if value in {"0", "1"}:
            setattr(pretended, key, value == "1")
        case ["set", ("level" | "status") as key, value] if value.isdigit():
            setattr(pretended, key, int(value))
        case ["set", ("temp" | "temperature"), value] if value.lstrip("-").isdigit():
            pretended.temperature = int(value)
        case ["set", key, value] if key in {"ac", "usb", "wireless", "level", "status", "temp", "temperature"}:
            return CommandAnswer(err=f"Bad value: {value}\n", code=255)
        case ["set", key, _]:
            return CommandAnswer(err=f"Unknown set option: {key}\n", code=255)
        case _:
            return CommandAnswer(err=f"Unknown command: {' '.join(words)}\n", code=255)
    return CommandAnswer()


def thermalservice(state: DeviceState) -> str:
    """Make the whole dump. The cached block is stale on purpose: as on a phone, it holds what was last announced."""
    physics, status = state.physics, state.thermal_status
    current = [
        f"\tTemperature{{mValue={value:.1f}, mType={kind}, mName={name}, mStatus={level}}}"
        for value, kind, name, level in _temperatures(state)
    ]
    cached = [
        f"\tTemperature{{mValue={state.virtual.thermal.ambient_c:.1f}, mType={kind}, mName={name}, mStatus={level}}}"
        for _, kind, name, level in _temperatures(state)
    ]
    throttled = round((1 - physics.cap) * 10)
    cooling = [f"\tCoolingDevice{{mValue={throttled}, mType={_COOLING_CPU}, mName=thermal-cpufreq-0}}"]
    if "modem_cooling_nonzero" in state.config.quirks:
        cooling.append(f"\tCoolingDevice{{mValue=1, mType={_COOLING_MODEM}, mName=modem_pa}}")
    hot = ", ".join(f"{value:.1f}" for value in (float("nan"), *state.virtual.thermal.status_skin_c)).replace(
        "nan", "NaN"
    )
    lines = [
        f"IsStatusOverride: {str(state.thermal_status_override is not None).lower()}",
        "ThermalEventListeners:",
        "\tcallbacks: 1",
        "\tkilled: false",
        "\tbroadcasts count: -1",
        "ThermalStatusListeners:",
        "\tcallbacks: 2",
        "\tkilled: false",
        "\tbroadcasts count: -1",
        f"Thermal Status: {status}",
        "Cached temperatures:",
        *cached,
        "HAL Ready: true",
        "HAL connection:",
        "\tThermalHAL 2.0 connected: yes",
        "Current temperatures from HAL:",
        *current,
        "Current cooling devices from HAL:",
        *cooling,
        "Temperature static thresholds from HAL:",
        f"\tTemperatureThreshold{{mType=3, mName={_skin_name(state)}, mHotThrottlingThresholds=[{hot}], "
        f"mColdThrottlingThresholds=[{', '.join(['NaN'] * 7)}]}}",
    ]
    return "\n".join(lines) + "\n"


def _skin_name(state: DeviceState) -> str:
    return next((zone.name for zone in state.config.thermal.zones if zone.role == "skin"), "SKIN")


def _temperatures(state: DeviceState) -> list[tuple[float, int, str, int]]:
    """Return value, type (0 CPU, 2 battery, 3 skin), name and status, in the thermal HAL's terms."""
    physics = state.physics
    rows = [
        (cluster.temperature_c, 0, f"CPU-{name.upper()}", 0 if physics.cap == 1.0 else 1)
        for name, cluster in physics.clusters.items()
    ]
    return [*rows, (physics.battery_c, 2, "battery", 0), (physics.skin_c, 3, _skin_name(state), state.thermal_status)]


def power(state: DeviceState) -> str:
    """Print the lines of `dumpsys power` that tell whether the phone is awake."""
    wakefulness = "Awake" if state.awake else "Asleep"
    lines = [
        "POWER MANAGER (dumpsys power)",
        "",
        "Power Manager State:",
        f"  mWakefulness={wakefulness}",
        "  mWakefulnessChanging=false",
        f"  mIsPowered={str(state.physics.plugged).lower()}",
        f"  mBatteryLevel={state.physics.battery_level}",
        f"  mStayOn={str(bool(state.stay_on) and state.physics.plugged).lower()}",
        f"  mHoldingDisplaySuspendBlocker={str(state.awake).lower()}",
        "",
        "Settings and Configuration:",
        f"  mStayOnWhilePluggedInSetting={state.stay_on}",
        "",
        f"Display Power: state={'ON' if state.awake else 'OFF'}",
    ]
    return "\n".join(lines) + "\n"


def cpuinfo(loads: list[tuple[float, int, str]]) -> str:
    """Answer `dumpsys cpuinfo`: each process's share of one core since the last call, and the sum."""
    total = sum(percent for percent, _, _ in loads)
    rows = [f"  {percent:.0f}% {pid}/{name}: {percent:.0f}% user + 0% kernel" for percent, pid, name in loads]
    return "\n".join(["CPU usage:", *rows, f"{total:.0f}% TOTAL: {total:.0f}% user + 0% kernel"]) + "\n"
