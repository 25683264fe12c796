"""Other people's pictures are opened in a process of their own, and what goes wrong there stays there."""

from __future__ import annotations

import asyncio
import io
import os

import psutil
import pytest
from PIL import Image

from engine.errors import InvalidRequest
from engine.pictures.images import open_picture
from engine.pictures.sandboxed_decoder import MAX_BYTES, SandboxedDecoder


def encoded(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


async def test_a_picture_comes_in_as_a_plain_png():
    picture = Image.effect_noise((40, 30), 60).convert("RGB")
    png = await SandboxedDecoder().decode(encoded(picture, "PNG", dpi=(300, 300)))
    assert open_picture(png).tobytes() == picture.tobytes()
    assert not Image.open(io.BytesIO(png)).info


async def test_the_reason_of_a_refusal_comes_through():
    with pytest.raises(InvalidRequest, match="no picture") as refused:
        await SandboxedDecoder().decode(b"%PDF-1.7", "mask")
    assert refused.value.field == "mask"


async def test_what_is_transparent_in_a_mask_is_kept():
    painted = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    painted.paste((255, 255, 255, 255), (0, 0, 20, 30))
    mask = Image.open(io.BytesIO(await SandboxedDecoder().decode(encoded(painted), "mask")))
    assert (mask.getpixel((5, 5)), mask.getpixel((35, 5))) == (255, 0)


async def test_a_large_honest_picture_fits_into_the_limits():
    png = await SandboxedDecoder().decode(encoded(Image.new("RGBA", (5000, 5000), (200, 10, 10, 128)), "WEBP"))
    assert open_picture(png).size == (2048, 2048)


async def test_more_bytes_than_allowed_are_not_even_looked_at():
    with pytest.raises(InvalidRequest, match="32 MB"):
        await SandboxedDecoder().decode(b"\0" * (MAX_BYTES + 1))


async def test_a_child_that_takes_too_long_is_ended(monkeypatch):
    picture = encoded(Image.new("RGB", (8, 8)))
    with pytest.raises(InvalidRequest, match="too much time"):
        await SandboxedDecoder(timeout_s=0.0).decode(picture)


async def test_secrets_do_not_reach_the_child(monkeypatch, tmp_path):
    """The child's environment is what its sitecustomize sees: it writes it down."""
    seen = tmp_path / "seen"
    (tmp_path / "sitecustomize.py").write_text(f"import os; open({str(seen)!r}, 'w').write(repr(dict(os.environ)))")
    monkeypatch.setenv("DISCORD_TOKEN", "a secret")
    monkeypatch.syspath_prepend(tmp_path)
    await SandboxedDecoder().decode(encoded(Image.new("RGB", (8, 8))))
    assert "a secret" not in seen.read_text() and "a secret" in os.environ.values()


async def test_where_no_limit_can_be_set_pictures_are_decoded(monkeypatch, tmp_path):
    """macOS says no to a limit on memory."""
    refuse = "def refuse(*_): raise ValueError('current limit exceeds maximum limit')"
    (tmp_path / "sitecustomize.py").write_text(f"import resource\n{refuse}\nresource.setrlimit = refuse")
    monkeypatch.syspath_prepend(tmp_path)
    assert await SandboxedDecoder().decode(encoded(Image.new("RGB", (8, 8))))


async def test_cancelling_leaves_no_process_behind():
    task = asyncio.create_task(SandboxedDecoder().decode(encoded(Image.effect_noise((2000, 2000), 60).convert("RGB"))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [
        child
        for child in psutil.Process().children()
        if "engine.pictures.sandboxed_decoder" in " ".join(child.cmdline())
    ]


async def test_what_is_transparent_in_a_picture_stays_so():
    painted = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    painted.paste((200, 10, 10, 255), (0, 0, 20, 30))
    kept = Image.open(io.BytesIO(await SandboxedDecoder().decode(encoded(painted, "WEBP", lossless=True))))
    assert (kept.mode, kept.getpixel((5, 5))[3], kept.getpixel((35, 5))[3]) == ("RGBA", 255, 0)
    whole = await SandboxedDecoder().decode(encoded(Image.new("RGBA", (4, 4), "red")))
    assert Image.open(io.BytesIO(whole)).mode == "RGB"
