"""The command `harness`: finds the verb, and turns errors into one line and an exit code.

0 done and good, 1 done and what was measured is bad, 2 the request was wrong, 3 the environment failed, 130 interrupted.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import traceback
from types import FrameType

import click

from harness import __version__
from harness.cli.logging_setup import add_verbose_option, configure, keep_traceback
from harness.errors import DeviceError, HarnessError, SetupError, SuiteError, UsageError

BAD, USAGE, SETUP, INTERRUPTED = 1, 2, 3, 130
_NAMED_BADLY = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)

# Loaded when named: `harness parse` need not wait for pandas, nor `harness --help` for anything.
_VERBS = {
    "build": "harness.cli.build:build",
    "calibrate": "harness.cli.calibrate:calibrate_command",
    "compare": "harness.cli.compare:compare_command",
    "devices": "harness.cli.devices:devices",
    "doctor": "harness.cli.doctor:doctor",
    "export": "harness.cli.export:export",
    "ingest": "harness.cli.ingest:ingest",
    "parse": "harness.cli.parse:parse",
    "report": "harness.cli.report:report",
    "run": "harness.cli.run:run",
    "schema": "harness.cli.schema:schema",
    "virtual": "harness.cli.virtual:virtual",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _VERBS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        if not os.environ.get("ANDROID_ADB_SERVER_PORT", "none"):
            del os.environ["ANDROID_ADB_SERVER_PORT"]  # adb takes an empty one for none, the ADB library for a number
        try:
            command = getattr(importlib.import_module(module), name)
        except ValueError:
            # The ADB library reads its port when it is loaded: for some verbs only.
            port = os.environ.get("ANDROID_ADB_SERVER_PORT", "")
            if port.isascii() and port.isdigit():
                raise
            raise UsageError(f"ANDROID_ADB_SERVER_PORT is {port!r}, not a port") from None
        assert isinstance(command, click.Command)  # noqa: S101  # a mistake in the table above
        return add_verbose_option(command)


@click.command(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Try it without a phone: harness run suites/quickstart.yaml --device virtual:2",
)
@click.version_option(__version__, prog_name="harness")
def cli() -> None:
    """Benchmark LiteRT / TensorFlow Lite models on Android devices, and know which numbers can be believed."""


add_verbose_option(cli)


def main() -> None:
    """Entry point of the console script."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # A cancelled job or a closed terminal ends like Ctrl-C: devices are tidied up, and what is done is kept.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    _open_standard_streams()
    sys.exit(run_cli(sys.argv[1:]))


def _open_standard_streams() -> None:
    """A stream that the caller closed (`>&-`) goes nowhere; left closed, its number would be the next file's that is opened."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  # for good


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run_cli(arguments: list[str]) -> int:
    """Run a command line; the exit code is the return value."""
    try:
        configure()
        code = cli.main(arguments, prog_name="harness", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except UsageError as error:
        return _say(error, USAGE)
    except (SetupError, DeviceError) as error:
        return _say(error, SETUP)
    except HarnessError as error:
        return _say(error, BAD)
    except SystemExit:
        # The reader of our output has gone (`| head`): click ends so. That says nothing of what was measured.
        return 0
    except OSError as error:
        if error.filename is not None and error.errno in _NAMED_BADLY:
            # Whoever asks whether a path is a file may already be refused: in a folder that is closed to us, say.
            return _say(UsageError(f"{_shown(error.filename)}: {error.strerror}"), USAGE)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
            return _bug(error)
        return _say(
            SetupError(f"cannot write {error.filename or 'the output'}: {error.strerror}", remedy="free some room"),
            SETUP,
        )
    except Exception as error:  # the last boundary: a user sees a line, not a traceback
        return _bug(error)


def _shown(name: object) -> str:
    text = str(name)
    return text if len(text) <= 200 else f"{text[:197]}..."


def _bug(error: Exception) -> int:
    if os.environ.get("HARNESS_TRACEBACK"):
        traceback.print_exception(error)
    click.echo(f"harness: {keep_traceback(error)}", err=True)
    return SETUP


def _say(error: HarnessError, code: int) -> int:
    for one in (error, *(error.further if isinstance(error, SuiteError) else ())):
        click.echo(f"harness: {one.message}", err=True)
        if one.remedy:
            click.echo(f"  {one.remedy}", err=True)
    return code


if __name__ == "__main__":
    main()
