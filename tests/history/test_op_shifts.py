from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from harness.analysis.checked_history import OpShift
from harness.api.check_history import check_history
from harness.history.add_runs import add_run
from harness.history.database import HistoryDatabase, open_history
from harness.history.op_shifts import op_shifts
from harness.history.series_reader import read_series
from harness.records import DeviceInfo, Purpose, Result
from harness.records.history import Change, Series
from harness.runs.run_store import Manifest, RunStore
from tests.analysis.made_up import BEGAN, PHONE, cell, op, result
from tests.history.made_up_history import change, key


def manifest(number: int, device: DeviceInfo) -> Manifest:
    return Manifest(
        run_id=f"run-{number:03d}",
        suite="made-up",
        suite_text="suite: made-up\n",
        started_at=BEGAN + timedelta(days=number),
        harness_version="0",
        devices=(device,),
    )


def add_night(
    db: HistoryDatabase, folder: Path, number: int, conv_us: float, *, device: DeviceInfo = PHONE, profiled: bool = True
) -> None:
    """A run whose model takes a millisecond, of which a convolution runs twice."""
    serial = device.serial
    results: list[Result] = cell([300.0 + 2 * conv_us] * 3, device=serial)
    rows = [op(0, "CONV_2D", "conv", conv_us), op(1, "CONV_2D", "conv", conv_us), op(2, "SOFTMAX", "out", 300.0)]
    for block in range(3 if profiled else 0):
        results.append(result(1000.0, device=serial, purpose=Purpose.PROFILE, block=block, ops=rows))
    path = folder / f"run-{number:03d}"
    with RunStore.create(path, manifest(number, device)) as store:
        for one in results:
            store.append(one)
    add_run(db, path)


def shifts(connection: Connection, first_bad: int, device: str = PHONE.serial) -> tuple[OpShift, ...]:
    [series] = read_series(connection, metrics=["inference_avg"])
    return op_shifts(connection, changed(series, first_bad, device), series)


def changed(series: Series, first_bad: int, device: str) -> Change:
    return replace(change(first_bad, of=key(device)), series=series.key)


def test_the_ops_that_moved_are_named_with_both_costs(tmp_path: Path, database_url: str) -> None:
    with open_history(database_url) as db:
        for number in range(6):
            add_night(db, tmp_path, number, 350.0 if number < 3 else 380.0)
        with db.read() as connection:
            assert shifts(connection, 3) == (
                OpShift(node_type="CONV_2D", name="conv", before_us=700.0, after_us=760.0),
            )
            [series] = read_series(connection, metrics=["inference_avg"])
            better = replace(changed(series, 3, PHONE.serial), ratio=0.9)
            assert op_shifts(connection, better, series) == (), "none moved in its direction"
            memory = replace(better, series=replace(series.key, metric="peak_memory"))
            assert op_shifts(connection, memory, series) == ()


def test_a_virtual_device_is_found_whatever_its_serial_was(tmp_path: Path) -> None:
    with open_history(str(tmp_path / "history.db")) as db:
        for number in range(4):
            virtual = DeviceInfo(serial=f"localhost:{5555 + number}", config="virtual-pixel", virtual=True)
            add_night(db, tmp_path, number, 350.0 if number < 2 else 380.0, device=virtual)
        with db.read() as connection:
            [found] = shifts(connection, 2, "virtual:virtual-pixel")
    assert found.change_us == pytest.approx(60.0)


def test_without_profiles_nothing_is_said_of_ops(tmp_path: Path) -> None:
    with open_history(str(tmp_path / "history.db")) as db:
        for number in range(4):
            add_night(db, tmp_path, number, 350.0, profiled=number < 2)
        with db.read() as connection:
            assert shifts(connection, 2) == ()
            assert shifts(connection, 9) == (), "a night that is not there"


def test_a_check_over_runs_that_were_added_names_the_op(tmp_path: Path) -> None:
    with open_history(str(tmp_path / "history.db")) as db:
        for number in range(12):
            add_night(db, tmp_path, number, (350.0 if number < 8 else 380.0) * (1 + number % 3 / 1000))
        checked = check_history(db, metrics=["inference_avg"])
    [found] = checked.changes
    assert (found.first_bad, found.verdict) == ("run-008", "suspected")
    assert [shift.name for shift in checked.ops[found.id]] == ["conv"]
