"""Cross-validation as a careful colleague writes it with MONAI and PyTorch alone: the other side of the comparison.

Patients stay apart, each fold reads, prepares and trains on its images for all epochs, the epoch of least validation
loss is kept and judged on the fold's test part. Nothing is slow on purpose: there is no augmentation, no report and no
interval, and the stem has the stride of published ResNets (MONAI's default costs four times as much).

`--only-folds` and `--epochs` shorten it for a measurement; the last line of its output is what it measured, as JSON.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from monai.data import DataLoader, Dataset, PILReader
from monai.networks.nets import resnet18
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, Resized, ScaleIntensityd
from monai.utils import set_determinism
from PIL import Image
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold
from torch import nn

FOLDS = 5
BATCH_SIZE = 16
SEED = 7

Item = dict[str, object]


def in_colour(picture: Image.Image) -> Image.Image:
    return picture.convert("RGB")


def loader_of(items: list[Item], *, side: int, shuffle: bool) -> DataLoader:
    chain = Compose(
        [
            LoadImaged(keys="image", reader=PILReader(converter=in_colour)),
            EnsureChannelFirstd(keys="image"),
            Resized(keys="image", spatial_size=(side, side)),
            ScaleIntensityd(keys="image"),
        ]
    )
    return DataLoader(Dataset(items, chain), batch_size=BATCH_SIZE, shuffle=shuffle)


def train_one_epoch(network: nn.Module, loader: DataLoader, optimiser: torch.optim.Optimizer) -> None:
    network.train()
    for batch in loader:
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(network(batch["image"]), batch["label"])
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


@torch.no_grad()
def logits_of(network: nn.Module, loader: DataLoader) -> tuple[torch.Tensor, torch.Tensor]:
    network.eval()
    parts = [(network(batch["image"]), batch["label"]) for batch in loader]
    return torch.cat([logits for logits, _ in parts]), torch.cat([labels for _, labels in parts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--images", type=Path, required=True, help="folder that image paths start from")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only-folds", type=int, default=FOLDS)
    asked = parser.parse_args()

    set_determinism(SEED)
    table = pd.read_csv(asked.manifest)
    classes = sorted(table["label"].unique())
    labels = table["label"].map(classes.index).to_numpy()
    patients = table["patient_id"].to_numpy()
    items: list[Item] = [
        {"image": str(asked.images / name), "label": int(label)}
        for name, label in zip(table["image"], labels, strict=True)
    ]
    measured: list[dict[str, float]] = []
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for fold, (rest, test) in enumerate(splitter.split(labels, labels, patients)):
        if fold == asked.only_folds:
            break
        kept, held = next(splitter.split(rest, labels[rest], patients[rest]))
        training, validation = rest[kept], rest[held]
        teaching = loader_of([items[row] for row in training], side=asked.side, shuffle=True)
        judging = loader_of([items[row] for row in validation], side=asked.side, shuffle=False)
        network = resnet18(
            spatial_dims=2,
            n_input_channels=3,
            num_classes=len(classes),
            conv1_t_stride=2,
            shortcut_type="B",
            bias_downsample=False,
        )
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
        best, least = copy.deepcopy(network.state_dict()), np.inf
        for epoch in range(asked.epochs):
            began = time.perf_counter()
            train_one_epoch(network, teaching, optimiser)
            trained = time.perf_counter()
            logits, truth = logits_of(network, judging)
            loss = float(nn.functional.cross_entropy(logits, truth))
            if loss < least:
                best, least = copy.deepcopy(network.state_dict()), loss
            ended = time.perf_counter()
            print(f"fold {fold}, epoch {epoch + 1}: validation loss {loss:.3f}", flush=True)
            measured.append({"training": trained - began, "validation": ended - trained})
        network.load_state_dict(best)
        logits, truth = logits_of(network, loader_of([items[row] for row in test], side=asked.side, shuffle=False))
        print(f"fold {fold}: balanced accuracy {balanced_accuracy_score(truth, logits.argmax(1)):.3f}", flush=True)
    sizes = {"training_images": len(training), "validation_images": len(validation)}
    print(json.dumps({"epochs": measured, "threads": torch.get_num_threads(), **sizes}))


if __name__ == "__main__":
    main()
