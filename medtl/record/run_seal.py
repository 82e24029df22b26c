"""A finished run, sealed as a whole: what it published, by hash, and what has been changed, lost or added since.

In: a run folder. Out: DONE.json at its root, written last; and later the differences from it. Exempt by name are what
`medtl report` makes anew (pages, figures, tables, the model card, references), `statements.yaml`, which people fill in,
and a scheduler's jobs and their logs. The run's own logs only ever grow: what they held when the run was sealed must
still be their beginning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import is_temporary, sha256_of, sha256_of_file, write_json
from medtl.progress import say
from medtl.record import run_folder as names

MADE_ANEW = frozenset(
    {
        names.REPORT, names.SUMMARY, names.PDF, names.SUMMARY_PDF, names.FIGURES, names.TABLES, names.MODEL_CARD,
        names.REFERENCES,
    }
)  # fmt: skip
"""What `medtl report` writes into the run folder, and, of these, into a fold's."""

EXEMPT = MADE_ANEW | {names.STATEMENTS, names.LOCK, names.DONE, *names.OF_A_SCHEDULER}
EXEMPT_OF_FOLD = MADE_ANEW | {names.LOCK}
MOST_NAMED = 10
LARGE = (".safetensors", ".nii.gz")
"""How files of weights and maps end."""

OLDER = "is not sealed as a whole: it was made by an earlier medtl, so changes since then cannot be seen."


class Beginning(BaseModel):
    """How a log began: its first bytes when the run was sealed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int
    sha256: str


class RunSeal(BaseModel):
    """DONE.json of a run: the sha256 of each file that it published, by its path in the folder.

    `settings` is that of study.yaml without the lines that say where the manifest lies, which people change when they
    move their data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    sha256: Mapping[str, str]
    logs: Mapping[str, Beginning]
    settings: str


@dataclass(frozen=True)
class Differences:
    """Paths in the run folder that are not as they were sealed."""

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def in_words(self, *, at_most: int | None = None) -> str:
        """A line for each file, of at most so many files; empty when nothing differs."""
        kinds = (("changed", self.changed), ("missing", self.missing), ("added", self.added))
        lines = [f"  {kind}: {name}" for kind, files in kinds for name in files]
        rest = len(lines) - at_most if at_most is not None else 0
        return "\n".join(lines[:at_most] + ([f"  and {rest} more; medtl verify names all"] if rest > 0 else []))


def seal_run(run: names.RunFolder, *, without: str | None = None) -> None:
    """Write the run's DONE.json; of what is below `without` only the logs are taken in."""
    files, logs = dict[str, str](), dict[str, Beginning]()
    for name in _published(run.path):
        path = run / name
        if _is_log(name):
            logs[name] = Beginning(bytes=path.stat().st_size, sha256=sha256_of_file(path))
        elif without is None or not name.startswith(f"{without}/"):
            files[name] = sha256_of_file(path)
    seal = RunSeal(fingerprint=str(run.fingerprint()), sha256=files, logs=logs, settings=_settings(run.path))
    write_json(run / names.DONE, seal.model_dump(mode="json"))


def seal_of_run(run: Path) -> RunSeal | None:
    """The seal of a run, None where it has none: it is not finished, or older than seals."""
    path = run / names.DONE
    if not path.is_file():
        return None
    try:
        return RunSeal.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (ValidationError, ValueError) as error:
        raise IntegrityFailure(
            f"{path.name} of the run is not what medtl wrote: it was changed or cut off afterwards. Restore the run "
            "from a backup, or run the study again with --resume, which makes what is missing and seals it anew.",
            file=path.name,
        ) from error


def differences(run: Path, seal: RunSeal) -> Differences:
    """What is not as it was sealed, each kind in the order of the paths."""
    there = set(_published(run))
    known = {*seal.sha256, *seal.logs}
    changed = [name for name, digest in seal.sha256.items() if name in there and sha256_of_file(run / name) != digest]
    changed += [name for name, begun in seal.logs.items() if name in there and not _begins(run / name, begun)]
    added = [name for name in there - known if not _is_log(name)]
    return Differences(tuple(sorted(changed)), tuple(sorted(known - there)), tuple(sorted(added)))


def refuse_changed(run: Path, *, weights_too: bool = True) -> RunSeal | None:
    """The seal of a run of which nothing was changed or lost since; None for a run without one, which is said.

    A manifest that study.yaml looks for in another place is no change here. Files that were added are not read by
    anybody who asks here, and are left to `medtl verify`. Without `weights_too`, weights and maps, which are large and
    stand in no table, are not read.

    Raises:
        IntegrityFailure: files were changed or are missing; they are named.
    """
    seal = seal_of_run(run)
    if seal is None:
        if _is_finished(run):
            say(f"{run.name} {OLDER}")
        return None
    small = {name: value for name, value in seal.sha256.items() if weights_too or not name.endswith(LARGE)}
    found = differences(run, seal.model_copy(update={"sha256": small}))
    moved = names.STUDY in found.changed and _settings(run) == seal.settings
    found = Differences(tuple(name for name in found.changed if not (moved and name == names.STUDY)), found.missing)
    if found.changed or found.missing:
        changes = found.in_words(at_most=MOST_NAMED)
        raise IntegrityFailure(
            f"{run.name} is not what the run published:\n{changes}\nRestore these files from a backup, or delete the "
            "folder of the fold that holds them and run the study again with --resume.",
            changed=found.changed,
            missing=found.missing,
        )
    return seal


def refuse_changed_table(table: Path) -> None:
    """Nothing, unless a table of predictions lies in a sealed run and is not what that run published."""
    for run in list(table.absolute().parents)[:3]:
        if (run / names.STUDY).is_file() and (run / names.DONE).is_file():
            refuse_changed(run)
            return


def verified(run: Path) -> str:
    """A sentence that a finished run is whole.

    Raises:
        ConfigurationError: it is no run folder, or not finished, or was never sealed.
        IntegrityFailure: files were changed, lost or added; all are named.
    """
    if not (run / names.STUDY).is_file():
        raise ConfigurationError(f"{run.name} is no run folder: give the folder that medtl run made.")
    seal = seal_of_run(run)
    if seal is None and _is_finished(run):
        raise ConfigurationError(f"{run.name} {OLDER} Run the study again to have it sealed.")
    if seal is None:
        raise ConfigurationError(f"The run in {run.name} is not finished, so it is not sealed. Run it with --resume.")
    found = differences(run, seal)
    if changes := found.in_words():
        unfinished = any(name.startswith(f"{names.HELD_OUT}/") for name in found.added)
        advice = (
            " Files of a held-out test are added when medtl unseal was stopped: give it again." if unfinished else ""
        )
        raise IntegrityFailure(
            f"{run.name} is not what the run published:\n{changes}\nRestore it from a backup.{advice}",
            changed=found.changed,
            missing=found.missing,
            added=found.added,
        )
    count = len(seal.sha256) + len(seal.logs)
    return f"{run.name} is whole: {count} files are as the run published them (fingerprint {seal.fingerprint})."


def _published(run: Path) -> Iterator[str]:
    """The files of a run that are sealed, as paths in its folder, in order."""
    for path in sorted(run.rglob("*")):
        parts = path.relative_to(run).parts
        own = parts[1:] if parts[0].startswith("fold_") and len(parts) > 1 else parts
        exempt = EXEMPT if own is parts else EXEMPT_OF_FOLD
        if path.is_file() and own[0] not in exempt and not is_temporary(path.name):
            yield "/".join(parts)


def _settings(run: Path) -> str:
    """The sha256 of study.yaml without its top-level lines on places."""
    lines = (run / names.STUDY).read_bytes().splitlines()
    return sha256_of(b"\n".join(line for line in lines if not line.startswith((b"manifest:", b"data_root:"))))


def _is_log(name: str) -> bool:
    return name == names.EVENTS or (name.startswith(f"{names.HELD_OUT}/") and name.endswith(f"/{names.OPENINGS}"))


def _begins(path: Path, begun: Beginning) -> bool:
    with path.open("rb") as stream:
        return hashlib.sha256(stream.read(begun.bytes)).hexdigest() == begun.sha256


def _is_finished(run: Path) -> bool:
    return (run / names.PREDICTIONS).is_file() and (run / names.METRICS).is_file()
