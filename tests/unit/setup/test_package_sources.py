from scripts.setup.package_sources import clean_environment, package_sources

LISTED = """:env:.cert='/env.crt'
global.cert='/global.crt'
global.extra-index-url='file:///a file:///b'
global.no-binary=':all:'
global.user='true'
install.find-links='\\n/wheels\\n/more'
"""


def test_only_sources_are_taken_from_the_machine():
    for_pip, _ = package_sources(LISTED)
    assert set(for_pip) == {"PIP_CERT", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"}


def test_variable_wins_over_file_though_pip_lists_it_first():
    assert package_sources(LISTED)[0]["PIP_CERT"] == "/env.crt"


def test_uv_gets_the_same_sources_under_its_own_names(monkeypatch):
    for name in ("UV_INDEX", "UV_FIND_LINKS", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert package_sources(LISTED)[1] == {
        "SSL_CERT_FILE": "/env.crt",
        "UV_INDEX": "file:///a file:///b",
        "UV_FIND_LINKS": "/wheels /more",
    }


def test_own_uv_variable_wins(monkeypatch):
    monkeypatch.setenv("UV_INDEX", "file:///mine")
    assert package_sources(LISTED)[1]["UV_INDEX"] == "file:///mine"


def test_variables_that_change_what_is_installed_are_dropped(monkeypatch):
    for name in ("PIP_NO_BINARY", "PYTHONPATH", "CONDA_PREFIX", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "x")
    kept = clean_environment()
    assert kept.get("HTTPS_PROXY") == "x"
    assert not {"PIP_NO_BINARY", "PYTHONPATH", "CONDA_PREFIX"} & set(kept)
