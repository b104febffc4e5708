"""In: what the extraction chains learned or were given in development. Out: bundles/<hash>/references/ with its manifest.
Source: docs/modelling.md, "Bundle": new raw files are measured against what the model was trained on.
"""

import json
import shutil
from pathlib import Path

from scripts.core.hashing import digest_of_file
from scripts.core.locked_bundle import MANIFEST
from scripts.core.locked_bundle import REFERENCES as FOLDER
from scripts.core.locked_bundle import read_manifest as read_manifest


def copy_references(folder: Path, chains: dict, blocks: set[str]) -> dict:
    """Write `folder`/references/ for the blocks that a model uses and return the manifest.

    chains : files {block: [paths in the run folder]} to be copied, linked {block: [paths]} too large for that,
    tables {config key: path}, settings {section: settings}, code {modality: digest}, modality {block: modality}.
    Nothing but digests and bytes of files enters, so that equal references give equal bundles.
    """
    target = folder / FOLDER
    target.mkdir()
    used = sorted(blocks & set(chains["modality"]))
    manifest = {
        "blocks": {block: chains["modality"][block] for block in used},
        "files": {},
        "linked": {},
        "tables": {},
        "settings": locked_settings(chains["settings"], chains.get("dictionary", "")),
        "code": {m: chains["code"][m] for m in sorted({chains["modality"][b] for b in used})},
    }
    for block in used:
        for path in chains["files"].get(block, []):
            manifest["files"][path] = _copy(Path(path), target / path)
        for path in chains["linked"].get(block, []):
            manifest["linked"][path] = digest_of_file(path)
    for key, path in sorted(chains["tables"].items()):
        name = f"tables/{key}{Path(path).suffix}"
        _copy(Path(path), target / name)
        manifest["tables"][key] = name
    text = json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    (target / MANIFEST).write_text(text, encoding="utf-8")
    return manifest


def _copy(source: Path, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return digest_of_file(target)


def locked_settings(settings: dict, dictionary: str) -> dict:
    """The settings of the chains; the core panel without the analytes that nobody in development had.

    Whether a new patient's clinical row can be used then depends on that patient alone. dictionary : path of the clinical one.
    """
    settings = json.loads(json.dumps(settings))
    if dictionary and Path(dictionary).is_file() and "clinical" in settings:
        lines = Path(dictionary).read_text(encoding="utf-8").splitlines()[1:]
        measured = {line.split("\t", 1)[0] for line in lines}
        panel = settings["clinical"]["core_panel"]
        settings["clinical"]["core_panel"] = [name for name in panel if name in measured]
    return settings


def differences(bundle: Path, code: dict[str, str]) -> list[str]:
    """What is not as it was at the lock: one plain line for each modality whose extraction code changed.

    code : {modality: digest of its chain today}
    """
    locked = read_manifest(bundle).get("code", {})
    return [
        f"the code of the {modality} chain changed since the lock"
        for modality, digest in sorted(locked.items())
        if modality in code and code[modality] != digest
    ]
