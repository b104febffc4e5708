"""What planning keeps of every job and file, and need not: the same graph from fewer and smaller objects.

In: the classes of Snakemake. Out: the same jobs, files, messages. Source: snakemake 9.27 (io/__init__.py, iocontainers.py,
jobs.py, rules.py, path_modifier.py, dag.py, common/prefix_lookup.py, scheduling/job_scheduler.py). With all modalities a job has
14 files; each was a text, a second text with a place for flags, and two dictionaries; each empty set of a job took 216 bytes
(counted over all objects of a dry run).
"""

import re
from bisect import bisect_right
from functools import cache, lru_cache

from snakemake import dag, io, iocontainers, jobs, rules
from snakemake.common.prefix_lookup import PrefixLookup
from snakemake.scheduling.job_scheduler import JobScheduler

from scripts.core.planning_memory import first_of_its_rule, is_read_version

NONE = frozenset()
UNNAMED: dict = {}
NAMES = ("index", "sort")  # that a list of files may have as names of files


@cache
def flags_later(rule) -> bool:
    """Whether files of a rule get flags after their wildcards are filled in: those that a flagged function gives, but for the
    flag `unpack`, which is of the function alone."""
    functions = [item for item in rule.input if io.is_callable(item)]
    return any(set(getattr(function, "flags", ())) - {"unpack"} for function in functions)


def without_empty_flags(apply_wildcards):
    """`_IOFile.apply_wildcards`: a file without flags stays a plain text and has no place for them."""

    def applied(self, wildcards):
        pattern = self._file
        flagged = type(pattern) is not str and (
            callable(pattern) or pattern.flags or pattern.is_callable()
        )
        if flagged or self.rule is None or flags_later(self.rule):
            return apply_wildcards(self, wildcards)
        return io.IOFile(io.apply_wildcards(str(pattern), wildcards), rule=self.rule)

    return applied


def made_at_once(new):
    """`_IOFile.__new__`: a file of a plain path without variables (<results>) is made at once, and one of a file is one of the
    text inside it (each input was wrapped twice)."""

    def made(cls, file, rule):
        text = file._file if type(file) is cls else file
        if type(text) is not str or not text or text[-1] == "/" or "<" in text:
            return new(cls, file, rule)
        own = str.__new__(cls, text)
        own._is_callable, own._file, own.rule = False, text, rule
        own._regex = own._wildcard_constraints = None
        return own

    return staticmethod(made)


def parent_of(get_inventory_parent):
    """`_IOFile.get_inventory_parent`: the folder of a path, without the care that only unusual paths need."""

    def parent(self):
        if type(self._file) is not str:
            return get_inventory_parent(self)
        folder, slash, _ = self._file.rpartition("/")
        if not slash or folder == "..":
            return None
        return get_inventory_parent(self) if not folder or folder[-1] == "/" else folder

    return parent


def is_stored_away(is_storage: property) -> property:
    """`_IOFile.is_storage`: a plain text is not."""
    return property(lambda self: type(self._file) is not str and is_storage.fget(self))


def known_at_once(exists):
    """`_IOFile.exists`: whether a local file is there, without a coroutine where it was found out before."""

    async def there(self):
        cache = self.rule.workflow.iocache if self.rule else None
        if type(self._file) is str and cache is not None and cache.active:
            known = dict.get(cache.exists_local, self)
            if known is not None:
                return known
        return await exists(self)

    return there


def checked_if_unusual(check):
    """`_IOFile.check`, which warns of unusual paths: not asked of usual ones."""

    def checked(self):
        if type(self._file) is not str or not USUAL.fullmatch(self._file):
            check(self)

    return checked


USUAL = re.compile(r"(?!\./)[\w.-]+(?:/[\w.-]+)*")


def shared_guards(init):
    """`Namedlist.__init__`: what guards the names `index` and `sort` is of the class, not of each list."""

    def initialised(self, toclone=None, fromdict=None, plainstr=False, strip_constraints=False, custom_map=None):  # fmt: skip
        if plainstr or strip_constraints or custom_map:
            init(self, toclone, fromdict, plainstr, strip_constraints, custom_map)
            return
        list.__init__(self, () if toclone is None else toclone)
        # of its own: one whose keys all lists share has room for the names of all
        self.__dict__ = {"_names": UNNAMED}
        if isinstance(toclone, iocontainers.Namedlist):
            self._take_names(toclone._get_names())
        for name, item in (fromdict or {}).items():
            self.append(item)
            self._add_name(name)

    return initialised


def with_own_guards(self) -> dict:
    """`Namedlist.__getstate__`: a script's own Snakemake finds in each list what it expects there."""
    guards = {name: iocontainers.AttributeGuard(name) for name in NAMES}
    return guards | {"_allowed_overrides": [*NAMES]} | vars(self)


def with_shared_places(set_name):
    """`Namedlist._set_name`: the place of a name is the same pair in all lists, lists without names have the same ones."""

    def named(self, name, index, end=None):
        if not _is_free(type(self), name):
            set_name(self, name, index, end)  # refuses it
            return
        if self._names is UNNAMED:
            self._names = {}
        self._names[name] = _place(index, end)
        own = list.__getitem__(self, index if end is None else slice(index, end))
        setattr(self, name, own if end is None else iocontainers.Namedlist(toclone=own))

    return named


@cache
def _is_free(kind: type, name: str) -> bool:
    return name in NAMES or not hasattr(kind, name)


@lru_cache(maxsize=4096)
def _place(index, end):
    return index, end


def copied_as_text(simple_copy):
    """`IOCache._simple_copy`, which makes a new text of every path: the text that the path holds already."""

    def copied(self):
        cache = simple_copy(type(self)(self.max_wait_time))
        vars(cache).update(active=self.active, remaining_wait_time=self.remaining_wait_time)
        for name in ("_mtime", "_exists_local", "_exists_in_storage", "_size", "_checksum"):
            kept, given = getattr(cache, name), getattr(self, name)
            kept.update((_text(path), value) for path, value in given.items())
        return cache

    return copied


def _text(path: str) -> str:
    held = getattr(path, "_file", path)
    return held if type(held) is str else str(path)


def without_tasks(output_mintime: property) -> property:
    """`Job.output_mintime`: the time of each local file is asked in turn; tasks of their own (3 KB for each job, all jobs at
    once) help only where a file is far away."""

    async def oldest(job):
        made = [*job.output, job.benchmark] if job.benchmark else job.output
        if any(file.is_storage for file in made):
            return await output_mintime.fget(job)
        times = [(await file.mtime()).local_or_storage() for file in made if await file.exists()]
        return min(times, default=None)

    return property(oldest)


def unmodified(apply_path_modifier):
    """`Rule.apply_path_modifier`: a path stays as it is where there is neither a prefix nor a default storage (two files more
    for each input that a function names)."""

    def applied(self, item, path_modifier, property=None):
        if isinstance(item, str) and path_modifier is not None and not _modifies(path_modifier):
            return item
        return apply_path_modifier(self, item, path_modifier, property=property)

    return applied


def _modifies(modifier) -> bool:
    return (
        modifier.prefix is not None
        or modifier._prefix_replacements is not None
        or modifier.inner_modifier is not None
        or modifier.workflow.storage_settings.default_storage_provider is not None
    )


def logs_at_once(expand_log):
    """`Rule.expand_log`: paths without flags and functions have their wildcards filled in as those of outputs have (Snakemake
    has seen that they are those of the outputs)."""

    def expanded(self, wildcards):
        if not _are_plain(self):
            return expand_log(self, wildcards)
        logs = iocontainers.Log(file.apply_wildcards(wildcards) for file in self.log)
        logs._take_names(self.log._get_names())
        for file in logs:
            file.check()
        return logs

    return expanded


@cache
def _are_plain(rule) -> bool:
    return all(type(file) is io._IOFile and type(file._file) is str for file in rule.log)


def asked_in_turn(check_protected_output):
    """`Job.check_protected_output`: each local file is asked in turn, without a task of its own; what is found is said by
    Snakemake."""

    async def checked(job):
        for file in job.output:
            if file.is_storage or await file.protected():
                return await check_protected_output(job)

    return checked


def temporary_where_there_are(handle_temp):
    """`DAG.handle_temp`, asked after each job: only where the job or one before it has a temporary output."""

    async def handled(self, job):
        if job.is_group() or any(j.temp_output for j in (job, *self._dependencies[job])):
            await handle_temp(self, job)

    return handled


def without_empty_sets(init):
    """`Job.__init__`: sets that are empty, and are not filled later, are one set."""

    def initialised(self, *args, **kwargs):
        init(self, *args, **kwargs)
        for name in FILLED_AT_ONCE:
            if not getattr(self, name):
                setattr(self, name, NONE)

    return initialised


FILLED_AT_ONCE = (
    "temp_output",
    "protected_output",
    "touch_output",
    "pipe_or_service_output",
    "_queue_input",
)


def smaller_graph(update_needrun):
    """`DAG.update_needrun`: before it the files between two jobs are noted once and not for either side; after it reasons keep
    no empty sets (they are made when asked for)."""

    async def updated(self, *args, **kwargs):
        for job, dependencies in self._dependencies.items():
            for other, files in dependencies.items():
                if self.depending.get(other, {}).get(job) == files:
                    self.depending[other][job] = files
        await update_needrun(self, *args, **kwargs)
        for reason in self._reason.values():
            for name in ("_updated_input", "_updated_input_run", "_missing_output"):
                if not getattr(reason, name):
                    setattr(reason, name, None)

    return updated


def outputs_in_outputs(check_directory_outputs):
    """`DAG.check_directory_outputs`, which sorts all paths: asked only where an output is a folder of another one."""

    def checked(self):
        outputs = {str(file) for job in self.jobs for file in job.output}
        folders = {path.rpartition("/")[0] for path in outputs}
        seen: set[str] = set()
        for folder in folders:
            while folder and folder not in seen:
                seen.add(folder)
                folder = folder.rpartition("/")[0]
        absolute = {path.startswith("/") for path in outputs}
        unusual = len(absolute) > 1 or any("//" in path or "./" in path for path in outputs)
        if unusual or not seen.isdisjoint(outputs):
            check_directory_outputs(self)

    return checked


def chained(lookup: PrefixLookup) -> tuple[list[str], list[list]]:
    """The keys of a look-up in order, and the entries of each that begin it, the shortest first, itself last."""
    chains: list[list] = []
    for key, values in lookup._entries:
        above = chains[-1] if chains else []
        chains.append([*(e for e in above if key.startswith(e[0])), (key, values)])
    return [key for key, _ in lookup._entries], chains


def prefixes(lookup: PrefixLookup, query: str):
    """As `PrefixLookup.match_iter`, the longest first: what begins a text also begins the last entry that is not behind it."""
    if "_chained" not in vars(lookup):
        vars(lookup)["_chained"] = chained(lookup)
    keys, chains = vars(lookup)["_chained"]
    place = bisect_right(keys, query)
    for key, values in reversed(chains[place - 1] if place else []):
        if query.startswith(key):
            for value in values:
                yield key, value


def not_for_nothing(free_resources):
    """`JobScheduler._free_resources`: a dry run takes none, and one that says nothing of jobs does not work out those of all
    jobs to give them back."""
    asked = first_of_its_rule()

    def freed(self, job):
        if asked(job):
            free_resources(self, job)

    return freed


def lighten() -> None:
    """Let Snakemake keep less; a second call changes nothing, nor does one in a version that was not read for it."""
    if PrefixLookup.match_iter is prefixes or not is_read_version():
        return
    PrefixLookup.match_iter = prefixes
    file, names = io._IOFile, iocontainers.Namedlist
    file.__new__ = made_at_once(file.__new__)
    # In Snakemake both go through the text that the path holds, in Python, for every look-up in a dictionary of files.
    file.__hash__, file.__eq__ = str.__hash__, str.__eq__
    file.apply_wildcards = without_empty_flags(file.apply_wildcards)
    file.get_inventory_parent = parent_of(file.get_inventory_parent)
    file.is_storage = is_stored_away(file.is_storage)
    file.exists = known_at_once(file.exists)
    file.check = checked_if_unusual(file.check)
    names._allowed_overrides = NAMES
    names.index, names.sort = map(iocontainers.AttributeGuard, NAMES)
    names.__getstate__ = with_own_guards
    names.__init__ = shared_guards(names.__init__)
    names._set_name = with_shared_places(names._set_name)
    rules.Rule.apply_path_modifier = unmodified(rules.Rule.apply_path_modifier)
    rules.Rule.expand_log = logs_at_once(rules.Rule.expand_log)
    jobs.Job.check_protected_output = asked_in_turn(jobs.Job.check_protected_output)
    dag.DAG.handle_temp = temporary_where_there_are(dag.DAG.handle_temp)
    jobs.Job.__init__ = without_empty_sets(jobs.Job.__init__)
    dag.DAG.update_needrun = smaller_graph(dag.DAG.update_needrun)
    dag.DAG.check_directory_outputs = outputs_in_outputs(dag.DAG.check_directory_outputs)
    jobs.Job.output_mintime = without_tasks(jobs.Job.output_mintime)
    io.IOCache._simple_copy = copied_as_text(io.IOCache._simple_copy)
    JobScheduler._free_resources = not_for_nothing(JobScheduler._free_resources)
