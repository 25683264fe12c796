"""Control pictures of distances and poses, by tiny models of real classes that a host may name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessorPil,
    VitPoseBackboneConfig,
    VitPoseConfig,
    VitPoseForPoseEstimation,
    VitPoseImageProcessorPil,
)

from engine.errors import InvalidRequest, ModelLoadFailed
from engine.operations.pose_estimator import figure
from engine.requests import Control
from tests.engine.families import controls
from tests.engine.local_worker import SIZE, LocalWorker, as_array, ask, png

PHOTO = png(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))


def depth_model(folder: Path) -> Path:
    torch.manual_seed(1)
    config = DPTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8,
        backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, is_hybrid=False,
    )  # fmt: skip
    model = DPTForDepthEstimation(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(std=weight[0].numel() ** -0.5)
    torch.nn.init.constant_(model.head.head[-2].bias, 5.0)
    model.save_pretrained(folder)
    DPTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def pose_model(folder: Path, points: int = 17) -> Path:
    torch.manual_seed(1)
    backbone = VitPoseBackboneConfig(
        image_size=[64, 48], patch_size=[16, 16], hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        out_indices=[1], out_features=["stage1"],
    )  # fmt: skip
    config = VitPoseConfig(backbone_config=backbone, num_labels=points, use_simple_decoder=True)
    model = VitPoseForPoseEstimation(config)
    with torch.no_grad():
        for weight in model.head.parameters():
            weight.mul_(40)
    model.save_pretrained(folder)
    VitPoseImageProcessorPil(size={"height": 64, "width": 48}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def worker(
    family_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., LocalWorker]:
    scratch = tmp_path_factory.mktemp("tools")
    base = family_folder("stable-diffusion")
    network = controls.save_network("sd-controlnet", base, scratch / "network")

    def made(kind: str, tool: Path) -> LocalWorker:
        return LocalWorker(base, keys={"controls": {kind: str(network)}}, **{kind: tool})

    return made


def test_depth_is_seen_by_the_hosts_model(worker: Callable[..., LocalWorker], tmp_path: Path) -> None:
    local = worker("depth", depth_model(tmp_path / "dpt"))
    finished = local.finish(ask(control=Control(image=PHOTO, type="depth"), **SIZE))
    assert finished.control is not None
    seen = as_array(finished.control)
    assert seen.min() == 0 and seen.max() == 255 and len(finished.images) == 2


def test_a_pose_is_drawn_as_openpose_draws_it(worker: Callable[..., LocalWorker], tmp_path: Path) -> None:
    local = worker("pose", pose_model(tmp_path / "vitpose"))
    finished = local.finish(ask(control=Control(image=PHOTO, type="pose"), num_images=1, **SIZE))
    assert finished.control is not None and as_array(finished.control).any()


def test_a_pose_model_of_other_points_is_refused_by_name(worker: Callable[..., LocalWorker], tmp_path: Path) -> None:
    local = worker("pose", pose_model(tmp_path / "vitpose", points=21))
    refused = local.refuse(ask(control=Control(image=PHOTO, type="pose"), **SIZE))
    assert isinstance(refused, ModelLoadFailed) and "17 points" in refused.why


def test_where_nobody_is_seen_the_member_is_told(worker: Callable[..., LocalWorker], tmp_path: Path) -> None:
    folder = pose_model(tmp_path / "vitpose")
    model = VitPoseForPoseEstimation.from_pretrained(folder)
    with torch.no_grad():
        for weight in model.head.parameters():
            weight.zero_()
    model.save_pretrained(folder)
    refused = worker("pose", folder).refuse(ask(control=Control(image=PHOTO, type="pose"), **SIZE))
    assert isinstance(refused, InvalidRequest) and "nobody is seen" in refused.why


def test_a_figure_has_its_limbs_in_their_colours() -> None:
    places: list[tuple[float, float] | None] = [None] * 17
    places[5], places[6], places[8] = (60.0, 40.0), (30.0, 40.0), (20.0, 80.0)
    drawn = np.asarray(figure(places, (96, 128)))
    red, green, blue = (int(value) for value in drawn[40, 38])
    assert red > 100 and green == blue == 0, "from the neck to the right shoulder: red"
    assert drawn[60, 25].any() and not drawn[100:].any()
    assert isinstance(Image.fromarray(drawn), Image.Image)
