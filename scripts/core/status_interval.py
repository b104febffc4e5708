"""How long a Slurm job may have ended before the main process asks.

In: seconds. Out: nothing; the Slurm executor of this process asks at least so often.
Source: snakemake-executor-plugin-slurm 2.8.0 waits 10 s longer after every look at which nothing had ended, up to 180 s,
and has no option for it: a failure after a quiet quarter of an hour would be seen three minutes late.
"""

import sys


def limit_status_interval(seconds: int) -> bool:
    """Let the Slurm executor's pause between two looks at the queue grow to `seconds` only; whether it is installed."""
    plugin = sys.modules.get("snakemake_executor_plugin_slurm")
    if plugin is None or not hasattr(plugin.Executor, "next_seconds_between_status_checks"):
        return False
    pause = plugin.Executor.next_seconds_between_status_checks

    def shorter(executor, value):
        pause.fset(executor, value if value is None else min(value, seconds))

    plugin.Executor.next_seconds_between_status_checks = pause.setter(shorter)
    return True
