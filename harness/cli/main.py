"""The command `harness`: finds the verb, and turns errors into one line and an exit code.

0 done and good, 1 done and the measurement is bad, 2 wrong request, 3 the environment failed, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from types import FrameType

import click

from harness import __version__
from harness.cli.logging_setup import add_verbose_option, configure, keep_traceback
from harness.cli.printing import document_lost, say_error
from harness.cli.standard_streams import let_stderr_fail, open_streams
from harness.cli.verbs import Verbs
from harness.errors import DeviceError, HarnessError, SetupError, SuiteError, UsageError

BAD, USAGE, SETUP, INTERRUPTED = 1, 2, 3, 130
_NAMED_BADLY = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)


@click.command(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Try it without a phone: harness run suites/quickstart.yaml --device virtual:2",
)
@click.version_option(__version__, prog_name="harness")
def cli() -> None:
    """Benchmark LiteRT / TensorFlow Lite models on Android devices, and know which numbers you can believe."""


add_verbose_option(cli)


def main() -> None:
    """Entry point of the console script."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # A cancelled job or a closed terminal ends like Ctrl-C: devices are restored and results are kept. A run survives a closed
        # terminal.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    open_streams()
    let_stderr_fail()
    sys.exit(run_cli(sys.argv[1:]))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run_cli(arguments: list[str]) -> int:
    """Run a command line and return the exit code."""
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
    except (HarnessError, OSError) as error:
        return _answer(error)
    except SystemExit:
        # Click ends like this when the reader of our output has gone (`| head`). That is no failure of the measurement.
        return _say(document_lost(), SETUP) if "--json" in arguments else 0
    except Exception as error:  # the outermost boundary: a user sees a line, not a traceback
        return _bug(error)


def _answer(error: HarnessError | OSError) -> int:
    if _is_without_folder(error):
        return _say(UsageError("the working folder was deleted", remedy="change into a folder that exists"), USAGE)
    if isinstance(error, UsageError):
        return _say(error, USAGE)
    if isinstance(error, SetupError | DeviceError):
        return _say(error, SETUP)
    if isinstance(error, HarnessError):
        return _say(error, BAD)
    if error.filename is not None and error.errno in _NAMED_BADLY:
        # Even asking whether a path is a file may be refused, for example in an unreadable folder.
        return _say(UsageError(f"{_shown(error.filename)}: {error.strerror}"), USAGE)
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
        return _bug(error)
    return _say(
        SetupError(f"cannot write {error.filename or 'the output'}: {error.strerror}", remedy="free some room"), SETUP
    )


def _is_without_folder(error: BaseException | None) -> bool:
    """Return whether something was not found in a working folder that is gone."""
    while error is not None and not isinstance(error, FileNotFoundError):
        error = error.__cause__ or error.__context__
    try:
        os.getcwd()  # noqa: PTH109  # Path.cwd() is the same call
    except FileNotFoundError:
        return error is not None
    return False


def _shown(name: object) -> str:
    text = str(name)
    return text if len(text) <= 200 else f"{text[:197]}..."


def _bug(error: Exception) -> int:
    click.echo(f"harness: {keep_traceback(error)}", err=True)
    return SETUP


def _say(error: HarnessError, code: int) -> int:
    for one in (error, *(error.further if isinstance(error, SuiteError) else ())):
        say_error(one)
    return code


if __name__ == "__main__":
    main()
