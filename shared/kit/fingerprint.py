"""A hash of what a pure function does: its syntax, and that of everything of ours it reaches.

The syntax is read without docstrings, comments, positions and the annotations of functions, so that
only a change of behaviour changes the hash. A name is followed through our modules to the function,
class or constant it stands for; from other people's modules only the name counts. What every fold
and state stands upon (facts, rows, states, the envelope) is not followed: it is the machine itself.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.util
import json
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, get_args

from shared.contracts.envelope import Event

_OURS: Final = ("services", "shared", "tests")
_MACHINE: Final = frozenset(
    {"shared.contracts.envelope", "shared.decider", "shared.kit.read_models.model"}
)
_LOCAL: Final = ".<locals>"
_POSITIONS: Final = frozenset({"ctx", "kind", "type_comment"})


@dataclass(frozen=True, slots=True)
class Reached:
    """Something of ours that is reached: its module, its name there, and its syntax."""

    module: str
    name: str
    node: ast.AST


class Walk:
    """Collects what is reached from functions, types and values."""

    def __init__(self) -> None:
        self._reached: dict[tuple[str, str], Reached] = {}
        self._values: set[str] = set()
        self._events: dict[str, type[Event]] = {}

    def add(self, value: Any) -> None:  # noqa: C901, PLR0912 - a table, an arm per kind
        """Follow a function, a type, an event class, or what holds such things."""
        match value:
            case types.FunctionType():
                self._add_function(value)
            case types.MethodType():
                self.add((value.__func__, type(value.__self__)))
            case functools.partial():
                self.add((value.func, value.args, tuple(value.keywords.items())))
            case type() if issubclass(value, Event):
                self._add_event(value)
            case type():
                self._add_name(value.__module__, value.__qualname__)
            case tuple() | list() | set() | frozenset():
                for each in value:
                    self.add(each)
            case Enum():
                self.add(type(value))
                self._values.add(str(value))
            case _ if isinstance(
                wrapped := getattr(value, "__wrapped__", None), types.FunctionType
            ):
                self.add(wrapped)
            case _ if is_dataclass(value):
                for field in fields(value):
                    self.add(getattr(value, field.name))
            case _ if get_args(value):
                for each in get_args(value):
                    self.add(each)
            case _:
                self._values.add(repr(value))

    def digest(self) -> str:
        """Give the hash of all that was reached."""
        parts = [[one.name, _text(one.node)] for one in self._reached.values()]
        parts += [["value", value] for value in self._values]
        parts += [[name, _schema(event)] for name, event in self._events.items()]
        return hashlib.sha256(json.dumps(sorted(parts)).encode()).hexdigest()[:32]

    def _add_function(self, function: types.FunctionType) -> None:
        for cell in function.__closure__ or ():
            self.add(cell.cell_contents)
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self.add(default)
        if function.__name__ != "<lambda>":
            # One made within another function: the whole of that counts, and which one it is.
            self._values.add(function.__name__)
            self._add_name(function.__module__, function.__qualname__.split(_LOCAL)[0])
            return
        line = function.__code__.co_firstlineno
        for number, node in enumerate(_lambdas(function.__module__, line)):
            self._follow(Reached(function.__module__, f"lambda {line} {number}", node))

    def _add_event(self, event: type[Event]) -> None:
        if event.__module__ not in _MACHINE:
            self._events[event.type_name()] = event
            self._add_name(event.__module__, event.__qualname__)

    def _add_name(self, module: str, name: str) -> None:
        """Follow a name of a module to where it is defined."""
        if module.partition(".")[0] not in _OURS:
            self._values.add(f"{module}.{name}")
            return
        if module in _MACHINE:
            return
        first = name.partition(".")[0]
        found = _definitions(module).get(first)
        if isinstance(found, ast.ImportFrom):
            self._add_imported(found, first)
        elif found is not None and not isinstance(found, ast.Import):
            self._follow(Reached(module, first, found))

    def _add_imported(self, node: ast.ImportFrom, name: str) -> None:
        assert node.module is not None, "imports are absolute"
        (original,) = (each.name for each in node.names if (each.asname or each.name) == name)
        self._add_name(node.module, original)

    def _follow(self, reached: Reached) -> None:
        key = (reached.module, reached.name)
        if key in self._reached:
            return
        self._reached[key] = Reached(reached.module, _label(reached), bare(reached.node))
        if isinstance(reached.node, ast.ClassDef):
            self._notice_event(reached)
        for module, name in _names(reached.module, self._reached[key].node):
            self._add_name(module, name)

    def _notice_event(self, reached: Reached) -> None:
        found = getattr(importlib.import_module(reached.module), reached.name, None)
        if isinstance(found, type) and issubclass(found, Event) and found.service:
            self._events[found.type_name()] = found


def fingerprint(*values: Any) -> str:
    """Give the hash of what these functions, types and values amount to."""
    walk = Walk()
    walk.add(values)
    return walk.digest()


def bare(node: ast.AST) -> ast.AST:
    """Copy syntax without docstrings and the annotations of functions."""
    copied = ast.parse(ast.unparse(node)).body[0]
    for each in ast.walk(copied):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            each.returns = None
            arguments = each.args
            for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                one.annotation = None
            for one in (arguments.vararg, arguments.kwarg):
                if one is not None:
                    one.annotation = None
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            each.body = _without_docstring(each.body)
    return copied


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest or [ast.Pass()]
        case _:
            return body


def _label(reached: Reached) -> str:
    # Where a lambda stands does not count, so it has no name of its own.
    return "lambda" if isinstance(reached.node, ast.Expr) else reached.name


def _text(node: ast.AST) -> str:
    """Write syntax down, the same in every version of Python."""
    parts: list[str] = []
    for name, value in ast.iter_fields(node):
        if name in _POSITIONS or value is None or value == []:
            continue
        written = [_value(each) for each in (value if isinstance(value, list) else [value])]
        parts.append(f"{name}={','.join(written)}")
    return f"{type(node).__name__}({' '.join(parts)})"


def _value(value: object) -> str:
    return _text(value) if isinstance(value, ast.AST) else repr(value)


def _names(module: str, node: ast.AST) -> Iterator[tuple[str, str]]:
    """Give the module-level names that syntax uses, and attributes of modules of ours."""
    known = _definitions(module)
    for each in ast.walk(node):
        match each:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in known:
                whole = _module_of(known[name], name)
                yield (whole, attribute) if whole else (module, name)
            case ast.Name(id=name) if name in known and not _module_of(known[name], name):
                yield module, name
            case _:
                pass


def _module_of(node: ast.AST, name: str) -> str:
    """Give the module that an imported name is, or nothing."""
    match node:
        case ast.Import(names=names):
            return next(each.name for each in names if (each.asname or each.name) == name)
        case ast.ImportFrom(module=str() as module, names=names):
            original = next(each.name for each in names if (each.asname or each.name) == name)
            whole = f"{module}.{original}"
            return whole if module.partition(".")[0] in _OURS and _source(whole) else ""
        case _:
            return ""


@functools.cache
def _definitions(module: str) -> dict[str, ast.AST]:
    """Give what each module-level name of a module stands for."""
    found: dict[str, ast.AST] = {}
    for node in _tree(module).body:
        for name in _defines(node):
            found[name] = node
    return found


def _defines(node: ast.stmt) -> Sequence[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return (name,)
        case ast.Assign(targets=targets):
            return [each.id for target in targets for each in _targets(target)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return (name,)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [each.asname or each.name for each in names]
        case _:
            return ()


def _targets(target: ast.expr) -> Iterable[ast.Name]:
    return (each for each in ast.walk(target) if isinstance(each, ast.Name))


def _lambdas(module: str, line: int) -> list[ast.AST]:
    return [
        ast.Expr(node)
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.Lambda) and node.lineno == line
    ]


@functools.cache
def _tree(module: str) -> ast.Module:
    path = _source(module)
    return ast.parse(Path(path).read_text(encoding="utf-8") if path else "")


@functools.cache
def _source(module: str) -> str:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return ""
    return spec.origin or "" if spec is not None else ""


def _schema(event: type[Event]) -> str:
    schema = event.model_json_schema(mode="serialization")
    return json.dumps(_undescribed(schema), sort_keys=True)


def _undescribed(schema: Any) -> Any:
    if isinstance(schema, dict):
        left = {name: each for name, each in schema.items() if name not in ("description", "title")}
        return {name: _undescribed(each) for name, each in left.items()}
    if isinstance(schema, list):
        return [_undescribed(each) for each in schema]
    return schema
