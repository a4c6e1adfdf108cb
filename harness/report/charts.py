"""Chart specifications, made (and checked) by Altair and drawn in the page by Vega, whose JavaScript is inlined once.

Colours are Okabe and Ito's, which colour-blind readers tell apart (Okabe & Ito 2008, "Color Universal Design"). Text and lines take the
page's own colour (`currentColor`), so that the same drawing is right in light, in dark and on paper.
"""

from __future__ import annotations

from functools import cache
from typing import Any

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#888888")
"""The last one is for "all others"."""


@cache
def vega_script() -> str:
    """Vega, Vega-Lite and vega-embed as one script that asks the network for nothing."""
    import altair as alt
    import vl_convert

    version = ".".join(str(alt.SCHEMA_VERSION).split(".")[:2])
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version))


def chart_specs() -> dict[str, Any]:
    """Vega-Lite specifications by name. The page fills in their data and, where that depends on the data, their heights."""
    charts = {"latency": _latency(), "ops": _ops(), "types": _types()}
    return {name: _plain(chart.to_dict()) for name, chart in charts.items()}


def _latency() -> Any:
    import altair as alt

    base = alt.Chart(alt.NamedData(name="processes"))
    rows = alt.Y("config:N", title=None, sort=None, axis=alt.Axis(labelLimit=320, ticks=False, domain=False))
    dots = base.mark_point(size=44, filled=True, opacity=0.75, strokeWidth=1.5).encode(
        x=alt.X(
            "ms:Q",
            title="latency of a process (ms)",
            scale=alt.Scale(zero=False, nice=True),
            axis=alt.Axis(tickCount=8),
        ),
        y=rows,
        color=alt.Color(
            "status:N",
            scale=alt.Scale(domain=["ok", "invalid"], range=[PALETTE[0], PALETTE[5]]),
            legend=None,
        ),
        shape=alt.Shape("status:N", scale=alt.Scale(domain=["ok", "invalid"], range=["circle", "cross"]), legend=None),
        tooltip=[
            alt.Tooltip("config:N", title="configuration"),
            alt.Tooltip("process:Q", title="process"),
            alt.Tooltip("ms:Q", title="latency (ms)", format=".4~g"),
            alt.Tooltip("status:N", title="status"),
            alt.Tooltip("temperature:N", title="temperature before"),
        ],
    )
    medians = (
        base.transform_filter("datum.status === 'ok'")
        .mark_tick(thickness=2, size=18, color="currentColor")
        .encode(x=alt.X("median(ms):Q", title="latency of a process (ms)"), y=rows)
    )
    return (medians + dots).properties(width="container")


def _ops() -> Any:
    import altair as alt

    return (
        alt.Chart(alt.NamedData(name="ops"))
        .mark_bar()
        .encode(
            x=alt.X(
                "position:O",
                title="op, in execution order",
                sort=None,
                axis=alt.Axis(labelOverlap="greedy", labelAngle=0, ticks=False, labelSeparation=6),
                scale=alt.Scale(paddingInner=0.12),
            ),
            y=alt.Y("us:Q", title="per inference (µs)", axis=alt.Axis(tickCount=5)),
            color=alt.Color(
                "group:N", sort=None, title=None, scale=alt.Scale(domain=[], range=list(PALETTE)), legend=None
            ),
            tooltip=[
                alt.Tooltip("position:O", title="index"),
                alt.Tooltip("type:N", title="type"),
                alt.Tooltip("name:N", title="name"),
                alt.Tooltip("us:Q", title="per inference (µs)", format=",.4~g"),
                alt.Tooltip("share:Q", title="% of all ops", format=".2f"),
                alt.Tooltip("where:N", title="ran in"),
            ],
        )
        .properties(width="container", height=170)
    )


def _types() -> Any:
    import altair as alt

    return (
        alt.Chart(alt.NamedData(name="types"))
        .mark_bar()
        .encode(
            y=alt.Y("type:N", title=None, sort=None, axis=alt.Axis(labelLimit=260, ticks=False, domain=False)),
            yOffset=alt.YOffset("side:N", sort=["A", "B"]),
            x=alt.X("us:Q", title="time per inference (µs)", axis=alt.Axis(tickCount=6)),
            color=alt.Color("side:N", scale=alt.Scale(domain=["A", "B"], range=[PALETTE[0], PALETTE[1]]), legend=None),
            tooltip=[
                alt.Tooltip("side:N", title="cell"),
                alt.Tooltip("type:N", title="type"),
                alt.Tooltip("us:Q", title="per inference (µs)", format=",.4~g"),
                alt.Tooltip("share:Q", title="% of all ops", format=".2f"),
                alt.Tooltip("count:Q", title="ops"),
            ],
        )
        .properties(width="container")
    )


def _plain(spec: dict[str, Any]) -> dict[str, Any]:
    """A specification with the page's own configuration in place of Altair's default size, and without the schema's address."""
    spec = {key: value for key, value in spec.items() if key not in ("config", "$schema")}
    return spec | {"config": _CONFIG, "background": "transparent"}


_TEXT = {"labelColor": "currentColor", "titleColor": "currentColor"}
_CONFIG: dict[str, Any] = {
    "view": {"stroke": "transparent"},
    # Named, not inherited: Vega measures labels with it before it places them.
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
    "axis": {
        **_TEXT,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "gridColor": "currentColor",
        "gridOpacity": 0.13,
        "domainColor": "currentColor",
        "domainOpacity": 0.4,
        "tickColor": "currentColor",
        "tickOpacity": 0.4,
    },
    "axisBand": {"grid": False},
    "legend": {**_TEXT, "labelFontSize": 11},
}
