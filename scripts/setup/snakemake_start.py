"""What a process of Snakemake need not do at its start: two fifths of the time until it looks at a workflow.

In: the command of a process of the environment. Out: modules that import pandas, numpy or requests for what is rarely used get
them when they use them, the packages of the environment are listed once, garbage is looked for seldom; other processes stay as
they are. `make_environment` puts this file into the environment as `hcc_omics_start`, which Python reads at its start
(docs.python.org, module site: .pth files).
Source: what every process of Snakemake imports, also each job of a cluster: snakemake-executor-plugin-slurm 2.8.0
(efficiency_report.py), yte 1.9.4 (value_handler.py), smart_open 7.7 (http.py, webhdfs.py); snakemake-interface-common 1.23
(plugin_registry) lists the packages of the environment for each of its four kinds of plugins.
"""

import builtins
import gc
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

# {module: what it imports at its top and uses in functions}; everybody else imports these as ever.
RARELY_USED = {
    "snakemake_executor_plugin_slurm.efficiency_report": {"pandas", "numpy"},
    "smart_open.http": {"requests"},
    "smart_open.webhdfs": {"requests"},
    "yte.value_handler": {"numpy"},
}


class StandIn(ModuleType):
    """Stands in one module for another one, which is imported when something of it is asked for."""

    def __getattr__(self, name: str):
        return getattr(import_module(self.__name__), name)


class Loader:
    """The loader of a module of RARELY_USED, which gives it stand-ins for what it names there."""

    def __init__(self, loader, later: set[str]):
        self.loader = loader
        self.later = later

    def create_module(self, spec):
        """The empty module that the real loader makes."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module with an `import` of its own."""
        module.__builtins__ = vars(builtins) | {"__import__": self.imported}
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)

    def imported(self, name, globals=None, locals=None, fromlist=(), level=0):
        """As `__import__`; a stand-in for a module that is there and that nobody has imported yet."""
        if (
            name in self.later
            and not (fromlist or level or name in sys.modules)
            and find_spec(name)
        ):
            return StandIn(name)
        return builtins.__import__(name, globals, locals, fromlist, level)


class Finder:
    """Finds what everybody finds."""

    def find_spec(self, name: str, path=None, target=None):
        """The spec of a module of RARELY_USED; None for any other, which the next finder looks for."""
        if name not in RARELY_USED:
            return None
        others = (finder.find_spec for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (find(name, path, target) for find in others)), None)
        if spec is not None and spec.loader is not None:
            spec.loader = Loader(spec.loader, RARELY_USED[name])
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
    """Make a process of Snakemake start faster; any other stays as it is. A million objects are made at its start and all stay,
    so that garbage need not be looked for every 700."""
    if is_snakemake(command):
        import pkgutil

        pkgutil.iter_modules = listed_once(pkgutil.iter_modules)
        gc.set_threshold(100_000, 50, 50)
        sys.meta_path.insert(0, Finder())


if __name__ == "hcc_omics_start":
    start(sys.orig_argv)
