"""The Python that Snakemake makes of each file of rules, kept beside the code: making it again takes a third of a second a start,
also of each job of a cluster.

In: the files of rules, .cache/rules.json of the checkout. Out: the same Python. Source: snakemake 9.27 (parser.py: `parse` looks
at the bytes, the path and the number of rules before, and at nothing else).
"""

import contextlib
import hashlib
import json
import sys
from pathlib import Path

import snakemake
from snakemake import workflow
from snakemake.sourcecache import LocalSourceFile

from scripts.core.atomic_file import write_atomically
from scripts.core.hashing import ROOT
from scripts.core.planning_memory import is_read_version

KEPT = ROOT / ".cache" / "rules.json"


class KeptRules:
    """What was made of files of rules, by a digest of all that it depends on."""

    def __init__(self, path: Path = KEPT):
        self.path = path
        self.kept: dict[str, dict] = {}
        with contextlib.suppress(OSError, ValueError, TypeError):  # then they are read again
            self.kept.update(json.loads(path.read_text(encoding="utf-8")))
        self.used: dict[str, dict] = {}

    def parsing(self, parse):
        """`snakemake.parser.parse` that reads a file only where it is not as it was."""

        def parsed(path, workflow, linemap, overwrite_shellcmd=None, rulecount=0):
            if not isinstance(path, LocalSourceFile) or overwrite_shellcmd or linemap:
                return parse(path, workflow, linemap, overwrite_shellcmd, rulecount)
            name = path.get_path_or_uri(secret_free=True)
            basis = f"{snakemake.__version__} {sys.version} {name} {rulecount}\0".encode()
            key = hashlib.sha256(basis + Path(name).read_bytes()).hexdigest()
            if key not in self.kept:
                code, rules = parse(path, workflow, linemap, rulecount=rulecount)
                self.kept[key] = {"code": code, "rules": rules, "lines": list(linemap.items())}
            self.used[key] = known = self.kept[key]
            linemap.update(known["lines"])
            return known["code"], known["rules"]

        return parsed

    def write(self) -> None:
        """Keep what this start took and nothing else; a checkout that may not be written to stays as it is."""
        text = json.dumps(self.used, sort_keys=True)
        with contextlib.suppress(OSError):
            if not self.path.exists() or self.path.read_text(encoding="utf-8") != text:
                write_atomically(self.path, text)


def keep_rules(path: Path = KEPT) -> KeptRules:
    """Let Snakemake take what was kept; in a version that was not read for it nothing changes."""
    kept = KeptRules(path)
    if is_read_version():
        workflow.parse = kept.parsing(workflow.parse)
    return kept
