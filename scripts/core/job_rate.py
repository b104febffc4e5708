"""No limit to the number of jobs that start per second.

In: a workflow that was read. Out: its scheduler without a rate limit. Source: snakemake 9.27, job_scheduler.py: with a limit
(100/1s by default) every look at the ready jobs orders another look a second later, for good, so that after n finished jobs
n looks a second are taken; in the demo the main process used 2 of 5 CPU minutes for that (measured).
"""


def lift_rate_limit(workflow) -> bool:
    """Take the rate limit off before the scheduler is made; whether there was one. Slurm itself limits how fast it takes jobs."""
    settings = getattr(workflow, "scheduling_settings", None)
    if settings is None or not getattr(settings, "max_jobs_per_timespan", None):
        return False
    settings.max_jobs_per_timespan = None
    return True
