"""A package whose place is taken until something needs it."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.base.late_package import LatePackage

NAME = "a_late_package"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LatePackage]:
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "__init__.py").write_text("from .base import Layer\nmark = ('real',)\n")
    (folder / "base.py").write_text("class Layer: kinds = []\n")
    (folder / "kinds.py").write_text("from .base import Layer\nclass Linear(Layer): pass\nLayer.kinds.append(Linear)\n")
    (folder / "small.py").write_text("size = 1\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    held_back = LatePackage(NAME)
    held_back.stand_in({"": {"given": 1}, "base": {"Layer": int}}, alone=("small",))
    yield held_back
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def test_the_given_names_do_not_bring_it(package: LatePackage) -> None:
    assert importlib.import_module(NAME).given == 1
    assert importlib.import_module(f"{NAME}.base").Layer is int
    assert importlib.import_module(f"{NAME}.small").size == 1
    assert not hasattr(importlib.import_module(NAME), "__version__")
    assert importlib.util.find_spec(NAME)
    assert not package.has_arrived


def test_any_other_name_brings_it(package: LatePackage) -> None:
    stand_in = importlib.import_module(NAME)
    importlib.import_module(f"{NAME}.small")
    assert stand_in.mark == ("real",)
    assert package.has_arrived
    real = importlib.import_module(NAME)
    assert real is not stand_in
    assert real.small.size == 1
    with pytest.raises(AttributeError):
        _ = stand_in.nothing


def test_any_other_module_brings_it_once(package: LatePackage) -> None:
    kinds = importlib.import_module(f"{NAME}.kinds")
    real = importlib.import_module(NAME)
    assert real.Layer.kinds == [kinds.Linear]
    assert importlib.import_module(f"{NAME}.kinds") is kinds
    assert kinds.__spec__
    assert kinds.__spec__.origin == kinds.__file__
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"{NAME}.nothing")


def test_what_waits_for_it_is_called_once(package: LatePackage) -> None:
    called: list[str] = []
    package.afterwards(lambda: called.append("now"))
    package.bring()
    package.bring()
    assert called == ["now"]


def test_what_is_imported_or_missing_is_left_alone() -> None:
    for name in ("json", "there_is_no_such_package"):
        package = LatePackage(name)
        package.stand_in({"": {"given": 1}})
        assert package.has_arrived
        assert not hasattr(sys.modules.get(name), "given")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LatePackage]:
    """A package that is long to set up, held back with what its modules need nothing of."""
    folder = tmp_path / NAME
    (folder / "kinds").mkdir(parents=True)
    (folder / "__init__.py").write_text("from .kinds.linear import Linear\nfrom .losses import assign\nset_up = True\n")
    (folder / "kinds" / "__init__.py").write_text("long = True\n")
    (folder / "kinds" / "linear.py").write_text("from ..losses import assign\nclass Linear: size = 3\n")
    (folder / "losses.py").write_text("class Loss: worth = 5\ndef assign(x): return x + 1\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    package, losses = LatePackage(NAME), LatePackage(f"{NAME}.losses")
    package.stand_in({"": {"Loss": losses.late_class("Loss")}, "kinds": {}}, homes={"Linear": "kinds.linear"})
    losses.stand_in({"": {"assign": losses.late_function("assign")}})
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def test_modules_and_known_names_need_no_package(table: LatePackage) -> None:
    package = importlib.import_module(NAME)
    assert package.Linear.size == package.kinds.linear.Linear.size == 3
    assert "long" not in vars(importlib.import_module(f"{NAME}.kinds"))
    assert not isinstance(package.Linear(), package.Loss)
    assert not issubclass(package.Linear, package.Loss)
    assert not table.has_arrived
    assert getattr(sys.modules[f"{NAME}.losses"], "__file__", None) is None


def test_an_unknown_name_sets_the_package_up_around_them(table: LatePackage) -> None:
    stand_in = importlib.import_module(NAME)
    linear = stand_in.Linear
    assert stand_in.set_up
    assert table.has_arrived
    assert importlib.import_module(NAME).Linear is linear


def test_a_late_class_and_function_are_the_real_ones_when_used(table: LatePackage) -> None:
    late = importlib.import_module(NAME).Loss
    assert sys.modules[f"{NAME}.losses"].assign(1) == 2
    assert late.worth == 5
    real = importlib.import_module(f"{NAME}.losses").Loss
    assert type(late()) is real
    assert isinstance(real(), late)
    assert issubclass(real, late)
