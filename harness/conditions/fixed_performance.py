"""Fixed performance mode: clocks that the phone says it can hold, without root (Android 11 and later, where the power HAL supports it).

Android has no way to ask whether it is on, so a file of ours remembers what we set and what the answer was. The mode bounds clocks; it
does not choose cores, and a phone in it can still overheat: the clocks that were seen tell what it did.
"""

from __future__ import annotations

from harness.conditions.journal import Setting

MIN_API_LEVEL = 30
_COMMAND = "cmd power set-fixed-performance-mode-enabled"


def setting(folder: str) -> Setting:
    """`true` or `false`.

    Args:
        folder: ours on the device.
    """
    memory = f"{folder}/fixed_performance"
    # A refusal is a sentence on stdout with exit code 0 ("Failed to set FIXED_PERFORMANCE mode ...").
    return Setting(
        key="fixed_performance",
        read=f"cat {memory} 2>/dev/null || echo false",
        write=lambda value: (
            f'rm -f {memory}; o=$({_COMMAND} {value} 2>&1) && [ -z "$o" ] && [ {value} = true ] && echo true >{memory}'
        ),
    )


def probe_script() -> str:
    """Prints `yes` where the mode is supported. Asks by switching off what is off: not to be run while a session holds the device."""
    return f'o=$({_COMMAND} false 2>&1) && [ -z "$o" ] && echo yes'
