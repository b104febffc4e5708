"""Where packages come from: that, and nothing else, is taken from the machine's own pip configuration.

In: the text of `pip config list`, the variables of the process. Out: variables for pip and for uv.
Source: pip's and uv's lists of settings; every file that arrives must have the hash of the lock anyway.
"""

import os
import re

_SECTIONS = ("global", "install", ":env:")  # the later wins, as in pip
# Where to fetch packages from is the machine's business; nothing else of pip's configuration may change what is installed.
_SOURCES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "client-cert": "SSL_CLIENT_CERT",
    "no-index": "UV_NO_INDEX",
    "keyring-provider": "UV_KEYRING_PROVIDER",
}


def package_sources(pip_configuration: str) -> tuple[dict[str, str], dict[str, str]]:
    """Variables for pip and for uv that say where packages come from, out of the text of `pip config list`.

    As in pip, `install` wins over `global`, PIP_ variables over both; a user's own UV_ variables win over everything.
    """
    found: dict[str, str] = {}
    lines = [line.strip() for line in pip_configuration.splitlines()]
    for section in _SECTIONS:
        for line in lines:
            match = re.fullmatch(rf"{section}\.([a-z-]+)='(.*)'", line)
            if match and match[1] in _SOURCES:
                found[match[1]] = " ".join(match[2].replace("\\n", " ").split())
    for_pip = {f"PIP_{key.upper().replace('-', '_')}": value for key, value in found.items()}
    for_uv = {_SOURCES[key]: value for key, value in found.items()}
    return for_pip, {key: os.environ.get(key, value) for key, value in for_uv.items()}


def clean_environment() -> dict[str, str]:
    """The variables of this process without those that change what Python or pip install and import."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PIP_", "PYTHON", "VIRTUAL_ENV", "CONDA_"))
    }
    return kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
