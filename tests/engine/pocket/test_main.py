import sys

import pytest

from engine.pocket import WEIGHTS
from engine.pocket.__main__ import main


def _run(monkeypatch, capsys, *arguments: object) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["pocket", *map(str, arguments)])
    with pytest.raises(SystemExit) as ending:
        main()
    return ending.value.code or 0, " ".join(capsys.readouterr().out.split())


def test_check_counts_the_files(monkeypatch, capsys):
    code, words = _run(monkeypatch, capsys, "check", "--weights", WEIGHTS)

    assert code == 0
    assert "files are what they should be" in words


def test_an_error_is_one_sentence_with_the_command_that_mends_it(monkeypatch, capsys, tmp_path):
    code, words = _run(monkeypatch, capsys, "train", "--cache", tmp_path)

    assert code == 1
    assert "python -m engine.pocket data" in words
    assert "Traceback" not in words


def test_a_broken_checkpoint_is_named(monkeypatch, capsys, cache, art):
    from engine.pocket.data import build
    from engine.pocket.runs import CHECKPOINT

    pytest.importorskip("resvg_py", reason="resvg-py draws the art; it is a training-time package")
    build(cache, lambda _: None, art)
    (cache / "run").mkdir()
    (cache / "run" / CHECKPOINT).write_bytes(b"not a checkpoint")

    code, words = _run(monkeypatch, capsys, "train", "--cache", cache, "--weights", WEIGHTS)

    assert code == 1
    assert f"{cache / 'run' / CHECKPOINT} cannot be resumed" in words
    assert "--restart" in words and "Traceback" not in words


def test_weights_of_another_run_are_not_resumed_as_a_checkpoint(cache, art):
    import torch

    from engine.pocket.errors import BrokenRun
    from engine.pocket.runs import CHECKPOINT, averaged

    torch.save({"denoiser": {}}, cache / CHECKPOINT)

    with pytest.raises(BrokenRun, match="without config, ema"):
        averaged(cache)


@pytest.mark.parametrize(
    ("arguments", "file"),
    [(("check",), "hashes.json"), (("sample", "a cat"), "model_index.json")],
    ids=["check", "sample"],
)
def test_a_folder_without_a_model_is_named(monkeypatch, capsys, tmp_path, arguments, file):
    code, words = _run(monkeypatch, capsys, *arguments, "--weights", tmp_path / "nothing")

    assert code == 1
    assert f"{tmp_path / 'nothing' / file} cannot be used (it is missing)" in words
    assert "Traceback" not in words


def test_a_run_without_a_beginning_is_refused_before_it_starts(monkeypatch, capsys, cache, art):
    from engine.pocket.data import build

    pytest.importorskip("resvg_py", reason="resvg-py draws the art; it is a training-time package")
    build(cache, lambda _: None, art)
    code, words = _run(monkeypatch, capsys, "train", "--cache", cache, "--from", cache / "nothing")

    assert code == 1
    assert "diffusion_pytorch_model.safetensors cannot be used (it is missing)" in words
    assert "Traceback" not in words
