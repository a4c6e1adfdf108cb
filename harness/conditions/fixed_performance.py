"""Fixed performance mode: clocks that the phone claims to hold, without root (Android 11 and later, if the power HAL supports it).

Android does not report whether it is on, so a file on the device remembers it. The mode bounds clocks but does not choose cores, and the
phone can still overheat; the sampled clocks show its effect.
"""

from __future__ import annotations

from harness.conditions.journal import Setting

MIN_API_LEVEL = 30
_COMMAND = "cmd power set-fixed-performance-mode-enabled"


def setting(folder: str) -> Setting:
    """Return the setting, `true` or `false`; `folder` is the harness's on the device."""
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
    """Return shell text that prints `yes` if the mode is supported. It switches the mode off, so never run it during a session."""
    return f'o=$({_COMMAND} false 2>&1) && [ -z "$o" ] && echo yes'
