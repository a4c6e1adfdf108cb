"""`harness bisect`: finds the revision or the model file that made something slower."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import get_args

import click
from click.core import ParameterSource

from harness.analysis.metrics import Metric
from harness.binaries.profiles import BUILD_ABIS
from harness.binaries.sources import TargetName
from harness.cli.bisect_show import BisectWatchers, print_bisection
from harness.cli.closed_terminal import outlives_its_terminal
from harness.cli.console import open_console
from harness.cli.output_option import OutputPath
from harness.cli.percentages import PERCENT
from harness.cli.printing import reader_may_leave
from harness.cli.run_summary import write_json
from harness.cli.seconds_option import Seconds
from harness.errors import UsageError
from harness.experiments.bisect_document import bisection_document
from harness.experiments.bisection import Question, resume_bisection
from harness.experiments.bisection import bisect as run_bisection

_EPILOG = """\b
Examples:
  harness bisect --source ~/tensorflow --good 4f1c2e9 --bad origin/master --suite suite.yaml --device R5CT30ABCDE
  harness bisect --source ~/litert --good abc1234 --bad HEAD --suite quickstart --device virtual:1 --budget 1800
  harness bisect --source . --good v1 --bad v2 --suite suite.yaml --cell delegate=xnnpack,threads=4
  harness bisect --models 'exports/net-*.tflite' --suite suite.yaml --device any
  harness bisect --resume runs/bisect-abc1234-def5678-0a1b2c3d --budget 3600

\b
Exit codes: 0 found; 1 undecided (prints the range that remains) or no difference; 2 wrong request; 3 something is missing.
"""

_WITH_SOURCE = {"abis": "--abi", "flex": "--flex", "target": "--target", "flags": "--flag"}


@click.command(epilog=_EPILOG)
@click.option(
    "--good", metavar="REV", help="The revision before the change. With --models: a file, the first one by default."
)
@click.option(
    "--bad", metavar="REV", help="The revision after the change. With --models: a file, the last one by default."
)
@click.option(
    "--source",
    type=click.Path(path_type=Path, readable=False),
    metavar="DIR",
    help="A Git checkout of TensorFlow or LiteRT. It stays as it is.",
)
@click.option(
    "--models",
    metavar="GLOB",
    help="Search a list of model files, sorted by name as a shell sorts them. Quote the glob.",
)
@click.option("--suite", metavar="SUITE", help="What to measure.")
@click.option(
    "--device",
    "-d",
    "devices",
    multiple=True,
    metavar="SEL",
    help="Where to measure: a serial, a config name, any, virtual:N or virtual:PROFILE. Replaces the suite's `devices`.",
)
@click.option(
    "--cell",
    metavar="KEY=VALUE,...",
    help="Cells that may decide, such as delegate=xnnpack. Default: all. The one with the largest sure slowdown decides.",
)
@click.option(
    "--metric",
    type=click.Choice([str(one) for one in Metric]),
    default=str(Metric.INFERENCE_AVG),
    show_default=True,
    help="The metric to compare.",
)
@click.option(
    "--min-effect",
    type=PERCENT,
    default="1%",
    show_default=True,
    metavar="P%",
    help="The smallest change that counts.",
)
@click.option(
    "--budget",
    "budget_s",
    type=Seconds(min=0, min_open=True),
    metavar="SECONDS",
    help="Device seconds for all steps together, without builds. Default: no limit but 60 blocks a step.",
)
@click.option(
    "--abi",
    "abis",
    metavar="ABI[,ABI]",
    help=f"Build for these ABIs ({', '.join(BUILD_ABIS)}). Default: those of the devices.",
)
@click.option("--flex", is_flag=True, help="Build with Select TF ops.")
@click.option(
    "--target",
    type=click.Choice(get_args(TargetName)),
    default="tflite",
    show_default=True,
    help="Build TensorFlow Lite's tool, or LiteRT's own newer one.",
)
@click.option(
    "--flag", "flags", multiple=True, metavar="FLAG", help="One more flag for bazel build. May be given several times."
)
@click.option(
    "--out",
    "-o",
    type=OutputPath(),
    metavar="DIR",
    help="The folder for state and runs. Default: a folder under runs/, the same for the same request.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Continue the bisection in DIR. Repeating its command line does the same.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.pass_context
@outlives_its_terminal()
def bisect(
    ctx: click.Context,
    good: str | None,
    bad: str | None,
    source: Path | None,
    models: str | None,
    suite: str | None,
    devices: tuple[str, ...],
    cell: str | None,
    metric: str,
    min_effect: float,
    budget_s: float | None,
    abis: str | None,
    flex: bool,
    target: str,
    flags: tuple[str, ...],
    out: Path | None,
    resume: Path | None,
    as_json: bool,
) -> None:
    """Find the revision, or the model file, that made something slower.

    Bisect first measures good against bad in one interleaved run. If they differ, it builds the middle revision, measures it against good
    until its side is sure, and goes on with the half that remains. It skips revisions that do not build. If you interrupt it, the same
    command continues where it stopped.
    """
    watchers = BisectWatchers()
    if resume is not None:
        _refuse_beside_resume(ctx)
    else:
        if suite is None:
            raise UsageError("which suite? --suite SUITE", remedy="harness bisect --help")
        _refuse_without_source(ctx, source)
    try:
        if resume is not None:
            found = resume_bisection(resume, budget_s=budget_s, watchers=watchers)
        else:
            question = Question(
                suite=suite or "",
                good=good,
                bad=bad,
                source=source,
                models=models,
                devices=devices,
                cell=cell,
                metric=metric,
                min_effect=min_effect,
                abis=abis,
                flex=flex,
                target=target,
                flags=flags,
            )
            found = run_bisection(question, out=out, budget_s=budget_s, watchers=watchers)
    except KeyboardInterrupt:
        if watchers.folder is not None:
            click.echo(f"go on with: harness bisect --resume {shlex.quote(str(watchers.folder))}", err=True)
        raise
    with reader_may_leave(document=as_json):
        if as_json:
            write_json(bisection_document(found))
        else:
            print_bisection(found, open_console())
    ctx.exit(0 if found.answer.outcome == "found" else 1)


def _refuse_beside_resume(ctx: click.Context) -> None:
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if name not in ("resume", "budget_s", "as_json", "verbose") and _given(ctx, name):
            raise UsageError(
                f"--resume takes everything from its folder: leave {parameter.opts[0]} out",
                remedy="only --budget and --json go with it",
            )


def _refuse_without_source(ctx: click.Context, source: Path | None) -> None:
    for name, option in _WITH_SOURCE.items():
        if source is None and _given(ctx, name):
            raise UsageError(f"{option} goes with --source", remedy="leave it out")


def _given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) not in (None, ParameterSource.DEFAULT)
