"""A package that is imported when something needs it, although other libraries name it while they are imported.

A stand-in with the few names that those libraries want takes its place in `sys.modules`. Any other name of it, and any
other module of the package, brings the real package; of a package that is only long to set up, its modules can be had
without it. Stand-ins change `sys.modules`: only a worker's process uses them.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


class LatePackage:
    """One package, and a finder of its modules on `sys.meta_path`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.has_arrived = name in sys.modules
        """Whether the real package is there."""
        self._stand_ins: dict[str, ModuleType] = {}
        self._alone: tuple[str, ...] = ()
        self._homes: Mapping[str, str] | None = None
        self._afterwards: list[Callable[[], Any]] = []

    def stand_in(
        self,
        given: Mapping[str, Mapping[str, Any]],
        alone: Sequence[str] = (),
        homes: Mapping[str, str] | None = None,
    ) -> None:
        """Take the package's place, unless it is imported already or not installed.

        Args:
            given: the names that each module has; the package itself is the module "".
            alone: modules that may be imported without the rest of the package.
            homes: all its modules may; these names of the package are found in these modules.
        """
        if self.has_arrived or (spec := _spec(self.name)) is None:
            self.has_arrived = True
            return
        self._alone = tuple(f"{self.name}.{module}" for module in alone)
        self._homes = homes
        for module, names in given.items():
            stand_in = _StandIn(".".join(filter(None, (self.name, module))), self)
            stand_in.__spec__ = ModuleSpec(stand_in.__name__, None) if module else spec
            folders = map(Path, spec.submodule_search_locations or ())
            stand_in.__path__ = [str(folder.joinpath(*filter(None, module.split(".")))) for folder in folders]
            vars(stand_in).update(names)
            self._stand_ins[stand_in.__name__] = sys.modules[stand_in.__name__] = stand_in
            above, _, last = stand_in.__name__.rpartition(".")
            if above in self._stand_ins:
                setattr(self._stand_ins[above], last, stand_in)
        if homes is None:
            sys.meta_path.insert(0, self)

    def bring(self) -> None:
        """Import the real package, if it was not."""
        if not self.has_arrived:
            self.has_arrived = True
            with contextlib.suppress(ValueError):  # another thread was as quick
                sys.meta_path.remove(self)
            for name, stand_in in self._stand_ins.items():
                if sys.modules.get(name) is stand_in:
                    sys.modules.pop(name, None)
        package = importlib.import_module(self.name)  # a second thread waits here
        for name in self._alone:  # loaded before the package, which then does not set them
            if name in sys.modules:
                setattr(package, name.rpartition(".")[2], sys.modules[name])
        while self._afterwards:
            self._afterwards.pop()()

    def afterwards(self, call: Callable[[], Any]) -> None:
        """Call this as soon as the real package is there."""
        self._afterwards.append(call)

    def wanted(self, stand_in: ModuleType, name: str) -> Any:
        """A name that a stand-in was not given."""
        if self._homes is not None and not self.has_arrived:
            if home := self._homes.get(name):
                return getattr(importlib.import_module(f"{self.name}.{home}"), name)
            module = f"{stand_in.__name__}.{name}"
            if PathFinder.find_spec(module, stand_in.__path__):
                return importlib.import_module(module)
        return self.real(stand_in.__name__[len(self.name) + 1 :], name)

    def late_class(self, name: str, module: str = "") -> type:
        """A class of the package that nothing is an instance of before the package is there; to use it brings it."""
        package = self

        class Late(type):
            def __instancecheck__(cls, instance: object) -> bool:
                return package.has_arrived and isinstance(instance, package.real(module, name))

            def __subclasscheck__(cls, subclass: type) -> bool:
                return package.has_arrived and issubclass(subclass, package.real(module, name))

            def __call__(cls, *arguments: Any, **options: Any) -> Any:
                return package.real(module, name)(*arguments, **options)

            def __getattr__(cls, attribute: str) -> Any:
                if attribute.startswith("__"):  # Python and decorators ask for these themselves
                    raise AttributeError(attribute)
                return getattr(package.real(module, name), attribute)

        return Late(name, (), {})

    def late_function(self, name: str, module: str = "") -> Callable[..., Any]:
        """A function of the package; to call it brings the package."""

        def call(*arguments: Any, **options: Any) -> Any:
            return self.real(module, name)(*arguments, **options)

        return call

    def real(self, module: str, name: str) -> Any:
        """A name of the real package."""
        self.bring()
        return getattr(importlib.import_module(f"{self.name}.{module}" if module else self.name), name)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Let any other module of the package bring it. Part of Python's protocol of finders."""
        if self.has_arrived or not name.startswith(f"{self.name}.") or name in self._alone:
            return None
        self.bring()
        module = importlib.import_module(name)
        # Python goes by the spec of the module that it finds loaded, and would run it a second time by its own.
        module.__spec__ = ModuleSpec(name, _Loaded(module))
        return module.__spec__


def _spec(name: str) -> ModuleSpec | None:
    """Where a module is, found without importing what is above it."""
    top, *below = name.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not below:
        return spec
    folders = [str(Path(folder, *below[:-1])) for folder in spec.submodule_search_locations or ()]
    return PathFinder.find_spec(name, folders)


class _StandIn(ModuleType):
    def __init__(self, name: str, package: LatePackage) -> None:
        super().__init__(name)
        self._package = package

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python asks for these itself
            raise AttributeError(name)
        return self._package.wanted(self, name)


class _Loaded(Loader):
    """Python's protocol of loaders, for a module that is loaded already."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec
