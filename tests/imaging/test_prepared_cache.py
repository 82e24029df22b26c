"""The cache is never out of date, finds its own damage, and serves several processes and users."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from shared_data import SHARED

from medtl.cohort import Case
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.imaging.facts import inspect_scan
from medtl.imaging.prepared import cache as prepared_cache
from medtl.imaging.prepared.cache import PreparedCache, default_cache_folder
from medtl.imaging.prepared.cohort import prepare_cohort
from medtl.imaging.prepared.preparation import prepare
from medtl.imaging.reading import read_scan
from medtl.imaging.scan import UnreadableScan
from medtl.imaging.settings import PreparationSettings

RADIOGRAPHS = SHARED / "data" / "kermany_cxr_224"
SETTINGS = PreparationSettings(size_px=(32, 40))


def picture(path: Path, seed: int = 0) -> Path:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (50, 60), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return picture(tmp_path / "scan of Müller.png")


@pytest.fixture
def cache(tmp_path: Path) -> PreparedCache:
    return PreparedCache(tmp_path / "cache")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever a scan is decoded."""
    counted: list[int] = []
    true_decode = prepared_cache.decode_scan
    monkeypatch.setattr(prepared_cache, "decode_scan", lambda data: (counted.append(1), true_decode(data))[1])
    return counted


def test_the_cache_gives_the_prepared_scan_to_16_bits_and_its_facts(cache: PreparedCache, image: Path) -> None:
    cached = cache.get_or_prepare(image, SETTINGS)
    scan = read_scan(image)
    np.testing.assert_allclose(cached.pixels(), prepare(scan, SETTINGS), atol=0.5 / 65535 + 1e-7)
    assert cached.facts == inspect_scan(scan, sha256=cached.facts.sha256)
    assert cached.pixels().dtype == np.float32
    with safe_open(cached.entry, framework="np") as witness:
        np.testing.assert_array_equal(witness.get_tensor("prepared") / np.float32(65535), cached.pixels())
        assert json.loads(json.loads(witness.metadata()["medtl"])["facts"])["shape"][0] == 50


def test_a_known_scan_is_neither_decoded_nor_prepared_again(
    cache: PreparedCache, image: Path, decoded: list[int]
) -> None:
    first = cache.get_or_prepare(image, SETTINGS)
    os.utime(image, (1, 1))
    copy = picture(image.parent / "copy.png")
    assert cache.get_or_prepare(image, SETTINGS) == first
    assert cache.get_or_prepare(copy, SETTINGS).key == first.key
    assert len(decoded) == 1


def test_every_change_that_matters_makes_another_entry(
    cache: PreparedCache, image: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [cache.get_or_prepare(image, SETTINGS).key]
    for changed in ({"size_px": (40, 32)}, {"preset": "mr"}, {"preset": "photograph"}):
        keys.append(cache.get_or_prepare(image, SETTINGS.model_copy(update=changed)).key)
    monkeypatch.setattr(prepared_cache, "SCHEMA", "next")
    keys.append(cache.get_or_prepare(image, SETTINGS).key)
    monkeypatch.setattr(prepared_cache, "deciding_versions", lambda: ("monai 9.9",))
    keys.append(cache.get_or_prepare(image, SETTINGS).key)
    before = image.stat()
    picture(image, seed=1)
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    changed_content = cache.get_or_prepare(image, SETTINGS)
    keys.append(changed_content.key)
    assert len(set(keys)) == len(keys) == len(decoded) == 7
    np.testing.assert_allclose(changed_content.pixels(), prepare(read_scan(image), SETTINGS), atol=1e-5)


def test_the_versions_in_the_key_are_those_installed() -> None:
    import monai

    assert f"monai {monai.__version__}" in prepared_cache.deciding_versions()


def test_any_flipped_bit_is_found_and_the_entry_made_again(
    cache: PreparedCache, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = cache.get_or_prepare(image, SETTINGS)
    pixels, content = good.pixels(), good.entry.read_bytes()
    for index in [*range(0, len(content), 97), len(content) - 1]:
        damaged = bytearray(content)
        damaged[index] ^= 4
        good.entry.write_bytes(damaged)
        found = cache.get_or_prepare(image, SETTINGS)
        assert found.facts == good.facts
        np.testing.assert_array_equal(found.pixels(), pixels)
    assert good.entry.read_bytes() == content
    assert "is missing or damaged in the cache; making it again" in capsys.readouterr().err


@pytest.mark.parametrize("length", [0, 5, 200, -1])
def test_a_cut_or_lost_entry_is_made_again(cache: PreparedCache, image: Path, length: int) -> None:
    good = cache.get_or_prepare(image, SETTINGS)
    pixels, content = good.pixels(), good.entry.read_bytes()
    good.entry.write_bytes(content[:length])
    np.testing.assert_array_equal(good.pixels(), pixels)
    good.entry.unlink()
    np.testing.assert_array_equal(good.pixels(), pixels)
    assert good.entry.read_bytes() == content


def test_a_damaged_entry_of_a_changed_scan_is_an_error(cache: PreparedCache, image: Path) -> None:
    cached = cache.get_or_prepare(image, SETTINGS)
    cached.entry.write_bytes(b"")
    picture(image, seed=1)
    with pytest.raises(IntegrityFailure, match="its scan's file has changed since it was prepared"):
        cached.pixels()
    image.unlink()
    with pytest.raises(UnreadableScan, match="does not exist"):
        cached.pixels()


def test_a_disk_that_loses_what_was_just_written_is_an_error(
    cache: PreparedCache, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = cache.get_or_prepare(image, SETTINGS)
    monkeypatch.setattr(prepared_cache, "_read_pixels", lambda entry, key: None)
    with pytest.raises(IntegrityFailure, match=r"damaged again right after it was written.*MEDTL_CACHE"):
        cached.pixels()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)])
def test_entries_follow_the_users_umask_and_hold_no_name(
    cache: PreparedCache, image: Path, umask: int, mode: int
) -> None:
    before = os.umask(umask)
    try:
        entry = cache.get_or_prepare(image, SETTINGS).entry
    finally:
        os.umask(before)
    assert entry.stat().st_mode & 0o7777 == mode
    assert "Müller".encode() not in entry.read_bytes()
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == [entry]


def _fill(folder: Path, images: list[Path]) -> list[str]:
    return [PreparedCache(folder).get_or_prepare(path, SETTINGS).key for path in images]


@pytest.mark.slow
def test_processes_that_fill_the_cache_at_once_do_no_harm(tmp_path: Path) -> None:
    images = [picture(tmp_path / f"{number}.png", seed=number) for number in range(12)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        keys = pool.starmap(_fill, [(tmp_path / "cache", images)] * 2)
    assert keys[0] == keys[1]
    for path in images:
        cached = PreparedCache(tmp_path / "cache").get_or_prepare(path, SETTINGS)
        np.testing.assert_allclose(cached.pixels(), prepare(read_scan(path), SETTINGS), atol=1e-5)


def test_the_folder_is_named_by_the_environment_or_lies_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDTL_CACHE", "/somewhere/shared")
    assert default_cache_folder() == Path("/somewhere/shared")
    assert PreparedCache.shared() == PreparedCache(Path("/somewhere/shared"))
    monkeypatch.delenv("MEDTL_CACHE")
    assert default_cache_folder() == Path.home() / ".cache" / "medtl"


def cohort_of(folder: Path) -> list[Case]:
    names = ["a b.png", "ü.png", "bad.png", "quote'\".png", "<script>.png", "gone.png"]
    for seed, name in enumerate(names[:-1]):
        picture(folder / name, seed)
    (folder / "bad.png").write_bytes((folder / "bad.png").read_bytes()[:300])
    return [Case(f"c{i}", f"p{i}", folder / name, "x", i + 2) for i, name in enumerate(names)]


def test_a_cohort_is_prepared_alike_by_any_number_of_workers(tmp_path: Path) -> None:
    cases = cohort_of(tmp_path)
    results = []
    for workers in (1, 3):
        prepared = prepare_cohort(cases, SETTINGS, cache=PreparedCache(tmp_path / str(workers)), workers=workers)
        assert list(prepared.scans) == list(prepared.facts) == list(prepared.keys) == ["c0", "c1", "c3", "c4"]
        assert [(gone.case_id, gone.line) for gone in prepared.exclusions] == [("c2", 4), ("c5", 7)]
        assert prepared.exclusions[1].reason == "missing_file"
        assert prepared.exclusions[0].reason in ("truncated", "undecodable")
        assert not any(str(tmp_path) in gone.detail for gone in prepared.exclusions)
        assert prepared.seconds > 0
        results.append((prepared.keys, prepared.facts, prepared.exclusions))
        for case_id in prepared.scans:
            results[-1] += (prepared.pixels(case_id).tobytes(),)
    assert results[0] == results[1]


def test_an_unknown_case_has_no_pixels(tmp_path: Path) -> None:
    prepared = prepare_cohort([], SETTINGS, cache=PreparedCache(tmp_path))
    with pytest.raises(ConfigurationError, match="one of 0 prepared cases; got 'c9'"):
        prepared.pixels("c9")


@pytest.mark.real_data
@pytest.mark.skipif(not RADIOGRAPHS.is_dir(), reason="the shared radiographs are not beside the checkout")
def test_the_second_preparation_of_real_radiographs_decodes_and_prepares_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How little it costs the benchmarks measure."""
    images = sorted((RADIOGRAPHS / "images").rglob("*.jpeg"))[::290][:20]
    cache, settings = PreparedCache(tmp_path), PreparationSettings()
    first = [cache.get_or_prepare(path, settings) for path in images]
    for name in ("decode_scan", "inspect_scan"):
        monkeypatch.setattr(f"medtl.imaging.prepared.cache.{name}", None)
    assert [cache.get_or_prepare(path, settings) for path in images] == first
    np.testing.assert_allclose(first[7].pixels(), prepare(read_scan(images[7]), settings), atol=1e-5)
