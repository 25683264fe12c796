"""Where the training art comes from: npm packages by exact version and hash, nothing share-alike."""

import hashlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from engine.pocket.errors import MissingTool, WrongHash


@dataclass(frozen=True)
class Package:
    """One npm package, pinned: `spec` as npm names it, the hash of its tarball, its licence."""

    spec: str
    sha256: str
    licence: str

    def folder_in(self, cache: Path) -> Path:
        """Where the unpacked package lies, whether or not it is there yet."""
        return cache / "npm" / self.spec.replace("/", "+").lstrip("@") / "package"

    def folder(self, cache: Path) -> Path:
        """Fetch once with `npm pack`, check the hash, unpack; returns the unpacked folder."""
        folder = self.folder_in(cache)
        if not folder.exists():
            npm_folder = folder.parent.parent
            npm_folder.mkdir(parents=True, exist_ok=True)
            tarball = self._fetch(npm_folder)
            with tarfile.open(tarball) as archive:
                archive.extractall(folder.parent, filter="data")
            tarball.unlink()
        return folder

    def _fetch(self, into: Path) -> Path:
        npm = shutil.which("npm")
        if npm is None:
            raise MissingTool("npm", "install Node.js, which brings npm, then run the command again")
        packed = subprocess.run(  # noqa: S603 - our own pinned names, no shell
            [npm, "pack", "--silent", self.spec], cwd=into, check=False, capture_output=True, text=True
        )
        if packed.returncode != 0:
            raise MissingTool(self.spec, "check the connection to the npm registry and run the command again")
        tarball = into / packed.stdout.split()[-1]
        found = hashlib.sha256(tarball.read_bytes()).hexdigest()
        if found != self.sha256:
            tarball.unlink()
            raise WrongHash(self.spec, expected=self.sha256, found=found)
        return tarball


@dataclass(frozen=True)
class ArtSet:
    """One drawing style: its name, the word captions use for it, its package, and its share in training."""

    name: str
    style: str
    package: Package
    share: float


LABELS = Package(
    "emojibase-data@17.0.0", "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a", "MIT, Unicode-3.0"
)

ART = (
    ArtSet(
        "fluent-3d",
        "3d",
        Package(
            "@lobehub/fluent-emoji-3d@1.1.0",
            "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
            "MIT",
        ),
        share=1.0,
    ),
    ArtSet(
        "fluent-emoji-flat",
        "flat",
        Package(
            "@iconify-json/fluent-emoji-flat@1.2.6",
            "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
            "MIT",
        ),
        share=1.0,
    ),
    ArtSet(
        "noto",
        "cartoon",
        Package(
            "@iconify-json/noto@1.2.9",
            "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
            "Apache-2.0",
        ),
        share=0.4,
    ),
    ArtSet(
        "fluent-emoji",
        "glossy",
        Package(
            "@iconify-json/fluent-emoji@1.2.7",
            "8044210dbf11e016d4de85f15d01a243423bd832457e7e2491df1b751c0e272b",
            "MIT",
        ),
        share=0.4,
    ),
    ArtSet(
        "noto-v1",
        "blob",
        Package(
            "@iconify-json/noto-v1@1.2.5",
            "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
            "Apache-2.0",
        ),
        share=0.5,
    ),
    ArtSet(
        "fxemoji",
        "retro",
        Package(
            "@iconify-json/fxemoji@1.2.2",
            "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
            "Apache-2.0",
        ),
        share=0.5,
    ),
)
