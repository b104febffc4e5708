"""Making a page of the report as its rule does, and reading what a person would see of it."""

from html.parser import HTMLParser

from scripts.core.job import Named
from scripts.report.page import PAGES

OTHER_PAGES = {PAGES["conformance"], PAGES["data"]}  # what the main page links to


def make_job(rule, inputs, outputs, **params) -> Named:
    """A job object as Snakemake gives it to the script of a rule."""
    job = Named()
    job.input, job.output = Named([], **inputs), Named(outputs.values(), **outputs)
    job.params, job.wildcards = Named(params.values(), **params), Named()
    job.log, job.threads, job.rule = [f"logs/{rule}/cohort.log"], 1, rule
    return job


class Page(HTMLParser):
    """Texts by language, tags that are open too long, and addresses that the page would ask for."""

    def __init__(self, html: str):
        super().__init__()
        self.addresses, self.open, self.words, self.languages = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.addresses += [
            attributes[name] for name in ("src", "href", "xlink:href", "data") if name in attributes
        ]
        if tag not in ("meta", "link", "br", "line", "rect", "circle", "path", "input"):
            self.open.append((tag, attributes.get("lang")))

    def handle_endtag(self, tag):
        if self.open and self.open[-1][0] == tag:
            self.open.pop()

    def handle_data(self, data):
        hidden = any(tag in ("script", "style") for tag, _ in self.open)
        if data.strip() and not hidden:
            spoken = [lang for tag, lang in self.open if lang and tag != "html"]
            self.words.append((spoken[-1] if spoken else "", data.strip()))

    def seen(self, language: str) -> str:
        return "\n".join(words for spoken, words in self.words if spoken in ("", language))
