"""Files that attack are refused, and nothing in them runs; the witness is a canary file."""

from __future__ import annotations

import contextlib
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from medtl.encoders import foreign_file
from medtl.encoders.foreign_file import read_foreign
from medtl.errors import ConfigurationError, IntegrityFailure


class Hostile:
    """Touches a file when it is unpickled without care."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch '{self.canary}'",)


def raw_pickle(path: Path, hostile: Hostile) -> None:
    path.write_bytes(pickle.dumps(hostile))


def old_pickle(path: Path, hostile: Hostile) -> None:
    path.write_bytes(pickle.dumps({"conv1.weight": hostile}, protocol=0))


def torch_zip(path: Path, hostile: Hostile) -> None:
    torch.save({"conv1.weight": torch.ones(2), "extra": hostile}, path)


def torch_legacy(path: Path, hostile: Hostile) -> None:
    torch.save({"conv1.weight": hostile}, path, _use_new_zipfile_serialization=False)


def whole_module(path: Path, hostile: Hostile) -> None:
    module = torch.nn.Linear(2, 2)
    module.hook = hostile
    torch.save(module, path)


def numpy_objects(path: Path, hostile: Hostile) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.array([hostile], dtype=object), allow_pickle=True)


@pytest.mark.parametrize("write", [raw_pickle, old_pickle, torch_zip, torch_legacy, whole_module, numpy_objects])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
@pytest.mark.parametrize("forced", ["0", "1"])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(write, suffix, forced, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", forced)
    canary = tmp_path / "canary"
    write(tmp_path / f"evil{suffix}", Hostile(canary))
    with pytest.raises(IntegrityFailure, match=rf"evil{suffix} is refused: .* Nothing in it was executed") as refusal:
        read_foreign(tmp_path / f"evil{suffix}")
    assert refusal.value.exit_code == 7
    assert not canary.exists()


@pytest.mark.parametrize("suffix", [".ckpt", ".pkl", ".npy", ".joblib", ".pt2", ""])
def test_other_endings_are_refused_unread(suffix, tmp_path) -> None:
    (tmp_path / f"file{suffix}").write_bytes(b"anything")
    with pytest.raises(IntegrityFailure, match=r"refused: its ending is .*expected .safetensors, .pt or .pth"):
        read_foreign(tmp_path / f"file{suffix}")


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no file .*nothing.pt"):
        read_foreign(tmp_path / "nothing.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": torch.ones(1), "b": 3}, "its entry 'b' is a int; expected only tensors"),
        ({3: torch.ones(1)}, "its entry '3'"),
        (torch.ones(3), "it holds a Tensor; expected a state dict"),
        ({}, "it holds empty"),
        ({"state_dict": {}}, "it holds empty"),
        ({"a": torch.ones(3).to_sparse()}, "the tensor a is sparse"),
        ({"a": torch.ones(3, device="meta")}, "without numbers"),
        ({"a": torch.ones(3, dtype=torch.int8)}, "the tensor a holds int8; expected float16 or"),
        ({"a.num_batches_tracked": torch.ones(())}, "holds float32; expected int64 or int32"),
        ({"a": torch.tensor([1.0, float("nan")])}, "the tensor a holds NaN or infinity"),
        ({"a": torch.ones(1).expand(1 << 40)}, "claim 4,398,046,511,104 bytes"),
    ],
)
def test_anything_but_plain_finite_tensors_under_names_is_refused(content, message, tmp_path) -> None:
    torch.save(content, tmp_path / "file.pt")
    with pytest.raises(IntegrityFailure, match=message):
        read_foreign(tmp_path / "file.pt")


def test_files_too_large_or_that_unpack_to_too_much_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(foreign_file, "LARGEST_FILE_BYTES", 100_000)
    save_file({"a": torch.ones(50_000)}, tmp_path / "large.safetensors")
    with pytest.raises(IntegrityFailure, match=r"it has 200,0.. bytes; expected at most 100,000"):
        read_foreign(tmp_path / "large.safetensors")
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 1_000_000)
    with pytest.raises(IntegrityFailure, match="it unpacks to 1,000,000 bytes"):
        read_foreign(tmp_path / "bomb.pt")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_mutated_or_cut_file_is_read_or_refused_but_never_breaks(kind, data, tmp_path) -> None:
    tensors = {"conv1.weight": torch.ones(4, 3), "bn1.num_batches_tracked": torch.tensor(1)}
    path = tmp_path / ("file.safetensors" if kind == "safetensors" else "file.pt")
    if kind == "safetensors":
        path.write_bytes(save(tensors))
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind == "zip")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    with contextlib.suppress(IntegrityFailure):
        assert read_foreign(path).tensors
