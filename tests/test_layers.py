"""The arrows between the rooms, proven at run time; import-linter proves them statically."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "diffusers", "transformers", "accelerate", "peft")


def modules(package: str) -> list[str]:
    names = []
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "migrations" in parts or parts[-1] == "__main__":
            continue
        names.append(".".join(part for part in parts if part != "__init__"))
    return names


def imported_by(names: list[str], suspects: tuple[str, ...]) -> str:
    code = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        f"print(*(set({suspects!r}) & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_whole_bot_loads_no_torch() -> None:
    assert imported_by([*modules("bot"), "bot.__main__", "engine"], HEAVY) == ""


def test_the_engines_public_surface_is_torch_free() -> None:
    assert imported_by(["engine"], (*HEAVY, "discord", "bot", "sqlalchemy")) == ""


def test_domain_needs_neither_discord_nor_sql() -> None:
    assert imported_by(modules("bot/domain"), (*HEAVY, "discord", "sqlalchemy", "bot.store", "bot.ui")) == ""


def test_store_needs_no_discord() -> None:
    assert imported_by(modules("bot/store"), (*HEAVY, "discord", "bot.ui")) == ""


@pytest.mark.parametrize("package", ["bot", "engine"])
def test_importing_changes_nothing(package: str, tmp_path: Path) -> None:
    """No folder, file or environment variable appears because something was imported."""
    code = f"import os; before = dict(os.environ); import {package}; assert dict(os.environ) == before"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env={"PYTHONPATH": str(ROOT), "PATH": ""})
    assert list(tmp_path.iterdir()) == []
