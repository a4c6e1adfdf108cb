"""The report's section *Which variant?*: what the template shows, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.formats import comparison_words as words
from harness.records import DeviceInfo
from harness.report.cell_summaries import ReportCell
from harness.report.page_template import milliseconds
from harness.report.variant_answer import answers, device_name, difference_words, metric_words, place_words
from harness.report.variant_plot import scatter
from harness.report.variant_rows import Place, SourceChoice, VariantCell, VariantFile, choices_of
from harness.report.verdicts import Verdicts
from harness.report.wording import name, number_of, times
from harness.runs.run_store import Run

_MOST_PLOTS = 6


@dataclass(frozen=True)
class FileRow:
    """A line of the table of files."""

    file: VariantFile
    is_reference: bool
    size: str
    of_reference: str
    zipped: str
    accuracy: str
    interval: str
    against: str
    conversion_error: str
    notes: tuple[Markup, ...]


@dataclass(frozen=True)
class PlaceRow:
    """A line of the table of places."""

    variant: VariantCell
    name: str
    place: Markup
    device: Markup
    first: bool
    """Whether it is the first of its place."""
    error: str
    reference_error: str
    ratio: str
    interval: str
    memory: str


@dataclass(frozen=True)
class Section:
    """The section of one source."""

    choice: SourceChoice
    answers: tuple[Markup, ...]
    files: tuple[FileRow, ...]
    places: tuple[PlaceRow, ...]
    plots: tuple[tuple[Markup, Markup], ...]
    """Title and drawing for each device."""
    metric: str
    samples: int


@dataclass(frozen=True)
class OverviewRow:
    """A file among those of all sources."""

    model: str
    row: FileRow
    fastest: tuple[str, ...]
    """Milliseconds at its fastest place on each device; empty where it has none."""


@dataclass(frozen=True)
class Overview:
    """All variants of all sources that are judged by one metric on equally many samples."""

    devices: tuple[Markup, ...]
    rows: tuple[OverviewRow, ...]
    plots: tuple[tuple[Markup, Markup], ...]
    metric: str
    samples: int


def overview_of(sections: Sequence[Section], devices: Sequence[DeviceInfo]) -> Overview | None:
    """Return the overview of a run; None unless it has several sources that can be compared."""
    judged = {(one.choice.metric, one.samples) for one in sections}
    if len(sections) < 2 or len(judged) != 1 or not sections[0].samples:
        return None
    known = {one.serial: one for one in devices}
    serials = list(dict.fromkeys(place[0] for one in sections for place in one.choice.places))[:_MOST_PLOTS]
    named = [(f"{one.choice.model} {file.variant}", file) for one in sections for file in one.choice.files]
    return Overview(
        devices=tuple(device_name(serial, known.get(serial)) for serial in serials),
        rows=tuple(
            OverviewRow(one.choice.model, row, tuple(_fastest(row.file, serial) for serial in serials))
            for one in sections
            for row in one.files
        ),
        plots=tuple(
            (device_name(serial, known.get(serial)), plot)
            for serial in serials
            if (plot := scatter(named, serial, "all models")) is not None
        ),
        metric=sections[0].metric,
        samples=sections[0].samples,
    )


def _fastest(file: VariantFile, serial: str) -> str:
    found = [one for one in file.cells if one.place[0] == serial and one.latency_us is not None and not one.differs]
    return milliseconds(min(one.latency_us or 0 for one in found)) if found else ""


def sections_of(run: Run, cells: Sequence[ReportCell], verdicts: Verdicts) -> tuple[Section, ...]:
    """Return the section of each source; none for a run without sources."""
    devices = {device.serial: device for device in run.manifest.devices}
    return tuple(_section(choice, devices) for choice in choices_of(run, cells, verdicts))


def _section(choice: SourceChoice, devices: dict[str, DeviceInfo]) -> Section:
    serials = list(dict.fromkeys(place[0] for place in choice.places))
    drawn = [
        (device_name(serial, devices.get(serial)), plot)
        for serial in serials[:_MOST_PLOTS]
        if (plot := scatter([(one.variant, one) for one in choice.files], serial, choice.model)) is not None
    ]
    rows = []
    for place in choice.places:
        for number, (file, cell) in enumerate(choice.at(place)):
            rows.append(_place_row(file, cell, place, devices, first=not number))
    samples = max((file.accuracy.n for file in choice.files if file.accuracy is not None), default=0)
    return Section(
        choice=choice,
        answers=tuple(answers(choice, devices)),
        files=tuple(_file_row(file, choice) for file in choice.files),
        places=tuple(rows),
        plots=tuple(drawn),
        metric=metric_words(choice.metric or ""),
        samples=samples,
    )


def _file_row(file: VariantFile, choice: SourceChoice) -> FileRow:
    reference = choice.by_variant[choice.reference]
    is_reference = file is reference
    ours, base, made = file.accuracy, reference.accuracy, file.converted
    against = ""
    if ours is not None and base is not None and not is_reference and ours.value is not None and base.value is not None:
        against = difference_words(ours, base)
    shown = ours is not None and ours.value is not None
    return FileRow(
        file=file,
        is_reference=is_reference,
        size=_kilobytes(file.size_bytes),
        of_reference="" if is_reference or not file.size_bytes or not reference.size_bytes else _share(file, reference),
        zipped=_kilobytes(made.zipped_bytes if made is not None else None),
        accuracy=f"{ours.value:.4g}" if shown and ours is not None and ours.value is not None else "",
        interval=f"[{ours.ci_low:.4g}, {ours.ci_high:.4g}]"
        if shown and ours is not None and ours.ci_low is not None and ours.ci_high is not None
        else "",
        against=against,
        conversion_error=f"{made.snr_db:.0f} dB" if made is not None and made.snr_db is not None else "",
        notes=tuple(_notes(file)),
    )


def _notes(file: VariantFile) -> list[Markup]:
    """Notes on a file: why it does not exist, how much of it is quantised, and where it could not run."""
    made = file.converted
    found: list[Markup] = []
    if made is not None and made.status == "failed":
        found.append(Markup("does not exist: {}").format(name(made.message or "the converter said nothing", 300)))
    elif made is not None and made.message:
        found.append(name(made.message, 300))
    if made is not None and made.quantized_ops is not None and made.total_ops and file.variant != "fp32":
        found.append(Markup("{} of {} ops quantised").format(made.quantized_ops, made.total_ops))
    if made is not None and (made.sparsity or 0) >= 0.3 and "weights are zero" not in (made.message or ""):
        found.append(Markup("{:.0f} % of its weights are zero").format(100 * (made.sparsity or 0)))
    if file.accuracy is not None and file.accuracy.value is None and file.accuracy.message:
        found.append(Markup("not evaluated: {}").format(name(file.accuracy.message, 300)))
    by_reason: dict[str, list[Place]] = {}
    for cell in file.cells:
        if cell.unable is not None:
            by_reason.setdefault(cell.unable, []).append(cell.place)
    for reason, places in by_reason.items():
        where = Markup("{}: {}").format(name(places[0][0], 40), place_words(places[0]))
        more = Markup(" and {}").format(number_of(len(places) - 1, "other place")) if len(places) > 1 else Markup("")
        found.append(Markup("could not run on {}{}: {}").format(where, more, name(reason, 300)))
    return found


def _place_row(
    file: VariantFile, cell: VariantCell, place: Place, devices: dict[str, DeviceInfo], *, first: bool
) -> PlaceRow:
    figures, compared = cell.figures, cell.compared
    ratio = compared.estimate.ratio if compared is not None and words.has_ratio(compared) else None
    memory = cell.cell.memory("peak")
    low, high = (compared.estimate.ci_low, compared.estimate.ci_high) if compared is not None else (None, None)
    return PlaceRow(
        variant=cell,
        name=file.variant,
        place=place_words(place),
        device=device_name(place[0], devices.get(place[0])),
        first=first,
        error=_error(figures.output.max_rel, equal=figures.output.equal, nan=figures.output.nan) if figures else "",
        reference_error=_error(figures.reference.max_rel, equal=figures.reference.equal, nan=figures.reference.nan)
        if figures is not None and figures.reference is not None
        else "",
        ratio=times(ratio) if ratio is not None else "",
        interval=f"[{low:.3f}, {high:.3f}]" if ratio is not None and low is not None and high is not None else "",
        memory=f"{memory.centre:.1f}" if memory is not None else "",
    )


def _error(relative: float | None, *, equal: bool, nan: int) -> str:
    if equal:
        return "0 (equal)"
    said = [f"{100 * relative:.2g} %"] if relative is not None else []
    if nan:
        said.append(f"{number_of(nan, 'value is', 'values are')} not finite")
    return ", ".join(said) or "not known"


def _kilobytes(size: int | None) -> str:
    if size is None:
        return ""
    return f"{size / 1000:,.0f} kB".replace(",", "\u202f") if size >= 10_000 else f"{size / 1000:.1f} kB"


def _share(file: VariantFile, reference: VariantFile) -> str:
    return f"{(file.size_bytes or 0) / (reference.size_bytes or 1):.2f}\u00d7"
