"""What `python -m benchmarks.statistics` claims of the order of a run's processes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import order_tables, orders
from benchmarks.claims import Claim, share, table_row
from harness.analysis.ratio_interval import BUDGET
from harness.analysis.samples import MIN_BLOCKS


def carry_over(experiments: int) -> Iterator[Claim]:
    """Head heats its successor, waves, a drift: the harness's order beside others; more in `benchmarks.orders`."""
    count = max(100, experiments * 3 // 20)
    print(
        "\nWhat ran before: bias of the ratio / wrong verdicts, where nothing differs; of waves, those with most wrong verdicts"
    )
    table_row("cells, blocks", "disturbance", *orders.DESIGNS, "harness, open end")
    for cells, blocks in ((2, BUDGET), (3, BUDGET), (8, BUDGET), (2, MIN_BLOCKS), (2, 20), (3, 20), (3, 30)):
        designs_here = orders.DESIGNS if blocks == BUDGET else {"harness": orders.OWN}
        designs_here = designs_here | ({"harness, open end": orders.OWN_OPEN} if cells < 8 else {})
        for words, group in orders.GROUPS.items():
            found = {
                name: orders.worst(design, group, cells=cells, blocks=blocks, noise=0.002, experiments=count)
                for name, design in designs_here.items()
            }
            shown = {name: f"{one.bias:+.1%} / {one.false:.1%}" for name, one in found.items()}
            table_row(
                f"{cells}, {blocks}",
                words[:20],
                *(shown.get(name, "") for name in (*orders.DESIGNS, "harness, open end")),
            )
            where = f"{cells} cells, {blocks} blocks, {words}"
            for name, one in found.items():
                if name.startswith("harness"):
                    yield Claim(f"wrong, {where}{name.removeprefix('harness')}", one.false, 0, 0.02, count)
                    if group == (orders.HEATS,) and blocks >= BUDGET:
                        yield Claim(
                            f"bias of 3 % of carry-over, {where}{name.removeprefix('harness')}",
                            abs(one.bias),
                            0,
                            0.003 if name == "harness" or cells == 2 else 0.004,
                            0,
                        )


def carry_over_coverage(experiments: int) -> Iterator[Claim]:
    """How often the interval holds the ratio that would be without carry-over, two cells."""
    print(
        "\nTwo cells, one of which heats its successor by 3 %: coverage of the plain interval / of an adaptive run as it stops"
    )
    sizes = (MIN_BLOCKS, 6, 8, BUDGET, 20, 30)
    count = max(200, experiments * 3 // 10)
    table_row("noise", *sizes, "adaptive")
    # Between these, up to 1 %, what is left scales with the noise: with the same seed one experiment would count several times.
    for noise in (0.002, 0.02):
        row = []
        for blocks in sizes:
            for name, design in (("", orders.OWN), (", open end", orders.OWN_OPEN)):
                covered = orders.figures(
                    design, orders.HEATS, cells=2, blocks=blocks, noise=noise, experiments=count, seed=orders.SEED
                ).covered
                row.append(covered)
                yield Claim(
                    f"coverage with carry-over, {blocks} blocks{name}, {noise:.1%} of noise",
                    covered,
                    0.93,
                    1,
                    count,
                )
        adaptive = orders.adaptive_coverage(orders.HEATS, noise=noise, experiments=count)
        yield Claim(f"adaptive coverage with carry-over, {noise:.1%} of noise", adaptive, 0.93, 1, count)
        pairs = zip(row[::2], row[1::2], strict=True)
        table_row(f"{noise:.1%}", *(f"{share(fixed)} {share(opened)}" for fixed, opened in pairs), share(adaptive))


def tables(experiments: int) -> Iterator[Claim]:
    """Whole tables of several cells, fixed and adaptive: any wrong verdict under waves, coverage with carry-over."""
    count = max(100, experiments // 5)
    print(
        "\nWhole tables of cells that are all alike. Square waves of 10 %, 0.2 % of noise: any wrong verdict, and coverage of the worst\n"
        "cell, each under the worst wave. One cell heats its successor by 3 %: coverage of the worst cell with 0.2 % and 2 % of noise"
    )
    kinds = ("5", "8", "10", "20", "adaptive")
    table_row("cells", *kinds, "heats: 5", "10", "20", "adaptive")
    for cells in (3, 5, 8, 12):
        row = []
        for kind in kinds:
            found = [
                order_tables.adaptive(one, cells=cells, noise=0.002, experiments=count, seed=orders.SEED)
                if kind == "adaptive"
                else order_tables.fixed(
                    one, cells=cells, blocks=int(kind), noise=0.002, experiments=count, seed=orders.SEED
                )
                for one in order_tables.waves_near(cells)
            ]
            most, least = order_tables.worst(found)
            row.append(f"{most.wrong:.1%} / {least.covered:.1%}")
            yield Claim(f"any wrong, worst square wave, {cells} cells, {kind}", most.wrong, 0, 0.02, count)
        heated = [order_tables.carry_over(cells, noise, 2 * count, orders.SEED) for noise in (0.002, 0.02)]
        for kind, *both in zip(("5", "10", "20", "adaptive"), *heated, strict=True):
            row.append(" ".join(share(one.covered) for one in both))
            for noise, one in zip((0.002, 0.02), both, strict=True):
                where = f"{cells} cells, {kind}, {noise:.1%} of noise"
                yield Claim(f"coverage with carry-over, {where}", one.covered, 0.93, 1, 2 * count)
        table_row(str(cells), *row)
