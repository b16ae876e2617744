"""Expressions of derived comparisons: sums, differences, products and quotients of measures and numbers."""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from assay.errors import SpecError

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_DEEPEST = 200


@dataclass(frozen=True)
class Expression:
    """A parsed expression."""

    tree: ast.expr

    @classmethod
    def parse(cls, text: str, where: str = "expression") -> "Expression":
        """Parse an expression.

        Raises:
            SpecError: it is none.

        """
        try:
            tree = ast.parse(text.strip(), mode="eval").body
            _check(tree, 0)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else str(error) or "too deep"
            raise SpecError(
                where,
                f"found {text[:80]!r} ({reason}), expected measures and numbers with + - * / and brackets",
                "Write such as `forward - inverse`.",
            ) from error
        return cls(tree)

    @property
    def names(self) -> tuple[str, ...]:
        """The measures that it names, in order, each once."""
        found = [node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)]
        return tuple(dict.fromkeys(found))

    def value(self, figures: Mapping[str, float]) -> float:
        """Compute it.

        Raises:
            ZeroDivisionError: a quotient's divisor is 0.

        """
        return _value(self.tree, figures)


def _check(node: ast.expr, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("too deep")
    match node:
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            _check(left, depth + 1)
            _check(right, depth + 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            _check(operand, depth + 1)
        case ast.Name():
            pass
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            pass
        case _:
            raise ValueError(f"{ast.unparse(node)[:40]} is not allowed")


def _value(node: ast.expr, figures: Mapping[str, float]) -> float:
    match node:
        case ast.BinOp(left=left, op=sign, right=right):
            return _OPERATORS[type(sign)](_value(left, figures), _value(right, figures))
        case ast.UnaryOp(operand=operand):
            return -_value(operand, figures)
        case ast.Name(id=name):
            return figures[name]
        case ast.Constant(value=int() | float() as number):
            return float(number)
    raise AssertionError(f"checked when parsed: {ast.dump(node)}")
