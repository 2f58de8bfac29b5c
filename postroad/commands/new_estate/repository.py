"""The files of a first repository: those that are the same for everybody, and those of a plan.

The deploys and config.py are this checkout's own, which the wheel carries. Pure, but for reading
what is packaged.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from postroad.commands.new_estate.plan import Plan
from postroad.data import shipped
from postroad.settings import defaults
from postroad.settings.hidden import NOT_YET
from postroad.settings.model import StreamName

HERE = Path(__file__).resolve().parent
# The login of the application that sends the mail of a stream.
_LOGINS: dict[StreamName, str] = {"transactional": "shop", "marketing": "campaigns"}


def files(plan: Plan) -> dict[Path, str]:
    """Every file of the repository, by its path in it."""
    deploys = sorted(shipped("deploys").glob("*.py"))
    return {
        Path("README.md"): _rendered("README.md.j2", plan),
        Path(".gitignore"): _rendered("gitignore.j2", plan),
        Path("config.py"): shipped("config.py").read_text(encoding="utf-8"),
        _inventory(plan): _rendered("inventory.py.j2", plan),
        _group_data(plan): _rendered("group_data.py.j2", plan),
        **{Path("deploys") / one.name: one.read_text(encoding="utf-8") for one in deploys},
    }


def estate_of(plan: Plan) -> dict[str, Any]:
    """What the plan's group_data declares, read from its text, which is not run for it."""
    tree = ast.parse(_rendered("group_data.py.j2", plan))
    declared = next(node.value for node in reversed(tree.body) if isinstance(node, ast.Assign))
    estate: dict[str, Any] = ast.literal_eval(_Unhidden().visit(declared))
    return estate


class _Unhidden(ast.NodeTransformer):
    """``Hidden(NOT_YET)``, the one call in the declaration, as the text that it hides."""

    def visit_Call(self, node: ast.Call) -> ast.Constant:
        return ast.Constant(NOT_YET)


def _inventory(plan: Plan) -> Path:
    return Path("inventories") / f"{plan.name}.py"


def _group_data(plan: Plan) -> Path:
    return Path("group_data") / f"{plan.name}.py"


def _rendered(template: str, plan: Plan) -> str:
    return (
        _environment()
        .get_template(template)
        .render(
            plan=plan,
            logins=_LOGINS,
            first_ports=defaults.SUBMISSION_PORTS,
            second_ports=defaults.SECOND_SUBMISSION_PORTS,
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "repository"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  Python and Markdown, not HTML
    )
    environment.filters["python"] = _literal
    return environment


def _literal(value: object) -> str:
    """A text, or a list of them, as Python reads it; what JSON escapes, Python escapes alike."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(str(value), ensure_ascii=False)
