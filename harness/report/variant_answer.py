"""Answers which variant to ship, in a sentence for each device. Pure."""

from __future__ import annotations

from markupsafe import Markup

from harness.analysis.paired_accuracy import SHOWN_BELOW
from harness.analysis.verdict import Verdict
from harness.formats.accuracy_words import number, samples
from harness.records import DeviceInfo
from harness.records.variants import TaskAccuracy
from harness.report.variant_rows import Place, SourceChoice, VariantCell, VariantFile
from harness.report.wording import name, thread_words

_MOST_DEVICES = 4


def answers(choice: SourceChoice, devices: dict[str, DeviceInfo]) -> list[Markup]:
    """Return a sentence for each device, for the first few devices."""
    serials = list(dict.fromkeys(place[0] for place in choice.places))
    said = [_of_device(choice, serial, devices.get(serial)) for serial in serials[:_MOST_DEVICES]]
    if len(serials) > _MOST_DEVICES:
        said.append(Markup("{} more devices are in the table below.").format(len(serials) - _MOST_DEVICES))
    return said


def _of_device(choice: SourceChoice, serial: str, device: DeviceInfo | None) -> Markup:
    where = device_name(serial, device)
    here = [
        (file, cell)
        for file in choice.files
        for cell in file.cells
        if cell.place[0] == serial and file.variant != choice.reference
    ]
    faster = [(file, cell) for file, cell in here if cell.verdict is Verdict.FASTER and cell.latency_us is not None]
    sound = sorted((one for one in faster if not one[1].differs), key=lambda one: one[1].latency_us or 0)
    wrong = [one for one in faster if one[1].differs]
    left_out = Markup("")
    if wrong:
        file, cell = min(wrong, key=lambda one: one[1].latency_us or 0)
        left_out = Markup(" <strong>{}</strong> ({}) is not counted as faster: its outputs differ.").format(
            name(file.variant), place_words(cell.place)
        )
    if not sound:
        return _none_faster(choice, where, here) + left_out
    file, cell = sound[0]
    ratio = cell.compared.estimate.ratio if cell.compared is not None else None
    mark = " (synthetic)" if cell.compared is not None and cell.compared.synthetic else ""
    return (
        Markup("<strong>{} is {}\u00d7 faster than {}</strong>{} on {} ({}){}; {}.").format(
            name(file.variant),
            f"{1 / ratio:.1f}" if ratio and ratio < 1 / 1.1 else f"{1 / (ratio or 1):.2f}",
            name(choice.reference),
            mark,
            where,
            place_words(cell.place),
            _size_words(file, choice.by_variant[choice.reference]),
            accuracy_words(choice, file, cell),
        )
        + left_out
    )


def _none_faster(choice: SourceChoice, where: Markup, here: list[tuple[VariantFile, VariantCell]]) -> Markup:
    if not any(cell.compared is not None and cell.verdict is not None for _, cell in here):
        return Markup("On {} no variant could be compared with {}.").format(where, name(choice.reference))
    return Markup("On {} no variant is surely faster than {}.").format(where, name(choice.reference))


def place_words(place: Place) -> Markup:
    """Return `xnnpack, 1 thread, big`."""
    _, delegate, threads, cpus, binary = place
    parts = [name(delegate, 60), Markup("{}").format(thread_words(threads)), name(cpus, 40)]
    return Markup(", ").join([*parts, *([name(binary)] if binary else [])])


def device_name(serial: str, device: DeviceInfo | None) -> Markup:
    """Return the model with the serial, or only the serial."""
    if device is None or not device.model:
        return name(serial, 40)
    return Markup("{} {}").format(name(device.model, 40), name(serial, 40))


def _size_words(file: VariantFile, reference: VariantFile) -> Markup:
    if not file.size_bytes or not reference.size_bytes:
        return Markup("")
    ratio = reference.size_bytes / file.size_bytes
    if ratio > 1.05:
        return Markup(" at {:.1f}\u00d7 less size").format(ratio)
    return Markup(" at {:.2f}\u00d7 the size").format(1 / ratio)


def accuracy_words(choice: SourceChoice, file: VariantFile, cell: VariantCell | None = None) -> Markup:
    """Compare a variant's accuracy with the reference's in a clause, or say what else is known about its outputs."""
    ours, base = file.accuracy, choice.by_variant[choice.reference].accuracy
    if ours is not None and base is not None and ours.value is not None and base.value is not None:
        return Markup("{} {} against {}: {}").format(
            name(metric_words(ours.metric)), number(ours.value), number(base.value), difference_words(ours, base)
        )
    figures = cell.figures if cell is not None else None
    if figures is not None and figures.reference is not None and figures.reference.max_rel is not None:
        return Markup("its outputs are at most {:.2g} % of their range from those of {} ({} samples)").format(
            100 * figures.reference.max_rel, name(choice.reference), figures.samples
        )
    return Markup("its accuracy is not known: the suite has no labelled data for it")


def difference_words(ours: TaskAccuracy, base: TaskAccuracy) -> str:
    """Return `no difference shown with 450 samples`, or `worse (p = 0.003, 450 samples)`."""
    if ours.p_value is None or ours.p_value >= SHOWN_BELOW or ours.value is None or base.value is None:
        same = ours.value == base.value and ours.p_value == 1
        return "equal" if same else f"no difference shown with {samples(ours.n)}"
    word = "higher" if ours.value > base.value else "lower"
    if ours.better is not None:
        word = "better" if word == ours.better else "worse"
    return f"{word} (p = {ours.p_value:.2g}, {samples(ours.n)})"


def metric_words(metric: str) -> str:
    """Return the metric's name in a sentence."""
    return {
        "top1": "accuracy",
        "top5": "top-5 accuracy",
        "mse": "mean squared error",
        "mae": "mean absolute error",
    }.get(metric, metric)
