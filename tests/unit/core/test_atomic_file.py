import os

import pytest

from scripts.core.atomic_file import write_atomically, write_if_changed


@pytest.mark.parametrize(("data", "expected"), [("甲\n", "甲\n".encode()), (b"a\r\n", b"a\r\n")])
def test_text_and_bytes_replace_what_stood_there(tmp_path, data, expected):
    path = tmp_path / "new/record.json"
    write_atomically(path, "before")
    write_atomically(path, data)
    assert path.read_bytes() == expected
    assert os.listdir(path.parent) == ["record.json"]


def test_death_before_the_move_leaves_the_old_record(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    write_atomically(path, "before")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "after")
    assert path.read_text() == "before"


@pytest.mark.parametrize("data", ["same\n", b"same\n"])
def test_what_stands_there_already_keeps_its_time_stamp(tmp_path, data):
    path = tmp_path / "new/record.json"
    write_if_changed(path, data)
    os.utime(path, (1, 1))
    write_if_changed(path, data)
    assert path.stat().st_mtime == 1
    write_if_changed(path, "other\n")
    assert path.read_text() == "other\n" and path.stat().st_mtime > 1
