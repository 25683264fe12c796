from engine.pocket.data import Sprite
from engine.pocket.scenes import SceneWriter, held_out, unpainted

SPRITES = tuple(
    Sprite(label, ("fruit",), style, "test", label, 1.0, mirror=True)
    for label in ("red apple", "green pear", "plum", "kiwi fruit", "lemon")
    for style in ("3d", "flat")
)
COLOURS = ["red" if "apple" in sprite.label else "green" for sprite in SPRITES]


def _scenes(count: int, composed: float = 0.3, seed: int = 0):
    writer = SceneWriter(SPRITES, COLOURS, seed)
    return [writer.scene(composed) for _ in range(count)]


def test_the_same_seed_writes_the_same_scenes():
    assert _scenes(50) == _scenes(50)
    assert _scenes(50) != _scenes(50, seed=1)


def test_a_held_out_colour_is_never_painted():
    painted = [scene for scene in _scenes(2000, composed=0.0) if scene.colour]

    assert painted
    for scene in painted:
        subject = unpainted(SPRITES[scene.drawings[0]].label)
        assert not held_out(f"{scene.colour} {subject}", 4)


def test_a_held_out_style_is_never_drawn_alone():
    drawn = {SPRITES[each].style + " " + SPRITES[each].label for scene in _scenes(2000) for each in scene.drawings}

    assert not any(held_out(each, 12) for each in drawn)


def test_two_things_share_a_style_and_are_no_held_out_pair():
    pairs = [
        scene for scene in _scenes(2000, composed=1.0) if " next to " in scene.subject or " above " in scene.subject
    ]

    assert pairs
    for scene in pairs:
        first, second = (SPRITES[each] for each in scene.drawings)
        assert first.style == second.style
        assert not held_out(" + ".join(sorted((first.label, second.label))), 2)


def test_counts_have_as_many_drawings_as_they_say():
    counts = {"two": 2, "three": 3, "four": 4}

    for scene in _scenes(1000, composed=1.0):
        first = scene.subject.split()[0]
        assert len(scene.drawings) == len(scene.boxes) == counts.get(first, len(scene.drawings))


def test_some_captions_are_empty_for_guidance():
    share = sum(scene.caption == "" for scene in _scenes(2000)) / 2000

    assert 0.05 < share < 0.15


def test_labels_lose_their_own_colour_before_they_get_another():
    assert unpainted("red apple") == "apple"
    assert unpainted("orange") == "orange"
    assert unpainted("fire engine") == "fire engine"
