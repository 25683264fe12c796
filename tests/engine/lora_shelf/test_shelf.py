"""A folder of LoRA files as the host fills it: what is known of each, what is refused and why, and how soon."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from engine.catalogue.catalogue import Catalogue
from engine.errors import InvalidRequest, UnknownLoRA
from engine.lora_shelf.card import LoRACard
from engine.lora_shelf.shelf import LoRAShelf
from engine.requests import ImageRequest, LoRA, PromptPart
from engine.settings import EngineSettings, LoRASettings
from tests.bot.scripted import png
from tests.engine.lora_shelf_files import KOHYA, civitai_info, lora_file


def settings(folder: Path, **more: object) -> EngineSettings:
    return EngineSettings.model_validate({"loras_dir": folder, **more})


def only(folder: Path, **more: object) -> LoRACard:
    (card,) = LoRAShelf(settings(folder, **more)).cards()
    return card


def test_kohyas_header_says_family_title_and_trigger_word(tmp_path: Path) -> None:
    lora_file(tmp_path / "ink.safetensors", KOHYA)
    card = only(tmp_path)
    assert (card.name, card.family, card.told.title, card.refusal) == ("ink", "sdxl", "ink-v3", "")
    assert card.told.trigger_words == ("inkstyle",), "a tag of every picture, and none that every training set has"


def test_modelspec_says_words_licence_and_a_picture(tmp_path: Path) -> None:
    picture = png("red", 8)
    said = {
        "modelspec.architecture": "flux-1-dev/lora", "modelspec.trigger_phrase": "sks cat", "modelspec.title": "Cat",
        "modelspec.license": "CC BY 4.0", "modelspec.description": "One cat.",
        "modelspec.thumbnail": "data:image/png;base64," + base64.b64encode(picture).decode(),
    }  # fmt: skip
    lora_file(tmp_path / "cat.safetensors", said)
    card = only(tmp_path)
    assert (card.family, card.told.trigger_words, card.told.licence) == ("flux", ("sks cat",), "CC BY 4.0")
    assert (card.told.title, card.told.description, card.told.thumbnail) == ("Cat", "One cat.", picture)


def test_sidecars_speak_before_the_header_and_settings_first(tmp_path: Path) -> None:
    path = lora_file(tmp_path / "ink.safetensors", KOHYA)
    civitai_info(path)
    (tmp_path / "ink.json").write_text(json.dumps({"activation text": "other", "preferred weight": 0.7}))
    (tmp_path / "ink.preview.png").write_bytes(png("red", 8))
    card = only(tmp_path)
    assert card.told.trigger_words == ("inkwash", "sumi") and card.told.weight == 0.7
    assert card.told.title == "Ink Wash" and card.told.description == "Ink wash & brush."
    assert card.sample == tmp_path / "ink.preview.png"
    chosen = LoRASettings(path=path, trigger_words=("mine",), licence="MIT")
    card = only(tmp_path, loras={"brush": chosen})
    assert (card.name, card.told.trigger_words, card.told.licence) == ("brush", ("mine",), "MIT")


def test_webuis_sidecar_is_read(tmp_path: Path) -> None:
    lora_file(tmp_path / "ink.safetensors")
    said = {"description": "d", "sd version": "SD1", "activation text": "ink, wash", "preferred weight": 0}
    (tmp_path / "ink.json").write_text(json.dumps(said))
    card = only(tmp_path)
    assert (card.family, card.told.trigger_words, card.told.weight) == ("sd-1.5", ("ink", "wash"), None)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<!doctype html><html><body>404</body></html>", "is a web page, not JSON"),
        (b"{", "is no JSON"),
        (b"[1]", "is no JSON object"),
        (b"\xff\xfe\x00", "is no readable text"),
        (b"[" * 100_000, "is no JSON"),
        (b" " * (2 * 1024 * 1024 + 1), "is larger than 2 MiB"),
    ],
)
def test_a_bad_sidecar_is_left_out_with_a_reason(tmp_path: Path, content: bytes, why: str) -> None:
    lora_file(tmp_path / "ink.safetensors", KOHYA)
    (tmp_path / "ink.civitai.info").write_bytes(content)
    card = only(tmp_path)
    assert card.notes == (f"ink.civitai.info {why}; it was left out",)
    assert not card.refusal and card.told.trigger_words == ("inkstyle",)


def test_a_sidecar_full_of_html_is_cut_to_words(tmp_path: Path) -> None:
    path = lora_file(tmp_path / "ink.safetensors")
    page = "<style>p{}</style>" + "<p>word @everyone</p>" * 5000
    civitai_info(path, description=page, trainedWords=["<b>ink</b>\nwash", "x" * 500, 7, None], baseModel=["SDXL"])
    card = only(tmp_path)
    assert card.told.description.startswith("word @everyone word") and len(card.told.description) <= 600
    assert card.told.trigger_words[0] == "ink wash" and all(len(word) <= 100 for word in card.told.trigger_words)
    assert card.made_for == ""


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("page.safetensors", b"<html>not found</html>", "is a web page, no weights"),
        ("empty.safetensors", b"", "is empty"),
        ("old.ckpt", b"\x80\x02", "pickled"),
        (f"{'n' * 120}.safetensors", b"", "nobody can type"),
        ("new\nline.safetensors", b"", "nobody can type"),
    ],
)
def test_what_is_no_lora_is_refused_with_a_reason(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert why in only(tmp_path).refusal


def test_other_kinds_and_double_names_are_refused(tmp_path: Path) -> None:
    lora_file(tmp_path / "a" / "ink.safetensors")
    lora_file(tmp_path / "b" / "ink.safetensors")
    lora_file(tmp_path / "loha.safetensors", kind="hada_w1_a")
    cards = {
        card.settings.path.relative_to(tmp_path).as_posix(): card for card in LoRAShelf(settings(tmp_path)).cards()
    }
    assert not cards["a/ink.safetensors"].refusal
    assert "the name of another" in cards["b/ink.safetensors"].refusal
    assert "LoHa" in cards["loha.safetensors"].refusal


def test_a_file_put_there_replaced_or_deleted_is_seen_at_once(tmp_path: Path, family_folder) -> None:
    catalogue = Catalogue(settings(tmp_path, default_model=str(family_folder("stable-diffusion"))))
    asked = ImageRequest(prompt="a fox", loras=(LoRA(name="ink"),))
    with pytest.raises(UnknownLoRA):
        catalogue.resolve(asked)
    path = lora_file(tmp_path / "ink.safetensors", {"modelspec.trigger_phrase": "first"})
    assert catalogue.resolve(asked)[0].prompt == "a fox, first"
    lora_file(path, {"modelspec.trigger_phrase": "another"})
    assert catalogue.resolve(asked)[0].prompt == "a fox, another"
    path.with_suffix(".json").write_text(json.dumps({"activation text": "side"}))
    assert catalogue.resolve(asked)[0].prompt == "a fox, side"
    path.unlink()
    with pytest.raises(UnknownLoRA):
        catalogue.resolve(asked)


def test_a_lora_of_another_family_is_refused_by_its_sidecar_too(tmp_path: Path, family_folder) -> None:
    path = lora_file(tmp_path / "ink.safetensors")
    civitai_info(path, baseModel="Flux.1 D")
    catalogue = Catalogue(settings(tmp_path, default_model=str(family_folder("stable-diffusion"))))
    with pytest.raises(InvalidRequest, match="was trained for flux"):
        catalogue.resolve(ImageRequest(prompt="x", loras=(LoRA(name="ink"),)))


def test_a_look_at_the_folder_alone_finds_new_files(tmp_path: Path) -> None:
    shelf = LoRAShelf(settings(tmp_path / "loras"))
    assert shelf.recent() == ()
    lora_file(tmp_path / "loras" / "ink.safetensors")
    assert [card.name for card in shelf.recent()] == ["ink"]
    lora_file(tmp_path / "loras" / "more" / "oil.safetensors")
    assert [card.name for card in shelf.recent()] == ["ink", "oil"]
    lora_file(tmp_path / "loras" / "more" / "pen.safetensors")
    assert [card.name for card in shelf.recent()] == ["ink", "oil", "pen"]
    (tmp_path / "loras" / "ink.safetensors").unlink()
    assert [card.name for card in shelf.recent()] == ["oil", "pen"]


class TestTriggerWords:
    """Which words are added, and what the member hears of it."""

    def resolved(self, tmp_path: Path, family_folder, words: list[str], **asked: object) -> tuple[ImageRequest, str]:
        path = lora_file(tmp_path / "ink.safetensors")
        civitai_info(path, trainedWords=words, baseModel="SD 1.5")
        catalogue = Catalogue(settings(tmp_path, default_model=str(family_folder("stable-diffusion"))))
        request = ImageRequest.model_validate({"prompt": "a fox", "loras": (LoRA(name="ink"),), **asked})
        found, notes = catalogue.resolve(request)
        return found, "\n".join(notes)

    def test_missing_ones_are_added_and_said(self, tmp_path: Path, family_folder) -> None:
        found, notes = self.resolved(tmp_path, family_folder, ["ink", "wash"], prompt="an INK fox")
        assert found.prompt == "an INK fox, wash" and notes == '"wash" added to the prompt: the LoRA ink listens to it'

    def test_a_word_within_another_is_none(self, tmp_path: Path, family_folder) -> None:
        assert self.resolved(tmp_path, family_folder, ["ink"], prompt="a pink fox")[0].prompt == "a pink fox, ink"

    def test_of_many_alternatives_one_is_enough(self, tmp_path: Path, family_folder) -> None:
        words = ["red hood", "blue hood", "green hood", "hat", "cap"]
        assert self.resolved(tmp_path, family_folder, words)[0].prompt == "a fox, red hood"
        assert self.resolved(tmp_path, family_folder, words, prompt="a fox, hat")[0].prompt == "a fox, hat"

    def test_none_is_added_against_the_members_will(self, tmp_path: Path, family_folder) -> None:
        off = (LoRA(name="ink", weight=0.0),)
        assert self.resolved(tmp_path, family_folder, ["ink"], loras=off)[0].prompt == "a fox"
        refused = self.resolved(tmp_path, family_folder, ["ink"], negative_prompt="ink", guidance_scale=5.0)
        assert refused[0].prompt == "a fox"

    def test_every_part_with_weight_gets_them(self, tmp_path: Path, family_folder) -> None:
        parts = (PromptPart(text="fox", weight=2.0), PromptPart(text="dog", weight=-0.5))
        found, _ = self.resolved(tmp_path, family_folder, ["ink"], prompt="fox::2 dog::-0.5", prompt_parts=parts)
        assert [part.text for part in found.prompt_parts] == ["fox, ink", "dog"]


def test_models_that_fit_are_named(tmp_path: Path, family_folder) -> None:
    lora_file(tmp_path / "ink.safetensors", {"ss_base_model_version": "sd_v1"})
    lora_file(tmp_path / "other.safetensors")
    catalogue = Catalogue(settings(tmp_path, default_model=str(family_folder("stable-diffusion"))))
    specs = [catalogue.spec(), catalogue.spec("pocket"), catalogue.spec("sdxl")]
    ink, other = catalogue.loras()
    assert catalogue.fitting(ink, specs) == (catalogue.spec().name,)
    assert catalogue.fitting(other, specs) == ()
