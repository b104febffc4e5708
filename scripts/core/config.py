"""Configuration: defaults of the project, overlaid by the user's file, checked against the schema.

In: config/config.yaml and a dict. Out: a plain dict, or one ConfigError that names every bad key.
Source: config/schemas/config.schema.yaml.
"""

import copy
import functools
import json
import math
from pathlib import Path

from scripts.core.atomic_file import write_atomically
from scripts.core.hashing import ROOT

FROZEN = Path(".hcc/config.json")


class ConfigError(Exception):
    """One or more keys of the configuration are wrong; the message lists each with what is
    allowed."""


@functools.cache
def _read_yaml(path: Path) -> dict:
    import yaml

    with open(path, encoding="utf-8") as handle:
        return yaml.load(handle, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}


def default_config() -> dict:
    """config/config.yaml as a dict that the caller may change."""
    return copy.deepcopy(_read_yaml(ROOT / "config" / "config.yaml"))


def freeze_config(config: dict) -> None:
    """Write down the configuration of this start: jobs on a cluster read it, not a file that was edited meanwhile."""
    # Keys stay in their order: some tables have their columns in it.
    text = json.dumps(config, ensure_ascii=False, indent=1, default=str) + "\n"
    write_atomically(FROZEN, text)


def frozen_config() -> dict:
    """The configuration that the main process wrote down."""
    return json.loads(FROZEN.read_text(encoding="utf-8"))


def key_of(config: dict, dotted: str):
    """The value at a dotted key; ConfigError when it is not there."""
    value = config
    for part in dotted.split("."):
        if not isinstance(value, dict) or part not in value:
            raise ConfigError(f"config has no key {dotted!r}")
        value = value[part]
    return value


def settle_types(value, schema: dict, whole: dict):
    """The value with text turned into numbers and truth values where the schema has nothing else; dicts in place.

    Snakemake reads the inner values of `--config model='{repeats: 1}'` as text, and "False" as text is true.
    schema : of this value; whole : the schema with its $defs
    """
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, dict):
        others = schema.get("additionalProperties")
        others = others if isinstance(others, dict) else {}
        for key, inner in value.items():
            value[key] = settle_types(inner, schema.get("properties", {}).get(key, others), whole)
    elif isinstance(value, list):
        return [settle_types(inner, schema.get("items", {}), whole) for inner in value]
    elif isinstance(value, str) and schema.get("type") == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    elif isinstance(value, str) and schema.get("type") in ("integer", "number"):
        for kind in (int, float) if schema["type"] == "number" else (int,):
            try:
                return kind(value)
            except ValueError:
                continue
    return value


def check_config(config: dict) -> None:
    """Raise ConfigError with every unknown key and bad value
    (config/schemas/config.schema.yaml); settles the types of what the command line gave."""
    from jsonschema import Draft202012Validator, FormatChecker

    schema = _read_yaml(ROOT / "config" / "schemas" / "config.schema.yaml")
    problems = []
    settle_types(config, schema, schema)
    # YAML reads an unquoted date as a date; the schema means its text.
    given = json.loads(json.dumps(config, default=str))
    problems += [
        f"config key {key}: {value} is no number to compute with"
        for key, value in _not_finite(given)
    ]
    validator = Draft202012Validator(schema, format_checker=FormatChecker(["date"]))
    for error in sorted(validator.iter_errors(given), key=lambda e: list(map(str, e.path))):
        where = ".".join(map(str, error.absolute_path)) or "(top level)"
        problems.append(f"config key {where}: {_plain(error)}")
    if problems:
        raise ConfigError("\n".join(problems))


def _not_finite(value, key: str = "") -> list[tuple[str, float]]:
    """(dotted key, value) of every NaN and infinity, which no limit of the schema holds back."""
    if isinstance(value, float) and not math.isfinite(value):
        return [(key, value)]
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [found for name, v in inner for found in _not_finite(v, f"{key}.{name}".lstrip("."))]


def check_keys(paths) -> None:
    """Raise ConfigError with every key that stands twice in a group of a YAML file: YAML takes the last one without a word."""
    import yaml

    problems = []

    def look(node, where: str, file: Path, seen: set[int]) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for inner in node.value:
                look(inner, where, file, seen)
        for key, inner in node.value if isinstance(node, yaml.MappingNode) else ():
            name = f"{where}.{key.value}".lstrip(".")
            first = next(k for k, _ in node.value if k.value == key.value)
            if first is not key:
                problems.append(
                    f"{file.name}, row {key.start_mark.line + 1}, config key {name}: already in row "
                    f"{first.start_mark.line + 1}; allowed: once"
                )
            look(inner, name, file, seen)

    for path in map(Path, paths):
        if path.suffix in (".yaml", ".yml"):
            node = yaml.compose(path.read_text(encoding="utf-8-sig"), yaml.SafeLoader)
            if node is not None:
                look(node, "", path, set())
    if problems:
        raise ConfigError("\n".join(problems))


# Keys that name a file of the site; all may be empty.
FILES = (
    *(
        f"genomics.{name}"
        for name in ("reference", "annotation", "targets", "hbv", "arms", "genes")
    ),
    *(f"genomics.{name}" for name in ("hotspots", "identity_sites", "population_frequencies")),
    "metabolomics.standards",
    "metabolomics.gcms.library",
    "proteomics.dda.fasta",
)


def check_files(config: dict) -> None:
    """Raise ConfigError with every key that names a file which is not there."""
    named = [(key, key_of(config, key)) for key in FILES]
    problems = [
        f"config key {key}: no file {path!r} (paths are relative to the run folder, {Path.cwd()}); give the path of a file, "
        "or leave it empty"
        for key, path in named
        if path and not Path(path).is_file()
    ]
    if problems:
        raise ConfigError("\n".join(problems))


_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a group of keys",
}


def _plain(error) -> str:
    if "x-allowed" in error.schema:
        return f"{error.instance!r} is not allowed; allowed: {error.schema['x-allowed']}"
    if error.validator == "enum":
        allowed = ", ".join(map(str, error.validator_value))
        return f"{error.instance!r} is not allowed; allowed: {allowed}"
    if error.validator == "type":
        kinds = error.validator_value
        kinds = [kinds] if isinstance(kinds, str) else kinds
        return f"{error.instance!r} should be {' or '.join(_TYPES.get(k, k) for k in kinds)}"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        return f"unknown key {', '.join(unknown)}; known keys: {', '.join(known)}"
    return error.message
