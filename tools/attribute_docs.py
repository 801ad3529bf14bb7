"""Reads what a class says of its attributes, from its source.

Pydantic could keep these texts itself (`use_attribute_docstrings`), but it would read the source each time that the
product starts.
"""

import ast
import inspect
import textwrap

from integration_center.wording.docstrings import join_lines, read_attributes


def read_attribute_docs(model: type) -> dict[str, str]:
    """Read the text of each attribute of a class and of the classes it is made from, by the attribute's name.

    A text is the string below the attribute, or its entry in the section "Attributes:" of the class's docstring.
    Paragraphs stay apart by an empty line; the lines of one paragraph are joined.
    """
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if each.__module__.partition(".")[0] == model.__module__.partition(".")[0]:
            found |= read_attributes(each.__doc__) | _read_strings(each)
    return found


def _read_strings(model: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    definition = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    found = {}
    for statement, below in zip(definition.body, definition.body[1:], strict=False):
        name = _name_of(statement)
        if name and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[name] = join_lines(str(below.value.value))
    return found


def _name_of(statement: ast.stmt) -> str | None:
    target = (
        statement.target
        if isinstance(statement, ast.AnnAssign)
        else statement.targets[0]
        if isinstance(statement, ast.Assign)
        else None
    )
    return target.id if isinstance(target, ast.Name) else None
