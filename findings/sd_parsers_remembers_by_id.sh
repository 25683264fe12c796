#!/usr/bin/env bash
# sd-parsers keeps the UserComment of the last JPEG under `id(image)`, in a module global. An id is free for reuse as soon
# as the picture is closed and collected, so a JPEG read next may be answered with the recipe of the one read before.
#
# Two JPEGs with two prompts in stable-diffusion-webui's form are read one after the other. The first is closed and
# forgotten; the second is opened until it lies where the first one lay, as happens by chance in a process that reads
# many. Its reading gives the first one's prompt; in a process of its own it gives its own. Exits 0 while that is so.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check sd-parsers==0.6 pillow==13.0.0

cat > "$place/read.py" <<'PYTHON'
import sys
from importlib.metadata import version

from PIL import ExifTags, Image
from sd_parsers import ParserManager

folder, is_alone = sys.argv[1], len(sys.argv) > 2
manager = ParserManager()


def prompt_in(picture):
    return manager.parse(picture).prompts[0].value


def written(name):
    text = f"a {name}\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64"
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + text.encode("utf_16_be")
    Image.new("RGB", (64, 64)).save(f"{folder}/{name}.jpg", exif=exif)


if is_alone:
    print("the second in a process of its own:", prompt_in(Image.open(f"{folder}/harbour.jpg")))
    sys.exit()
print("sd-parsers", version("sd-parsers"), "pillow", version("pillow"))
written("lighthouse")
written("harbour")
first = Image.open(f"{folder}/lighthouse.jpg")
place = id(first)
print("the first:", prompt_in(first))
first.close()
del first
others = []
for _ in range(10_000):
    second = Image.open(f"{folder}/harbour.jpg")
    if id(second) == place:
        break
    others.append(second)
    if len(others) > 100:
        others.clear()
answer = prompt_in(second)
print("the second, after the first:", answer)
sys.exit(0 if id(second) == place and answer == "a lighthouse" else 1)
PYTHON
"$place/venv/bin/python" "$place/read.py" "$place"
alone=$("$place/venv/bin/python" "$place/read.py" "$place" alone)
echo "$alone"
[ "$alone" = "the second in a process of its own: a harbour" ]
