"""samtools and bcftools command lines out of pysam's wheel, joined by pipes, one process each.

In: commands as lists of words. Out: exit code 0, or one CommandError with the tool's own last words.
Source: samtools and bcftools 1.23.1 inside pysam 0.24.1; with backend "native" the programs of the PATH.
"""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

# No sequence is ever fetched: CRAM is decoded with the reference at hand or not at all.
_OFFLINE = {"REF_PATH": os.devnull, "REF_CACHE": os.devnull}

# What a tool says when the command behind it has gone: a consequence, not the cause.
_BROKEN = ("Broken pipe", "write failed", "close failed", "Write error")


class CommandError(Exception):
    """A command of a pipe failed. `program` is its name, `message` what it wrote on stderr."""

    def __init__(self, program: str, message: str):
        super().__init__(f"{program}: {message}")
        self.program = program
        self.message = message


def command(tool: str, *arguments: object, backend: str = "wheels") -> list[str]:
    """The words of a samtools or bcftools command line for a backend (wheels or native)."""
    words = [str(argument) for argument in arguments]
    if backend == "native":
        return [tool, *words]
    return [sys.executable, "-I", str(Path(__file__).resolve()), tool, *words]


def program_of(words: list[str]) -> str:
    """What a command is called in messages: "samtools sort"."""
    if len(words) > 4 and words[1] == "-I":
        return " ".join(words[3:5])
    return " ".join(words[1:3]) if words[1:2] == ["-m"] else " ".join(words[:2])


class Pipe:
    """Commands that run at the same time, each reading what the one before it writes.

    `source` is the stdin of the first (with source=PIPE it is fed by us), `sink` the stdout of the last.
    """

    def __init__(self, commands: list[list[str]], source=None, sink=None):
        self.commands = commands
        self.processes: list[subprocess.Popen] = []
        self._errors = [tempfile.TemporaryFile() for _ in commands]  # noqa: SIM115
        handed_on = source if source is not None else subprocess.DEVNULL
        for number, words in enumerate(commands):
            last = number == len(commands) - 1
            process = subprocess.Popen(
                words,
                stdin=handed_on,
                stdout=(subprocess.DEVNULL if sink is None else sink) if last else subprocess.PIPE,
                stderr=self._errors[number],
                env={**os.environ, **_OFFLINE},
            )
            if number and handed_on is not None:
                handed_on.close()
            handed_on = process.stdout
            self.processes.append(process)

    @property
    def feed(self):
        """Binary file into the first command (source=PIPE)."""
        return self.processes[0].stdin

    @property
    def result(self):
        """Binary file out of the last command (sink=PIPE)."""
        return self.processes[-1].stdout

    def wait(self) -> None:
        """Wait for all; CommandError of the first command that failed by itself, not by a broken pipe."""
        codes = [process.wait() for process in self.processes]
        failed = []
        for words, code, handle in zip(self.commands, codes, self._errors, strict=True):
            handle.seek(0)
            text = handle.read().decode(errors="replace").strip()
            handle.close()
            if code:
                broken = code in (-signal.SIGPIPE, -signal.SIGKILL) or any(
                    w in text for w in _BROKEN
                )
                failed.append((broken, program_of(words), text or f"exit code {code}"))
        failed.sort(key=lambda failure: failure[0])
        if failed:
            raise CommandError(failed[0][1], failed[0][2])

    def end(self, patience: float = 0) -> None:
        """End what still runs after `patience` seconds."""
        if self.feed is not None:
            with suppress(OSError):
                self.feed.close()
        for process in self.processes:
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def piped(commands: list[list[str]], *, source=None, sink=None):
    """A running Pipe; waits and checks at the end, kills everything when the body raises."""
    pipe = Pipe(commands, source, sink)
    try:
        yield pipe
        if pipe.feed is not None and not pipe.feed.closed:
            pipe.feed.close()
    except (OSError, ValueError) as error:
        pipe.end(patience=5)
        pipe.wait()  # a command that died first is the cause
        raise error
    except BaseException:
        pipe.end()
        raise
    pipe.wait()


def run(*commands: list[str]) -> None:
    """Run commands joined by pipes to the end."""
    with piped(list(commands)):
        pass


def output_of(*commands: list[str]) -> str:
    """Run commands joined by pipes and return what the last one writes."""
    with piped(list(commands), sink=subprocess.PIPE) as pipe:
        return pipe.result.read().decode()


def _become(tool: str, name: str, arguments: list[str]) -> None:
    """This process as `samtools name ...` or `bcftools name ...`."""
    import ctypes

    import pysam
    import pysam.bcftools
    import pysam.samtools

    if (
        tool == "bcftools"
        and name in ("query", "consensus")
        and not any(word == "-o" or word.startswith("--output") for word in arguments)
    ):
        arguments = ["-o", "/dev/stdout", *arguments]  # else both close stdout twice and abort
    code = 0
    try:
        getattr(getattr(pysam, tool), name)(*arguments, catch_stdout=None)
    except pysam.SamtoolsError as error:
        sys.stderr.write(f"{error}\n")
        code = 1
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)
    os._exit(code)


if __name__ == "__main__":
    _become(sys.argv[1], sys.argv[2], sys.argv[3:])
