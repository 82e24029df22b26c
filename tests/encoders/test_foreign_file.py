"""Files that attack are refused, and nothing in them runs; the witness is a canary file."""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import types
import zipfile
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from medtl.encoders import foreign_file
from medtl.encoders.foreign_file import read_foreign
from medtl.encoders.weight_soundness import fault_of, with_plain_counters
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


@pytest.mark.parametrize("suffix", [".pkl", ".npy", ".joblib", ".pt2", ".h5", ""])
def test_other_endings_are_refused_unread(suffix, tmp_path) -> None:
    (tmp_path / f"file{suffix}").write_bytes(b"anything")
    with pytest.raises(IntegrityFailure, match=r"refused: its ending is .*expected one of .safetensors, .pt, "):
        read_foreign(tmp_path / f"file{suffix}")


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no file .*nothing.pt"):
        read_foreign(tmp_path / "nothing.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.ones(3), "it holds a Tensor; expected a state dict"),
        ([torch.ones(3)], "it holds a list; expected a state dict"),
        (torch.nn.Linear(2, 2), "it holds a whole network or another object as code"),
    ],
)
def test_what_is_no_table_of_tensors_is_refused(content, message, tmp_path) -> None:
    torch.save(content, tmp_path / "file.pt")
    with pytest.raises(IntegrityFailure, match=message):
        read_foreign(tmp_path / "file.pt")


class Settings:
    """A class of somebody's training script, as an object of which checkpoints hold."""

    def __init__(self) -> None:
        self.lr = 0.1


class Configuration(dict):
    """A dictionary with a class of its own, as configurations often are."""


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "extra",
    [
        argparse.Namespace(lr=0.1, data=Path("/x")),
        np.float64(0.93),
        np.int64(3),
        np.arange(4.0),
        Settings(),
        Configuration(lr=0.1),
        defaultdict(list, {"loss": [1.0]}),
        types.SimpleNamespace(epoch=3),
        datetime(2026, 1, 2),
        {"deep": [np.float32(1.0), argparse.Namespace()]},
        {1, 2},
    ],
    ids=lambda extra: type(extra).__name__,
)
def test_objects_beside_the_weights_are_read_past_and_never_made(extra, legacy, tmp_path, monkeypatch) -> None:
    made: list[object] = []
    for kind in (Settings, Configuration):
        monkeypatch.setattr(kind, "__setstate__", lambda *state: made.append(state), raising=False)
    content = {"state_dict": {"conv1.weight": torch.arange(3.0)}, "extra": extra}
    torch.save(content, tmp_path / "file.ckpt", _use_new_zipfile_serialization=not legacy)
    read = read_foreign(tmp_path / "file.ckpt").content
    assert torch.equal(read["state_dict"]["conv1.weight"], torch.arange(3.0))
    assert made == []
    assert type(read["extra"]) not in (Settings, Configuration, argparse.Namespace)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"<!DOCTYPE html><html><title>Sign in</title>", r"web page \(HTML\).*download the file itself"),
        (b"\xef\xbb\xbf\n <HTML>", r"web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", r"Git LFS pointer.*git lfs pull"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "HDF5 file, as Keras writes"),
        (b"\x1f\x8b\x08" + bytes(600), "packed with gzip.*Unpack it"),
        (b'{"error": "not found"}', "JSON text"),
        (b"", r"it is empty \(0 bytes\)"),
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".bin"])
def test_a_file_that_is_something_else_is_called_that(start, message, suffix, tmp_path) -> None:
    (tmp_path / f"file{suffix}").write_bytes(start)
    with pytest.raises(IntegrityFailure, match=message):
        read_foreign(tmp_path / f"file{suffix}")


def test_zips_of_other_things_are_called_that(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "data.pt", "w") as archive:
        archive.writestr("weights/resnet18.pth", b"x")
    with pytest.raises(IntegrityFailure, match="zip archive of 1 other files; unpack it"):
        read_foreign(tmp_path / "data.pt")
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("net/data.pkl", b"x")
        archive.writestr("net/code/__torch__.py", b"x")
    with pytest.raises(IntegrityFailure, match="TorchScript program, which is code"):
        read_foreign(tmp_path / "script.pt")


def test_the_format_follows_the_bytes_not_the_ending(tmp_path) -> None:
    (tmp_path / "model.bin").write_bytes(save({"a": torch.ones(2)}))
    assert list(read_foreign(tmp_path / "model.bin").content) == ["a"]


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"a": torch.ones(3).to_sparse()}, "the tensor a is sparse"),
        ({"a": torch.ones(3, device="meta")}, "without numbers"),
        ({"a": torch.ones(3, dtype=torch.int8)}, "the tensor a holds int8; expected float16 or"),
        ({"a": torch.tensor([1.0, float("nan")])}, "the tensor a holds NaN or infinity"),
        ({"a": torch.ones(1).expand(1 << 40)}, "claim 4,398,046,511,104 bytes"),
        ({"conv1.weight": torch.zeros(4, 3, 7, 7)}, "the kernel conv1.weight is 0 throughout"),
        ({"bn1.running_var": torch.tensor([1.0, -0.1])}, "the running variance bn1.running_var is negative"),
    ],
)
def test_numbers_that_no_trained_network_has_are_named(tensors, message) -> None:
    assert message in fault_of(tensors)


@pytest.mark.parametrize(
    "counter", [torch.tensor(7.0).half(), torch.tensor([7]), torch.tensor(7, dtype=torch.int32), torch.tensor(7.0)]
)
def test_counters_of_any_kind_become_whole_numbers(counter) -> None:
    tensors = {"bn1.num_batches_tracked": counter, "bn1.weight": torch.zeros(3)}
    assert fault_of(tensors) == ""
    plain = with_plain_counters(tensors)["bn1.num_batches_tracked"]
    assert (plain.dtype, plain.shape, int(plain)) == (torch.int64, (), 7)
    overflown = with_plain_counters({"bn1.num_batches_tracked": torch.tensor(1e9).half()})
    assert int(overflown["bn1.num_batches_tracked"]) == 0


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
        assert read_foreign(path).content is not None
