"""Conditions on the rows of a table, such as `cv_mean > 0.9 and model == "ridge"`.

An expression is parsed into Python's syntax tree, and only the nodes that are listed here are computed. So neither an
expression nor the name of a column, which may come from another person's commit, can run code.
"""

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_list_like, is_numeric_dtype

from ..core.errors import UserError

MAX_CHARACTERS = 5000
TOKENS = re.compile(
    r"""(?P<text>[rR]?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))"""
    r"|`(?P<quoted>[^`]*)`"
    r"|(?P<number>\d[\w.]*)"
    r"|(?P<word>[^\W\d]\w*(?:\.\w+)*)"
    r"|(?P<space>\s+)"
    r"|(?P<other>.)"
)
KEYWORDS = {"and", "or", "not", "in", "is", "True", "False", "None"}
LOGICAL = {"&": " and ", "|": " or "}  # with the precedence of and, or: `a > 1 & b > 2` as in DataFrame.query

ARITHMETIC: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
COMPARISONS: dict[type, Callable] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
FUNCTIONS: dict[str, Callable] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "floor": np.floor,
    "ceil": np.ceil,
}
# Of a column, and of its text as in `name.str.contains("x")`. None of them makes text longer.
METHODS = ("isna", "isnull", "notna", "notnull", "isin", "between", "abs", "round")
TEXT_METHODS = (
    *("contains", "startswith", "endswith", "match", "fullmatch", "lower", "upper", "strip", "lstrip", "rstrip"),
    *("len", "count", "find", "removeprefix", "removesuffix", "isnumeric", "isdigit", "isalpha"),
)


class Expression:
    """A condition, parsed.

    Args:
        text: the condition.
        resolve: returns the column for a name, or raises UserError.
        is_column: whether a name stands for a column; `name.str.len` is a column and two methods.

    Raises:
        UserError: the text is outside the grammar, or a name stands for no column.
    """

    def __init__(self, text: str, resolve: Callable[[str], str], is_column: Callable[[str], bool]) -> None:
        if len(text) > MAX_CHARACTERS:
            raise UserError(f"the condition is longer than {MAX_CHARACTERS} characters")
        self.resolve, self.is_column = resolve, is_column
        self.columns: dict[str, str] = {}  # by the identifier in the tree
        try:
            self.tree = ast.parse(self._to_python(text), mode="eval").body
        except SyntaxError as error:
            raise UserError(f"not a condition ({error.msg}); compare a column with a value: cv_mean > 0.9") from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise UserError(f"cannot be parsed ({error or type(error).__name__})") from error

    @property
    def names(self) -> list[str]:
        """The columns that the condition reads."""
        return list(dict.fromkeys(self.columns.values()))

    def holds(self, rows: pd.DataFrame) -> np.ndarray:
        """Whether the condition holds for each row; it does not for a missing value.

        Raises UserError if the condition is not true or false, or if types do not fit.
        """
        try:
            with np.errstate(all="ignore"):
                truth = _Evaluation(self.columns, rows).truth(self.tree)
        except RecursionError as error:
            raise UserError("the condition is nested too deeply") from error
        except (TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError, re.error) as error:
            raise UserError(" ".join(str(error).split())) from error
        return truth.fillna(False).to_numpy(bool)

    def _to_python(self, text: str) -> str:
        """The text with an identifier for each column, whose name need not be a name of Python."""
        parts: list[str] = []
        before = ""  # the last token that is not space
        for token in TOKENS.finditer(text):
            part = token[0]
            if token.lastgroup == "quoted":
                part = self._identifier(token["quoted"])
            elif token.lastgroup == "word" and part not in KEYWORDS and before != ".":
                part = self._replace_word(part, text[token.end() :].lstrip())
            elif token.lastgroup == "other":
                part = LOGICAL.get(part, part)
            before = token[0] if token.lastgroup != "space" else before
            parts.append(part)
        return "".join(parts).strip()

    def _replace_word(self, word: str, rest: str) -> str:
        """A column's identifier with the methods after it; the name of a function or of an argument stays."""
        is_argument = rest.startswith("=") and not rest.startswith("==")
        is_function = word in FUNCTIONS and rest.startswith("(")
        if is_function or (is_argument and "." not in word):
            return word
        name, methods = word, ""
        while "." in name and not self.is_column(name):
            name, _, last = name.rpartition(".")
            methods = f".{last}{methods}"
        if not self.is_column(name):
            name, methods = word, ""  # resolve raises an error that names the whole word
        return self._identifier(name) + methods

    def _identifier(self, name: str) -> str:
        identifier = f"column_{len(self.columns)}"
        self.columns[identifier] = self.resolve(name)
        return f" {identifier} "


class _Evaluation:
    """Computes a tree on rows."""

    def __init__(self, columns: dict[str, str], rows: pd.DataFrame) -> None:
        self.columns, self.rows = columns, rows

    def truth(self, node: ast.expr) -> pd.Series:
        """True, false or missing for each row."""
        value = self.value(node)
        if isinstance(value, bool):
            return pd.Series(value, self.rows.index, dtype="boolean")
        if isinstance(value, pd.Series) and is_bool_dtype(value.dtype):
            return value.astype("boolean")
        raise UserError("is a value and not a condition; compare it: cv_mean > 0.9")

    def value(self, node: ast.expr) -> Any:
        """A number, text or truth value, a column of them, or a list of constants."""
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str() as value):
                return value
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                return [self.constant(item) for item in items]
            case ast.Name(id=identifier) if identifier in self.columns:
                return self.rows[self.columns[identifier]]
            case ast.BoolOp(op=op, values=parts):
                return self.join(parts, operator.and_ if isinstance(op, ast.And) else operator.or_)
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=part):
                return ~self.truth(part)
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return -_as_number(self.value(part))
            case ast.UnaryOp(op=ast.UAdd(), operand=part):
                return _as_number(self.value(part))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                return _arithmetic(op, self.value(left), self.value(right))
            case ast.Compare():
                return self.comparison(node)
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
                return FUNCTIONS[name](_as_number(self.value(argument)))
            case ast.Call(func=ast.Attribute(value=ast.Attribute(value=owner, attr="str"), attr=name)):
                return self.call(_as_text(self.column(owner)), name, TEXT_METHODS, node)
            case ast.Call(func=ast.Attribute(value=owner, attr=name)):
                return self.call(self.column(owner), name, METHODS, node)
        raise UserError(
            f"{type(node).__name__} has no place in a condition; use columns, values, comparisons, and, or, not, in, "
            f"arithmetic, {', '.join(FUNCTIONS)}, and methods such as name.str.contains('x')"
        )

    def join(self, parts: list[ast.expr], operation: Callable) -> pd.Series:
        joined = self.truth(parts[0])
        for part in parts[1:]:
            joined = operation(joined, self.truth(part))
        return joined

    def column(self, node: ast.expr) -> pd.Series:
        value = self.value(node)
        if not isinstance(value, pd.Series):
            raise UserError("only a column has methods")
        return value

    def constant(self, node: ast.expr) -> Any:
        value = self.value(node)
        if isinstance(value, pd.Series):
            raise UserError("a list and the arguments of a method hold values, not columns")
        return value

    def call(self, owner: Any, name: str, allowed: tuple[str, ...], node: ast.Call) -> pd.Series:
        if name not in allowed:
            raise UserError(f".{name}() is not a method here; use {', '.join(allowed)}")
        options = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise UserError(f".{name}(): arguments are named one by one")
            options[keyword.arg] = self.constant(keyword.value)
        return getattr(owner, name)(*[self.constant(argument) for argument in node.args], **options)

    def comparison(self, node: ast.Compare) -> pd.Series | bool:
        """Each value compared with the next, as in 0.5 < cv_mean < 0.9."""
        values = [self.value(item) for item in (node.left, *node.comparators)]
        results = [_compare(op, values[i], values[i + 1]) for i, op in enumerate(node.ops)]
        joined = results[0]
        for result in results[1:]:
            joined = joined & result
        return joined


def _compare(op: ast.cmpop, left: Any, right: Any) -> pd.Series | bool:
    is_negative = isinstance(op, ast.NotEq | ast.NotIn | ast.IsNot)
    if isinstance(op, ast.Is | ast.IsNot) and right is not None:
        raise UserError("is compares with None only; use ==")
    if right is None and isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
        missing = left.isna().astype("boolean") if isinstance(left, pd.Series) else left is None
        return _negate(missing) if is_negative else missing
    if isinstance(op, ast.In | ast.NotIn) or (isinstance(right, list) and _has_no_lists(left)):
        if not isinstance(op, ast.In | ast.NotIn | ast.Eq | ast.NotEq):
            raise UserError("a list has no order; use in")
        contained = _contained(left, right)
        return _negate(contained) if is_negative else contained
    columns = [side for side in (left, right) if isinstance(side, pd.Series)]
    if not columns:
        return bool(COMPARISONS[type(op)](left, right))
    if any(column.dtype == object for column in columns):
        return _compare_each(COMPARISONS[type(op)], left, right, columns[0].index)
    compared = COMPARISONS[type(op)](left, right).astype("boolean")
    for column in columns:
        compared = compared.mask(column.isna())
    return compared


def _negate(truth: pd.Series | bool) -> pd.Series | bool:
    return not truth if isinstance(truth, bool) else ~truth


def _has_no_lists(value: Any) -> bool:
    return not (isinstance(value, pd.Series) and value.dtype == object and value.map(is_list_like).any())


def _contained(left: Any, right: Any) -> pd.Series | bool:
    """left in right: in a list, or text in the text of a column."""
    if isinstance(left, str) and isinstance(right, pd.Series):
        return right.str.contains(left, regex=False).astype("boolean")
    if not isinstance(right, list):
        raise UserError("in needs a list on its right: model in ['ridge', 'random_forest']")
    if isinstance(left, pd.Series):
        return left.isin(right).astype("boolean").mask(left.isna())
    return left in right


def _compare_each(operation: Callable, left: Any, right: Any, index: pd.Index) -> pd.Series:
    """Compare values of several types one by one; two that have no order fit no comparison."""
    pairs = zip(*[side if isinstance(side, pd.Series) else [side] * len(index) for side in (left, right)], strict=True)
    results: list[bool | None] = []
    for value, other in pairs:
        is_missing = any(not is_list_like(side) and pd.isna(side) for side in (value, other))
        try:
            results.append(None if is_missing else bool(operation(value, other)))
        except TypeError:
            results.append(None)
    return pd.Series(results, index, dtype="boolean")


def _arithmetic(op: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(op, ast.Add) and _is_text(left) and _is_text(right):
        return left + right
    left, right = _as_number(left), _as_number(right)
    if isinstance(op, ast.Pow):  # of whole numbers, a power may have more digits than there is memory
        left, right = (float(side) if isinstance(side, int) else side for side in (left, right))
    return ARITHMETIC[type(op)](left, right)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, pd.Series) and isinstance(value.dtype, pd.StringDtype))


def _as_text(column: pd.Series) -> Any:
    """The column's methods of text; a column without any value has no type yet."""
    return (column.astype("string") if column.isna().all() else column).str


def _as_number(value: Any) -> Any:
    if isinstance(value, pd.Series) and is_numeric_dtype(value.dtype):
        return value
    if isinstance(value, int | float):
        return value
    if isinstance(value, pd.Series) and value.isna().all():
        return value.astype("Float64")
    name = f"the column {value.name!r}" if isinstance(value, pd.Series) else repr(value)
    raise UserError(f"{name} is not a number")
