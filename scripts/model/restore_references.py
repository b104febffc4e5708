"""In: the locked bundle. Out: in the folder of new patients the extraction references, where the chains look for them.
Source: docs/modelling.md, "Prediction": nothing of development is fitted again, nor read but what was locked.
"""

import os
import shutil
from pathlib import Path

from scripts.core import job as core_job
from scripts.core.hashing import digest_of_file
from scripts.model import bundle
from scripts.model.references import FOLDER, read_manifest


def link(source: Path, target: Path, digest: str) -> None:
    """A large file of the cohort's run folder under its name here; BundleError when it is not the locked one."""
    if not source.is_file():
        raise bundle.BundleError(
            f"{source} is gone; the bundle was locked with it: make it again in the run folder of the cohort"
        )
    if digest_of_file(source) != digest:
        raise bundle.BundleError(
            f"{source} is not the file that the bundle was locked with; put that one back, or lock anew"
        )
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def main(job):
    """Restore the references of a bundle.

    input: lock (the bundle's SHA256SUMS)
    output: every file of the manifest, under its path in the run folder
    params: bundle (folder), root (run folder of the cohort)
    """
    with core_job.step(job) as step:
        folder, root = Path(job.params.bundle), Path(job.params.root)
        try:
            bundle.verify(folder)
            manifest = read_manifest(folder)
            for path in manifest["files"]:
                shutil.copyfile(folder / FOLDER / path, step.path(path))
            for path, digest in manifest["linked"].items():
                link(root / path, step.path(path), digest)
        except bundle.BundleError as error:
            raise core_job.Refused(str(error)) from None
        step.log.info(
            "%d files restored, %d linked", len(manifest["files"]), len(manifest["linked"])
        )


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
