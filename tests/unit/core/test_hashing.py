import pytest

from scripts.core import hashing


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of three modules: step -> shared -> deep. `write(name, text)` changes one and forgets what was cached."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "__init__.py").write_text("")

    def write(name: str, text: str) -> None:
        (tmp_path / "scripts" / name).write_text(text)
        for function in ("_read", "code_of"):
            getattr(hashing, function).cache_clear()

    monkeypatch.setattr(hashing, "ROOT", tmp_path)
    write("deep.py", "def f():\n    return 1\n")
    write("shared.py", "from scripts import deep\n")
    write("step.py", "def main(job):\n    from scripts.shared import deep\n")
    write("other.py", "import json\n")
    yield write
    for function in ("_read", "code_of"):
        getattr(hashing, function).cache_clear()


def both() -> tuple[str, str]:
    return hashing.code_of("scripts/step.py"), hashing.code_of("scripts/other.py")


def test_change_in_a_module_imported_over_two_links_changes_only_the_steps_that_use_it(project):
    step, other = both()
    project("deep.py", "def f():\n    return 2\n")
    assert both()[0] != step
    assert both()[1] == other


def test_comments_and_layout_change_nothing(project):
    before = both()[0]
    project("deep.py", "\n# a comment\ndef f():  # why\n    return (1)\n")
    assert both()[0] == before


@pytest.mark.parametrize("words", ['"""One."""', '"""Other words."""'])
def test_docstrings_change_nothing(project, words):
    before = both()[0]
    project("deep.py", f"{words}\n\n\ndef f():\n    {words}\n    return 1\n")
    assert both()[0] == before


def test_text_that_is_no_docstring_counts(project):
    project("deep.py", "def f():\n    return 'one'\n")
    before = both()[0]
    project("deep.py", "def f():\n    return 'two'\n")
    assert both()[0] != before


def test_relative_import_is_followed(project, tmp_path):
    project("shared.py", "from . import deep\n")
    before = both()[0]
    project("deep.py", "x = 3\n")
    assert both()[0] != before


def test_file_digest_is_that_of_sha256sum(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-4, example for "abc"
    assert hashing.digest_of_file(tmp_path / "abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_folder_digest_changes_with_names_and_bytes(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.dcm").write_bytes(b"x")
    before = hashing.digest_of_file(tmp_path / "d")
    (tmp_path / "d" / "1.dcm").rename(tmp_path / "d" / "2.dcm")
    renamed = hashing.digest_of_file(tmp_path / "d")
    (tmp_path / "d" / "2.dcm").write_bytes(b"y")
    assert len({before, renamed, hashing.digest_of_file(tmp_path / "d")}) == 3


def test_value_digest_does_not_depend_on_the_order_of_keys():
    assert hashing.digest_of({"a": 1, "b": [2]}) == hashing.digest_of({"b": [2], "a": 1})
    assert hashing.digest_of([1, 2]) != hashing.digest_of([2, 1])


def test_digests_kept_between_starts_are_those_of_the_code_as_it_is_now(project, tmp_path):
    cache = tmp_path / "run" / "code.json"
    before = both()
    hashing.remember_code([cache])
    hashing._KNOWN.clear()
    hashing.recall_code([cache])
    project("step.py", "def main(job):\n    from scripts.shared import deep\n")
    assert both() == before
    project("deep.py", "def f():\n    return 2\n")
    assert both()[0] != before[0]


def test_spoilt_or_foreign_cache_is_not_used(project, tmp_path):
    cache = tmp_path / "code.json"
    before = both()
    for text in ("", "[]", '{"python": "3.5", "modules": {"a": ["b", []]}}'):
        cache.write_text(text)
        hashing._KNOWN.clear()
        hashing.recall_code([cache])
        assert hashing._KNOWN == {}
    assert both() == before


def test_cache_holds_only_the_modules_in_use_and_keeps_its_time(project, tmp_path):
    cache = tmp_path / "code.json"
    both()
    hashing.remember_code([cache])
    time = cache.stat().st_mtime_ns
    hashing.remember_code([cache])
    assert cache.stat().st_mtime_ns == time


def test_what_cannot_be_kept_beside_the_code_is_kept_with_the_run(project, tmp_path):
    before = both()
    (tmp_path / "checkout").write_text("a file where a folder should be")
    caches = [tmp_path / "checkout" / "code.json", tmp_path / "run" / "code.json"]
    hashing.remember_code(caches)
    assert caches[1].exists()
    hashing._KNOWN.clear()
    hashing.recall_code(caches)
    known = dict(hashing._KNOWN)
    assert known and both() == before and known == hashing._KNOWN


def test_stamps_tell_files_in_folders_at_any_depth_by_size_and_time(tmp_path):
    (tmp_path / "series" / "part").mkdir(parents=True)
    for name in ("b.dcm", "part/a.dcm"):
        (tmp_path / "series" / name).write_text("slice")
    before = hashing.stamps_below(tmp_path / "series")
    assert [path for path, *_ in before] == [
        str(tmp_path / "series" / name) for name in ("b.dcm", "part/a.dcm")
    ]
    (tmp_path / "series" / "part" / "a.dcm").write_text("another")
    after = hashing.stamps_below(tmp_path / "series")
    assert [row[1] for row in after] == [5, 7]
