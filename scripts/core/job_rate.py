"""No limit to the number of jobs that start per second.

In: the scheduler of a run that is about to start. Out: the same without its rate limit.
Source: snakemake 9.27, job_scheduler.py: with a limit (100/1s by default) every look at the ready jobs orders another look a
second later, for good, so that after n finished jobs n looks a second are taken; in the demo the main process used 2 of 5 CPU
minutes for that (measured).
"""


def lift_rate_limit(scheduler) -> bool:
    """Take the rate limit off; whether there was one. Slurm itself limits how fast it takes jobs."""
    limited = getattr(scheduler, "job_rate_limiter", None) is not None
    if limited:
        scheduler.job_rate_limiter = None
    return limited
