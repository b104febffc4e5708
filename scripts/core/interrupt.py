"""Ctrl-C: the run ends its jobs and says so in one line.

In: SIGINT, which a terminal sends to Snakemake and to all of its jobs. Out: jobs that end without a word, one line, Snakemake's
own orderly end (locks are released, jobs of a cluster cancelled), whose messages go to its log only. Source: signal(7): child
processes inherit the set of blocked signals; Python writes to `set_wakeup_fd` from whichever thread takes the signal.

Each job would print a traceback of its own, and Snakemake an error for each of them.
"""

import os
import signal
import sys
import threading
import time

from scripts.core.run_processes import end, jobs_of

LINE = "Stopped by Ctrl-C: running jobs were ended, finished ones stay; the same command goes on."


def one_line_on_interrupt() -> None:
    """Take over Ctrl-C for the rest of this process; call it in the main thread before jobs start."""
    if threading.current_thread() is not threading.main_thread():
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, lambda *_: None)  # the thread below acts
    signal.signal(signal.SIGUSR1, _end_main)
    threading.Thread(target=_wait, args=(read,), daemon=True).start()
    # The thread of above takes SIGINT; those that start jobs, and the jobs, do not.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _wait(read: int) -> None:
    while signal.SIGINT not in os.read(read, 64):
        pass
    sys.stderr.write(f"{LINE}\n")
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    # First the main thread, which would start the next jobs as soon as the running ones have ended.
    signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
    time.sleep(0.2)
    while pids := jobs_of(os.getpid()):
        end(pids, grace=5.0)


def _end_main(*_) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C ends it at once
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    raise KeyboardInterrupt
