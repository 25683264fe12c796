"""The intake door, PNGs that carry their recipe, and pictures made to fit."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.errors import InvalidRequest
from engine.pictures.images import (
    encode_png,
    fit_jpeg,
    fit_upload,
    fit_webp,
    mosaic,
    open_mask,
    open_picture,
    read_text,
)


def encoded(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def noise(size: tuple[int, int]) -> Image.Image:
    return Image.effect_noise(size, 80).convert("RGB")


def bomb(width: int, height: int) -> bytes:
    """A PNG header of that size over next to no data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_the_three_formats_come_in_as_rgb(format_):
    opened = open_picture(encoded(Image.new("RGB", (20, 10), "red"), format_))
    assert (opened.mode, opened.size) == ("RGB", (20, 10))
    assert opened.getpixel((5, 5))[0] > 240


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no picture"),
        (b"<html>login</html>", "no picture"),
        (encoded(Image.new("RGB", (8, 8)), "GIF"), "no picture"),
        (encoded(Image.new("RGB", (8, 8)), "BMP"), "no picture"),
        (encoded(noise((64, 64)))[:-2000], "damaged"),
        (bomb(13000, 13000), "25 megapixels"),
        (bomb(60000, 60000), "25 megapixels"),
        (bomb(100, 100), "damaged"),
    ],
    ids=["empty", "html", "gif", "bmp", "truncated", "169 Mpx", "3600 Mpx", "hollow"],
)
def test_everything_else_is_refused_with_words(data, why):
    with pytest.raises(InvalidRequest, match=why) as refused:
        open_picture(data, "mask")
    assert refused.value.field == "mask"


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_animations_are_refused(format_):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], format_, save_all=True, append_images=frames[1:])
    with pytest.raises(InvalidRequest, match="animated"):
        open_picture(data)


def test_the_picture_is_turned_upright_and_tells_nothing_else():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera"
    opened = open_picture(encoded(Image.new("RGB", (20, 10), "red"), "JPEG", exif=exif))
    assert opened.size == (10, 20)
    assert not opened.info and not opened.getexif()


def test_transparency_is_white_in_pictures_and_black_in_masks():
    seen = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    seen.putpixel((7, 7), (255, 0, 0, 255))
    clear = encoded(seen)
    assert open_picture(clear).getpixel((0, 0)) == (255, 255, 255)
    assert open_mask(clear, (16, 16)).getpixel((0, 0)) == 0
    assert open_mask(encoded(Image.new("L", (8, 8), 255)), (16, 16)).size == (16, 16)


def test_grey_of_16_bits_keeps_its_shades():
    """Scans, depth maps and masks come so; white is 65535 in them."""
    shades = Image.new("I;16", (3, 1))
    for x, level in enumerate((0, 32768, 65535)):
        shades.putpixel((x, 0), level)
    data = encoded(shades)
    assert [open_picture(data).getpixel((x, 0)) for x in range(3)] == [(0, 0, 0), (128, 128, 128), (255, 255, 255)]
    assert [open_mask(data).getpixel((x, 0)) for x in range(3)] == [0, 128, 255]


def test_png_text_comes_back_and_the_pixels_are_exact():
    image = noise((33, 17))
    png = encode_png(image, {"parameters": "ein Fuchs 🦊\nSteps: 4", "other": "x"})
    assert read_text(png)["parameters"] == "ein Fuchs 🦊\nSteps: 4"
    assert Image.open(io.BytesIO(png)).convert("RGB").tobytes() == image.tobytes()
    assert png == encode_png(image, {"parameters": "ein Fuchs 🦊\nSteps: 4", "other": "x"})


def test_text_of_what_is_no_png_is_empty():
    assert read_text(b"nothing") == {}
    chunks = PngInfo()
    chunks.add_text("parameters", "y" * 1000)
    assert read_text(encoded(Image.new("RGB", (4, 4)), "JPEG")) == {}


@pytest.mark.parametrize("fit", [fit_webp, fit_jpeg])
@pytest.mark.parametrize("limit", [40_000, 2_000])
def test_pictures_are_made_to_fit(fit, limit):
    assert len(fit(noise((256, 256)), limit)) <= limit


def test_an_upload_stays_a_png_while_it_fits():
    png = encode_png(noise((128, 128)))
    assert fit_upload(png, len(png)) == (png, "png")
    smaller, suffix = fit_upload(png, len(png) // 4)
    assert suffix == "webp" and len(smaller) <= len(png) // 4


def test_four_cells_make_a_square_in_reading_order():
    cells = [Image.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue", "white")]
    whole = mosaic(cells)
    assert whole.size == (8, 8)
    assert [whole.getpixel(at) for at in ((0, 0), (7, 0), (0, 7), (7, 7))] == [cell.getpixel((0, 0)) for cell in cells]
    assert mosaic(cells[:1]).size == (4, 4)
    assert mosaic(cells, columns=4).size == (16, 4)
