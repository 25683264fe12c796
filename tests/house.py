"""The rooms of `bot` and `engine` and the arrows between them, read from the imports: `make house` draws them.

A room is a folder with modules, or a group of modules at the top of a package (`GROUPS`). An arrow is an import,
`TYPE_CHECKING` imports included. The floor of a room is one above the highest room it imports.
"""

from __future__ import annotations

import ast
import textwrap
from collections import defaultdict
from dataclasses import dataclass
from html import escape
from pathlib import Path

import grimp
import networkx as nx

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "house.svg"
PACKAGES = ("bot", "engine")
GROUPS = {
    "engine": ("engine.surface", "the public names: all that the bot may import"),
    "engine.surface": ("engine.surface", "the public names: all that the bot may import"),
    "engine.engine": ("engine.engine", "the asyncio facade: start, submit, stop, snapshot"),
    "engine.requests": ("engine.values", ""),
    "engine.requests.*": ("engine.values", ""),
    "engine.*": ("engine.values", "requests, events, errors, settings: frozen values of plain types"),
    "bot.__main__": ("bot.cli", ""),
    "bot.service": ("bot.app", "composition: from settings to a running bot"),
    "bot.app": ("bot.app", "composition: from settings to a running bot"),
    "bot.composition": ("bot.app", "composition: from settings to a running bot"),
    "bot.group_play": ("bot.app", "composition: from settings to a running bot"),
    "bot.client": ("bot.app", "composition: from settings to a running bot"),
    "bot.direct_rules": ("bot.operation", ""),
    "bot.exclusive_or_shared": ("bot.app", "composition: from settings to a running bot"),
    "bot.*": ("bot.base", "errors, settings, tasks, logs"),
    "bot.commands.registry": ("bot.commands.registry", "every command, button and menu of the bot"),
    "bot.commands.*": ("bot.commands", "slash commands of members"),
    "bot.store.*": ("bot.store", "database, schema, migrations, picture files"),
    "bot.ui.*": ("bot.ui", "what Discord's refusals mean"),
}
"""Modules that stand in no folder of their own: which room they belong to, and what it is for."""


@dataclass(frozen=True, slots=True)
class House:
    """Rooms with their purpose, and arrows from importer to imported."""

    purposes: dict[str, str]
    arrows: frozenset[tuple[str, str]]

    @property
    def graph(self) -> nx.DiGraph:
        """The rooms as a graph of networkx."""
        graph = nx.DiGraph()
        graph.add_nodes_from(sorted(self.purposes))
        graph.add_edges_from(sorted(self.arrows))
        return graph

    @property
    def circles(self) -> list[list[str]]:
        """Rooms that import each other, directly or through others; empty in a sound house."""
        return [sorted(rooms) for rooms in nx.strongly_connected_components(self.graph) if len(rooms) > 1]

    @property
    def floors(self) -> list[list[str]]:
        """Rooms from the bottom floor up; raises `networkx.NetworkXUnfeasible` when there is a circle."""
        return [sorted(floor) for floor in nx.topological_generations(self.graph.reverse())]


def read_house(package: str) -> House:
    """The house of one package; its other packages are not drawn."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    purposes, arrows = dict[str, str](), set[tuple[str, str]]()
    for module in sorted(graph.modules):
        if module.split(".")[0] != package or _is_empty(module):
            continue
        room = room_of(module)
        purposes[room] = purposes.get(room) or _purpose(module, room)
        for imported in graph.find_modules_directly_imported_by(module):
            if imported.split(".")[0] == package and not _is_empty(imported) and room_of(imported) != room:
                arrows.add((room, room_of(imported)))
    return House(purposes, frozenset(arrows))


def room_of(module: str) -> str:
    """`engine.batching.lanes` is in `engine.batching`; a module beside folders is in a group."""
    parent = module.rsplit(".", 1)[0]
    is_folder = (ROOT / module.replace(".", "/")).is_dir()
    if module in GROUPS:
        return GROUPS[module][0]
    if not is_folder and f"{parent}.*" in GROUPS:
        return GROUPS[f"{parent}.*"][0]
    depth = 3 if module.startswith(("bot.commands.", "bot.domain.", "bot.store.", "bot.ui.")) else 2
    return ".".join(module.split(".")[:depth])


def draw(houses: list[House]) -> str:
    """All houses side by side as SVG: floors from top to bottom, arrows that others already imply left out."""
    width, boxes, lines = 0, list[str](), list[str]()
    for house in houses:
        places = _places(house, left=width)
        width = max(x + BOX[0] for x, _ in places.values()) + GAP[0]
        lines += [_line(places[a], places[b]) for a, b in nx.transitive_reduction(house.graph).edges]
        boxes += [_box(room, purpose, *places[room]) for room, purpose in house.purposes.items()]
    height = GAP[1] + max(len(house.floors) for house in houses) * (BOX[1] + GAP[1])
    rows = "\n".join([*sorted(lines), *sorted(boxes)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {_STYLE}>\n{rows}\n</svg>\n'
    )


BOX, GAP = (186, 58), (22, 34)
_STYLE = 'font-family="system-ui, sans-serif" aria-label="Rooms of bot and engine; each imports only rooms below it"'


def _places(house: House, left: int) -> dict[str, tuple[int, int]]:
    widest = max(len(rooms) for rooms in house.floors)
    places = dict[str, tuple[int, int]]()
    for floor, rooms in enumerate(reversed(house.floors)):
        indent = (widest - len(rooms)) * (BOX[0] + GAP[0]) // 2
        for column, room in enumerate(rooms):
            x = left + GAP[0] + indent + column * (BOX[0] + GAP[0])
            places[room] = (x, GAP[1] + floor * (BOX[1] + GAP[1]))
    return places


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1, x2, y2 = start[0] + BOX[0] // 2, start[1] + BOX[1], end[0] + BOX[0] // 2, end[1]
    bend = (y2 - y1) // 2
    path = f"M{x1} {y1} C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"
    return f'<path d="{path}" fill="none" stroke="#8a94a8" stroke-width="1.2"/>'


def _box(room: str, purpose: str, x: int, y: int) -> str:
    fill = {"bot": "#f3f6fb", "engine": "#fbf4ec"}[room.split(".")[0]]
    words = "".join(
        f'<text x="{x + 8}" y="{y + 33 + 12 * row}" font-size="9.5" fill="#41454f">{escape(line)}</text>'
        for row, line in enumerate(_wrapped(purpose))
    )
    title = f'<text x="{x + 8}" y="{y + 18}" font-size="13" font-weight="600" fill="#15181e">{escape(room)}</text>'
    return f'<g><title>{escape(purpose)}</title><rect x="{x}" y="{y}" width="{BOX[0]}" height="{BOX[1]}" rx="8" fill="{fill}" stroke="#3b3f4a"/>{title}{words}</g>'  # noqa: E501


def _wrapped(text: str, chars: int = 37, rows: int = 2) -> list[str]:
    return textwrap.wrap(text.rstrip("."), chars, max_lines=rows, placeholder=" …")


def _purpose(module: str, room: str) -> str:
    named = {group: purpose for group, purpose in GROUPS.values() if purpose}
    if room in named:
        return named[room]
    init = ROOT / room.replace(".", "/") / "__init__.py"
    text = ast.get_docstring(ast.parse(init.read_text("utf-8"))) if init.exists() else ""
    return (text or "").split("\n")[0].split(". ")[0]


def _is_empty(module: str) -> bool:
    """A package file that holds a docstring and nothing else is no room."""
    init = ROOT / module.replace(".", "/") / "__init__.py"
    return init.exists() and len(ast.parse(init.read_text("utf-8")).body) <= 1


def main() -> None:
    """Draw both houses into `docs/pictures/house.svg`."""
    PICTURE.write_text(draw([read_house(package) for package in PACKAGES]), "utf-8")
    arrows = defaultdict(int, {package: len(read_house(package).arrows) for package in PACKAGES})
    print(PICTURE.relative_to(ROOT), dict(arrows))


if __name__ == "__main__":
    main()
