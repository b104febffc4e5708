from types import SimpleNamespace

from scripts.core.job_rate import lift_rate_limit


def test_limit_is_taken_off():
    from snakemake.settings.types import MaxJobsPerTimespan, SchedulingSettings

    settings = SchedulingSettings(max_jobs_per_timespan=MaxJobsPerTimespan.parse_choice("100/1s"))
    assert lift_rate_limit(SimpleNamespace(scheduling_settings=settings))
    assert settings.max_jobs_per_timespan is None


def test_workflow_that_is_only_linted_has_no_scheduler():
    assert not lift_rate_limit(SimpleNamespace(scheduling_settings=None))
