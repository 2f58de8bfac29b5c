"""Every operation has a name, and none gets a secret: pyinfra prints the arguments of others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyinfra.api.arguments import all_global_arguments

import postroad

PACKAGE = Path(postroad.__file__).parent
SOURCES = sorted((PACKAGE / "roles").glob("*.py"))
EVERY_SOURCE = pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)

# What an operation may be given: who it is about and what must be true; never a text of its own.
HARMLESS = {
    "Backup",  # Its repr shows whose it is, not what it holds.
    "Part",
    "Departure",
    "LogLevel",
    "Mapping[str, Departure]",
    "Policy",
    "Sequence[Rule]",
    "Site",
    "Sites",
    "StateReader",
    "StreamName",
    "bool",
    "tuple[Step, ...]",
}


def tree(source: Path) -> ast.Module:
    return ast.parse(source.read_text(encoding="utf-8"))


def is_operation(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        "operation" in ast.unparse(decorator) for decorator in node.decorator_list
    )


def operations() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Each operation of ours: its module, and itself."""
    for source in SOURCES:
        for node in ast.walk(tree(source)):
            if isinstance(node, ast.FunctionDef) and is_operation(node):
                yield source.stem, node


NAMES = {(module, function.name) for module, function in operations()}


def named_calls(source: Path) -> Iterator[tuple[tuple[str, str], ast.Call]]:
    """Every call of an operation in ``source``: of its own, or as ``module.operation(...)``."""
    whole = tree(source)
    modules = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(whole)
        if isinstance(node, ast.ImportFrom) and node.module == "postroad.roles"
        for alias in node.names
    }
    for node in ast.walk(whole):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)):
                called = modules.get(module, ""), name
            case ast.Call(func=ast.Name(id=name)):
                called = source.stem, name
            case _:
                continue
        if called in NAMES:
            yield called, node


def calls(source: Path) -> Iterator[ast.Call]:
    """Every call of an operation in ``source``."""
    return (call for _, call in named_calls(source))


@EVERY_SOURCE
def test_another_file_s_operations_are_called_through_their_module(source: Path) -> None:
    # So that the tests below see every call.
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("postroad.roles."):
            module = (node.module or "").rpartition(".")[2]
            assert not [alias.name for alias in node.names if (module, alias.name) in NAMES]


def test_the_operations_are_found() -> None:
    assert {("apply", "make_true"), ("base", "packages"), ("ufw", "firewall")} <= NAMES


def test_the_calls_are_found() -> None:
    found = {called for source in SOURCES for called, _ in named_calls(source)}
    # ufw's stand on their own, for others to use; the firewall's operations are made of them.
    assert found == {(module, name) for module, name in NAMES if module != "ufw"}


@EVERY_SOURCE
def test_every_call_of_an_operation_has_a_name(source: Path) -> None:
    for call in calls(source):
        assert "name" in {word.arg for word in call.keywords}, f"line {call.lineno}"


@pytest.mark.parametrize(
    "function", [f for _, f in operations()], ids=[f"{m}.{f.name}" for m, f in operations()]
)
def test_an_operation_is_given_no_text_that_could_be_secret(function: ast.FunctionDef) -> None:
    for argument in function.args.args:
        assert argument.annotation is not None
        assert ast.unparse(argument.annotation) in HARMLESS, argument.arg
    assert function.args.vararg is function.args.kwarg is None


def shadowed(function: ast.FunctionDef) -> set[str]:
    """The parameters that pyinfra would take for its own (its "global arguments")."""
    given = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    return given & {name for name, _ in all_global_arguments()}


def test_no_parameter_of_an_operation_is_one_that_pyinfra_takes_for_itself() -> None:
    # pyinfra takes `name` and its like before the operation sees them.
    for module, function in operations():
        assert not shadowed(function), f"{module}.{function.name}"


def test_a_parameter_that_pyinfra_takes_for_itself_is_found() -> None:
    (node,) = ast.parse("def rename(site: Site, name: str, *, _env: str) -> Commands: ...").body
    assert isinstance(node, ast.FunctionDef)
    assert shadowed(node) == {"name", "_env"}


@EVERY_SOURCE
def test_pyinfra_s_own_operations_are_not_used(source: Path) -> None:
    # files.put and files.template write a world-readable copy to /tmp and show secrets in --diff;
    # server.shell always counts as a change.
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("pyinfra.operations")
        if isinstance(node, ast.Import):
            assert not [n for n in node.names if n.name.startswith("pyinfra.operations")]


@EVERY_SOURCE
def test_a_module_runs_nothing_when_it_is_imported(source: Path) -> None:
    # pyinfra executes a deploy file once a host, but imports a module once.
    places = {call.lineno for call in calls(source)}
    functions = [node for node in ast.walk(tree(source)) if isinstance(node, ast.FunctionDef)]
    inside = {n for f in functions for n in range(f.lineno, (f.end_lineno or f.lineno) + 1)}
    assert places <= inside


@EVERY_SOURCE
def test_a_loop_over_operations_is_pyinfra_s_own(source: Path) -> None:
    # pyinfra tells operations apart by their lines: in a plain loop they would be one.
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.For) and "converge(" in ast.unparse(node):
            assert "host.loop(" in ast.unparse(node.iter), f"line {node.lineno}"


@pytest.mark.parametrize(
    "role", ["base", "dkim", "firewall", "postfix", "report", "rotation", "tls"]
)
def test_every_role_is_a_deploy_with_a_docstring(role: str) -> None:
    deploys = [
        node
        for node in tree(PACKAGE / "roles" / f"{role}.py").body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(decorator).startswith("deploy(") for decorator in node.decorator_list)
    ]
    assert deploys
    assert all(map(ast.get_docstring, deploys))
