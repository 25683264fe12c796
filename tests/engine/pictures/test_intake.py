"""What cameras, phones and scanners write comes in as plain sRGB, upright, and no larger than is of use."""

from __future__ import annotations

import io
import resource
import struct
import sys
import zlib

import pytest
from PIL import Image, ImageCms

from engine.errors import InvalidRequest
from engine.pictures.images import encode_png, open_mask, open_picture, picture_size
from engine.pictures.sandboxed_decoder import MAX_KEPT_PIXELS, SandboxedDecoder
from engine.requests import MAX_SIDE, ImageToImage
from tests.picture_files import chunk, display_p3, encoded, p3_in_srgb, photograph, raw_png

P3 = (200, 100, 50)


def near(found: object, expected: object, by: int = 2) -> bool:
    return all(abs(a - b) <= by for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "AVIF", "HEIF"])
def test_a_wide_gamut_becomes_srgb_in_every_format(format_):
    data = encoded(Image.new("RGB", (64, 64), P3), format_, icc_profile=display_p3())
    assert not near(P3, p3_in_srgb(P3), 6)
    assert near(open_picture(data).getpixel((30, 30)), p3_in_srgb(P3), 4)


def test_transparent_and_palette_pictures_are_converted_too():
    clear = Image.new("RGBA", (8, 8), (*P3, 255))
    clear.putpixel((0, 0), (*P3, 0))
    opened = open_picture(encoded(clear, icc_profile=display_p3()))
    assert opened.getpixel((0, 0)) == (255, 255, 255) and near(opened.getpixel((4, 4)), p3_in_srgb(P3))
    indexed = Image.new("RGB", (8, 8), P3).convert("P", palette=Image.Palette.ADAPTIVE)
    assert near(open_picture(encoded(indexed, icc_profile=display_p3())).getpixel((4, 4)), p3_in_srgb(P3))


def test_srgb_stays_as_it_is_to_the_bit():
    picture = photograph(48, 32)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert open_picture(encoded(picture, icc_profile=srgb)).tobytes() == picture.tobytes()


@pytest.mark.parametrize("profile", [b"nonsense", display_p3()[:200], display_p3().replace(b"RGB ", b"CMYK")])
def test_a_broken_or_foreign_profile_does_not_count(profile):
    data = encoded(Image.new("RGB", (8, 8), P3), "JPEG", quality=100, icc_profile=profile)
    assert near(open_picture(data).getpixel((4, 4)), P3, 3)


def test_a_grey_picture_with_a_colour_profile_stays_grey():
    opened = open_picture(encoded(Image.new("L", (8, 8), 120), icc_profile=display_p3()))
    assert near(opened.getpixel((4, 4)), (120, 120, 120))


def test_cmyk_comes_in_as_its_colours():
    data = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    assert near(open_picture(data).getpixel((8, 8)), (255, 0, 0), 8)


def test_grey_of_16_bits_with_a_transparent_level():
    """Only that very level is clear; its neighbours in the same 8 bits are not."""
    rows = struct.pack(">4H", 1000, 1001, 32768, 65535)
    data = raw_png((4, 1), 16, 0, rows, chunk(b"tRNS", struct.pack(">H", 1000)))
    assert [open_picture(data).getpixel((x, 0))[0] for x in range(4)] == [255, 4, 128, 255]
    assert [open_mask(data).getpixel((x, 0)) for x in range(4)] == [0, 4, 128, 255]


@pytest.mark.parametrize(("depth", "row"), [(1, 0b01000000), (2, 0b00110000), (4, 0b00001111)])
def test_grey_of_few_bits_with_a_transparent_level(depth, row):
    white = chunk(b"tRNS", struct.pack(">H", 2**depth - 1))
    data = raw_png((2, 1), depth, 0, bytes([row]), white)
    assert [open_mask(data).getpixel((x, 0)) for x in range(2)] == [0, 0]
    assert [open_picture(data).getpixel((x, 0)) for x in range(2)] == [(0, 0, 0), (255, 255, 255)]


def test_colours_of_16_bits_with_and_without_a_transparent_one():
    rows = struct.pack(">6H", 65535, 32896, 0, 257 * 10, 257 * 20, 257 * 30)
    assert [open_picture(raw_png((2, 1), 16, 2, rows)).getpixel((x, 0)) for x in (0, 1)] == [
        (255, 128, 0),
        (10, 20, 30),
    ]
    clear = chunk(b"tRNS", struct.pack(">3H", 257 * 10, 257 * 20, 257 * 30))
    assert open_picture(raw_png((2, 1), 16, 2, rows, clear)).getpixel((1, 0)) == (255, 255, 255)


def test_palette_entries_may_be_half_transparent():
    palette, alphas = bytes((200, 0, 0, 0, 0, 200)), bytes((255, 0))
    data = raw_png((2, 1), 8, 3, bytes((0, 1)), chunk(b"PLTE", palette), chunk(b"tRNS", alphas))
    assert [open_picture(data).getpixel((x, 0)) for x in (0, 1)] == [(200, 0, 0), (255, 255, 255)]


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_every_format_is_turned_upright(format_):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (128, 64), "red")
    picture.paste("blue", (0, 0, 64, 64))
    data = encoded(picture, format_, exif=exif.tobytes())
    opened = open_picture(data)
    assert opened.size == picture_size(data) == (64, 128)
    assert opened.getpixel((32, 20))[2] > 180 > 60 > opened.getpixel((32, 20))[0]


MUCH = zlib.compress(b"x" * 3_000_000)


@pytest.mark.parametrize(
    "text",
    [
        (b"tEXt", b"workflow\0" + b"x" * 68_000_000),
        (b"zTXt", b"workflow\0\0" + MUCH),
        (b"iTXt", b"workflow\0\1\0\0\0" + MUCH),
    ],
    ids=["plain", "compressed", "international"],
)
def test_a_png_with_much_text_is_no_damaged_one(text):
    """Workflows of other tools are longer than what Pillow takes."""
    data = raw_png((1, 1), 8, 2, bytes((255, 0, 0)), chunk(*text))
    with pytest.raises(ValueError, match=r"(?i)too (much|large)"):
        Image.open(io.BytesIO(data)).load()
    assert open_picture(data).getpixel((0, 0)) == (255, 0, 0) and picture_size(data) == (1, 1)


@pytest.mark.parametrize("format_", ["AVIF", "HEIF"])
def test_phone_formats_have_the_same_limits(format_):
    whole = encoded(photograph(96, 64), format_)
    assert open_picture(whole).size == (96, 64)
    for broken in (whole[: len(whole) // 2], whole[:-30]):
        with pytest.raises(InvalidRequest, match=r"damaged|no picture"):
            open_picture(broken)


@pytest.mark.parametrize("format_", ["AVIF", "HEIF"])
def test_phone_formats_of_too_many_pixels_are_refused(format_, monkeypatch):
    monkeypatch.setattr("engine.pictures.intake.MAX_INTAKE_PIXELS", 5_000)
    with pytest.raises(InvalidRequest, match="96x64 pixels are too many"):
        open_picture(encoded(photograph(96, 64), format_))


def test_moving_avif_is_refused():
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    with pytest.raises(InvalidRequest, match="animated"):
        open_picture(encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:]))


@pytest.mark.parametrize("format_", ["AVIF", "HEIF"])
async def test_the_child_opens_what_phones_write(format_):
    png = await SandboxedDecoder().decode(encoded(photograph(96, 64), format_))
    assert open_picture(png).size == (96, 64)


@pytest.mark.skipif(sys.platform == "win32", reason="asks the system for its processor time")
async def test_a_24_megapixel_photograph_is_taken_within_2_s():
    """Processor time counts here: it does not depend on who else is at work."""
    data = encoded(photograph(6000, 4000), "JPEG", quality=88)
    assert len(data) > 5_000_000
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    png = await SandboxedDecoder().decode(data)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2.0
    width, height = open_picture(png).size
    assert 0.9 * MAX_KEPT_PIXELS < width * height <= MAX_KEPT_PIXELS and abs(width / height - 1.5) < 0.01
    assert ImageToImage(prompt="the same", image=png).image == png


def test_the_largest_picture_of_ours_may_be_asked_about():
    noise = Image.effect_noise((MAX_SIDE, 64), 250)
    piece = encode_png(Image.merge("RGB", [noise, noise.rotate(180), noise.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]))
    assert ImageToImage(prompt="the same", image=piece * (MAX_SIDE // 64))
