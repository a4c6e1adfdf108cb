"""Makes small ExportedPrograms into a folder: `python make_torch_sources.py FOLDER`. It runs in the Python that holds PyTorch."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 8, 3, padding=1)
        self.classes = nn.Linear(8 * 16 * 16, 10)

    def forward(self, image: Any) -> Any:
        pooled = torch.max_pool2d(torch.relu(self.features(image)), 2)
        return {"probs": torch.softmax(self.classes(pooled.flatten(1)), 1), "map": pooled}


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 8)
        self.memory = nn.LSTM(8, 6, batch_first=True)

    def forward(self, ids: Any, scale: Any) -> Any:
        states, _last = self.memory(self.words(ids))
        return states * scale, states.argmax(-1)


class Inverse(nn.Module):
    def forward(self, matrix: Any) -> Any:
        return torch.linalg.eigvals(matrix).real


def main() -> None:
    torch.manual_seed(0)
    folder = Path(sys.argv[1])
    batch = torch.export.Dim("batch", min=1, max=64)
    export = torch.export.export
    classifier = export(Classifier().eval(), (torch.zeros(2, 3, 32, 32),), dynamic_shapes={"image": {0: batch}})
    torch.export.save(classifier, folder / "classifier.pt2")
    two = export(TwoInputs().eval(), (torch.zeros(1, 7, dtype=torch.int64),), {"scale": torch.ones(1)})
    torch.export.save(two, folder / "two_inputs.pt2")
    torch.export.save(export(Inverse(), (torch.eye(3)[None],)), folder / "no_converter.pt2")
    torch.save(Classifier().state_dict(), folder / "weights.pt")
    whole = (folder / "classifier.pt2").read_bytes()
    (folder / "cut.pt2").write_bytes(whole[: len(whole) // 2])
    damaged = io.BytesIO()
    with zipfile.ZipFile(folder / "classifier.pt2") as old, zipfile.ZipFile(damaged, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(entry.filename, content[:100] if entry.filename.endswith("model.json") else content)
    (folder / "damaged.pt2").write_bytes(damaged.getvalue())
    _with_code(folder / "classifier.pt2", folder / "code.pt2", folder / "it_ran")


def _with_code(plain: Path, path: Path, proof: Path) -> None:
    """Write a program whose first weight is a pickle that makes a file when it is loaded."""

    class Code:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (proof,)

    content = io.BytesIO()
    torch.save(Code(), content)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w") as new:
        for entry in old.infolist():
            kept = old.read(entry)
            if entry.filename.endswith("weights_config.json"):
                config = json.loads(kept)
                next(iter(config["config"].values()))["use_pickle"] = True
                kept = json.dumps(config).encode()
            elif entry.filename.endswith(("weight_0", "sample_inputs/model.pt")):
                kept = content.getvalue()
            new.writestr(entry.filename, kept)


if __name__ == "__main__":
    main()
