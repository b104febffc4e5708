"""The pause between two looks at the Slurm queue."""

import sys
from types import SimpleNamespace

from scripts.core.status_interval import limit_status_interval


class Executor:
    """The part of the plugin's executor that is touched."""

    seconds = None

    @property
    def next_seconds_between_status_checks(self):
        return self.seconds

    @next_seconds_between_status_checks.setter
    def next_seconds_between_status_checks(self, value):
        self.seconds = value


def test_pause_grows_to_the_limit_only(monkeypatch):
    monkeypatch.setitem(
        sys.modules, "snakemake_executor_plugin_slurm", SimpleNamespace(Executor=Executor)
    )
    assert limit_status_interval(30)
    executor = Executor()
    for given, kept in ((10, 10), (40, 30), (None, None)):
        executor.next_seconds_between_status_checks = given
        assert executor.next_seconds_between_status_checks == kept


def test_without_the_plugin_nothing_is_done(monkeypatch):
    monkeypatch.delitem(sys.modules, "snakemake_executor_plugin_slurm", raising=False)
    assert not limit_status_interval(30)


def test_installed_plugin_still_has_what_is_limited():
    import snakemake_executor_plugin_slurm as plugin

    assert isinstance(plugin.Executor.next_seconds_between_status_checks, property)
    assert plugin.Executor.next_seconds_between_status_checks.fset
