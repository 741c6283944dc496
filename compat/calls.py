"""Records which public methods of the official SDK succeeded while the checks ran.

The SDK itself is unchanged. Each public method is wrapped in one that records its name when it returns. A generator is
recorded when it yields its first item. Names begin with their class or module: `AxmeClient.get_intent`.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any, Callable, Iterator

import axme
import axme_sdk
from axme_sdk import AxmeClient, MeshClient

CLIENTS = (AxmeClient, MeshClient)


class Calls:
    def __init__(self) -> None:
        self.expected: set[str] = set()
        self.succeeded: set[str] = set()

    @property
    def missing(self) -> list[str]:
        return sorted(self.expected - self.succeeded)

    def watch(self) -> None:
        """Starts recording. Call it before the first client is made."""
        for client in CLIENTS:
            for name, member in list(vars(client).items()):
                if name.startswith("_"):
                    continue
                label = f"{client.__name__}.{name}"
                if isinstance(member, property):
                    assert member.fset is None, f"{label} has a setter, which cannot be watched"
                    setattr(client, name, property(self._watched(label, member.fget), doc=member.__doc__))
                elif inspect.isfunction(member):
                    setattr(client, name, self._watched(label, member))
                else:
                    raise AssertionError(f"{label} cannot be watched: {member!r}")
        for module in (axme, axme_sdk, *_modules_of(axme), *_modules_of(axme_sdk)):
            for name, function in inspect.getmembers_static(module, inspect.isfunction):
                if not name.startswith("_") and function.__module__.split(".")[0] in ("axme", "axme_sdk"):
                    setattr(module, name, self._watched(f"{function.__module__}.{name}", function))

    def _watched(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        self.expected.add(label)

        @functools.wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            answer = function(*arguments, **named)
            if inspect.isgenerator(answer):
                return self._passed_on(label, answer)
            self.succeeded.add(label)
            return answer

        return watched

    def _passed_on(self, label: str, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            self.succeeded.add(label)
            yield item


def _modules_of(package: ModuleType) -> list[ModuleType]:
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names if not name.startswith("_")]
