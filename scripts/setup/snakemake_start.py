"""What a process of Snakemake need not do at its start: half of the time until it looks at a workflow.

In: the command of a process of the environment. Out: pandas, numpy and requests loaded when they are first used, the packages of
the environment listed once, garbage looked for seldom; other processes stay as they are. `make_environment` puts this file into
the environment as `hcc_omics_start`, which Python reads at its start (docs.python.org, module site: .pth files).
Source: what every process of Snakemake does, also each job of a cluster: snakemake-executor-plugin-slurm 2.8.0
(efficiency_report.py), yte 1.9.4 (value_handler.py) and smart_open 7.7 (http.py) import modules that are rarely used;
snakemake-interface-common 1.23 (plugin_registry) lists the packages of the environment for each of its four kinds of plugins.
"""

import gc
import sys
from importlib import _bootstrap
from types import ModuleType

WHEN_USED = ("pandas", "numpy", "requests")
# What the import system and `importlib.util.find_spec` look at without using a module.
BESIDE = {"__class__", "__name__", "__spec__"}
_AT_WORK: set[str] = set()  # names of modules that are being loaded


class Awaited(ModuleType):
    """A module that is loaded when something of it is asked for. As importlib.util.LazyLoader makes them, but a second `import`
    of the module is not yet a use, and threads wait for one another as they do at an `import`."""

    def __getattribute__(self, name: str):
        """What the loaded module has; ImportError, each time, where it cannot be loaded."""
        if type(self) is Awaited and name not in BESIDE:
            _load(self, of_part=name == "__path__")
        return ModuleType.__getattribute__(self, name)


def _load(module: Awaited, of_part: bool) -> None:
    """Load a module unless this thread is at it, or wait for the thread that is; the import of a part of it does not wait."""
    if of_part and module.__name__ in _AT_WORK:
        return
    lock = _bootstrap._get_module_lock(module.__name__)
    try:
        lock.acquire()
    except _bootstrap._DeadlockError:
        return  # who loads it waits for this thread: `import`, too, takes what is there
    try:
        if type(module) is Awaited and module.__name__ not in _AT_WORK:
            module.__spec__.loader.load(module)
    finally:
        lock.release()


class WhenUsed:
    """The loader of a module, put off until the module is used."""

    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        """The empty module that the real loader makes."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is until something of it is used."""
        module.__class__ = Awaited

    def load(self, module: ModuleType) -> None:
        """Load the module now; where that fails it stays one that waits."""
        name = module.__name__
        _AT_WORK.add(name)
        try:
            self.loader.exec_module(module)
        finally:
            _AT_WORK.discard(name)
        module.__class__ = ModuleType
        module.__spec__.loader = module.__loader__ = self.loader

    def __getattr__(self, name: str):
        return getattr(self.loader, name)  # the rest of a loader: files, sources


class Finder:
    """Finds what everybody finds, and puts the loading of WHEN_USED off."""

    def find_spec(self, name: str, path=None, target=None):
        """The spec of a module of WHEN_USED; None for any other, which the next finder looks for."""
        if name not in WHEN_USED:
            return None
        others = (finder.find_spec for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (find(name, path, target) for find in others)), None)
        if spec is not None and spec.loader is not None:
            spec.loader = WhenUsed(spec.loader)
        return spec


def listed_once(iter_modules):
    """`pkgutil.iter_modules`: what lies on the path, listed anew only where the path is another one."""
    known: dict[tuple, list] = {}

    def listed(path=None, prefix=""):
        if path is not None:
            return iter_modules(path, prefix)
        key = (prefix, *sys.path)
        if key not in known:
            known[key] = list(iter_modules(path, prefix))
        return iter(known[key])

    return listed


def is_snakemake(command: list[str]) -> bool:
    """Whether a command of Python is `python -m snakemake ...` or the program `snakemake`."""
    program = command[1].rsplit("/", 1)[-1] if len(command) > 1 else ""
    return program == "snakemake" or ("-m", "snakemake") in zip(command, command[1:], strict=False)


def start(command: list[str]) -> None:
    """Let a process of Snakemake load WHEN_USED late and list packages once; a million objects are made at its start and all
    stay, so that garbage need not be looked for every 700."""
    if is_snakemake(command):
        import pkgutil

        pkgutil.iter_modules = listed_once(pkgutil.iter_modules)
        gc.set_threshold(100_000, 50, 50)
        if hasattr(_bootstrap, "_get_module_lock") and hasattr(_bootstrap, "_DeadlockError"):
            sys.meta_path.insert(0, Finder())


if __name__ == "hcc_omics_start":
    start(sys.orig_argv)
