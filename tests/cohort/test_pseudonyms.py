"""Pseudonyms: keyed, stable, private."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from medtl.cohort import Case, Cohort, Exclusion, pseudonyms
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import read_csv

KEY = bytes(range(32))


@pytest.fixture
def cohort() -> Cohort:
    cases = tuple(
        Case(f"scan{n}", f"MRN{n // 2}", Path(f"/{n}.png"), "ab"[n % 2], n + 2, chance_key=f"{n}") for n in range(6)
    )
    return Cohort(
        cases=cases, classes=("a", "b"), exclusions=(Exclusion("scan9", 9, "no_label", "The label cell is empty."),)
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_pseudonyms_are_the_hmac_of_rfc_2104(cohort: Cohort) -> None:
    hidden = pseudonyms.pseudonymised(cohort, key=KEY)
    digest = hmac.digest(KEY, b"patient:MRN0", hashlib.sha256).hex()
    assert hidden.cases[0].patient_id == f"p-{digest[:12]}"
    assert hidden.cases[0].case_id == f"c-{hmac.digest(KEY, b'case:scan0', hashlib.sha256).hex()[:12]}"


def test_patients_stay_together_and_no_id_is_left(cohort: Cohort) -> None:
    hidden = pseudonyms.pseudonymised(cohort, key=KEY)
    assert hidden.cases[0].patient_id == hidden.cases[1].patient_id != hidden.cases[2].patient_id
    shown = " ".join(f"{case} {case.patient_id}" for case in hidden.cases) + str(hidden.exclusions)
    assert "MRN" not in shown
    assert "scan" not in shown
    assert pseudonyms.pseudonymised(cohort, key=bytes(32)).patients != hidden.patients


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    home = tmp_path / "home" / "medtl"
    key = pseudonyms.pseudonym_key(home)
    assert len(key) == 32
    assert pseudonyms.pseudonym_key(home) == key
    assert (mode(home), mode(home / "pseudonym.key")) == (0o700, 0o600)
    assert [path.name for path in home.iterdir()] == ["pseudonym.key"]


def test_many_first_uses_at_once_agree_on_one_key(tmp_path: Path) -> None:
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(pseudonyms.pseudonym_key(tmp_path / "m"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_the_folder_comes_from_the_environment_or_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDTL_HOME", str(tmp_path / "keys"))
    assert pseudonyms.private_home() == tmp_path / "keys"
    monkeypatch.delenv("MEDTL_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert pseudonyms.private_home() == tmp_path / ".local" / "share" / "medtl"


def test_a_home_that_begins_with_a_tilde_lies_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MEDTL_HOME", "~/keys")
    monkeypatch.chdir(tmp_path)
    assert pseudonyms.private_home() == tmp_path / "keys"
    pseudonyms.pseudonym_key()
    assert not (tmp_path / "~").exists()
    monkeypatch.setenv("MEDTL_HOME", "~no-such-user/keys")
    with pytest.raises(ConfigurationError, match="MEDTL_HOME begins with ~, and there is no home folder of that user"):
        pseudonyms.private_home()


def test_a_user_without_a_home_gets_a_message_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("MEDTL_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(ConfigurationError, match=r"no home folder.*MEDTL_HOME"):
        pseudonyms.private_home()


def test_a_home_that_cannot_be_written_names_both_ways_out(tmp_path: Path, cohort: Cohort) -> None:
    (tmp_path / "file").write_text("")
    home = tmp_path / "file" / "medtl"
    with pytest.raises(ConfigurationError, match=r"Set MEDTL_HOME.*identifiers: as_in_manifest"):
        pseudonyms.pseudonym_key(home)
    with pytest.raises(ConfigurationError, match=r"cannot be kept.*MEDTL_HOME"):
        pseudonyms.write_links(cohort, hidden=cohort, name="x", manifest=tmp_path / "m.csv", home=home)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    pseudonyms.pseudonym_key(tmp_path)
    os.chmod(tmp_path / "pseudonym.key", 0o644)
    with pytest.raises(ConfigurationError, match=r"Other users can read .* \(mode 644, expected 600\)"):
        pseudonyms.pseudonym_key(tmp_path)


def test_a_damaged_key_is_an_integrity_failure(tmp_path: Path) -> None:
    file = tmp_path / "pseudonym.key"
    file.write_text("abc")
    file.chmod(0o600)
    with pytest.raises(IntegrityFailure, match="64 hexadecimal digits and holds 3 characters"):
        pseudonyms.pseudonym_key(tmp_path)


def test_two_ids_under_one_pseudonym_are_refused(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudonyms, "PSEUDONYM_DIGITS", 0)
    with pytest.raises(IntegrityFailure, match="Two of 3 patient ids would get the same pseudonym"):
        pseudonyms.pseudonymised(cohort, key=KEY)


def test_the_link_table_leads_back_and_is_private(tmp_path: Path, cohort: Cohort) -> None:
    hidden = pseudonyms.pseudonymised(cohort, key=KEY)
    path = pseudonyms.write_links(
        cohort, hidden=hidden, name="../my study", manifest=tmp_path / "m.csv", home=tmp_path / "h"
    )
    assert path.parent == tmp_path / "h" / "links"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    table = read_csv(path)
    assert (
        dict(zip(table["patient_id"], table["manifest_patient_id"], strict=True))[hidden.cases[0].patient_id] == "MRN0"
    )
    assert "scan9" in set(table["manifest_case_id"])


def test_a_second_study_of_the_same_name_does_not_overwrite_the_first(tmp_path: Path, cohort: Cohort) -> None:
    """Two manifests, each in its folder, and two studies that are both called `pilot`."""
    key = pseudonyms.pseudonym_key(tmp_path)
    files = []
    for name in ("a", "b"):
        own = replace(cohort, cases=tuple(replace(c, case_id=f"{name}-{c.case_id}") for c in cohort.cases))
        hidden = pseudonyms.pseudonymised(own, key=key)
        manifest = tmp_path / name / "manifest.csv"
        files.append(pseudonyms.write_links(own, hidden=hidden, name="pilot", manifest=manifest, home=tmp_path))
        known = pseudonyms.manifest_ids("pilot", manifest=manifest, home=tmp_path)
        assert {known[case.case_id] for case in hidden.cases} == {case.case_id for case in own.cases}
    assert files[0] != files[1]
    assert "manifest" not in files[0].name, "the table's name does not tell where the manifest lies"
    moved = pseudonyms.manifest_ids("pilot", manifest=tmp_path / "moved.csv", home=tmp_path)
    assert {"a-scan0", "b-scan0"} <= set(moved.values()), "a manifest that moved is still found by the study's name"


def test_a_smaller_run_of_a_study_keeps_what_the_larger_one_knew(tmp_path: Path, cohort: Cohort) -> None:
    key = pseudonyms.pseudonym_key(tmp_path)
    for part in (cohort, replace(cohort, cases=cohort.cases[:2], exclusions=())):
        hidden = pseudonyms.pseudonymised(part, key=key)
        manifest = tmp_path / "m.csv"
        path = pseudonyms.write_links(part, hidden=hidden, name="s", manifest=manifest, home=tmp_path)
    assert len(pseudonyms.manifest_ids("s", manifest=manifest, home=tmp_path)) == 7
    assert set(pseudonyms.manifest_patients("s", manifest=manifest, home=tmp_path).values()) == {"MRN0", "MRN1", "MRN2"}
    assert len(read_csv(path)) == 7


def test_a_table_of_before_is_still_read(tmp_path: Path) -> None:
    """Tables bore the study's name alone until they were kept by manifest."""
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "old.csv").write_text(
        "case_id,patient_id,line,manifest_case_id,manifest_patient_id\nc-1,p-1,2,007,03\n"
    )
    assert pseudonyms.manifest_ids("old", manifest=tmp_path / "m.csv", home=tmp_path) == {"c-1": "007"}
