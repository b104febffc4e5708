import inspect
from types import SimpleNamespace

from scripts.core.job_rate import lift_rate_limit


def test_limit_is_taken_off_once():
    scheduler = SimpleNamespace(job_rate_limiter=object())
    assert lift_rate_limit(scheduler) and scheduler.job_rate_limiter is None
    assert not lift_rate_limit(scheduler)


def test_snakemake_has_the_limit_and_can_do_without():
    from snakemake.scheduling.job_scheduler import JobScheduler

    assert "self.job_rate_limiter" in inspect.getsource(JobScheduler.__init__)
    assert "if self.job_rate_limiter is None" in inspect.getsource(JobScheduler.job_selector)
