"""A history made up for tests: rows of the tables, without any run. The numbers are arithmetic, not measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert, select

from harness.history import tables
from harness.records.history import Change, ChangeVerdict, Ground, NightEstimate, Series, SeriesKey

FIRST = datetime(2026, 9, 1, 2, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)
GROUND = Ground(
    fingerprint="google/shiba:15/A",
    governor="policy0=schedutil",
    config="pixel_8 0123",
    harness_version="1",
    asked="a" * 8,
)


def key(
    device: str = "R5CT1",
    model: str = "m",
    metric: str = "inference_avg",
    *,
    delegate: str = "cpu",
    start: str = "warm",
    binary: str = "",
    variant: str = "",
) -> SeriesKey:
    made = SeriesKey(
        device=device,
        model=model,
        delegate=delegate,
        threads=1,
        cpus="big",
        metric=metric,
        binary=binary,
        variant=variant,
    )
    return replace(made, start="cold") if start == "cold" else made


def night(number: int) -> datetime:
    return FIRST + timedelta(days=number)


def run_name(number: int) -> str:
    return f"run-{number:03d}"


def series(
    values: Sequence[float | None],
    of: SeriesKey | None = None,
    *,
    binaries: Mapping[int, str] | None = None,
    labels: Mapping[int, Mapping[str, str]] | None = None,
    ground: Mapping[int, Ground] | None = None,
    synthetic: bool = False,
) -> Series:
    """A series of one value a night; None is a missed night. What is given for a night holds from then on."""
    made = of or key()
    estimates, binary, basis = [], "b" * 64, GROUND
    for number, value in enumerate(values):
        binary = (binaries or {}).get(number, binary)
        basis = (ground or {}).get(number, basis)
        if value is not None:
            estimates.append(
                NightEstimate(
                    run_id=run_name(number),
                    run_path=f"/runs/{run_name(number)}",
                    at=night(number),
                    value=value,
                    processes=10,
                    spread=0.01,
                    ci_low=0.99 * value,
                    ci_high=1.01 * value,
                    model_sha256="a" * 64,
                    binary_sha256=binary,
                    ground=basis,
                    synthetic=synthetic,
                    labels=tuple(sorted((labels or {}).get(number, {}).items())),
                )
            )
    unit = "mb" if made.metric in ("memory", "peak_memory") else "us"
    return Series(key=made, unit="mb" if unit == "mb" else "us", estimates=tuple(estimates))


def store(connection: Connection, many: Iterable[Series]) -> None:
    """Write series with their runs into the tables."""
    runs: dict[str, int] = {row.run_id: row.id for row in connection.execute(select(tables.runs))}
    for one in many:
        number = connection.execute(
            insert(tables.series).values(
                device=one.key.device,
                model=one.key.model,
                variant=one.key.variant,
                delegate=one.key.delegate,
                threads=one.key.threads,
                cpus=one.key.cpus,
                start=one.key.start,
                binary=one.key.binary,
                metric=one.key.metric,
                unit=one.unit,
            )
        ).inserted_primary_key
        assert number is not None
        for estimate in one.estimates:
            if estimate.run_id not in runs:
                runs[estimate.run_id] = store_run(connection, estimate, one.key.device)
        connection.execute(
            insert(tables.estimates),
            [estimate_row(estimate, number[0], runs[estimate.run_id]) for estimate in one.estimates],
        )


def estimate_row(estimate: NightEstimate, number: int, run: int) -> dict[str, object]:
    """The row of an estimate of a series, by the numbers of the series and of the run."""
    return {
        "series": number,
        "run": run,
        "value": estimate.value,
        "processes": estimate.processes,
        "spread": estimate.spread,
        "ci_low": estimate.ci_low,
        "ci_high": estimate.ci_high,
        "model_sha256": estimate.model_sha256,
        "binary_sha256": estimate.binary_sha256,
        "fingerprint": estimate.ground.fingerprint,
        "governor": estimate.ground.governor,
        "config": estimate.ground.config,
        "asked": estimate.ground.asked,
        "synthetic": estimate.synthetic,
        "output_differs": estimate.output_differs,
    }


def store_run(connection: Connection, estimate: NightEstimate, device: str) -> int:
    """Write the run of an estimate, and return its number."""
    made = connection.execute(
        insert(tables.runs).values(
            run_id=estimate.run_id,
            suite="made-up",
            path=estimate.run_path,
            started_at=estimate.at,
            harness_version=estimate.ground.harness_version,
            host={},
            finished=True,
            results=10,
            digest=estimate.run_id,
            added_at=estimate.at,
        )
    ).inserted_primary_key
    assert made is not None
    number = int(made[0])
    connection.execute(insert(tables.devices).values(run=number, serial=device, virtual=False))
    for label, value in estimate.labels:
        connection.execute(insert(tables.labels).values(run=number, key=label, value=value))
    return number


def change(
    first_bad: int = 60,
    *,
    of: SeriesKey | None = None,
    id: str = "",  # as in the record
    group: str = "",
    ratio: float = 1.03,
    verdict: ChangeVerdict | None = None,
    found_at: datetime = NOW,
    before: float = 1000.0,
) -> Change:
    """A change as a check finds it: by default suspected, or improved if the ratio is below 1."""
    made = of or key()
    usual = ChangeVerdict.SUSPECTED if ratio > 1 else ChangeVerdict.IMPROVED
    return Change(
        id=id or f"c{first_bad}{made.device[-1]}",
        group=group or f"g{first_bad}",
        series=made,
        unit="mb" if made.metric in ("memory", "peak_memory") else "us",
        first_bad=run_name(first_bad),
        first_bad_at=night(first_bad),
        last_good=run_name(first_bad - 1),
        last_good_at=night(first_bad - 1),
        before=before,
        after=before * ratio,
        ratio=ratio,
        ci_low=ratio - 0.01,
        ci_high=ratio + 0.01,
        verdict=verdict or usual,
        found_at=found_at,
    )
