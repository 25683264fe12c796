"""The models on offer, and a request's defaults and limits by its model. Torch-free: the bot uses it too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.catalogue.control_requests import prove_beside_style, prove_control, prove_place, usable
from engine.catalogue.drafts import drafted
from engine.catalogue.guidance import prove_guidance
from engine.catalogue.sizes import choose_size
from engine.catalogue.spec_reader import SpecReader
from engine.errors import EngineError, InvalidRequest, ModelLoadFailed, ModelMissing, UnknownLoRA, UnknownModel
from engine.lora_shelf.card import LoRACard
from engine.lora_shelf.shelf import LoRAShelf
from engine.lora_shelf.trigger_words import Called, call
from engine.model_files import diffusers_folder
from engine.model_files.local_models import find_pulled
from engine.model_files.single_file import is_of_family, is_surely_of_family
from engine.model_spec import ModelSpec, Source
from engine.pictures.images import open_picture
from engine.requests import Blend, CutOut, Edit, ImageRequest, ImageToImage, Inpaint, Outpaint
from engine.settings import ControlType, EngineSettings, ModelSettings


class Catalogue:
    """The presets and the host's own models by name; completes requests and refuses what no model can do."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._shelf = LoRAShelf(settings)
        self._reader = SpecReader(settings.models_dir)
        self._specs: dict[str, ModelSpec] = {}

    def names(self) -> tuple[str, ...]:
        """Configured models first, then the presets."""
        return tuple(dict.fromkeys((*self._configured(), *self._reader.presets)))

    def spec(self, name: str = "") -> ModelSpec:
        """The model of that name, "" meaning the default.

        Only configured names, presets and `default_model` itself (which may be a path) are taken: a request can
        never make the engine read a path of the asker's choice. Raises `UnknownModel`, or `ModelLoadFailed` when a
        configured folder is no model.
        """
        if not name or name == self._settings.default_model:
            name = self._default_name()
        if name not in self._specs:
            if name not in self.names():
                raise UnknownModel(name, self.names())
            self._specs[name] = self._reader.read(name, self._configured().get(name))
        return self._specs[name]

    def is_present(self, spec: ModelSpec) -> bool:
        """Whether all of the model's files are on this machine."""
        return all(self._is_here(source) for source in spec.sources)

    def is_offered(self, spec: ModelSpec) -> bool:
        """May requests name this model? With a cluster yes: the files on its machines are not known here."""
        return bool(self._settings.cluster.address) or self.is_present(spec)

    def resolve(self, request: ImageRequest) -> tuple[ImageRequest, tuple[str, ...]]:
        """The request with every None filled and its size snapped, and notes for the member.

        An `ImageToImage` to which nobody gave a strength becomes an `Edit` for a model that was made for editing.

        Decodes the request's pictures (tens of milliseconds each: call it in a thread). Raises `InvalidRequest`,
        `UnknownModel` or `UnknownLoRA` naming the field; `ModelMissing`, `ModelLoadFailed`.
        """
        spec = self._asked(request.model)
        request, cards = self._checked(spec, request)
        (width, height), notes = choose_size(spec, request)
        if request.draft:
            request, notes = request.model_copy(update=drafted(spec, request, (width, height))), ()
            width, height = request.width, request.height
        called = call(request, cards) if cards else Called()
        filled: dict[str, Any] = {
            "model": spec.name,
            "width": width,
            "height": height,
            "num_inference_steps": request.num_inference_steps or spec.steps_of(request.kind),
            "guidance_scale": spec.guidance_scale if request.guidance_scale is None else request.guidance_scale,
            "noise_scheduler": request.noise_scheduler or spec.noise_scheduler,
            "step_cache": request.step_cache or self._settings.step_cache,
        }
        if isinstance(request, Edit):
            filled["keeps_size"] = spec.references is None or request.mask is not None
        if spec.has_guider and not request.is_undrawn:
            prove_guidance(spec, filled["guidance_scale"], request.negative_prompt)
        if request.negative_prompt and (why := _unheeded(spec, request, filled["guidance_scale"])):
            notes = notes if request.is_undrawn else (*notes, why)
            filled["negative_prompt"] = ""
        return request.model_copy(update=filled | called.update), (*called.notes, *notes)

    def loras(self) -> tuple[LoRACard, ...]:
        """Every LoRA file, those that cannot be used too. Reads files: call it in a thread.

        A new file is seen at once, a file that was written over after 2 s; `resolve` sees both at once.
        """
        return self._shelf.recent()

    def fitting(self, card: LoRACard, specs: Iterable[ModelSpec]) -> tuple[str, ...]:
        """The names of those models that a LoRA is for; () where nothing says for which."""
        if card.settings.model:
            return tuple(spec.name for spec in specs if spec == self.spec(card.settings.model))
        # What is enlarged is drawn by a network of sizes of its own, whatever its class.
        alike = (spec for spec in specs if spec.enlarge == 1)
        return tuple(spec.name for spec in alike if card.family and is_surely_of_family(spec.pipeline, card.family))

    def check_lora(self, name: str) -> None:
        """Check that a LoRA can be used. Raises `InvalidRequest`, or what `spec` raises for its model."""
        card = self._shelf.card(name)
        if card is None:
            raise UnknownLoRA(name, self._lora_names())
        self._check_card(card, self.spec(card.settings.model) if card.settings.model else None)

    def _checked(self, spec: ModelSpec, request: ImageRequest) -> tuple[ImageRequest, tuple[LoRACard, ...]]:
        """The request as this model takes it, and the cards of its LoRAs. Raises as `resolve`."""
        self._check_files(spec)
        request = as_edit(spec, request)
        self._check_need(spec, request)
        self._check_cutout(request)
        self._check_references(spec, request)
        self._check_noise_scheduler(spec, request)
        cards = self._check_loras(spec, request)
        self._check_style_images(spec, request)
        return self._with_control(spec, request), cards

    def _asked(self, name: str) -> ModelSpec:
        """The model of that name. Raises `UnknownModel` with the names of the models on offer."""
        try:
            return self.spec(name)
        except UnknownModel as error:
            raise UnknownModel(error.name, self._offered()) from None

    def _offered(self) -> tuple[str, ...]:
        found: list[str] = []
        for name in self.names():
            with contextlib.suppress(EngineError):  # one that cannot be read is offered to nobody
                found += [name] if self.is_offered(self.spec(name)) else []
        return tuple(found)

    def _check_files(self, spec: ModelSpec) -> None:
        if self.is_offered(spec):
            return
        if any(source.origin == "hub" and not self._is_here(source) for source in spec.sources):
            raise ModelMissing(spec.name)
        raise ModelLoadFailed(spec.name, "its files are gone", "correct its source in the settings")

    def _check_need(self, spec: ModelSpec, request: ImageRequest) -> None:
        if request.is_undrawn:
            return
        has_mask = isinstance(request, Inpaint | Outpaint) or (isinstance(request, Edit) and request.mask is not None)
        if spec.need == "mask" and not has_mask:
            raise InvalidRequest("model", f"{spec.name} draws only inside a mask; choose another model")
        if spec.need == "control" and request.control is None:
            raise InvalidRequest(
                "model", f"{spec.name} draws only from a control picture; give one, or choose another model"
            )
        if spec.need == "picture" and type(request) is ImageRequest:
            raise InvalidRequest("model", f"{spec.name} draws only from a picture; give one, or choose another model")

    def _check_cutout(self, request: ImageRequest) -> None:
        if isinstance(request, CutOut) and self._settings.cutout is None:
            raise InvalidRequest("cutout", "nothing is set up here that cuts out pictures; the host names a model")

    def _check_references(self, spec: ModelSpec, request: ImageRequest) -> None:
        if not isinstance(request, Edit):
            return
        if request.is_reference and spec.references is None:
            those = [name for name in self._offered() if self.spec(name).references is not None]
            able = f"choose {' or '.join(those)}" if those else "no model here does; give it as `image`"
            raise InvalidRequest("reference", f"{spec.name} does not draw what a picture shows again; {able}")
        given, most = 1 + len(request.references), _most(spec)
        if given > most:
            those = [name for name in self._offered() if _most(self.spec(name)) >= given]
            able = f", or choose {' or '.join(those)}" if those else ""
            pictures = "one picture" if most == 1 else f"at most {most} pictures"
            raise InvalidRequest(
                "references", f"{spec.name} takes {pictures}, and these are {given}; leave some out{able}"
            )

    def _check_noise_scheduler(self, spec: ModelSpec, request: ImageRequest) -> None:
        if request.noise_scheduler is not None and request.noise_scheduler not in spec.noise_schedulers:
            raise InvalidRequest("noise_scheduler", f"{spec.name} runs with {', '.join(spec.noise_schedulers)}")

    def _check_loras(self, spec: ModelSpec, request: ImageRequest) -> tuple[LoRACard, ...]:
        if not request.loras:
            return ()
        cards: list[LoRACard] = []
        for lora in request.loras:
            card = self._shelf.card(lora.name)
            if card is None:
                raise UnknownLoRA(lora.name, self._lora_names())
            if card.settings.model and self.spec(card.settings.model) != spec:
                wanted = card.settings.model
                raise InvalidRequest("loras", f"{lora.name!r} was made for {wanted}, not {spec.name}; choose {wanted}")
            self._check_card(card, spec)
            cards.append(card)
        return tuple(cards)

    def _lora_names(self) -> tuple[str, ...]:
        return tuple(card.name for card in self._shelf.cards() if not card.refusal)

    def _check_style_images(self, spec: ModelSpec, request: ImageRequest) -> None:
        if not request.style_images:
            return
        if spec.style_adapter is None:
            able = [name for name, chosen in self._configured().items() if chosen.style_adapter is not None]
            those = f"those that can: {', '.join(able)}" if able else "no model here can"
            raise InvalidRequest("style_image", f"{spec.name} cannot follow a style picture; {those}")
        if isinstance(request, Blend) and request.strength is None:
            why = "a blend already follows what its pictures show; give a strength, or leave the style picture out"
            raise InvalidRequest("style_image", why)
        for each in request.style_images:
            open_picture(each.image, "style_image")

    def _with_control(self, spec: ModelSpec, request: ImageRequest) -> ImageRequest:
        """The request with the kind of its control picture filled in. Raises `InvalidRequest`."""
        if request.control is None:
            return request
        prove_place(request)
        control = prove_control(spec, request.control, self._controlled, self._settings)
        if request.style_images:
            prove_beside_style(spec, control)
        return request.model_copy(update={"control": control})

    def _controlled(self, type_: ControlType | None) -> list[str]:
        """The names of the models on offer that follow control pictures of a kind, of any kind for None."""
        able = ((name, usable(self.spec(name))) for name in self._offered())
        return [name for name, kinds in able if (type_ in kinds if type_ else kinds)]

    def _check_card(self, card: LoRACard, spec: ModelSpec | None) -> None:
        if card.is_broken:
            raise InvalidRequest("loras", f"{card.name!r} has a broken file; tell the person who runs me")
        if card.refusal:
            raise InvalidRequest("loras", f"{card.name!r} {card.refusal}")
        if spec is None:
            return
        if card.has_magnitudes and spec.precision in ("int8", "nf4"):
            why = f"is a DoRA, which needs weights wider than {spec.name}'s, those are {spec.precision}"
            raise InvalidRequest("loras", f"{card.name!r} {why}")
        if card.family and not is_of_family(spec.pipeline, card.family):
            raise InvalidRequest("loras", f"{card.name!r} was trained for {card.family}, which {spec.name} is not")

    def _is_here(self, source: Source) -> bool:
        if source.origin == "hub":
            return find_pulled(source, self._settings.models_dir) is not None
        path = Path(source.location)
        return (
            path.is_file()
            if source.origin == "file"
            else any((path / name).is_file() for name in (*diffusers_folder.INDEXES, "config.json"))
        )

    def _configured(self) -> Mapping[str, ModelSettings]:
        default = self._default_name()
        if default == self._settings.default_model:
            return self._settings.models
        return {**self._settings.models, default: ModelSettings(source=self._settings.default_model)}

    def _default_name(self) -> str:
        """The default model's name: what the settings say, or the last part of a path, so that no path leaks out."""
        default = self._settings.default_model
        if default in self._settings.models or default in self._reader.presets:
            return default
        return Path(default.removeprefix("hf:").partition("@")[0]).stem


def as_edit(spec: ModelSpec, request: ImageRequest) -> ImageRequest:
    """A picture to start from without a strength is what a model made for editing edits; all else is unchanged."""
    if type(request) is not ImageToImage or spec.references is None or "strength" in request.model_fields_set:
        return request
    return Edit.model_validate(request.model_dump(exclude={"strength"}))


def _most(spec: ModelSpec) -> int:
    return spec.references.most if spec.references else 1


def _unheeded(spec: ModelSpec, request: ImageRequest, guidance_scale: float) -> str:
    """Why the negative prompt has no effect, or ""."""
    if "negative_prompt" not in spec.capabilities:
        return f"{spec.name} takes no negative prompt; it was left out"
    if guidance_scale <= 1:
        return f"a negative prompt acts only at a guidance above 1, and this is {guidance_scale:g}; it was left out"
    return "no diffusion model draws this" if request.is_undrawn else ""
