"""Read the first data frame of an R data file (RDX3, XDR) for a test: numbers and texts only.

In: path of an .rda (xz). Out: pandas.DataFrame. Source: R Internals, "Serialization Formats".
"""

import lzma
import struct

import pandas as pd

SYMBOL, PAIRLIST, CHARACTER, LOGICAL, INTEGER, REAL, STRINGS, LIST, NIL = (
    1,
    2,
    9,
    10,
    13,
    14,
    16,
    19,
    254,
)
ALTREP, REFERENCE, GLOBAL, POINTER = 238, 255, 253, 22


class Reader:
    """A cursor over the serialised bytes."""

    def __init__(self, data):
        self.data, self.at, self.references = data, 0, []

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def length(self):
        return self.take(">i")[0]

    def item(self):
        """The next object as a Python value; attributes of vectors as (value, attributes)."""
        flags = self.length()
        kind, has_attributes, has_tag = flags & 0xFF, flags & 0x200, flags & 0x400
        if kind in (NIL, GLOBAL, 242, 241):
            return None
        if kind == REFERENCE:
            return self.references[(flags >> 8) - 1]
        if kind == SYMBOL:
            self.references.append(self.item())
            return self.references[-1]
        if kind == POINTER:  # of data.table; means nothing outside R
            self.references.append(None)
            return self.item(), self.item()
        if kind == CHARACTER:
            size = self.length()
            if size == -1:
                return None
            self.at += size
            return self.data[self.at - size : self.at].decode()
        if kind == PAIRLIST:
            attributes = self.item() if has_attributes else None
            tag = self.item() if has_tag else None
            value = self.item()
            rest = self.item() or {}
            del attributes
            return {tag: value, **rest}
        if kind == ALTREP:
            info, state, attributes = self.item(), self.item(), self.item()
            return altrep(list(info.values())[0], state), attributes or {}
        size = self.length()
        if kind in (INTEGER, LOGICAL):
            value = list(self.take(f">{size}i"))
        elif kind == REAL:
            value = list(self.take(f">{size}d"))
        elif kind in (STRINGS, LIST):
            value = [self.item() for _ in range(size)]
        else:
            raise ValueError(f"kind {kind} at {self.at}")
        return value, (self.item() if has_attributes else None) or {}


def altrep(name, state):
    """Values of the compact and deferred vectors that R writes."""
    if name == "compact_intseq":
        count, start, step = (int(v) for v in state[0])
        return [start + step * i for i in range(count)]
    if name == "wrap_string" or name.startswith("wrap_"):
        return state[0][0]
    raise ValueError(f"ALTREP {name}")


def read_frame(path):
    """The first data frame of the file."""
    data = lzma.decompress(path.read_bytes())
    assert data.startswith(b"RDX3\nX\n")
    reader = Reader(data)
    reader.at = len(b"RDX3\nX\n")
    reader.take(">3i")
    encoding = reader.length()
    reader.at += encoding
    (columns, attributes), *_ = reader.item().values()
    names = attributes["names"][0]
    return pd.DataFrame({n: pd.Series(c[0]) for n, c in zip(names, columns, strict=True)})
