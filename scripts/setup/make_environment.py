"""Make `.venv` from a hashed lock, once; a second time it only looks.

In: requirements.lock or, with --dev, requirements-dev.lock; plain Python >= 3.11, no packages, no root, no conda.
Out: .venv, its state in .venv/hcc-omics.json, the log and the cache in .cache/setup. Source: docs/installation.md.
"""

import argparse
import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from scripts.core.atomic_file import write_atomically, write_if_changed
from scripts.setup import requirements_of_machine as machine
from scripts.setup.package_sources import clean_environment, package_sources

ROOT = Path(__file__).resolve().parents[2]
LOCKS = {False: "requirements.lock", True: "requirements-dev.lock"}
FOR_SETUP = ROOT / "scripts" / "setup"
START = "hcc_omics_start"  # what snakemake_start.py is called in the environment
HEARTBEAT = 15  # seconds between two signs of life
_NETWORK = re.compile(
    r"name resolution|NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|CERTIFICATE|UnknownIssuer"
    r"|dns error|error sending request|timed out|Connection refused|Network is unreachable|Failed to fetch"
    r"|No matching distribution",
    re.IGNORECASE,
)


class SetupError(Exception):
    """The environment cannot be made; the message says what is missing and the command that cures it."""


def state_of_lock(lock: Path) -> str:
    """Digest of a lock file."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def version_of(venv: Path) -> str:
    """The Python version of a virtual environment as "3.11", "" when there is none."""
    try:
        text = (venv / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return ""
    match = re.search(r"^version\S* *= *(\d+\.\d+)", text, re.MULTILINE)
    return match[1] if match else ""


def is_ready(venv: Path, root: Path, dev: bool) -> bool:
    """Whether `.venv` was made, in this folder, from the lock as it is now (the development lock holds the other one)."""
    state = read_state(venv)
    if state.get("root") != str(root) or not (venv / "bin" / "python").exists():
        return False
    locks = [LOCKS[True]] if dev else list(LOCKS.values())
    return any(state.get(lock) == state_of_lock(root / lock) for lock in locks)


def read_state(venv: Path) -> dict:
    """What was installed, {} when nothing or when an installation was interrupted."""
    try:
        return json.loads((venv / "hcc-omics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def start_files(venv: Path) -> dict[Path, bytes]:
    """What `snakemake_start` is in an environment, {path: bytes}: the module, and the line that Python reads at its start."""
    module = (FOR_SETUP / "snakemake_start.py").read_bytes()
    return {
        folder / name: text
        for folder in (venv / "lib").glob("python*/site-packages")
        for name, text in ((f"{START}.py", module), (f"{START}.pth", f"import {START}\n".encode()))
    }


def has_start(venv: Path) -> bool:
    """Whether `snakemake_start` is in an environment as it is now."""
    files = start_files(venv).items()
    return all(path.exists() and path.read_bytes() == text for path, text in files)


def place_start(venv: Path) -> None:
    """Put `snakemake_start` into an environment."""
    for path, text in start_files(venv).items():
        write_if_changed(path, text)


class Setup:
    """One making of the environment below `root`."""

    def __init__(self, root: Path):
        self.root = root
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.cache = root / ".cache" / "setup"
        self.log = self.cache / "setup.log"
        self.environment: dict[str, str] = {}

    def make(self, dev: bool, installer: str) -> None:
        """Install the lock; `installer`: uv, pip, or "" for uv with pip as the way out."""
        lock = self.root / LOCKS[dev]
        started = time.monotonic()
        self.log.unlink(missing_ok=True)
        partial = self.venv / ".incomplete"
        moved = read_state(self.venv).get("root", str(self.root)) != str(self.root)
        if moved or partial.exists() or version_of(self.venv) != machine.VERSION:
            shutil.rmtree(self.venv, ignore_errors=True)
        if not self.python.exists():
            say(f"making .venv with Python {machine.VERSION} ({sys.executable})")
            self.run([sys.executable, "-m", "venv", "--clear", str(self.venv)], clean_environment())
        (self.venv / "hcc-omics.json").unlink(missing_ok=True)
        partial.touch()
        self._prepare_variables()
        count = len(re.findall(r"^[a-z0-9].*==", lock.read_text(encoding="utf-8"), re.MULTILINE))
        say(
            f"installing the {count} packages of {lock.name} (about 550 MB to fetch the first time)"
        )
        if not (installer != "pip" and self._install_with_uv(lock)):
            if installer == "uv":
                raise SetupError(f"uv could not install {lock.name}; see {self.shown(self.log)}")
            self._install_with_pip(lock)
        place_start(self.venv)
        self._check_imports()
        partial.unlink()
        self._write_state(dev)
        say(f"environment ready after {time.monotonic() - started:.0f} s")

    def _prepare_variables(self) -> None:
        """Variables for the installers: where packages come from, room for temporary files, a way to build C extensions."""
        asked = subprocess.run(
            [self.python, "-m", "pip", "config", "list"], capture_output=True, text=True
        )
        for_pip, for_uv = package_sources(asked.stdout)
        temporary = self.cache / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        self.environment = clean_environment() | for_pip | for_uv
        self.environment |= {
            "TMPDIR": str(temporary),
            "UV_CACHE_DIR": str(self.cache / "uv"),
            "UV_INDEX_STRATEGY": "unsafe-best-match",  # safe: every file must have the hash of the lock
            "UV_NO_CONFIG": "1",
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_SYSTEM_CERTS": "1",  # as pip does: the authorities that the machine trusts
        }

    def _install_tool(self, name: str) -> Path | None:
        """Install one of the locks of scripts/setup beside the environment; its folder, or None when that failed."""
        folder = self.cache / name
        lock = FOR_SETUP / f"{name}.lock"
        done = folder / "installed"
        if not done.exists() or done.read_text() != state_of_lock(lock):
            shutil.rmtree(folder, ignore_errors=True)
            command = ["install", "--no-deps", "--require-hashes", "-r", lock, "--no-compile"]
            command += ["--target", folder]
            if not self.pip(command):
                return None
            done.write_text(state_of_lock(lock))
        return folder

    def _install_with_uv(self, lock: Path) -> bool:
        folder = self._install_tool("installer")
        if folder is None:
            if line := self.network_failure():
                raise SetupError(self.network_advice(line))
            return False
        self._prepare_compiler()
        command = [folder / "bin" / "uv", "pip", "sync", "--require-hashes", "--compile-bytecode"]
        command += ["--build-constraints", FOR_SETUP / "build.lock", "--python", self.python, lock]
        return self.run(command, self.environment, must=False)

    def _install_with_pip(self, lock: Path) -> None:
        """The slower way, for machines on which uv does not run or does not get through."""
        say("installing with pip, which takes some minutes")
        self._prepare_compiler()
        command = ["install", "--no-deps", "--require-hashes", "-r", lock]
        if not self.pip([*command, "--use-pep517"]):
            if line := self.network_failure():
                raise SetupError(self.network_advice(line))
            raise SetupError(self.failure_advice())

    def _prepare_compiler(self) -> None:
        """pyradiomics comes as C source: find a compiler and Python.h, or fetch both without root."""
        if list((self.venv / "lib").glob("python*/site-packages/pyradiomics_bhklab-*.dist-info")):
            return
        compiler = machine.working_compiler()
        command = machine.cure("compiler", machine.system_family())
        if not compiler:
            say("no C compiler here: fetching one (zig) from the package index")
            folder = self._install_tool("compiler")
            if folder is None:
                raise SetupError(f"pyradiomics needs a C compiler. To cure it: {command}")
            script = self.cache / "cc"
            script.write_text(f'#!/bin/sh\nexec "{folder}/ziglang/zig" cc "$@"\n')
            script.chmod(0o755)
            compiler = str(script)
            self.environment["ZIG_GLOBAL_CACHE_DIR"] = str(self.cache / "zig")
        if sys.platform.startswith("linux"):
            self.environment |= {"CC": compiler, "LDSHARED": f"{compiler} -shared"}
        if not machine.have_python_headers():
            say("no Python.h here: fetching Debian's header package into .cache")
            path = machine.fetch_python_headers(self.cache)
            if not path:
                raise SetupError(f"pyradiomics needs Python.h to be built. To cure it: {command}")
            self.environment["CPATH"] = path

    def _check_imports(self) -> None:
        """Whether the compiled packages find what they need on this machine."""
        names = "numpy, pysam, pybwa, pyopenms, SimpleITK, radiomics, sklearn, xgboost, snakemake"
        if not self.run([self.python, "-c", f"import {names}"], clean_environment(), must=False):
            raise SetupError(self.failure_advice())

    def _write_state(self, dev: bool) -> None:
        locks = {LOCKS[dev]: state_of_lock(self.root / LOCKS[dev])}
        if dev:
            locks[LOCKS[False]] = state_of_lock(self.root / LOCKS[False])
        text = json.dumps({"root": str(self.root), **locks}, indent=1) + "\n"
        write_atomically(self.venv / "hcc-omics.json", text)
        for name in ("tmp", "compiler", "zig", "headers"):
            shutil.rmtree(self.cache / name, ignore_errors=True)

    def pip(self, command: list) -> bool:
        """Run pip of the environment with the cleaned variables; whether it went well."""
        options = ["--no-input", "--retries", "2", "--timeout", "60", "--progress-bar", "off"]
        given = [self.python, "-m", "pip", command[0], *options, *command[1:]]
        return self.run(given, self.environment, must=False)

    def run(self, command: list, environment: dict, must: bool = True) -> bool:
        """Run a command into the log, with a sign of life on the terminal while it takes long."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "a", encoding="utf-8") as log:
            log.write("$ " + " ".join(map(str, command)) + "\n")
            log.flush()
            process = subprocess.Popen(
                list(map(str, command)),
                cwd=self.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            started = time.monotonic()
            while True:
                try:
                    code = process.wait(timeout=HEARTBEAT)
                    break
                except subprocess.TimeoutExpired:
                    say(
                        f"  still at it after {time.monotonic() - started:.0f} s: {self.last_line()}"
                    )
        if code and must:
            raise SetupError(self.failure_advice())
        return code == 0

    def last_line(self) -> str:
        """The last line of the log, shortened."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1].strip()[:90] if lines else ""

    def shown(self, path: Path) -> str:
        """A path relative to the checkout."""
        return str(path.relative_to(self.root))

    def network_failure(self) -> str:
        """The line of the last command's log in which a network does not answer, "" when there is none."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        lines = text[text.rfind("\n$ ") + 1 :].splitlines()
        return next((line.strip()[:160] for line in lines if _NETWORK.search(line)), "")

    def network_advice(self, line: str) -> str:
        """What to do when the package index does not answer."""
        return (
            f"the package index does not answer (log: {self.shown(self.log)}):\n"
            f"  | {line}\n"
            "  Behind a proxy:   export HTTPS_PROXY=<address of the proxy>\n"
            "  With a mirror:    pip config set global.index-url <address of the mirror>\n"
            "  Own certificate:  pip config set global.cert <file of the authority>\n"
            "  Then again:       make environment"
        )

    def failure_advice(self) -> str:
        """The end of the log, and what is known to help."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        tested = (
            ""
            if machine.VERSION in ("3.11", "3.12", "3.13")
            else (
                f"\n  Python {machine.VERSION} is not tested; with 3.11: make environment PYTHON=python3.11"
            )
        )
        tail = "\n  | ".join(line[:200] for line in lines[-8:])
        return f"an installation step failed (log: {self.shown(self.log)}):\n  | {tail}{tested}"


def say(text: str) -> None:
    """One line for the person at the terminal."""
    print(f"[environment] {text}", flush=True)


@contextlib.contextmanager
def only_one(root: Path):
    """Let one set-up at a time work in a checkout; a second one waits."""
    import fcntl

    lock = root / ".cache" / "setup" / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another set-up is at work in this folder; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Exit code 0 when the environment is ready, 1 when something is missing (said on stderr)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="with the packages of tests and linters")
    parser.add_argument("--installer", choices=["", "uv", "pip"], default="", help="default: uv")
    parser.add_argument(
        "--this-python", action="store_true", help="rebuild when .venv has another Python version"
    )
    parser.add_argument("--look", action="store_true", help="only look: exit code 1 when not ready")
    given = parser.parse_args(arguments)

    def ready() -> bool:
        other = given.this_python and version_of(root / ".venv") != machine.VERSION
        return is_ready(root / ".venv", root, given.dev) and not other

    if given.look:
        return 0 if ready() and has_start(root / ".venv") else 1
    if ready():
        with contextlib.suppress(OSError):  # of somebody else: Snakemake starts more slowly
            place_start(root / ".venv")
        return 0
    try:
        with only_one(root):
            if ready():
                return 0
            gigabytes = machine.UPDATE_GB if (root / ".venv").exists() else machine.DISK_GB
            problems = machine.missing(root, needed_gb=gigabytes)
            if problems:
                raise SetupError("\n  ".join(["this machine lacks something:", *problems]))
            Setup(root).make(given.dev, given.installer)
    except SetupError as error:
        print(f"[environment] {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n[environment] interrupted; `make environment` starts anew", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
