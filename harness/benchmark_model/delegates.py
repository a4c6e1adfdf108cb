"""Finds which delegates ran and how much of the graph they took, from every form in which the tool and the runtime say it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from harness.records import DelegateApplied, DelegateRequest, DelegateUse, OpTiming

_NAMES = {
    "tflitexnnpackdelegate": "XNNPACK",
    "tflitegpudelegatev2": "GPU",
    "tflitegpudelegate": "GPU",
    "tflitennapidelegate": "NNAPI",
    "tflitehexagondelegate": "HEXAGON",
    "tflitecoremldelegate": "COREML",
    "tfliteflexdelegate": "FLEX",
    "edgetpu": "EDGETPU",
    "tfliteqnndelegate": "QNN",
    "qnndelegate": "QNN",
    "tensorflow lite": "XNNPACK",  # "the default TensorFlow Lite delegate"
    "core ml": "COREML",
    "dispatchdelegate": "NPU",  # LiteRT's, to any vendor's accelerator
    "stable_delegate": "STABLE_DELEGATE",
    "tflitemetaldelegate": "GPU",
    "litert_cl": "GPU",
    "litert_gl": "GPU",
    "litert_metal": "GPU",
    "litert_webgpu": "GPU",
}

_RECOVERABLE_ERRORS = (
    ("NNAPI", "NN API returned error"),
    ("HEXAGON", "hexagon_nn_"),
    ("", "Attempting to use a delegate that only supports static-sized tensors"),
)
"""Beginnings of delegate errors after which the run may go on with the CPU. The last is about the delegate that was mentioned last."""

_EXPLICIT = re.compile(
    r"(?:Explicitly applied|Applied) (.{1,80}?) delegate, and the model graph will be (completely|partially) executed"
    r"(?: (?:by|w/) the delegate)?(?: w/ (\d{1,9}) delegate kernels)?"
)
_THOUGH = re.compile(r"Though (.{1,80}?) delegate is (?:explicitly )?applied, the model graph will not be executed")
_OLD_APPLIED = re.compile(r"Applied (.{1,80}?) delegate\.?$")
_REPLACING = re.compile(
    r"Replacing (\d{1,9})(?: out of (\d{1,9}))? node\(s\) with delegate \((.{1,200}?)\) node, "
    r"yielding (\d{1,9}) partitions(?: for subgraph (\d{1,9}))?"
)
_CREATED = re.compile(r"Created TensorFlow Lite (XNNPACK )?delegate for (.{1,40}?)\.?$")
_TOOL_CREATED = re.compile(r"(\S{1,80}) delegate created\.?$")
_FAILED = re.compile(r"Failed to apply (?:the )?(?:default )?(.{1,80}?) delegate\b")
_GPU_SPLIT = re.compile(
    r"(?:First )?(\d{1,9}) operations will run on the GPU, and the remaining (\d{1,9})(?: operations will run)? on the CPU"
)
_GPU_NOTHING = re.compile(r"No operations will run on the GPU, and all (\d{1,9}) operations will run on the CPU")
_SIMPLE = re.compile(
    r"(?:\[[^\]]{1,60}\] )?(.{1,80}?)(?: delegate)?: (\d{1,9}) nodes delegated out of (\d{1,9}) nodes(?:,? with (\d{1,9}) partitions)?"
)
"""Message of every delegate on TensorFlow Lite's `SimpleDelegate`: Hexagon, Core ML, QNN, LiteRT's dispatch and others."""
_TIDL = re.compile(r"Number of subgraphs:\s?(\d{1,9})\s?, (\d{1,9}) nodes delegated out of (\d{1,9}) nodes")
"""Message of Texas Instruments' delegate, which does not name itself."""
_NOT_CREATED = re.compile(r"Could not create (.{1,40}?) delegate")
_NODE = re.compile(r"Node number \d{1,9} \((\w{1,80})\) failed to (\w{1,20})")
_ROW_TYPE = re.compile(r"(?:TfLite\w{1,60}Delegate(?:V\d)?|\w{1,40} ?[Dd]elegate)$")

_UNDONE = (
    "Restored original execution plan after delegate application failure",
    "Restored previous execution plan after delegate application failure",
    "Returning error since NNAPI returned failure",
    "Aborting since NNAPI returned failure",
    "Failed to build graph for NNAPI",
)
"""Beginnings of messages which say that a delegate failed to take nodes after it had begun to."""

_ACCELERATORS = frozenset({"nnapi accelerators available", "nnapi accelerator name"})
_REFERENCE = "nnapi-reference"
"""Android's reference implementation of NNAPI, which runs on the CPU and serves driver tests."""

_ECHOES = {
    "use gpu": "GPU",
    "use nnapi": "NNAPI",
    "use hexagon": "HEXAGON",
    "use xnnpack": "XNNPACK",
    "use coreml": "COREML",
    "use coreml delegate": "COREML",
    "use ynnpack": "YNNPACK",
}
_FLAGS = {
    "use_gpu": "GPU",
    "use_nnapi": "NNAPI",
    "use_hexagon": "HEXAGON",
    "use_xnnpack": "XNNPACK",
    "use_coreml": "COREML",
    "use_ynnpack": "YNNPACK",
    "use_npu": "NPU",
    "stable_delegate_settings_file": "STABLE_DELEGATE",
    "external_delegate_path": "EXTERNAL",
}

_TRACE, _RUNTIME, _TOOL, _FAILURE = 1, 2, 3, 4
"""Sources of a delegate's share of the graph, weakest first: a trace, the runtime (one subgraph), the tool, a failure."""


def tool_name(name: str) -> str:
    """Return a delegate's name in the tool's spelling, upper case: `TfLiteGpuDelegateV2`, `gpu` and `GPU` are the same."""
    key = name.strip().lower()
    if key in _NAMES:
        return _NAMES[key]
    if key.startswith("tflite") and "delegate" in key:
        key = key.removeprefix("tflite")
    key = re.sub(r"[ _-]?delegate(?:v\d)?$", "", key)
    return _NAMES.get(key, key).upper()


def requested_by_flag(flag: str) -> str | None:
    """Return the delegate that a flag such as `--use_gpu=true` asks for."""
    name, _, value = flag.removeprefix("--").partition("=")
    if name in ("external_delegate_path", "stable_delegate_settings_file"):
        return _FLAGS[name] if value else None
    return _FLAGS.get(name) if value.lower() in ("true", "1") else None


@dataclass(slots=True)
class DelegateBook:
    """Collects, line by line, what messages say about delegates."""

    uses: dict[str, DelegateUse] = field(default_factory=dict)
    echoed: list[str] = field(default_factory=list)
    """Delegates that the echoed parameters or the command line request."""
    full_asked: bool = False
    created: set[str] = field(default_factory=set)
    """Delegates that were created; they may not have been applied."""
    lines: dict[str, str] = field(default_factory=dict)
    """The line that says that a delegate took nothing."""
    recoverable_errors: dict[str, str] = field(default_factory=dict)
    """Errors by delegate (an empty name if nothing names it). They count unless a message says that it was applied after all."""
    counted: set[str] = field(default_factory=set)
    """Delegates that printed their own counts."""
    on_cpu: dict[str, str] = field(default_factory=dict)
    """By delegate: the line that says that its nodes ran on the CPU all the same."""
    last: str | None = None
    """The delegate that was mentioned last."""
    by_tool: set[str] = field(default_factory=set)
    """Delegates that the tool created; it says what became of them, unless it ends before."""
    without_part: set[str] = field(default_factory=set)
    """Delegates that the tool says execute nothing: counts before or after that, on another stream, were undone."""
    weights: dict[str, int] = field(default_factory=dict)
    """By delegate: the weight of the source of `applied`."""

    def feed(self, text: str) -> bool:
        """Take one message. Return whether it was about a delegate."""
        first = text[:1]
        if first in "ANh":
            for name, beginning in _RECOVERABLE_ERRORS:
                if text.startswith(beginning):
                    self.recoverable_errors.setdefault(name or self.last or next(iter(self.echoed), ""), text)
        if first in "EA" and (match := _EXPLICIT.match(text)) is not None:
            self._say(
                match[1], "full" if match[2] == "completely" else "partial", kernels=int(match[3]) if match[3] else None
            )
        elif first == "A" and (match := _OLD_APPLIED.match(text)) is not None:
            # TensorFlow 1.14 to 2.1 print no more than this.
            self._say(match[1], None)
        elif first == "T" and (match := _THOUGH.match(text)) is not None:
            # Only requested delegates are applied explicitly.
            self._say(match[1], "none")
            self.without_part.add(tool_name(match[1]))
            self.lines[tool_name(match[1])] = text
            self.ask(tool_name(match[1]))
        elif first == "R" and (match := _REPLACING.match(text)) is not None:
            self._replacing(match)
        elif first in "RAF" and text.startswith(_UNDONE):
            undone = "NNAPI" if "NNAPI" in text else self.last
            if undone is not None:
                self._say(undone, "failed", weight=_FAILURE)
            return False  # it is a failure too
        elif first == "C" and text.startswith("Created 0 GPU delegate kernels"):
            nothing_to_take = "GPU" in self.uses and self.uses["GPU"].applied == "none"
            self._say("GPU", "none" if nothing_to_take else "failed", weight=_RUNTIME)
            return nothing_to_take
        elif first == "F" and (match := _FAILED.match(text)) is not None:
            self._say(match[1], "failed", weight=_FAILURE)
            return False  # it is a failure too
        elif first == "C" and (match := _CREATED.match(text)) is not None:
            name = "XNNPACK" if match[1] else tool_name(match[2])
            self.created.add(name)
            self.last = name
            if name == "XNNPACK" and name not in self.uses:
                self._say(name, "implicit", weight=_TRACE)
        elif (first.isdigit() or first == "F") and (match := _GPU_SPLIT.match(text)) is not None:
            on_gpu, rest = int(match[1]), int(match[2])
            self._say("GPU", _extent(on_gpu, on_gpu + rest), nodes=on_gpu, total=on_gpu + rest, weight=_RUNTIME)
        elif first == "N" and (match := _GPU_NOTHING.match(text)) is not None:
            self._say("GPU", "none", nodes=0, total=int(match[1]), weight=_RUNTIME)
            self.lines["GPU"] = text
        elif first == "N" and (match := _NODE.match(text)) is not None:
            if _ROW_TYPE.fullmatch(match[1]) is None:
                return False
            if (
                match[2] == "prepare" and tool_name(match[1]) != "FLEX"
            ):  # that one takes what no kernel does, asked or not
                self._say(match[1], "failed", weight=_FAILURE)
                self.lines.setdefault(tool_name(match[1]), text)
            else:
                self._say(match[1], None, weight=_TRACE)
            return False  # it is a failure too
        elif first == "N" and (match := _TIDL.match(text)) is not None:
            nodes, total = int(match[2]), int(match[3])
            self.counted.add("TIDL")
            self._say(
                "TIDL", _extent(nodes, total), nodes=nodes, total=total, partitions=int(match[1]), weight=_RUNTIME
            )
        elif " nodes delegated out of " in text and (match := _SIMPLE.match(text)) is not None:
            nodes, total, name = int(match[2]), int(match[3]), tool_name(match[1])
            self.counted.add(name)
            self._say(
                name,
                _extent(nodes, total),
                nodes=nodes,
                total=total,
                partitions=int(match[4]) if match[4] else None,
                weight=_RUNTIME,
            )
        elif first == "C" and (match := _NOT_CREATED.match(text)) is not None:
            self._say(match[1], "failed", weight=_FAILURE)
            return False  # it is a failure too
        elif text.endswith(("created.", "created")) and (match := _TOOL_CREATED.match(text)) is not None:
            self.last = tool_name(match[1])
            self.created.add(self.last)
            self.by_tool.add(self.last)
        else:
            return False
        return True

    def echo(self, label: str, value: str) -> None:
        """Take an echoed parameter such as `Use gpu: [1]`; TensorFlow up to 2.3 puts a blank before the colon."""
        key = label.strip().lower()
        if key in _ACCELERATORS and [name for name in re.split(r"[,\s]+", value) if name] == [_REFERENCE]:
            self.on_cpu["NNAPI"] = f"{label.strip()}: [{value}]"
        if value == "1" and key in _ECHOES:
            self.ask(_ECHOES[key])
        elif key == "external delegate path" and value:
            self.ask("EXTERNAL")
        elif key == "delegate settings file path" and value:
            self.ask("STABLE_DELEGATE")
        elif key == "require full delegation" and value == "1":
            self.full_asked = True

    def ask(self, name: str) -> None:
        """Note that a delegate was asked for."""
        if name not in self.echoed:
            self.echoed.append(name)

    def rows(self, ops: Iterable[OpTiming]) -> None:
        """Take the delegates that show only as rows of the profile, which do not say how much they took."""
        for node_type in dict.fromkeys(op.node_type for op in ops):
            if _ROW_TYPE.fullmatch(node_type) is None:
                continue
            name = tool_name(node_type)
            if name in self.uses or (name not in _NAMES.values() and "EXTERNAL" in self.uses):
                continue
            self._say(name, "implicit" if name == "XNNPACK" and name not in self.echoed else None, weight=_TRACE)

    def observed(self, name: str, *, nodes: int, total: int, kernels: int) -> None:
        """Take what the runtime info shows of a delegate. It overrides every message except a failure."""
        self._say(name, _extent(nodes, total), nodes=nodes, total=total, kernels=kernels)

    def untouched(self, total: int, took: Collection[str], asked: Iterable[str]) -> None:
        """Record the delegates that took none of the nodes: those that the runtime info does not list.

        It lists only delegates that took some, and a vendor's by its own name.
        """
        vendors = set(took) - _NOT_EXTERNAL
        for name in dict.fromkeys([*asked, *self.uses]):
            if name in _TOOL_DELEGATES and name not in took and not (vendors and name in _HAS_OTHER_NAMES):
                self._say(name, "none", nodes=0, total=total)

    def result(self) -> tuple[DelegateUse, ...]:
        """Return the outcome of each delegate, in the order in which they were first named."""
        for name in self.without_part:
            use = self.uses[name]
            if use.applied in ("none", "failed") and use.nodes_delegated:
                self.uses[name] = replace(use, nodes_delegated=0, partitions=0)
        self._count_external()
        return tuple(
            # XNNPACK is not implicit if it was requested, even if nothing says how much it took.
            replace(use, applied=None) if use.applied == "implicit" and use.name in self.echoed else use
            for use in self.uses.values()
        )

    def _count_external(self) -> None:
        """Give the external delegate the nodes of the vendor's delegate: both names mean the same one."""
        vendors = [
            use for use in self.uses.values() if use.name not in _NOT_EXTERNAL and use.nodes_delegated is not None
        ]
        if len(vendors) != 1 or "EXTERNAL" not in {*self.uses, *self.echoed, *self.created}:
            return
        known, vendor = self.uses.get("EXTERNAL"), vendors[0]
        if known is None:
            self.uses["EXTERNAL"] = replace(vendor, name="EXTERNAL")
        elif known.nodes_delegated is None and known.applied != "failed":
            self.uses["EXTERNAL"] = replace(
                known,
                applied=known.applied or vendor.applied,
                nodes_delegated=vendor.nodes_delegated,
                nodes_total=vendor.nodes_total,
                partitions=vendor.partitions,
                delegate_kernels=known.delegate_kernels or vendor.delegate_kernels,
            )

    def _replacing(self, match: re.Match[str]) -> None:
        name = tool_name(match[3])
        nodes, total = int(match[1]), int(match[2]) if match[2] else None
        partitions, subgraph = int(match[4]), int(match[5]) if match[5] else 0
        if subgraph != 0 and name in self.uses and self.uses[name].nodes_delegated is not None:
            return  # the primary graph's count stands
        if name in self.counted:
            return  # the delegate itself has printed it, with the total
        applied = _extent(nodes, total)
        if total is None and nodes > 0:
            # This line's partitions include the parts left to the CPU, so a single one is the whole graph.
            applied = "full" if partitions <= 1 else "partial"
        self._say(name, applied, nodes=nodes, total=total, partitions=partitions, weight=_RUNTIME)

    def _say(
        self,
        name: str,
        applied: DelegateApplied | None,
        *,
        nodes: int | None = None,
        total: int | None = None,
        partitions: int | None = None,
        kernels: int | None = None,
        weight: int = _TOOL,
    ) -> None:
        name = self.last = tool_name(name)
        known = self.uses.get(name, DelegateUse(name=name, applied=None))
        if weight >= self.weights.get(name, 0) and applied is not None:
            self.weights[name] = weight
        else:
            applied = known.applied
        self.uses[name] = replace(
            known,
            applied=applied,
            nodes_delegated=known.nodes_delegated if nodes is None else nodes,
            nodes_total=known.nodes_total if total is None else total,
            partitions=known.partitions if partitions is None else partitions,
            delegate_kernels=known.delegate_kernels if kernels is None else kernels,
        )


def _extent(nodes: int, total: int | None) -> DelegateApplied | None:
    if nodes == 0:
        return "none"
    if total is None:
        return None
    return "full" if nodes >= total else "partial"


_TOOL_DELEGATES = frozenset(
    {"XNNPACK", "YNNPACK", "GPU", "NNAPI", "HEXAGON", "COREML", "NPU", "EXTERNAL", "STABLE_DELEGATE"}
)
"""Delegates that the tools' flags name. Any other is a vendor's and is loaded through one of the carriers."""

_NOT_EXTERNAL = _TOOL_DELEGATES | {"FLEX"}

_HAS_OTHER_NAMES = frozenset({"EXTERNAL", "STABLE_DELEGATE", "NPU"})
_CARRIERS = ("EXTERNAL", "STABLE_DELEGATE", "NNAPI")


def asked_for(book: DelegateBook, requested: DelegateRequest | None) -> list[str]:
    """Return the delegates that had to be applied: the request if known, else what the output echoes.

    A request may name a vendor's delegate (`vx`, `ethosu`), which the tool calls external, or a variant (`gpu-fp16`).
    """
    if requested is None:
        return list(book.echoed)
    if requested.name == "cpu":
        return []
    name = tool_name(requested.name)
    if name not in _TOOL_DELEGATES and (stem := tool_name(re.split(r"[-_.]", requested.name)[0])) in _TOOL_DELEGATES:
        name = stem
    if name not in _TOOL_DELEGATES and name not in book.uses:
        name = next((carrier for carrier in _CARRIERS if carrier in book.uses), name)
    return [name]


def tells_of_delegates(book: DelegateBook, name: str) -> bool:
    """Return whether an output without its beginning mentions other delegates, so that it would mention this one too."""
    others = set(book.uses) - {name}
    # A vendor's delegate in a profile's rows may be the external one.
    return bool(others & _TOOL_DELEGATES) and (
        name in _TOOL_DELEGATES and (name != "EXTERNAL" or others <= _TOOL_DELEGATES)
    )
