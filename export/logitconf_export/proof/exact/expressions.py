"""Exact real expressions of a row in a normal form: what a tensor would be without rounding.

An expression is a sum of products of atoms with rational coefficients and powers. Exponentials of
sums are split into products, logarithms of products into sums, and a factor that is the same for
all classes is taken out of a sum over them. Every step is an identity of real numbers, so two
expressions whose difference comes out as 0 are equal on every row.

Atoms are tuples, their first member says what they are:

- ``("row", name)`` a number of the row, ``("class", name)`` one number a class,
- ``("exp", product)`` e to a product of atoms, its power the factor in the exponent,
- ``("sum", product)`` the sum of a product over the classes,
- ``("log", expression)``, ``("base", expression)`` a sum of several terms under a power,
- ``("abs", expression)`` the size of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias

Atom: TypeAlias = tuple[Any, ...]
Product: TypeAlias = tuple[tuple[Atom, Fraction], ...]

_MOST_TERMS, _MOST_FACTORS = 4000, 64


class NoNormalFormError(Exception):
    """An expression that the normal form does not know."""


@dataclass(frozen=True)
class Expression:
    """A sum of products: ((product, coefficient), ...), sorted, without zeros."""

    terms: tuple[tuple[Product, Fraction], ...]

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.terms)

    @property
    def number(self) -> Fraction | None:
        """Its value, if it is a plain number."""
        if not self.terms:
            return Fraction(0)
        return self.terms[0][1] if len(self.terms) == 1 and not self.terms[0][0] else None

    @cached_property
    def by_class(self) -> bool:
        """Whether it has a value for each class, rather than one a row."""
        return any(product_by_class(product) for product, _ in self.terms)

    def __add__(self, other: Expression) -> Expression:
        return collected([*self.terms, *other.terms])

    def __neg__(self) -> Expression:
        return self * number(-1)

    def __sub__(self, other: Expression) -> Expression:
        return self + -other

    def __mul__(self, other: Expression) -> Expression:
        if len(self.terms) * len(other.terms) > _MOST_TERMS:
            raise NoNormalFormError("a product of too many terms")
        terms = [(_times(p, q), a * b) for p, a in self.terms for q, b in other.terms]
        return _expanded(collected(terms))

    def __str__(self) -> str:
        return " + ".join(_spell_term(p, c) for p, c in self.terms) or "0"


ONE = Expression((((), Fraction(1)),))


def number(value: Fraction | int | float) -> Expression:
    """A constant; floats are taken as the rational numbers that they are."""
    value = Fraction(value)
    return Expression((((), value),) if value else ())


def atom(*parts: Any) -> Expression:
    """One atom."""
    return Expression((((((parts), Fraction(1)),), Fraction(1)),))


def row(name: str) -> Expression:
    """A number of the row."""
    return atom("row", name)


def of_class(name: str) -> Expression:
    """A number of each class."""
    return atom("class", name)


AT_TOP, COUNT = of_class("at top"), row("count")
"""1 for a class of largest logit and 0 for others, and how many are of largest logit."""

BESIDE = of_class("beside")
"""How far a class lies below the second of all, and 0 for the largest: min(0, below − gap)."""
_BELOW, _GAP = of_class("below"), row("gap")


def atom_by_class(a: Atom) -> bool:
    """Whether an atom has a value for each class."""
    match a[0]:
        case "class":
            return True
        case "exp":
            return product_by_class(a[1])
        case "log" | "base" | "abs":
            return bool(a[1].by_class)
    return False


def product_by_class(product: Product) -> bool:
    """Whether a product has a value for each class."""
    return any(atom_by_class(a) for a, _ in product)


def power(x: Expression, exponent: Fraction | int) -> Expression:
    """X to a rational power; one that is not whole needs x > 0."""
    exponent = Fraction(exponent)
    if exponent.denominator == 1 and exponent >= 0:
        if exponent > _MOST_FACTORS:
            (product, coefficient), *more = x.terms or (((), Fraction(0)),)
            if more or coefficient != 1 or any(a[0] != "exp" for a, _ in product):
                raise NoNormalFormError("a power of too many factors")
            return Expression(((tuple((a, p * exponent) for a, p in product), coefficient),))
        result = number(1)
        for _ in range(int(exponent)):
            result = result * x
        return result
    if not x.terms:
        raise NoNormalFormError("a power of 0")
    (product, coefficient), rest = _content(x, signed=exponent.denominator == 1)
    if exponent.denominator != 1 and coefficient != 1:
        if coefficient < 0:
            raise NoNormalFormError("a fractional power of what may be negative")
        inside = Expression((((), coefficient),))
        factor: Product = ((("base", inside), exponent),)
        scale = Fraction(1)
    else:
        factor, scale = (
            (),
            coefficient**exponent.numerator if exponent.denominator == 1 else Fraction(1),
        )
    powers = _times(tuple((a, p * exponent) for a, p in product), factor)
    if rest is not None:
        powers = _times(powers, ((("base", rest), exponent),))
    return _expanded(collected([(powers, scale)]))


def size(x: Expression) -> Expression:
    """The absolute value of x."""
    if x.number is not None:
        return number(abs(x.number))
    (product, coefficient), rest = _content(x, signed=True)
    if rest is None and len(product) == 1 and product[0][0][0] == "abs" and product[0][1] == 1:
        return x * number(-1) if coefficient < 0 else x
    shared = number(1)
    kept: Product = ()
    for a, p in product:
        if a[0] == "exp":
            shared = shared * Expression(((((a, p),), Fraction(1)),))
        else:
            kept = _times(kept, ((a, p),))
    inside = Expression(((kept, Fraction(1)),)) * (number(1) if rest is None else rest)
    return (
        shared
        * number(abs(coefficient))
        * (number(1) if inside.number == 1 else atom("abs", inside))
    )


def exponential(x: Expression) -> Expression:
    """E to x."""
    result = number(1)
    for product, coefficient in x.terms:
        if len(product) == 1 and product[0][0][0] == "log" and product[0][1] == 1:
            result = result * power(product[0][0][1], coefficient)
        else:
            result = result * Expression((((((("exp", product)), coefficient),), Fraction(1)),))
    return result


def logarithm(x: Expression) -> Expression:
    """The natural logarithm of x > 0."""
    if not x.terms:
        raise NoNormalFormError("a logarithm of 0")
    (product, coefficient), rest = _content(x)
    if coefficient < 0:
        raise NoNormalFormError("a logarithm of what may be negative")
    result = number(0) if coefficient == 1 else atom("log", Expression((((), coefficient),)))
    for a, p in product:
        match a[0]:
            case "exp":
                part = Expression(((a[1], Fraction(1)),))
            case "base":
                part = atom("log", a[1])
            case _:
                part = atom("log", Expression((((((a, Fraction(1)),)), Fraction(1)),)))
        result = result + part * number(p)
    return result if rest is None else result + atom("log", rest)


def sum_over_classes(x: Expression, n_classes: int) -> Expression:
    """The sum of x over the classes."""
    total = number(0)
    for product, coefficient in x.terms:
        own = tuple(item for item in product if atom_by_class(item[0]))
        common = tuple(item for item in product if not atom_by_class(item[0]))
        scale = Expression(((common, coefficient),))
        share = power_beside(Expression(((own, Fraction(1)),)))
        if own == AT_TOP.terms[0][0]:
            total = total + scale * COUNT
        elif share is not None:
            # the largest adds 1, the others e^(−gap) times what they add beside the largest
            others = sum_over_classes(exponential(_BELOW * number(share)), n_classes) - ONE
            total = total + scale * (ONE + exponential(-_GAP * number(share)) * others)
        else:
            total = total + scale * (atom("sum", own) if own else number(n_classes))
    return total


def power_beside(x: Expression) -> Fraction | None:
    """C where x is e to c times how far a class lies below the second; else None."""
    if len(x.terms) != 1 or x.terms[0][1] != 1 or len(x.terms[0][0]) != 1:
        return None
    a, share = x.terms[0][0][0]
    return share if a == ("exp", BESIDE.terms[0][0]) else None


def substituted(x: Expression, value: Callable[[Atom], Expression | None]) -> Expression:
    """X with some atoms replaced, in exponents, logarithms and bases too; not in sums."""
    total = number(0)
    for product, coefficient in x.terms:
        term = number(coefficient)
        for a, p in product:
            term = term * power(_substituted_atom(a, value), p)
        total = total + term
    return total


def _substituted_atom(a: Atom, value: Callable[[Atom], Expression | None]) -> Expression:
    given = value(a)
    if given is not None:
        return given
    match a[0]:
        case "exp":
            return exponential(substituted(Expression(((a[1], Fraction(1)),)), value))
        case "log":
            return logarithm(substituted(a[1], value))
        case "base":
            return substituted(a[1], value)
        case "abs":
            return size(substituted(a[1], value))
    return atom(*a)


def expression_multiple(x: Expression, y: Expression) -> Fraction | None:
    """C with x = c·y, None if there is none."""
    if len(x.terms) != len(y.terms) or not x.terms:
        return None
    ratios = {a / b if p == q else None for (p, a), (q, b) in zip(x.terms, y.terms, strict=True)}
    return ratios.pop() if len(ratios) == 1 else None


def never_negative(x: Expression) -> bool:
    """Whether x is a sum of exponentials, and of sums of them, with factors above 0."""
    return all(c > 0 and _of_exponentials(product) for product, c in x.terms)


def _of_exponentials(product: Product) -> bool:
    return all(a[0] == "exp" or (a[0] == "sum" and _of_exponentials(a[1])) for a, _ in product)


def is_zero(x: Expression) -> bool:
    """Whether x is 0 on every row; False also where that is merely not seen."""
    for _ in range(12):
        if not x.terms:
            return True
        lowest: dict[Atom, Fraction] = {}
        for product, _c in x.terms:
            powers = dict(product)
            for a in powers:
                if a[0] == "base":
                    lowest.setdefault(a, min(dict(q).get(a, Fraction(0)) for q, _d in x.terms))
        negative = {a: p for a, p in lowest.items() if p < 0}
        if not negative:
            return False
        for a, p in negative.items():
            factor: Product = ((a, -p),)
            x = _expanded(collected([(_times(q, factor), c) for q, c in x.terms]))
    return False


def _content(
    x: Expression, *, signed: bool = False
) -> tuple[tuple[Product, Fraction], Expression | None]:
    """The common factor of all terms, and what is left, None for a single term.

    The first term of what is left has the coefficient 1, or ±1 unless it may change sign.
    """
    if len(x.terms) == 1:
        return x.terms[0], None
    powers = [dict(product) for product, _ in x.terms]
    atoms = set().union(*powers)
    common = {a: (max if _grows(a) else min)(p.get(a, Fraction(0)) for p in powers) for a in atoms}
    shared: Product = _sorted((a, p) for a, p in common.items() if p)
    inverse = tuple((a, -p) for a, p in shared)
    rest = collected([(_times(product, inverse), c) for product, c in x.terms])
    scale = rest.terms[0][1] if signed else abs(rest.terms[0][1])
    rest = collected([(product, c / scale) for product, c in rest.terms])
    return (shared, scale), rest


def _grows(a: Atom) -> bool:
    """Whether it is e to what is never negative: then 1 + e^−x stays, and is not e^−x (e^x + 1)."""
    if a[0] != "exp" or len(a[1]) != 1:
        return False
    inside = a[1][0][0]
    return bool(inside[0] == "abs" or inside in (("row", "least"), ("row", "most")))


def _times(p: Product, q: Product) -> Product:
    powers = dict(p)
    for a, exponent in q:
        powers[a] = powers.get(a, Fraction(0)) + exponent
    return _sorted((a, e) for a, e in powers.items() if e)


def _sorted(items: Iterable[tuple[Atom, Fraction]]) -> Product:
    return tuple(sorted(items, key=repr))


def collected(terms: Iterable[tuple[Product, Fraction]]) -> Expression:
    """The sum of products with coefficients."""
    sums: dict[Product, Fraction] = {}
    for product, coefficient in terms:
        sums[product] = sums.get(product, Fraction(0)) + coefficient
    return Expression(tuple(sorted(((p, c) for p, c in sums.items() if c), key=repr)))


def _expanded(x: Expression) -> Expression:
    """X with sums under a whole power multiplied out."""
    total: Expression | None = None
    kept = []
    for product, coefficient in x.terms:
        whole = [(a, p) for a, p in product if a[0] == "base" and p > 0 and p.denominator == 1]
        if not whole:
            kept.append((product, coefficient))
            continue
        rest = tuple(item for item in product if item not in whole)
        term = Expression(((rest, coefficient),))
        for a, p in whole:
            term = term * power(a[1], p)
        total = term if total is None else total + term
    if total is None:
        return x
    return collected([*kept, *total.terms])


def _spell_term(product: Product, coefficient: Fraction) -> str:
    factors = [f"{_spell(a)}^{p}" if p != 1 else _spell(a) for a, p in product]
    if coefficient != 1 or not factors:
        factors.insert(0, f"{float(coefficient):.9g}")
    return "·".join(factors)


def _spell(a: Atom) -> str:
    match a[0]:
        case "row" | "class":
            return str(a[1])
        case "exp":
            return f"e[{'·'.join(_spell(b) for b, _ in a[1]) or '1'}]"
        case "sum":
            return f"Σ({'·'.join(f'{_spell(b)}^{float(p):.9g}' for b, p in a[1])})"
        case "log":
            return f"log({a[1]})"
        case "base":
            return f"({a[1]})"
    return f"{a[0]}({a[1]})"
