"""What the machine must have before anything is installed, and the command that cures what it lacks.

In: the interpreter that runs this, the folder of the checkout. Out: a list of plain sentences, empty when all is there;
the variables with which a C extension can be built. Source: docs/installation.md (measured on a bare Debian 12).
"""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

GLIBC = (2, 34)  # the pyopenms wheels are manylinux_2_34
DISK_GB = 4.0  # environment 2.1, its download cache hard-linked to it, demo under 1, room to work
UPDATE_GB = 1.5  # for an environment that is there already
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def system_family() -> str:
    """apt, dnf, zypper, pacman, brew or "": whose commands cure what is missing here."""
    if sys.platform == "darwin":
        return "brew"
    release = {}
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    names = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    families = {
        "debian": "apt",
        "ubuntu": "apt",
        "fedora": "dnf",
        "rhel": "dnf",
        "centos": "dnf",
        "suse": "zypper",
        "opensuse": "zypper",
        "arch": "pacman",
    }
    return next((families[name] for name in names if name in families), "")


def cure(what: str, family: str) -> str:
    """The command that installs `what` ("venv" or "compiler") on a system of this family."""
    joined = VERSION.replace(".", "")
    commands = {
        "venv": {
            "apt": f"sudo apt-get install python{VERSION}-venv",
            "dnf": f"sudo dnf install python{VERSION}",
            "zypper": f"sudo zypper install python{joined}",
            "pacman": "sudo pacman -S python",
            "brew": f"brew install python@{VERSION}",
        },
        "compiler": {
            "apt": f"sudo apt-get install gcc libc6-dev libpython{VERSION}-dev",
            "dnf": f"sudo dnf install gcc python{VERSION}-devel",
            "zypper": f"sudo zypper install gcc python{joined}-devel",
            "pacman": "sudo pacman -S gcc python",
            "brew": "xcode-select --install",
        },
    }
    conda = (
        f'conda create -n python{joined} python={VERSION} gcc_linux-64, then: make PYTHON="$(conda '
        f'run -n python{joined} which python)" environment'
    )
    return commands[what].get(family, conda)


def missing(
    root: Path,
    glibc: str | None = None,
    free_gb: float | None = None,
    needed_gb: float = DISK_GB,
) -> list[str]:
    """What keeps the environment from being made, one sentence each, with its cure.

    glibc : version of the C library, "" for another one (default: that of this machine, Linux only)
    free_gb : free disk space in GB (default: that of the disk of the checkout)
    """
    problems = []
    family = system_family()
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        problems.append(f"Python {VERSION} has no venv module. To cure it: {cure('venv', family)}")
    if glibc is None and sys.platform.startswith("linux"):
        glibc = platform.libc_ver()[1] if platform.libc_ver()[0] == "glibc" else ""
    if glibc is not None and (not glibc or _version(glibc) < GLIBC):
        problems.append(
            f"glibc {'.'.join(map(str, GLIBC))} or newer is needed (found: {glibc or 'none, another C library'}): "
            "the wheels of pyopenms are built for it. To cure it: Debian 12, Ubuntu 22.04, RHEL 9 or newer, or a "
            'container of one: docker run -it -v "$PWD":/work -w /work debian:12'
        )
    if free_gb is None:
        free_gb = shutil.disk_usage(root).free / 1e9
    if free_gb < needed_gb:
        problems.append(
            f"{needed_gb:.1f} GB of free disk are needed, {free_gb:.1f} GB are free in {root}. To cure it: make room "
            "there or clone the repository onto a larger disk"
        )
    return problems


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def working_compiler() -> str:
    """A C compiler that compiles an empty program, or ""."""
    for command in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if command and shutil.which(command.split()[0]):
            made = subprocess.run(
                [*command.split(), "-x", "c", "-c", "-o", os.devnull, "-"],
                input=b"#include <stdlib.h>\nint main(void) { return 0; }\n",
                capture_output=True,
            )
            if made.returncode == 0:
                return command
    return ""


def have_python_headers() -> bool:
    """Whether Python.h of the running interpreter is installed."""
    return Path(sysconfig.get_path("include"), "Python.h").is_file()


def fetch_python_headers(folder: Path) -> str:
    """Unpack Debian's header package below `folder`, without root; the value for CPATH, or "" where that is not possible."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return ""
    headers = folder / "headers"
    include = headers / "usr" / "include"
    if not (include / f"python{VERSION}" / "Python.h").is_file():
        headers.mkdir(parents=True, exist_ok=True)
        package = f"libpython{VERSION}-dev"
        # A machine without package lists (most containers) gets its own copy of them in the cache.
        lists = (folder / "apt").resolve()
        (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        own = ["-o", f"Dir::State::Lists={lists}/lists", "-o", f"Dir::Cache={lists}"]
        ways = ([["download", package]], [[*own, "update"], [*own, "download", package]])
        if not any(
            all(_runs(["apt-get", "-q", *command], headers) for command in way) for way in ways
        ):
            return ""
        for archive in headers.glob("*.deb"):
            _runs(["dpkg", "-x", archive.name, "."], headers)
            archive.unlink()
        shutil.rmtree(lists, ignore_errors=True)
    if not (include / f"python{VERSION}" / "Python.h").is_file():
        return ""
    return f"{include / f'python{VERSION}'}:{include}"


def _runs(command: list[str], folder: Path) -> bool:
    return subprocess.run(command, cwd=folder, capture_output=True).returncode == 0
