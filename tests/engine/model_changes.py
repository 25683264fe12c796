"""Ways to change a good model folder, and what a host then names as the model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny, ControlNetModel, UNet2DConditionModel
from safetensors.torch import load_file, save, save_file

from engine.settings import ModelSettings
from tests.engine.checkpoint import write_checkpoint

Make = Callable[[Path], "ModelSettings | None"]
"""Changes a good model folder, and says with what settings it is offered (None: as its folder)."""
WORDS = "text_encoder/model.safetensors"
UNET = "unet/diffusion_pytorch_model.safetensors"
FIRST = "model.diffusion_model.input_blocks.0.0.weight"


def index(**values: Any) -> Make:
    return written("model_index.json", **values)


def written(file: str, **values: Any) -> Make:
    def make(folder: Path) -> None:
        known = json.loads((folder / file).read_text()) | values
        (folder / file).write_text(json.dumps({key: value for key, value in known.items() if value is not ...}))

    return make


def without(file: str) -> Make:
    def make(folder: Path) -> None:
        shutil.rmtree(folder / file) if (folder / file).is_dir() else (folder / file).unlink()

    return make


def filled(file: str, content: bytes) -> Make:
    return lambda folder: (folder / file).write_bytes(content) and None


def linked(file: str, to_nothing: bool = False) -> Make:
    def make(folder: Path) -> None:
        target = folder.parent / f"{folder.name}-elsewhere"
        shutil.move(folder / file, target)
        (folder / file).symlink_to(target.with_name("nowhere") if to_nothing else target)

    return make


def tensors(file: str, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Make:
    return lambda folder: save_file(change(load_file(folder / file)), folder / file, metadata={"format": "pt"})


def renamed(what: str, into: str) -> Make:
    def make(folder: Path) -> None:
        for file in folder.rglob(what):
            file.rename(file.with_name(file.name.replace(".safetensors", into)))

    return make


def halved(file: str) -> Make:
    return lambda folder: (folder / file).write_bytes((folder / file).read_bytes()[:-100]) and None


def sharded(lost: bool = False, unindexed: bool = False) -> Make:
    def make(folder: Path) -> None:
        whole = load_file(folder / UNET)
        (folder / UNET).unlink()
        names = sorted(whole)
        places = {
            name: f"diffusion_pytorch_model.fp16-0000{1 + n % 2}-of-00002.safetensors" for n, name in enumerate(names)
        }
        for file in sorted(set(places.values()))[lost:]:
            part = {name: whole[name] for name in names if places[name] == file}
            save_file(part, folder / "unet" / file, metadata={"format": "pt"})
        if not unindexed:
            listed = json.dumps({"metadata": {}, "weight_map": places})
            (folder / "unet" / "diffusion_pytorch_model.safetensors.index.fp16.json").write_text(listed)

    return make


def indexed(folder: Path) -> None:
    """An index that was left behind beside the whole file; diffusers would follow it to shards that are not here."""
    places = dict.fromkeys(load_file(folder / UNET), "diffusion_pytorch_model-00001-of-00002.safetensors")
    listed = json.dumps({"metadata": {}, "weight_map": places})
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(listed)


def cached(folder: Path) -> ModelSettings:
    """The folder of a repository in huggingface_hub's cache, which has the model two folders below."""
    home = folder.parent / f"models--people--{folder.name}"
    shutil.move(folder, home / "snapshots" / "0a1b")
    return ModelSettings(source=str(home))


def control_network(folder: Path) -> ModelSettings:
    network = ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(folder / "unet"))
    network.save_pretrained(folder / "control")
    return ModelSettings(source=str(folder / "control" / "diffusion_pytorch_model.safetensors"), base=str(folder))


def single(name: str, content: bytes | dict[str, torch.Tensor]) -> Make:
    def make(folder: Path) -> ModelSettings:
        file = folder / name
        file.write_bytes(content if isinstance(content, bytes) else save(content))
        return ModelSettings(source=str(file), base=str(folder))

    return make


def quantised(component: str, **config: Any) -> Make:
    return written(f"{component}/config.json", quantization_config=config)


def offered(**settings: Any) -> Make:
    return lambda folder: ModelSettings(source=str(folder), **settings)


def at(place: Callable[[Path], object]) -> Make:
    return lambda folder: ModelSettings(source=str(place(folder)))


def both(*makes: Make) -> Make:
    def make(folder: Path) -> ModelSettings | None:
        said = [each(folder) for each in makes]
        return next((each for each in reversed(said) if isinstance(each, ModelSettings)), None)

    return make


def based(folder: Path) -> ModelSettings:
    return ModelSettings(source="file", path=str(folder / "one.safetensors"), base=str(folder))


def checkpoint(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]] = dict) -> Make:
    def make(folder: Path) -> ModelSettings:
        file = folder / "one.safetensors"
        write_checkpoint(folder, file)
        save_file(change(load_file(file)), file)
        return ModelSettings(source=str(file))

    return make


def tiny(channels: int, side: str = "tiny") -> Make:
    def make(folder: Path) -> ModelSettings:
        small = {"encoder_block_out_channels": (8,) * 2, "decoder_block_out_channels": (8,) * 2}
        blocks = {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
        AutoencoderTiny(latent_channels=channels, **small, **blocks).save_pretrained(folder / side)
        return ModelSettings(source=str(folder), taesd=str(folder / side))

    return make
