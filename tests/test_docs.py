"""Docs are part of the change: example, settings, README and `--help` say the same."""

import re
import tomllib
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from pydantic import BaseModel

from bot.settings import (
    DirectMessageSettings,
    DiscordSettings,
    GallerySettings,
    OperationSettings,
    Settings,
    StyleSettings,
)
from engine.settings import ClusterSettings, EngineSettings, LoRASettings, ModelSettings

ROOT = Path(__file__).parents[1]
EXAMPLE = (ROOT / "config.example.toml").read_text()
SECTIONS: dict[str, type[BaseModel]] = {
    "": Settings,
    "discord": DiscordSettings,
    "engine": EngineSettings,
    "engine.cluster": ClusterSettings,
    "engine.models.dreamy": ModelSettings,
    "engine.loras.pixelart": LoRASettings,
    "styles.poster": StyleSettings,
    "direct_messages": DirectMessageSettings,
    "operation": OperationSettings,
    "operation.gallery": GallerySettings,
}


def uncommented() -> dict[str, dict[str, object]]:
    """The example with every setting switched on, as flat sections."""
    text = re.sub(r"^# (?=[a-z_]+ = |\[)", "", EXAMPLE, flags=re.MULTILINE)
    flat: dict[str, dict[str, object]] = {}

    def walk(prefix: str, table: dict[str, object]) -> None:
        written_inside = (
            {"styles": "loras", "engine": "embeddings"}.get(prefix.partition(".")[0]) if "." in prefix else ""
        )
        plain = {k: v for k, v in table.items() if not isinstance(v, dict) or k == written_inside}
        if plain:
            flat[prefix] = plain
        for name, value in table.items():
            if isinstance(value, dict) and name not in plain:
                walk(f"{prefix}.{name}".lstrip("."), value)

    walk("", tomllib.loads(text))
    return flat


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_is_in_the_example_and_no_other(section: str) -> None:
    tables = {"models", "loras", "cluster", "discord", "engine", "styles", "direct_messages", "operation"}
    known = set(SECTIONS[section].model_fields)
    if section in ("", "engine"):
        known -= tables
    if section == "engine.models.dreamy":
        known -= {"controls"}
    if section == "operation":
        known -= {"gallery"}
    assert set(uncommented()[section]) == known


@pytest.mark.parametrize(
    "section", ["", "discord", "engine", "engine.cluster", "direct_messages", "operation", "operation.gallery"]
)
def test_the_example_shows_the_defaults(section: str) -> None:
    """Except where the default is "unset", which TOML cannot say: the comment says so."""
    model = SECTIONS[section]
    for key, shown in uncommented()[section].items():
        default = model.model_fields[key].default
        if default is None:
            assert re.search(rf"^# {key} = .*unset", EXAMPLE, re.MULTILINE), key
            continue
        plain = default.get_secret_value() if hasattr(default, "get_secret_value") else default
        as_text = isinstance(plain, Path | IPv4Address)
        told = list(plain) if isinstance(plain, tuple) else str(plain) if as_text else plain
        assert shown == told, key


def test_the_example_as_it_is_changes_nothing() -> None:
    from bot.settings import load

    assert load(ROOT / "config.example.toml") == load()


@pytest.mark.parametrize("file", ["Dockerfile", "deploy/compose.yaml", "deploy/darkroom.service"])
def test_what_is_deployed_is_set_up_by_settings_there_are(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.settings import load

    monkeypatch.chdir(tmp_path)
    text = (ROOT / file).read_text()
    chosen = dict(re.findall(r"(DARKROOM_\w+)=(\S+)", text))
    assert chosen["DARKROOM_DATA_DIR"]
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)} <= {settings.operation.http_port}


README = (ROOT / "README.md").read_text()


def command_names() -> set[str]:
    """Every slash command as members type it."""
    from discord import app_commands

    from bot.commands.registry import COGS

    def leaves(command: app_commands.Command | app_commands.Group) -> list[str]:
        if isinstance(command, app_commands.Group):
            return [name for child in command.commands for name in leaves(child)]
        return [command.qualified_name]

    tops = [command for cog in COGS for command in cog.__cog_app_commands__ if command.parent is None]
    return {name for top in tops for name in leaves(top)}


def test_the_readmes_tables_list_every_command_and_no_other() -> None:
    rows = [line for line in README.splitlines() if line.startswith("| `/")]
    listed = {name for row in rows for name in re.findall(r"`/([a-z ]+)`", row.split("|")[1])}
    assert listed == command_names()


def test_help_names_every_command_and_fits_into_its_message() -> None:
    from bot.commands.help import MODERATORS, TEXT

    assert len(TEXT) <= 2000 and len(MODERATORS) <= 4096, "Discord takes no more"
    said = set(re.findall(r"`/([a-z ]+)`", TEXT + MODERATORS))
    assert {name for name in command_names() if not said & {name, name.split()[0]}} == {"help"}


def test_the_readmes_table_of_models_agrees_with_the_presets() -> None:
    from engine import Catalogue

    catalogue = Catalogue(EngineSettings())
    lines = [line for line in README.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    table = {row[0].strip("`"): row for row in rows if row[0].strip("`") in catalogue.names()}
    assert set(table) == set(catalogue.names())
    for name, row in table.items():
        spec = catalogue.spec(name)
        assert row[1].startswith(str(spec.width)), name
        assert (row[2], row[3]) == (str(spec.num_inference_steps), f"{spec.memory_gb:g} GB"), name


def test_the_table_of_cards_agrees_with_the_plans() -> None:
    from bot.cli.model_plans import streams_in_words
    from engine import Catalogue, card, plan_of

    models = (ROOT / "docs" / "MODELS.md").read_text()
    head, _, *rows = models[models.index("| on a card of |") :].partition("\n\n")[0].splitlines()
    sizes = [int(cell.strip(" GB")) for cell in head.strip("| ").split("|")[1:]]
    for name, *cells in ([cell.strip() for cell in row.strip("| ").split("|")] for row in rows):
        for size, cell in zip(sizes, cells, strict=True):
            plan = plan_of(Catalogue(EngineSettings()).spec(name), card(size), Path("nowhere"))
            assert plan is not None
            said = [next(each.storage for each in plan.components if each.role == "denoiser")]
            said += [] if plan.residency == "resident" else [streams_in_words(plan) or plan.residency]
            assert cell == (", ".join([*said, f"{plan.peak_bytes / 1e9:.1f} GB"]) if plan.fits else "–"), (name, size)


def test_every_link_and_picture_of_the_docs_is_there() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", page.read_text()):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page}: {target}"
