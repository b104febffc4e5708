"""A step run by hand: the command line as a job object, the same as Snakemake hands to a step.

In: `--input name=path --output name=path --param name=value --wildcard name=value`. Out: a job object.
Source: docs/architecture.md, "A step".
"""

import argparse
from pathlib import Path


class Named(list):
    """A list whose members may also be reached by name, like Snakemake's own input and output."""

    def __init__(self, items=(), **named):
        super().__init__(items)
        self.__dict__.update(named)

    def get(self, key, default=None):
        return self.__dict__.get(key, default)


def _pairs(items: list[str], what: str) -> Named:
    """Command-line `name=path` items as a Named list; a name given more than once becomes a
    list."""
    named: dict[str, list[str]] = {}
    for item in items:
        name, sign, value = item.partition("=")
        if not sign:
            raise SystemExit(f"--{what} {item}: write it as name=value")
        named.setdefault(name, []).append(value)
    flat = [value for values in named.values() for value in values]
    return Named(
        flat, **{name: values[0] if len(values) == 1 else values for name, values in named.items()}
    )


def _params(items: list[str]) -> Named:
    """`name=value` items as YAML values; `name=@imaging.ct` takes that key of
    config/config.yaml."""
    import yaml

    from scripts.core.config import default_config, key_of

    values = {}
    for item in items:
        name, sign, text = item.partition("=")
        if not sign:
            raise SystemExit(f"--param {item}: write it as name=value")
        values[name] = (
            key_of(default_config(), text[1:]) if text.startswith("@") else yaml.safe_load(text)
        )
    return Named(values.values(), **values)


def job_from_command_line(main, arguments: list[str] | None = None):
    """A job object made from `--input name=path --output name=path --param name=value --wildcard
    name=value`."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {main.__globals__['__spec__'].name}"
        if main.__globals__.get("__spec__")
        else None,
        description=main.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit codes: 0 done, 1 program error, 2 defect of the input (reason on stderr).",
    )
    for option, text in (
        ("input", "name=path; repeat a name for a list"),
        ("output", "name=path"),
        ("param", "name=value (YAML), or name=@key.of.config"),
        ("wildcard", "name=value, e.g. patient=P0001"),
    ):
        parser.add_argument(
            f"--{option}", action="append", default=[], metavar="NAME=VALUE", help=text
        )
    parser.add_argument("--log", help="log file (default: stderr)")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    job = Named()
    job.input, job.output = _pairs(given.input, "input"), _pairs(given.output, "output")
    job.wildcards, job.params = _pairs(given.wildcard, "wildcard"), _params(given.param)
    job.log, job.threads, job.resources = ([given.log] if given.log else []), given.threads, Named()
    job.rule, job.by_hand = Path(main.__globals__["__file__"]).stem, True
    return job
