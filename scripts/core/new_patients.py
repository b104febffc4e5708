"""New patients who come as a folder of sheets and raw files: where they are worked on, and with which locked settings.

In: config (key `new`), the lock of the current run folder. Out: the configuration with what was locked in it, and the working
folder `predictions/<name>` as the current one. Source: docs/modelling.md, "Prediction".
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from scripts.core.config import ConfigError, key_of

# Settings that name files which do not travel in a bundle; relative ones are seen from the run folder of the cohort.
_PATHS = (
    *("genomics.reference", "genomics.annotation", "genomics.targets", "genomics.hbv"),
    *("genomics.population_frequencies", "metabolomics.standards", "proteomics.dda.fasta"),
)


@dataclass(frozen=True)
class NewPatients:
    """Where new patients are scored: run folder of the cohort, hash and folder of the bundle, manifest of its references."""

    root: Path
    bundle: str
    folder: Path
    manifest: dict

    def restored(self) -> list[str]:
        """Paths of all references, as the chains look for them."""
        return sorted([*self.manifest["files"], *self.manifest["linked"]])


def is_folder(config: dict) -> bool:
    """Whether `new` names a folder of sheets (and not one sheet, or nothing)."""
    return bool(config.get("new")) and Path(config["new"]).is_dir()


def enter(config: dict) -> NewPatients | None:
    """Put the locked settings into `config` and go to the working folder, when `new` names a folder; else None.

    Raises ConfigError when there is no lock, or a bundle without references. The working folder is that of the run
    folder, `predictions/<name of the folder>`: its results, logs and plan are its own, nothing of the cohort is touched.
    """
    if not is_folder(config):
        return None
    root, sheets = Path.cwd(), Path(config["new"]).resolve()
    if not re.fullmatch(r"[A-Za-z0-9_-]+", sheets.name):
        raise ConfigError(
            f"config key new: {sheets.name!r} is not allowed; allowed: a folder named with letters, digits, _ and -"
        )
    name = config["model"]["bundle"] or _locked(root)
    folder = root / "bundles" / name
    manifest = folder / "references" / "manifest.json"
    if not manifest.is_file():
        raise ConfigError(
            f"bundle {name} holds no references of extraction: lock it again (relock_bundle), or give a sheet of features"
        )
    new = NewPatients(root, name, folder, json.loads(manifest.read_text(encoding="utf-8")))
    config.update(json.loads(json.dumps(new.manifest["settings"])))
    for key in _PATHS:
        _set(config, key, lambda path: str(root / path) if path else path)
    for key, table in new.manifest["tables"].items():
        if key.split(".")[0] in config and not key.startswith("clinical."):
            _set(config, key, lambda path, table=table: str(folder / "references" / table))
    config["new"] = config["sheets"] = str(sheets)
    place = root / "predictions" / sheets.name
    place.mkdir(parents=True, exist_ok=True)
    os.chdir(place)
    return new


def _locked(root: Path) -> str:
    path = root / "locks" / "bundle.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not found.get("bundle"):
        raise ConfigError(
            f"nothing to predict with: no model is locked in {root}; run the workflow there first"
        )
    return found["bundle"]


def _set(config: dict, dotted: str, change) -> None:
    parent, _, last = dotted.rpartition(".")
    group = key_of(config, parent)
    if last in group:
        group[last] = change(group[last])


def role_problems(rows: list[dict], lines: list[int], new: bool) -> list[tuple[int, str, str, str]]:
    """(line, column, value, what is allowed) of rows of patients.tsv whose role or diagnosis does not fit the folder.

    new : whether it is a folder of new patients. An unknown diagnosis is for new patients only.
    """
    found = []
    for row, line in zip(rows, lines, strict=True):
        role, diagnosis = row.get("role", ""), row.get("diagnosis", "")
        if new and role and role != "new":
            found.append((line, "role", role, "allowed in a folder of new patients: new"))
        if not new and role == "new":
            text = "new patients come in a folder of their own: snakemake predict --config new=<folder>"
            found.append((line, "role", role, text))
        if diagnosis == "unknown" and role != "new":
            text = "only a patient of role new may have no diagnosis yet"
            found.append((line, "diagnosis", diagnosis, text))
    return found
