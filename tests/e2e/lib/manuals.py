"""The code blocks of the manuals."""

import dataclasses
import re

from gateway import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "doc").glob("*.md")), ROOT / "SECURITY.md", ROOT / "tests/sipp/README.md"]


@dataclasses.dataclass
class Block:
    """A code block: its document, the heading above it, what stands behind its first fence, and its text."""

    document: str
    line: int
    heading: str
    kind: str
    text: str

    @property
    def place(self):
        return f"{self.document}, line {self.line}"


def blocks(kind=None, document=None):
    """Each code block of all manuals, or of one kind, or of one document."""
    for file in DOCUMENTS:
        name = str(file.relative_to(ROOT))
        if document not in (None, name):
            continue
        heading, found = "", None
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if found:
                if line == "```":
                    if kind in (None, found.kind):
                        yield found
                    found = None
                else:
                    found.text += line + "\n"
            elif line.startswith("```"):
                found = Block(name, number + 1, heading, line[3:], "")
            elif named := re.match(r"#+ (.*)", line):
                heading = named[1]


def block(document, heading, kind="kamailio"):
    """The text of the only block of this kind below a heading."""
    [found] = [one for one in blocks(kind, document) if one.heading == heading]
    return found.text
