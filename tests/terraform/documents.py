"""What is written from the Terraform code: a README for every module and stack, and the picture of how they are wired.

``python -m tests.terraform.documents`` writes them anew; a test compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.terraform.hcl import Block, blocks
from tests.terraform.running import ROOT, SOURCE

GENERATED: Final = "<!-- Written by `python -m tests.terraform.documents` from the code beside it: change that. -->"
BEGIN: Final = "<!-- generated: begin -->"
END: Final = "<!-- generated: end -->"
PAGE: Final = SOURCE / "README.md"

_REFERENCE: Final = re.compile(r"\bmodule\.(\w+)\b")
_LAYER_OF_ALL: Final = frozenset({"naming", "peer_naming", "kms", "values"})
"""What nearly every module uses: arrows from them would hide the others, and a sentence says it."""


def documented_folders() -> list[Path]:
    """Return every folder that gets a README: modules and stacks."""
    return sorted(file.parent for kind in ("modules", "stacks") for file in (SOURCE / kind).glob("*/main.tf"))


def readme_of(folder: Path) -> str:
    """Return a folder's README: what it is, what it makes, what goes in and comes out."""
    name = folder.relative_to(SOURCE).as_posix()
    parts = [f"# {name}", GENERATED, _opening(folder)]
    if calls := list(blocks(folder, "module")):
        parts += [
            "## Modules",
            _table(("call", "module"), ((call.labels[0], f"`{call.text('source')}`") for call in calls)),
        ]
    if resources := sorted({block.labels for block in blocks(folder, "resource")}):
        parts += ["## Resources", "\n".join(f"- `{kind}.{label}`" for kind, label in resources)]
    if variables := sorted(blocks(folder, "variable"), key=lambda block: block.labels):
        rows = ((f"`{each.labels[0]}`", _type(each), _default(each), each.text("description")) for each in variables)
        parts += ["## Variables", _table(("variable", "type", "default", "meaning"), rows)]
    if outputs := sorted(blocks(folder, "output"), key=lambda block: block.labels):
        rows_out = ((f"`{each.labels[0]}`", each.text("description")) for each in outputs)
        parts += ["## Outputs", _table(("output", "meaning"), rows_out)]
    return "\n\n".join(parts) + "\n"


def _opening(folder: Path) -> str:
    """Return the comment that main.tf begins with, as a paragraph."""
    lines: list[str] = []
    for line in (folder / "main.tf").read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" "))
    assert lines, f"{folder}/main.tf does not begin with a comment that says what it is"
    return "\n".join(lines)


def _type(variable: Block) -> str:
    return f"`{_one_line(variable.argument('type') or 'any')}`".replace("|", "\\|")


def _default(variable: Block) -> str:
    default = variable.argument("default")
    return "required" if default is None else f"`{_one_line(default)}`".replace("|", "\\|")


def _one_line(text: str) -> str:
    short = re.sub(r"\s+", " ", text)
    return re.sub(r"([(\[{]) | ([)\]}])", r"\1\2", short).replace(",}", "}").replace(",]", "]")


def _table(headings: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def diagram_of(stack: Path) -> str:
    """Return how a stack's modules are wired, as Mermaid: an arrow from whoever gives to whoever takes."""
    calls = {call.labels[0]: call for call in blocks(stack, "module")}
    taken = {
        name: sorted({giver for giver in _givers(call.body, stack) if giver in calls} - {name} - _LAYER_OF_ALL)
        for name, call in calls.items()
        if name not in _LAYER_OF_ALL
    }
    lines = ["```mermaid", "flowchart LR"]
    lines += [f"  {name}[{_title(name)}]" for name in sorted(taken)]
    lines += [f"  {giver} --> {name}" for name in sorted(taken) for giver in taken[name]]
    return "\n".join([*lines, "```"])


def _givers(body: str, stack: Path) -> Iterator[str]:
    """Yield the modules that a call takes from: by name, and by the locals that it names."""
    locals_ = _locals_of(stack)
    seen: set[str] = set()
    waiting = [body]
    while waiting:
        text = waiting.pop()
        yield from _REFERENCE.findall(text)
        for name in re.findall(r"\blocal\.(\w+)\b", text):
            if name not in seen:
                seen.add(name)
                waiting.append(locals_.get(name, ""))


def _locals_of(stack: Path) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for block in blocks(stack, "locals"):
        for each in re.finditer(r"^  (\w+) += (.*(?:\n(?:    .*|  [\])}].*|))*)", block.body, re.MULTILINE):
            found[each[1]] = each[2]
    return found


def _title(name: str) -> str:
    return name.replace("_", " ")


def page() -> str:
    """Return terraform/README.md with its generated part made anew."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{_generated()}\n\n{END}{after}"


def _generated() -> str:
    folders = documented_folders()
    table = _table(
        ("folder", "what it is"),
        ((f"[{_name(folder)}]({_name(folder)}/README.md)", _first_sentence(folder)) for folder in folders),
    )
    pictures = [
        f"### {title}\n\n{diagram_of(SOURCE / 'stacks' / name)}"
        for name, title in (("region", "One region"), ("global", "Both regions together"))
    ]
    note = "Naming and keys go to every module and are left out."
    return "\n\n".join(["## Modules and stacks", table, "## How they are wired", note, *pictures])


def _name(folder: Path) -> str:
    return folder.relative_to(SOURCE).as_posix()


def _first_sentence(folder: Path) -> str:
    return re.split(r"(?<=\.)\s", _opening(folder).replace("\n", " "), maxsplit=1)[0]


def stale() -> list[str]:
    """Return which written files differ from what would be written now."""
    found = [
        (folder / "README.md").relative_to(ROOT).as_posix()
        for folder in documented_folders()
        if not (folder / "README.md").exists() or (folder / "README.md").read_text() != readme_of(folder)
    ]
    return found + ([PAGE.relative_to(ROOT).as_posix()] if PAGE.read_text() != page() else [])


def main() -> None:
    """Write them."""
    for folder in documented_folders():
        (folder / "README.md").write_text(readme_of(folder))
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
