"""The command line as somebody types it: every verb answers, and what is wrong is one line."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bot.cli.picture_folder import PictureFolder
from bot.errors import ConfigError
from bot.operation.checks import Finding, run_all
from bot.settings import load
from engine.pictures.images import read_text
from engine.pictures.parameters import parse_parameters
from tests.forked_commands import ForkedCommands

ROOT = Path(__file__).parents[1]
VERBS = ("run", "demo", "gallery", "imagine", "check", "models", "loras", "train", "bench", "backup", "restore")


Run = Callable[..., subprocess.CompletedProcess[str]]
PATIENCE_S = 280.0


def environment_of(**chosen: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DARKROOM_", "DISCORD_"))}
    return clean | {"HF_HUB_OFFLINE": "1", "COLUMNS": "120", "NO_COLOR": "1", "PYTHONPATH": str(ROOT), **chosen}


def start(
    *arguments: str, cwd: Path = ROOT, stdout: int = subprocess.PIPE, **environment: str
) -> subprocess.Popen[str]:
    command, clean = [sys.executable, "-m", "bot", *arguments], environment_of(**environment)
    # Tests that run in a shell's background ignore Ctrl-C, and what they start would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, cwd=cwd, env=clean, stdout=stdout, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)


def typed(
    *arguments: str, cwd: Path = ROOT, stdout: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command as somebody types it, in a process of its own that begins with nothing."""
    running = start(*arguments, cwd=cwd, stdout=stdout, **environment)
    said, complained = running.communicate(timeout=PATIENCE_S)
    return subprocess.CompletedProcess(running.args, running.returncode, said, complained)


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkedCommands]:
    opened = ForkedCommands(environment_of())
    yield opened
    opened.close()


@pytest.fixture
def darkroom(forks: ForkedCommands) -> Run:
    """As `typed`, in a fork of a process that has imported the command line."""

    def run(
        *arguments: str, cwd: Path = ROOT, stdout: int | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return forks.run(arguments, cwd, environment_of(**environment), stdout, PATIENCE_S)

    return run


@pytest.mark.parametrize("arguments", [("models", "verify", "sdxl"), ("run",), ("imagine", "a", "--count", "1000")])
def test_a_forked_command_does_what_a_typed_one_does(arguments: tuple[str, ...], darkroom: Run, tmp_path: Path) -> None:
    forked, alone = darkroom(*arguments, cwd=tmp_path), typed(*arguments, cwd=tmp_path)
    assert (forked.returncode, forked.stdout, forked.stderr) == (alone.returncode, alone.stdout, alone.stderr)


def test_help_names_every_verb_and_the_readme_no_other() -> None:
    said = typed("--help")
    assert said.returncode == 0
    for verb in VERBS:
        assert re.search(rf"[ │]{verb} ", said.stdout), verb
    readme = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    assert set(re.findall(r"(?<![\w-])darkroom (\w+)", readme.replace("-t darkroom .", ""))) <= set(VERBS)


def test_it_says_its_version() -> None:
    (declared,) = re.findall(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert typed("--version").stdout == f"darkroom {declared}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(darkroom: Run, verb: str) -> None:
    said = darkroom(verb, "--help")
    assert said.returncode == 0, said.stderr
    assert f"{verb} [OPTIONS]" in said.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "words", "code"),
    [
        (("run",), {}, "DISCORD_TOKEN: is missing", 78),
        (("run", "--config", "nowhere.toml"), {}, "nowhere.toml: this file does not exist", 78),
        (("run", "--config", "."), {}, ".: cannot be read: Is a directory", 78),
        (("run",), {"DARKROOM_ENGINE__MAX_LANE": "3"}, "max_lane: no such setting; did you mean 'max_lanes'?", 78),
        (("run",), {"DARKROOM_ENGINE__MAX_LANES": "many"}, "engine.max_lanes: it must be a whole number", 78),
        (("run",), {"DARKROOM_ENGINE__LORAS": "cpu"}, "engine.loras: it must be a table of names and values", 78),
        (("run",), {"DARKROOM_ENGINE": "cpu"}, "engine: it must be a section", 78),
        (("run",), {"DARKROOM_DATADIR": "x"}, "DARKROOM_DATADIR: no such setting; did you mean DARKROOM_DATA_DIR?", 78),
        (("run",), {"DARKROOM_CONFIG": "nowhere.toml"}, "nowhere.toml: this file does not exist", 78),
        (("run",), {"DISCORD_TOKEN_FILE": sys.executable}, "DISCORD_TOKEN_FILE: ", 78),
        (("run",), {"DARKROOM_DATABASE_URL": "oracle://x", "DISCORD_TOKEN": "x"}, "database", 78),
        (("run",), {"DARKROOM_DATA_DIR": "/dev/null/x", "DISCORD_TOKEN": "x"}, "data_dir: /dev/null/x", 78),
        (("demo", "--no-browser", "--data", "/dev/null/x"), {}, "--data: /dev/null/x", 2),
        (("imagine", "a", "--out", "/dev/null/x"), {}, "--out: /dev/null/x", 2),
        (("imagine", ""), {}, "prompt", 2),
        (("imagine", "x" * 10_000), {}, "prompt", 2),
        (("imagine", "a", "--guidance", "nan"), {}, "--guidance: it must be a finite number", 2),
        (("imagine", "a", "--count", "1000"), {}, "--count", 2),
        (("imagine", "a", "--steps", "-1"), {}, "--steps: it must be at least 1", 2),
        (("imagine", "a", "--model", "nosuch"), {}, "no model named 'nosuch'", 2),
        (("imagine", "a", "--image", "README.md"), {}, "image", 2),
        (("imagine", "a fox --seed x"), {}, "--seed x: a whole number", 2),
        (("imagine", "a", "--mask", "README.md"), {}, "mask: needs --image", 2),
        (("imagine", "a", "--strength", "0.5"), {}, "strength: needs --image", 2),
        (("models", "pull", "nosuch"), {}, "no model named 'nosuch'", 2),
        (("restore", "nowhere.zip"), {}, "nowhere.zip", 1),
        (("restore", "."), {}, ".: cannot be read: Is a directory", 1),
        (("bench", "--quick", "--model", "nosuch"), {}, "no model named 'nosuch'", 2),
        (("bench", "--quick", "--device", "nosuch:0"), {}, "this machine has no 'nosuch:0'", 2),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_that_says_what_to_do(
    darkroom: Run, arguments: tuple[str, ...], environment: dict[str, str], words: str, code: int, tmp_path: Path
) -> None:
    said = darkroom(*arguments, cwd=tmp_path if "README.md" not in arguments else ROOT, **environment)
    lines = [line for line in said.stderr.splitlines() if line.startswith("darkroom: ")]
    assert len(lines) == 1, said.stderr
    assert words in lines[0]
    assert "Traceback" not in said.stderr
    assert said.returncode == code


def test_present_pictures_are_kept_and_none_is_lost_unread(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for present in ("7.png", "8.png"):
        (tmp_path / "out" / present).write_bytes(b"of another day")
    reader, names = os.pipe()
    os.close(reader)
    small = ("--seed", "7", "--steps", "1", "--count", "2", "--out", "out")
    typed("imagine", "a blue car", *small, cwd=tmp_path, stdout=names)
    os.close(names)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["7-2.png", "7.png", "8-2.png", "8.png"]
    assert (tmp_path / "out/7.png").read_bytes() == b"of another day"
    assert parse_parameters(read_text((tmp_path / "out/7-2.png").read_bytes())["parameters"]).prompt == "a blue car"


def test_a_folder_that_takes_no_picture_is_named(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "out")
    (tmp_path / "out").rmdir()
    with pytest.raises(ConfigError, match=r"--out: .*out cannot be written to"):
        folder.keep(7, b"picture")


def test_ctrl_c_midway_leaves_neither_a_process_nor_a_preview(tmp_path: Path) -> None:
    drawing = start("imagine", "a red apple", "--seed", "7", "--steps", "500", "--out", "out", cwd=tmp_path)
    deadline_s = time.monotonic() + 120
    while not (tmp_path / "out/7-preview.webp").exists():
        assert drawing.poll() is None and time.monotonic() < deadline_s
        time.sleep(0.05)
    workers = psutil.Process(drawing.pid).children(recursive=True)
    drawing.send_signal(signal.SIGINT)
    said = drawing.communicate(timeout=120)[1]
    assert drawing.returncode == 130
    assert "Traceback" not in said
    assert workers and not psutil.wait_procs(workers, timeout=60)[1]
    assert not list((tmp_path / "out").iterdir())


def test_a_port_that_is_none_is_a_usage_error(darkroom: Run, tmp_path: Path) -> None:
    said = darkroom("demo", "--no-browser", "--port", "99999", cwd=tmp_path)
    assert "--port" in said.stderr
    assert "65535" in said.stderr
    assert said.returncode == 2


def test_a_port_that_another_program_has_is_named(darkroom: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        said = darkroom("demo", "--no-browser", "--port", port, cwd=tmp_path)
    assert f"--port: port {port} is taken or needs more rights" in said.stderr
    assert "Traceback" not in said.stderr
    assert said.returncode == 2


def test_a_variable_that_is_like_no_setting_is_somebody_elses(darkroom: Run, tmp_path: Path) -> None:
    assert darkroom("models", "show", "pocket", cwd=tmp_path, DARKROOM_SERVICE_HOST="10.0.0.1").returncode == 0


def test_check_lists_what_is_wrong_and_how_to_mend_it(tmp_path: Path) -> None:
    said = typed("check", "--json", cwd=tmp_path)
    findings = {finding["name"]: finding for finding in json.loads(said.stdout)}
    assert findings["token"]["remedy"].startswith("set DISCORD_TOKEN")
    assert findings["database"]["remedy"] == "" == findings["model"]["remedy"]
    assert not (tmp_path / "data").exists(), "it only looks"
    assert said.returncode == 1


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('token = "x"', "token: no such setting; did you mean 'token' in the section [discord]?"),
        ("max_lanes = 4", "max_lanes: no such setting; did you mean 'max_lanes' in the section [engine]?"),
        ('[engine]\ndata_dir = "x"', "engine.data_dir: no such setting; 'data_dir' stands above all sections"),
        ('[engine.models.a]\nsorce = "x"', "engine.models.a.sorce: no such setting; did you mean 'source'?"),
        ('[styles.a]\npromt = "x"', "styles.a.promt: no such setting; did you mean 'prompt'?"),
        ("[gallery]\nport = 1", "gallery: no such setting; did you mean 'gallery' in the section [operation]?"),
        ("zzz = 1", "zzz: no such setting\n"),
    ],
)
def test_a_setting_in_the_wrong_place_is_told_its_place(tmp_path: Path, written: str, words: str) -> None:
    assert f"{_refusal(tmp_path, written)}\n".startswith(words)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('data_dir = "a\\u0000b"', "data_dir: it must not contain the character"),
        ('[engine.loras.a]\npath = "\\u0000"', "engine.loras.a.path: it must not contain the character"),
        ('[engine]\nattention = "\\u0000"', "engine.attention: it must not contain the character"),
        ('[discord]\npicture_origins = ["\\u0000"]', "discord.picture_origins: it must not contain"),
        ("[operation]\nbackups_kept = 99999999999", "operation.backups_kept: it must be at most 36500"),
        ("[direct_messages]\nretention_days = 99999999999", "direct_messages.retention_days: it must be at most"),
        ("[engine]\ndevices = []", "engine: devices = [] is for hosts with a cluster"),
    ],
)
def test_a_value_that_nothing_could_use_is_refused_at_once(tmp_path: Path, written: str, words: str) -> None:
    assert _refusal(tmp_path, written).startswith(words)


def _refusal(folder: Path, written: str) -> str:
    (folder / "config.toml").write_text(written)
    with pytest.raises(ConfigError) as refused:
        load(folder / "config.toml")
    return str(refused.value)


def test_files_as_windows_saves_them_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_bytes('data_dir = "elsewhere"'.encode("utf-8-sig"))
    (tmp_path / "token").write_bytes("a.b.c\r\n".encode("utf-8-sig"))
    monkeypatch.setenv("DISCORD_TOKEN_FILE", str(tmp_path / "token"))
    settings = load(tmp_path / "config.toml")
    assert (settings.data_dir, settings.discord.token.get_secret_value()) == (Path("elsewhere"), "a.b.c")
    (tmp_path / "config.toml").write_bytes("data_dir = 'x'".encode("utf-16"))
    with pytest.raises(ConfigError, match="save it as UTF-8"):
        load(tmp_path / "config.toml")


@pytest.fixture(scope="module")
def much_is_wrong(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Finding]]:
    """A host's folder with several mistakes, and what is found there; no model is tried, which takes seconds."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "data").mkdir(mode=0o755)
    (folder / "data").chmod(0o755)
    (folder / "config.toml").write_text('[direct_messages]\nlimits = ["forty a day"]\n')

    async def try_nothing(*_: object) -> tuple[()]:
        return ()

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DISCORD_TOKEN", "hello")
        patch.setattr("bot.operation.checks.try_out", try_nothing)
        return folder, {found.name: found for found in asyncio.run(run_all(load()))}


def test_check_says_when_others_can_read_the_data(much_is_wrong: tuple[Path, dict[str, Finding]]) -> None:
    folder, found = much_is_wrong
    assert found["data folder"].remedy == "chmod 700 data"
    assert not (folder / "data" / "darkroom.sqlite3").exists(), "it only looks"


def test_what_is_made_is_private(tmp_path: Path) -> None:
    made = tmp_path / "made"
    running = start("run", cwd=tmp_path, DARKROOM_DATA_DIR=str(made), DISCORD_TOKEN="not-needed-so-far")
    deadline_s = time.monotonic() + 120
    while running.poll() is None and not (made / "darkroom.sqlite3").exists() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    running.kill()
    running.communicate()
    assert [path.stat().st_mode & 0o777 for path in (made, made / "darkroom.sqlite3")] == [0o700, 0o600]


def test_check_refuses_a_token_of_the_wrong_form(much_is_wrong: tuple[Path, dict[str, Finding]]) -> None:
    _, found = much_is_wrong
    assert "does not have the form of a bot token" in found["token"].found
    assert "hello" not in str(found)


def test_check_reads_the_rules_outside_servers(much_is_wrong: tuple[Path, dict[str, Finding]]) -> None:
    found = much_is_wrong[1]["direct messages"]
    assert "'forty a day' is no limit; write it as in" in found.found
    assert found.remedy


def test_models_list_shows_every_preset_with_its_licence(darkroom: Run, tmp_path: Path) -> None:
    said = darkroom("models", "list", cwd=tmp_path, COLUMNS="200")
    for name in ("pocket", "z-image-turbo", "flux2-klein-4b", "sdxl", "sdxl-lightning", "sd-1.5", "qwen-image",
                 "kandinsky-2.2", "deepfloyd-if"):  # fmt: skip
        assert name in said.stdout, said.stdout
    assert "Apache-2.0" in said.stdout


def test_models_list_names_a_broken_folder_and_shows_the_others(darkroom: Run, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "config.toml").write_text('[engine.models.mine]\nsource = "model"\n')
    said = darkroom("models", "list", cwd=tmp_path, COLUMNS="200")
    assert said.returncode == 0, said.stderr
    assert "the folder model holds no model_index.json" in said.stdout
    assert "pocket" in said.stdout


def test_models_tell_what_fits_on_which_card(darkroom: Run, tmp_path: Path) -> None:
    """The presets' sizes are known before they are pulled."""
    said = darkroom("models", "show", "z-image-turbo", cwd=tmp_path, COLUMNS="200").stdout
    rows = {row[0]: row[1:] for line in said.splitlines() if (row := [cell.strip() for cell in line.split("│")[1:-1]])}
    assert rows["8 GB"] == [
        *("bfloat16", "text encoders in main memory; streams 8.3 of 12.3 GB", "5.8 GB", "16.4 GB", "yes"),
    ]
    assert rows["12 GB"] == ["float8", "text encoders in main memory", "7.9 GB", "4.4 GB", "yes"]
    assert rows["24 GB"] == ["bfloat16", "all on the device", "22.1 GB", "0.0 GB", "yes"]
    assert "this machine" in rows
    listed = darkroom("models", "list", cwd=tmp_path, COLUMNS="200").stdout
    assert "fits here" in listed
    assert [line.split("│")[6].strip() for line in listed.splitlines() if "pocket" in line] == ["float32"]


def test_pulling_what_does_not_fit_says_so_first(darkroom: Run, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[engine]\nmemory_budget_gb = 4\noffline = true\n")
    said = darkroom("models", "pull", "qwen-image", cwd=tmp_path)
    assert said.stderr.startswith("qwen-image does not fit on this machine: it needs "), said.stderr
    assert "and memory_budget_gb allows 4.0 GB for it; raise memory_budget_gb" in said.stderr


def test_a_pull_that_is_kept_offline_names_what_keeps_it(darkroom: Run, tmp_path: Path) -> None:
    said = darkroom("models", "pull", "sd-1.5", cwd=tmp_path)
    assert "HF_HUB_OFFLINE is set" in said.stderr and "unset it" in said.stderr
    assert said.returncode == 1


def test_models_show_verify_and_rm_say_what_is_not_there(darkroom: Run, tmp_path: Path) -> None:
    assert "licence: " in darkroom("models", "show", "sdxl", cwd=tmp_path).stdout
    assert "no files were pulled" in darkroom("models", "verify", "sdxl", cwd=tmp_path).stdout
    assert "delete a folder of your own yourself" in darkroom("models", "rm", "pocket", cwd=tmp_path).stdout


@pytest.mark.parametrize("lock", ["{", "[]", '{"stabilityai/stable-diffusion-xl-base-1.0": {}}'])
@pytest.mark.parametrize("verb", ["show", "rm"])
def test_a_damaged_list_of_pulls_is_named_with_what_to_do(darkroom: Run, lock: str, verb: str, tmp_path: Path) -> None:
    (tmp_path / "data/models").mkdir(parents=True)
    (tmp_path / "data/models/models.lock").write_text(lock)
    said = darkroom("models", verb, "sdxl", cwd=tmp_path)
    assert said.returncode == 1
    assert said.stderr.startswith("darkroom: model 'data/models/models.lock' could not be loaded"), said.stderr
    assert "delete it and pull your models again" in said.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_models_list_shows_whole_names_on_a_narrow_terminal(darkroom: Run, tmp_path: Path) -> None:
    terminal, end = os.openpty()
    darkroom("models", "list", cwd=tmp_path, stdout=end, COLUMNS="40")
    os.close(end)
    shown = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    for name in ("z-image-turbo", "flux2-klein-4b", "sdxl-lightning"):
        assert name in shown
