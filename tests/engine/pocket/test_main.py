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


def test_a_broken_checkpoint_is_named(cache, art):
    import torch

    from engine.pocket.data import build
    from engine.pocket.errors import BrokenWeights
    from engine.pocket.train import CHECKPOINT, Recipe, Trainer

    pytest.importorskip("resvg_py", reason="resvg-py draws the art; it is a training-time package")
    build(cache, lambda _: None, art)
    (cache / "run").mkdir()
    (cache / "run" / CHECKPOINT).write_bytes(b"not a checkpoint")

    with pytest.raises(BrokenWeights, match=r"denoiser\.pt .* --restart"):
        Trainer(Recipe(width=32, depth=1), cache, cache / "run", WEIGHTS, torch.device("cpu"))
