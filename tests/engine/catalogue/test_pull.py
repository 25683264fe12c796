"""Models come from a hub over real HTTP, by the real client: the right files, their commit, and clear words."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from safetensors.torch import load_file, save_file

from engine.catalogue.catalogue import Catalogue
from engine.errors import ModelLoadFailed, ModelMissing
from engine.loading.load import load
from engine.model_files.downloader import Downloader
from engine.model_files.local_models import read_lock
from engine.model_files.pulled_files import discard, files_of, forget, needed_elsewhere
from engine.model_spec import ModelSpec, Source
from engine.settings import EngineSettings, ModelSettings
from tests.engine.checkpoint import write_checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "people/tiny"


@dataclass
class Hub:
    """The part of a hub's API that the client uses; what it serves may be changed by the test."""

    files: dict[str, bytes] = field(default_factory=dict)
    gated: bool = False
    fetched: list[str] = field(default_factory=list)
    lie_about: str = ""
    url: str = ""

    def info(self) -> bytes:
        siblings = [{"rfilename": path, "size": len(body), **self.lfs(path)} for path, body in self.files.items()]
        return json.dumps(
            {"id": REPOSITORY, "sha": COMMIT, "siblings": siblings, "cardData": {"license": "mit"}, "private": False}
        ).encode()

    def lfs(self, path: str) -> dict:
        if not path.endswith(".safetensors"):
            return {}
        sha256 = "0" * 64 if path == self.lie_about else hashlib.sha256(self.files[path]).hexdigest()
        return {"lfs": {"sha256": sha256, "size": len(self.files[path]), "pointerSize": 100}}


class Answer(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def answer(self, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        if not path.startswith((f"/api/models/{REPOSITORY}", f"/{REPOSITORY}/")):
            self.reply(404, b"", with_body, {"X-Error-Code": "RepoNotFound"})
        elif path.startswith("/api/"):
            self.reply(200, self.hub.info(), with_body, {"Content-Type": "application/json"})
        elif self.hub.gated:
            self.reply(403, b"", with_body, {"X-Error-Code": "GatedRepo"})
        else:
            name = path.split(f"/resolve/{COMMIT}/")[-1]
            body = self.hub.files[name]
            if with_body:
                self.hub.fetched.append(name)
            etag = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(body).hexdigest()}"'}
            self.reply(200, body, with_body, etag)

    def reply(self, status: int, body: bytes, with_body: bool, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hub(family_folder, monkeypatch) -> Iterator[Hub]:
    # This hub is on the loopback address: the one place the client may reach when the tests run offline.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    folder = family_folder("stable-diffusion")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    made = Hub({**files, "README.md": b"---\nlicense: mit\n---\n", "unet/diffusion_pytorch_model.bin": b"pickle"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Answer,), {"hub": made}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(tmp_path) -> EngineSettings:
    return EngineSettings(models_dir=tmp_path, default_model=f"hf:{REPOSITORY}")


def spec_of(settings: EngineSettings) -> ModelSpec:
    return Catalogue(settings).spec()


def test_a_pulled_model_loads_and_its_commit_is_kept(hub, settings):
    news = []
    Downloader(settings, news.append, hub.url).pull(spec_of(settings))
    assert Catalogue(settings).is_present(spec_of(settings))
    assert load(spec_of(settings), "cpu", settings=settings).parkable.keys() == {"unet", "vae", "text_encoder"}
    kept = read_lock(settings.models_dir)[REPOSITORY]
    assert (kept["revision"], kept["licence"]) == (COMMIT, "mit")
    assert news[-1].done == news[-1].total > 0
    assert [each.done for each in news] == sorted(each.done for each in news)


@pytest.mark.parametrize("revision", ["v1.0", "refs/pr/3", COMMIT[:7]])
def test_a_revision_may_be_named_as_the_hub_names_it(hub, settings, revision):
    named = settings.model_copy(update={"default_model": f"hf:{REPOSITORY}@{revision}"})
    Downloader(named, endpoint=hub.url).pull(spec_of(named))
    assert Catalogue(named).is_present(spec_of(named)) and Catalogue(settings).is_present(spec_of(settings))
    fetched = len(hub.fetched)
    Downloader(settings, endpoint=hub.url).pull(spec_of(settings))
    Downloader(named, endpoint=hub.url).pull(spec_of(named))
    assert len(hub.fetched) == fetched
    other = settings.model_copy(update={"default_model": f"hf:{REPOSITORY}@v2.0"})
    assert not Catalogue(other).is_present(spec_of(other)), "the lock says of which one it is"


def test_a_pulled_model_tells_its_own_defaults(hub, settings):
    assert (spec_of(settings).width, spec_of(settings).pipeline) == (1024, "")
    Downloader(settings, endpoint=hub.url).pull(spec_of(settings))
    spec = spec_of(settings)
    assert (spec.width, spec.pipeline, spec.source.origin) == (64, "StableDiffusionPipeline", "hub")
    assert 0 < spec.memory_gb < 0.01


def test_no_pickle_and_no_code_is_fetched_and_nothing_twice(hub, settings):
    hub.files |= {"pipeline.py": b"print()", "tiny.ckpt": b"pickle", "safety_checker/model.safetensors": b"x"}
    Downloader(settings, endpoint=hub.url).pull(spec_of(settings))
    assert not [name for name in hub.fetched if name.endswith((".bin", ".py", ".ckpt")) or "safety" in name]
    before = len(hub.fetched)
    Downloader(settings, endpoint=hub.url).pull(spec_of(settings))
    assert len(hub.fetched) == before


def test_the_wanted_variant_is_fetched_and_not_full_weights(hub, settings):
    half = "unet/diffusion_pytorch_model.fp16.safetensors"
    hub.files[half] = hub.files["unet/diffusion_pytorch_model.safetensors"]
    spec = spec_of(settings)
    Downloader(settings, endpoint=hub.url).pull(replace(spec, source=replace(spec.source, variant="fp16")))
    assert half in hub.fetched and "unet/diffusion_pytorch_model.safetensors" not in hub.fetched
    assert "vae/diffusion_pytorch_model.safetensors" in hub.fetched


def test_one_file_of_a_repository_is_enough_for_a_lora(hub, settings):
    spec = replace(spec_of(settings), fused_lora=Source("hub", REPOSITORY, COMMIT, file="style.safetensors"))
    hub.files["style.safetensors"] = b"lora"
    Downloader(settings, endpoint=hub.url).pull(replace(spec, source=Source("folder", "here")))
    assert hub.fetched == ["style.safetensors"]


def test_configurations_alone_come_first_weights_can_follow(hub, settings):
    Downloader(settings, endpoint=hub.url).pull(spec_of(settings), config_only=True)
    assert {"unet/config.json", "tokenizer/tokenizer.json", "scheduler/scheduler_config.json"} <= set(hub.fetched)
    assert not any(name.endswith(".safetensors") for name in hub.fetched)
    assert not Catalogue(settings).is_present(spec_of(settings))
    hub.fetched.clear()
    Downloader(settings, endpoint=hub.url).pull(spec_of(settings))
    assert Catalogue(settings).is_present(spec_of(settings))
    assert {name.partition("/")[0] for name in hub.fetched} == {"unet", "vae", "text_encoder"}
    assert all(name.endswith(".safetensors") for name in hub.fetched), "the rest was here"


@pytest.mark.parametrize("held", ["all", "unet"])
def test_a_file_needs_of_its_base_what_it_does_not_hold(hub, tmp_path, family_folder, held):
    write_checkpoint(family_folder("stable-diffusion"), tmp_path / "x.safetensors")
    if held == "unet":
        whole = load_file(tmp_path / "x.safetensors")
        save_file({k: v for k, v in whole.items() if k.startswith("model.diffusion")}, tmp_path / "x.safetensors")
    chosen = ModelSettings(source="file", path=str(tmp_path / "x.safetensors"), base=f"hf:{REPOSITORY}")
    settings = EngineSettings(models_dir=tmp_path / "models", default_model="mine", models={"mine": chosen})
    with pytest.raises(ModelMissing, match="darkroom models pull mine"):
        load(spec_of(settings), "cpu", settings=settings)
    Downloader(settings, endpoint=hub.url).pull(spec_of(settings))
    fetched = {name.partition("/")[0] for name in hub.fetched if name.endswith(".safetensors")}
    assert fetched == (set() if held == "all" else {"vae", "text_encoder"})
    assert Catalogue(settings).is_present(spec_of(settings))
    assert load(spec_of(settings), "cpu", settings=settings).parkable.keys() == {"unet", "vae", "text_encoder"}
    assert not Catalogue(settings).is_present(
        spec_of(settings.model_copy(update={"default_model": f"hf:{REPOSITORY}"}))
    )


def test_pickled_weights_only_are_refused(hub, settings):
    del hub.files["unet/diffusion_pytorch_model.safetensors"]
    with pytest.raises(ModelLoadFailed, match="unet as a pickle"):
        Downloader(settings, endpoint=hub.url).pull(spec_of(settings))


def test_a_file_with_a_wrong_hash_is_thrown_away(hub, settings):
    hub.lie_about = "vae/diffusion_pytorch_model.safetensors"
    with pytest.raises(ModelLoadFailed, match="wrong sha256"):
        Downloader(settings, endpoint=hub.url).pull(spec_of(settings))
    assert not Catalogue(settings).is_present(spec_of(settings))
    hub.lie_about = ""
    Downloader(settings, endpoint=hub.url).pull(spec_of(settings))
    assert Catalogue(settings).is_present(spec_of(settings))


def test_a_damaged_file_is_found_and_it_alone_is_fetched_again(hub, settings):
    spec, damaged = spec_of(settings), "vae/diffusion_pytorch_model.safetensors"
    Downloader(settings, endpoint=hub.url).pull(spec)
    files = {file.path: file for file in files_of(spec, settings.models_dir, check=True)}
    assert damaged in files and not any(file.flaw for file in files.values())
    weights = files[damaged].at.resolve()
    weights.write_bytes(bytes(weights.stat().st_size))
    files["unet/config.json"].at.resolve().write_bytes(b"{}")
    flaws = [file for file in files_of(spec, settings.models_dir, check=True) if file.flaw]
    assert sorted(file.path for file in flaws) == ["unet/config.json", damaged]
    discard(flaws, settings.models_dir)
    assert not Catalogue(settings).is_present(spec)
    hub.fetched.clear()
    Downloader(settings, endpoint=hub.url).pull(spec)
    assert {damaged, "unet/config.json"} <= set(
        hub.fetched
    ) and "unet/diffusion_pytorch_model.safetensors" not in hub.fetched
    assert not any(file.flaw for file in files_of(spec, settings.models_dir, check=True))


def test_what_is_removed_is_gone_unless_another_model_needs_it(hub, settings):
    spec = spec_of(settings)
    Downloader(settings, endpoint=hub.url).pull(spec)
    other = replace(spec, name="other")
    assert needed_elsewhere(spec, [spec, other], settings.models_dir) == {REPOSITORY: "other"}
    assert needed_elsewhere(spec, [spec], settings.models_dir) == {}
    forget(REPOSITORY, settings.models_dir)
    assert not Catalogue(settings).is_present(spec) and files_of(spec, settings.models_dir) == ()
    assert not list(settings.models_dir.rglob("*.safetensors"))


def test_a_gated_repository_says_where_to_accept(hub, settings):
    hub.gated = True
    with pytest.raises(ModelLoadFailed, match=r"accept them on https://huggingface\.co/people/tiny.*HF_TOKEN"):
        Downloader(settings, endpoint=hub.url).pull(spec_of(settings))


def test_an_unknown_repository_is_said(hub, settings):
    other = settings.model_copy(update={"default_model": "hf:people/other"})
    with pytest.raises(ModelLoadFailed, match="no repository people/other"):
        Downloader(other, endpoint=hub.url).pull(spec_of(other))


def test_a_full_disk_is_refused_before_anything_large_is_fetched(hub, settings, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 5, 5))
    with pytest.raises(ModelLoadFailed, match="disk space"):
        Downloader(settings, endpoint=hub.url).pull(spec_of(settings))
    assert hub.fetched == ["model_index.json"]


def test_no_network_keeps_what_is_here_and_says_so(hub, settings):
    with pytest.raises(ModelLoadFailed, match="cannot be reached"):
        Downloader(settings, endpoint="http://127.0.0.1:9").pull(spec_of(settings))


def test_offline_is_respected(hub, settings):
    with pytest.raises(ModelLoadFailed, match="offline"):
        Downloader(settings.model_copy(update={"offline": True}), endpoint=hub.url).pull(spec_of(settings))
