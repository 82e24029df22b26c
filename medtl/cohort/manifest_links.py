"""The path of a run's manifest: kept in the user's private folder, and named in the run folder by a reference.

In: a run's fingerprint and paths. Out: `private:<fingerprint>`, which leads back only on the computer and for the user
who ran the study. A path names users, hospitals and people, so none goes into a run folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from medtl.cohort.pseudonyms import HOME_VARIABLE, LINK_FOLDER, private_folder, private_home
from medtl.errors import ConfigurationError
from medtl.files import write_atomically

REFERENCE = "private:"
"""How a reference to a manifest begins."""


@dataclass(frozen=True)
class KeptManifest:
    """Absolute paths of a manifest and of the folder that its images start from (None: the manifest's own)."""

    manifest: Path
    data_root: Path | None


def keep_manifest(kept: KeptManifest, *, fingerprint: str, home: Path | None = None) -> str:
    """Keep the path of a run's manifest under the run's fingerprint, mode 0600; the reference comes back.

    Raises:
        ConfigurationError: the private folder cannot be written.
    """
    file = _file(fingerprint, home=home)
    root = None if kept.data_root is None else str(kept.data_root)
    try:
        private_folder(file.parent.parent)
        private_folder(file.parent)
        write_atomically(file, json.dumps({"manifest": str(kept.manifest), "data_root": root}) + "\n")
        file.chmod(0o600)
    except OSError as error:
        raise ConfigurationError(
            f"Where the manifest lies cannot be kept ({error.strerror}). Set {HOME_VARIABLE} to a folder that you can "
            "write to."
        ) from error
    return f"{REFERENCE}{fingerprint}"


def kept_manifest(reference: str, *, home: Path | None = None) -> KeptManifest | None:
    """The manifest that a reference leads to; None where this user ran no such study on this computer."""
    fingerprint = reference.removeprefix(REFERENCE)
    if not fingerprint.isalnum():
        return None
    try:
        kept = json.loads(_file(fingerprint, home=home).read_text(encoding="utf-8"))
        root = kept["data_root"]
        return KeptManifest(Path(kept["manifest"]), None if root is None else Path(root))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def require_manifest(manifest: Path) -> None:
    """Refuse a reference that leads nowhere.

    Raises:
        ConfigurationError: with what to do.
    """
    if manifest.name.startswith(REFERENCE):
        raise ConfigurationError(
            "The run folder does not name its manifest by a path, and the private folder of this user on this computer "
            f"({HOME_VARIABLE}) does not know the run either. Use the {HOME_VARIABLE} of whoever ran the study, or say "
            "where the manifest lies: medtl run study.yaml --set manifest=PATH (and --set data_root=FOLDER)."
        )


def _file(fingerprint: str, *, home: Path | None) -> Path:
    return (home or private_home()) / LINK_FOLDER / f"run-{fingerprint}.json"
