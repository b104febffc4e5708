"""The Python that Snakemake makes of each file of rules, kept beside the code as text and compiled: making it again takes a third
of a second a start, also of each job of a cluster.

In: the files of rules, .cache/rules.json of the checkout. Out: the same Python. Source: snakemake 9.27 (parser.py: `parse` looks
at the text, the path and the number of rules before; sourcecache.py: jobs read what their main process read; workflow.py:
`include` compiles the text); marshal, as in Python's own .pyc files.
"""

import base64
import contextlib
import hashlib
import json
import marshal
import sys
from pathlib import Path

import snakemake
from snakemake import workflow
from snakemake.sourcecache import LocalSourceFile

from scripts.core.atomic_file import write_if_changed
from scripts.core.hashing import ROOT
from scripts.core.planning_memory import is_read_version

KEPT = ROOT / ".cache" / "rules.json"


class KeptRules:
    """What was made of files of rules, by a digest of all that it depends on."""

    def __init__(self, path: Path = KEPT):
        self.path = path
        self.kept: dict[str, dict] = {}
        with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
            read = dict(json.loads(path.read_text(encoding="utf-8")))
            self.kept.update((key, entry) for key, entry in read.items() if _is_whole(entry))
        self.used: dict[str, dict] = {}
        self.of_text: dict[tuple[str, str], dict] = {}

    def parsing(self, parse):
        """`snakemake.parser.parse` that makes the Python of a file only where it is not as it was. What counts is the text that
        Snakemake would read: for a job of a running workflow the one that the main process began with."""

        def parsed(path, workflow, linemap, overwrite_shellcmd=None, rulecount=0):
            if not isinstance(path, LocalSourceFile) or overwrite_shellcmd or linemap:
                return parse(path, workflow, linemap, overwrite_shellcmd, rulecount)
            name = path.get_path_or_uri(secret_free=True)
            basis = f"{snakemake.__version__} {sys.version} {sys.flags.optimize} {name} {rulecount}"
            key = _digest(basis, path, workflow)
            if key not in self.kept:
                code, rules = parse(path, workflow, linemap, rulecount=rulecount)
                if _digest(basis, path, workflow) != key:  # edited in this moment
                    return code, rules
                self.kept[key] = {
                    "code": code,
                    "rules": rules,
                    "lines": list(linemap.items()),
                    "compiled": _packed(compile(code, name, "exec")),
                }
            self.used[key] = known = self.kept[key]
            self.of_text[name, known["code"]] = known
            linemap.update(known["lines"])
            return known["code"], known["rules"]

        return parsed

    def compiling(self, source: str, name: str, mode: str):
        """`compile`, for what `parsing` gave (its key holds the name and Python's version): as it was kept."""
        known = self.of_text.get((name, source), {})
        with contextlib.suppress(KeyError, ValueError, TypeError, EOFError):
            return marshal.loads(base64.b64decode(known["compiled"], validate=True))
        return compile(source, name, mode)

    def write(self) -> None:
        """Keep what this start took and nothing else; a checkout that may not be written to stays as it is."""
        with contextlib.suppress(OSError):
            write_if_changed(self.path, json.dumps(self.used, sort_keys=True))


def _digest(basis: str, path: LocalSourceFile, workflow) -> str:
    with workflow.sourcecache.open(path) as handle:
        return hashlib.sha256(f"{basis}\0{handle.read()}".encode()).hexdigest()


def _packed(code) -> str:
    return base64.b64encode(marshal.dumps(code)).decode()


def _is_whole(entry) -> bool:
    """Whether an entry of the kept file is one that can be used."""
    kinds = {"code": str, "rules": int, "lines": list, "compiled": str}
    return isinstance(entry, dict) and all(
        isinstance(entry.get(name), kind) for name, kind in kinds.items()
    )


def keep_rules(path: Path = KEPT) -> KeptRules:
    """Let Snakemake take what was kept; in a version that was not read for it nothing changes."""
    kept = KeptRules(path)
    if is_read_version():
        workflow.parse = kept.parsing(workflow.parse)
        workflow.compile = kept.compiling  # in the place of Python's own
    return kept
