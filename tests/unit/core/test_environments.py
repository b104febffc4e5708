"""The conda environments of the domains mirror the tested environment of requirements.lock."""

import re

import pytest
import yaml

from scripts.core.hashing import ROOT
from scripts.setup.write_environments import canonical, environment, libraries_of, listed, locked

DOMAINS = sorted(path.stem for path in (ROOT / "envs").glob("*.yaml"))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_environment_that_a_rule_names_is_there_and_no_other():
    named = set()
    for path in (ROOT / "rules").glob("*.smk"):
        named |= set(re.findall(r'"\.\./envs/(\w+)\.yaml"', path.read_text(encoding="utf-8")))
    assert named == set(DOMAINS)


@pytest.mark.parametrize("domain", DOMAINS)
def test_environment_is_as_make_lock_writes_it(domain):
    assert text_of(f"envs/{domain}.yaml") == environment(domain)


@pytest.mark.parametrize("domain", DOMAINS)
def test_pins_are_those_of_the_lock(domain):
    dependencies = yaml.safe_load(text_of(f"envs/{domain}.yaml"))["dependencies"]
    pins = locked(text_of("requirements.lock"))
    for pin in dependencies[-1]["pip"]:
        name, _, version = pin.partition("==")
        assert pins[canonical(name)] == version


def test_environment_holds_what_its_steps_import():
    assert {"simpleitk", "pyradiomics-bhklab", "pydicom"} <= libraries_of("imaging")
    assert libraries_of("imaging") <= listed(ROOT / "envs" / "imaging.yaml")


def test_what_is_built_from_source_comes_with_a_compiler():
    assert "c-compiler" in yaml.safe_load(text_of("envs/imaging.yaml"))["dependencies"]


def test_development_lock_holds_the_runtime_lock():
    runtime, development = (locked(text_of(f"requirements{x}.lock")) for x in ("", "-dev"))
    assert runtime.items() <= development.items()


def test_every_package_that_is_asked_for_is_locked():
    asked = text_of("requirements.in").split()
    assert {canonical(re.split(r"[<>=]", line)[0]) for line in asked} <= set(
        locked(text_of("requirements.lock"))
    )


def test_libraries_of_the_steps_are_all_locked():
    pins = locked(text_of("requirements.lock"))
    for domain in DOMAINS:
        assert libraries_of(domain) <= set(pins), domain
