"""RO-Crate metadata: files with hash and size, what made them, on which terms.

In: a folder with files, facts. Out: ro-crate-metadata.json in that folder, the same bytes for the same files and facts.
Source: RO-Crate 1.1; Process, Workflow and Provenance parts of the Workflow Run RO-Crate profile 0.5.
"""

import json
from pathlib import Path

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from scripts.core.hashing import digest_of_file

METADATA = "ro-crate-metadata.json"
RO_CRATE = "1.1"
RUN_CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
PROFILES = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)
_FORMATS = {
    ".json": "application/json",
    ".tsv": "text/tab-separated-values",
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".yaml": "application/yaml",
    ".txt": "text/plain",
    ".lock": "text/plain",
    ".pdf": "application/pdf",
}


class Crate:
    """A crate that is built in a folder."""

    def __init__(self, folder: Path, *, name: str, description: str, date: str, licence: str):
        self.folder = folder
        self.crate = ROCrate(gen_preview=False, version=RO_CRATE)
        self.crate.metadata.extra_contexts.append(RUN_CONTEXT)
        self.crate.metadata.extra_terms["sha256"] = "https://schema.org/sha256"
        root = self.crate.root_dataset
        for key, value in (
            ("name", name),
            ("description", description),
            ("datePublished", date),
            ("license", licence),
        ):
            root[key] = value

    def add_file(self, path: Path, **properties):
        """A file of the folder as a data entity with its size, hash and format."""
        name = path.relative_to(self.folder).as_posix()
        facts = {
            "name": path.name,
            "contentSize": str(path.stat().st_size),
            "sha256": digest_of_file(path),
            "encodingFormat": _FORMATS.get(path.suffix, "application/octet-stream"),
        }
        return self.crate.add_file(path, dest_path=name, properties=facts | properties)

    def add(self, identifier: str, kind, **properties):
        """A contextual entity."""
        return self.crate.add(
            ContextEntity(self.crate, identifier, properties={"@type": kind} | properties)
        )

    def conform(self, *profiles: tuple[str, str, str]) -> None:
        """Say to which profiles the crate conforms."""
        for address, name, version in profiles:
            profile = self.add(address, "CreativeWork", name=name, version=version)
            self.crate.root_dataset.append_to("conformsTo", profile)

    def write(self) -> Path:
        """Write the metadata; the same facts give the same bytes."""
        path = self.folder / METADATA
        text = json.dumps(
            self.crate.metadata.generate(), ensure_ascii=False, indent=1, sort_keys=True
        )
        path.write_text(text + "\n", encoding="utf-8")
        return path


def problems(folder: Path) -> list[str]:
    """Read a crate back with the library: files that are not there or have another size or hash; [] when all is well."""
    crate = ROCrate(folder)
    root = crate.root_dataset
    found = [
        f"no {key}"
        for key in ("name", "description", "datePublished", "license")
        if not root.get(key)
    ]
    listed = set()
    for entity in crate.data_entities:
        path = folder / entity.id
        listed.add(entity.id)
        if not path.is_file():
            found.append(f"{entity.id}: not there")
        elif str(path.stat().st_size) != entity.get("contentSize"):
            found.append(f"{entity.id}: another size")
        elif digest_of_file(path) != entity.get("sha256"):
            found.append(f"{entity.id}: another sha256")
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return found + [f"{name}: not described" for name in sorted(there - listed - {METADATA})]
