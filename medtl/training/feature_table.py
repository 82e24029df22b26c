"""Frozen features, computed once for every fold, repeat and run.

One forward pass a case; the table is kept beside the prepared scans in pieces named by what went into them (the
prepared scans' keys, the encoder's weights and its card), so an interrupted or enlarged study redoes only its rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from medtl.adaptation import freezing
from medtl.encoders import Encoder
from medtl.encoders.readout import Readout
from medtl.errors import IntegrityFailure
from medtl.files import fingerprint, replacing, sha256_of
from medtl.imaging.cache_use import note_use
from medtl.progress import track
from medtl.training.batches import Scans, each_once, load, worker_count

CASES_A_PIECE = 128
"""Cases that are stored together: some seconds of work on two cores."""
SCHEMA = 2


@dataclass(frozen=True)
class FeatureTable:
    """Pooled features of an encoder as it was pretrained: `values` (case, feature), rows named by `case_ids`."""

    case_ids: tuple[str, ...]
    values: Float32[np.ndarray, "case feature"]

    def of(self, case_ids: Sequence[str]) -> Float32[np.ndarray, "case feature"]:
        """The rows of these cases, in this order."""
        rows = {case: row for row, case in enumerate(self.case_ids)}
        return self.values[[rows[case] for case in case_ids]]


def feature_table(
    encoder: Encoder,
    scans: Scans,
    content: Mapping[str, str],
    *,
    folder: Path,
    device: torch.device,
    loading_workers: int | None,
    readout: Readout = "last",
) -> FeatureTable:
    """The features of every case in `content`, which maps a case to the key of its prepared scan.

    Cases with the same content get the same features. A damaged piece is computed again.
    """
    identity = encoder_identity(encoder, readout=readout)
    a_case = {key: case for case, key in content.items()}
    keys = sorted(a_case)
    pieces = [keys[at : at + CASES_A_PIECE] for at in range(0, len(keys), CASES_A_PIECE)]
    rows: dict[str, np.ndarray] = {}
    encoder.to(device)
    workers = worker_count(device, loading_workers)
    for piece in track(pieces, what="frozen features", total=len(pieces)):
        path = folder / "features" / f"{fingerprint([SCHEMA, identity, device.type, piece])}.safetensors"
        values = _stored(path, count=len(piece))
        if values is None:
            values = _computed(
                encoder, scans, [a_case[key] for key in piece], device=device, workers=workers, readout=readout
            )
            _store(path, values, shared=folder)
        note_use(path)
        rows.update(zip(piece, values, strict=True))
    return FeatureTable(tuple(content), np.stack([rows[key] for key in content.values()]))


def encoder_identity(encoder: Encoder, *, readout: Readout = "last") -> str:
    """A name for exactly these weights under exactly this normalisation and readout."""
    digest = hashlib.sha256(encoder.card.model_dump_json(exclude={"source_features"}).encode())
    if readout != "last":
        digest.update(readout.encode())
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _computed(
    encoder: Encoder, scans: Scans, case_ids: Sequence[str], *, device: torch.device, workers: int, readout: Readout
) -> Float32[np.ndarray, "case feature"]:
    plan = each_once(scans, case_ids)
    with freezing.eval_mode(encoder), torch.inference_mode():
        parts = [
            encoder.pooled(encoder.normalised(batch.scans.to(device)), readout=readout).cpu().numpy()
            for batch in load(scans, plan, workers=workers)
        ]
    values = np.concatenate(parts).astype(np.float32)
    bad = [case for case, row in zip(case_ids, values, strict=True) if not np.isfinite(row).all()]
    if bad:
        raise IntegrityFailure(
            f"The encoder gives no finite features for {len(bad)} case{'s' if len(bad) > 1 else ''}: "
            f"{', '.join(bad[:10])}. "
            "Run medtl weights verify, and medtl check on the manifest.",
            cases=bad,
        )
    return values


def _store(path: Path, values: Float32[np.ndarray, "case feature"], *, shared: Path) -> None:
    with replacing(path, bytes_needed=values.nbytes, shared=shared) as temporary:
        save_file({"features": values, "sha256": _digest(values)}, temporary)


def _stored(path: Path, *, count: int) -> Float32[np.ndarray, "case feature"] | None:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError):  # not there, damaged, or of a user who does not share it
        return None
    values = tensors["features"]
    return values if len(values) == count and np.array_equal(_digest(values), tensors["sha256"]) else None


def _digest(values: np.ndarray) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(sha256_of(np.ascontiguousarray(values).tobytes())), dtype=np.uint8)
