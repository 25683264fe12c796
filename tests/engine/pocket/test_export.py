import shutil
import subprocess
import sys

import pytest

from engine.pocket import WEIGHTS
from engine.pocket.errors import BrokenWeights
from engine.pocket.export import verify, write_hashes

SHIPPED_AT_MOST = 64 * 2**20


def test_what_we_ship_is_what_was_recorded():
    assert verify(WEIGHTS) >= 4


def test_what_we_ship_is_small_and_holds_no_pickle():
    files = [path for path in WEIGHTS.parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts]

    assert sum(path.stat().st_size for path in files) < SHIPPED_AT_MOST
    assert not [path for path in files if path.suffix in {".bin", ".pt", ".pth", ".ckpt", ".pkl"}]


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(WEIGHTS / "vae", tmp_path / "vae")
    write_hashes(tmp_path)
    return tmp_path


def test_a_changed_file_is_named(copy):
    file = copy / "vae" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes() + b"!")

    with pytest.raises(BrokenWeights, match="its sha256 is not the recorded one"):
        verify(copy)


def test_a_missing_file_is_named(copy):
    (copy / "vae" / "diffusion_pytorch_model.safetensors").unlink()

    with pytest.raises(BrokenWeights, match="it is missing"):
        verify(copy)


def test_the_package_is_imported_without_torch():
    code = "import sys, engine.pocket; sys.exit('torch' in sys.modules or not engine.pocket.WEIGHTS.is_dir())"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_only_the_classes_a_model_folder_names_appear():
    import engine.pocket

    assert engine.pocket.PocketDenoiser.__name__ == "PocketDenoiser"
    with pytest.raises(AttributeError):
        _ = engine.pocket.Whatever
