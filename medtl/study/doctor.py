"""What this machine has and what is missing, in plain words."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

from medtl import encoders, environment, imaging
from medtl.errors import IntegrityFailure

GIGA = 1e9
LITTLE_DISK_GB = 5.0
"""Below this a cohort of a few thousand prepared scans and five folds of checkpoints may not fit."""
LITTLE_MEMORY_GB = 4.0
COLUMNS = 100
"""Of a terminal that is not narrow."""


def examine() -> str:
    """The state of this machine, a line a thing; what needs attention begins with `!`."""
    import torch

    found = environment.versions()
    lines = [f"  {package} {version or 'is missing'}" for package, version in found.items()]
    lines += [f"  Python {environment.machine()['python']}, {os.cpu_count()} processors"]
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        lines += [f"  CUDA device: {properties.name}, {properties.total_memory / GIGA:.0f} GB"]
    else:
        lines += ["  no CUDA device: studies run on the processor (frozen probes are quick, fine-tuning is slow)"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIGA
    lines += [f"{'!' if memory < LITTLE_MEMORY_GB else ' '} memory: {memory:.0f} GB"]
    lines += [_space("here, for runs", Path.cwd())]
    lines += [_space("prepared-scan cache", imaging.PreparedCache.shared().folder)]
    store = encoders.WeightStore.from_environment()
    here = [card.name for card in store.list()]
    lines += [f"  weights in the store: {', '.join(here)}"] if here else [
        "! no pretrained weights in the store: medtl weights list says which there are, medtl weights fetch gets them "
        "(without internet, medtl weights import takes in a file); medtl demo needs none"
    ]  # fmt: skip
    missing = [package for package, version in found.items() if version is None]
    lines += [f"! install {', '.join(missing)}"] if missing else []
    return "\n".join(lines)


def weight_choices() -> str:
    """Which encoder to take for which scans, which are here, and how to get the others; for a terminal."""
    lines = textwrap.wrap(encoders.WHEN_UNSURE, COLUMNS)
    lines += ["", f"{'for':20} {'encoder':25} {'MB':>3}  why (numbers without % are AUROC x 100)"]
    for one in encoders.RECOMMENDATIONS:
        start = f"{one.scans:20} {one.encoder:25} {one.megabytes:3}  "
        lines += textwrap.wrap(
            f"{one.reason} ({one.source})", COLUMNS, initial_indent=start, subsequent_indent=" " * len(start)
        )
    store = encoders.WeightStore.from_environment()
    stored = store.names()
    absent = [card.name for card, _ in store.catalogue() if card.download_url and not card.lifting]
    absent = [name for name in absent if name not in stored]
    for what, names in (("Here", stored), ("Not here (medtl weights fetch NAME)", absent)):
        lines += ["", *textwrap.wrap(f"{what}: {', '.join(names) or 'none'}.", COLUMNS, break_on_hyphens=False)]
    lines += ["", "--all lists every name with its licence and source, untrained networks and those for volumes too."]
    return "\n".join(lines)


def weight_table() -> str:
    """Every encoder of the catalogue and the store, whether it is here, where to get it; last, those for volumes."""
    listed = encoders.WeightStore.from_environment().catalogue()
    lines = []
    for wanted in (2, 3):
        lines += ["", "For volumes:"] if wanted == 3 else ["For pictures:"]
        for card, is_here in (entry for entry in listed if entry[0].dimensions == wanted):
            state = ("here" if is_here else "not here") if card.needs_weights else "starts from chance"
            lines.append(f"{card.name:32} {state:20} {card.licence if card.needs_weights else ''}".rstrip())
            if card.needs_weights and not is_here and card.lifting is None:
                lines.append(f"{'':32} from {card.source}")
    return "\n".join(lines)


def _space(what: str, folder: Path) -> str:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free / GIGA
    is_writable = os.access(there, os.W_OK)
    symbol = " " if free >= LITTLE_DISK_GB and is_writable else "!"
    return f"{symbol} {what}: {free:.0f} GB free" + ("" if is_writable else ", but it cannot be written to")


def verified_weights(name: str | None = None) -> Iterator[str]:
    """The stored encoders, or the one of that name, as each is found to be as its card says.

    Raises:
        IntegrityFailure: at the end, with every encoder that is not.
    """
    store = encoders.WeightStore.from_environment()
    faults = []
    for each in [name] if name else store.names():
        try:
            store.verify(each)
        except IntegrityFailure as error:
            faults.append(str(error))
        else:
            yield each
    if faults:
        raise IntegrityFailure("\n".join(faults), faults=tuple(faults))
