"""Readable names of strategies.

In: a strategy's key and entry of performance.json. Out: text in both languages. Source: resources/report/texts_names.yaml.
"""

from scripts.report.flow import block_name
from scripts.report.page import Text, text, text_or


def strategy_name(name: str, entry: dict) -> Text:
    """Readable name of a strategy."""
    if name.startswith("block_"):
        return text("performance.alone", block=block_name(name.removeprefix("block_")))
    return text_or(f"strategy.{name}", entry.get("title", name))
