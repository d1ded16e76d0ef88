"""Integer polynomials over the values of a program.

The language in which bounds are stated: an index, a length or a trip count is a sum
of integer multiples of monomials, a monomial a product of atoms.  Arithmetic is that
of the integers; machine arithmetic agrees with it modulo 2**64.  Multiples of a half occur
where such a polynomial is an integer all the same, as ``i * (i + 1) // 2`` is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from revtrace.program.nodes import Var

__all__ = ["Atom", "Dim", "Monomial", "Multiple", "Poly", "Step", "Trips", "size"]


@dataclass(frozen=True, slots=True)
class Dim:
    """Length of an axis of an array whose shape is not known otherwise."""

    array: Var
    axis: int


@dataclass(frozen=True, slots=True)
class Step:
    """Number of iterations of a loop that were finished: 0 in the first, 1 in the second."""

    loop: int


@dataclass(frozen=True, slots=True)
class Trips:
    """Number of iterations a counted loop's range has; not affine in its ends when the step is not 1 or -1."""

    loop: int


_ATOMS = 6

Atom = Var | Dim | Step | Trips
Monomial = tuple[Atom, ...]
Multiple = int | Fraction


def _key(atom: Atom) -> tuple[int, int, int]:
    match atom:
        case Var():
            return (0, atom.id, 0)
        case Dim():
            return (1, atom.array.id, atom.axis)
        case Step():
            return (2, atom.loop, 0)
    return (3, atom.loop, 0)


class Poly:
    """An immutable polynomial: monomials with their coefficients; ``()`` is the constant's monomial."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Mapping[Monomial, Multiple] | None = None) -> None:
        self.terms: dict[Monomial, Multiple] = {
            m: c if isinstance(c, int) else _number(c) for m, c in (terms or {}).items() if c
        }
        self._hash = hash(frozenset(self.terms.items()))

    @staticmethod
    def of(x: int | Atom) -> Poly:
        """Return a number or an atom as a polynomial."""
        return Poly({(): x}) if isinstance(x, int) else Poly({(x,): 1})

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Poly) and self.terms == other.terms

    def __add__(self, other: Poly | Multiple) -> Poly:
        terms = dict(self.terms)
        for m, c in _terms(other).items():
            terms[m] = terms.get(m, 0) + c
        return Poly(terms)

    def __sub__(self, other: Poly | Multiple) -> Poly:
        terms = dict(self.terms)
        for m, c in _terms(other).items():
            terms[m] = terms.get(m, 0) - c
        return Poly(terms)

    def __neg__(self) -> Poly:
        return Poly({m: -c for m, c in self.terms.items()})

    def __mul__(self, other: Poly | Multiple) -> Poly:
        terms: dict[Monomial, Multiple] = {}
        for m, c in self.terms.items():
            for n, d in _terms(other).items():
                mn = tuple(sorted(m + n, key=_key))
                terms[mn] = terms.get(mn, 0) + c * d
        return Poly(terms)

    @property
    def constant(self) -> int | None:
        """The number this is, or None."""
        if not self.terms:
            return 0
        found = self.terms.get(()) if len(self.terms) == 1 else None
        return found if isinstance(found, int) else None

    @property
    def offset(self) -> Multiple:
        """The constant term."""
        return self.terms.get((), 0)

    @property
    def atoms(self) -> Iterator[Atom]:
        """Every atom, once."""
        seen: set[Atom] = set()
        for m in self.terms:
            for a in m:
                if a not in seen:
                    seen.add(a)
                    yield a

    def part(self, atom: Atom) -> tuple[Poly, bool]:
        """Return the factor that multiplies an atom, and whether the polynomial is linear in it."""
        factor: dict[Monomial, Multiple] = {}
        for m, c in self.terms.items():
            if atom in m:
                rest = list(m)
                rest.remove(atom)
                if atom in rest:
                    return Poly(), False
                factor[tuple(rest)] = c
        return Poly(factor), True

    def replace(self, atom: Atom, value: Poly) -> Poly:
        """Put a value in place of an atom."""
        out = Poly()
        for m, c in self.terms.items():
            term = Poly({tuple(a for a in m if a != atom): c})
            for _ in range(m.count(atom)):
                term = term * value
            out = out + term
        return out

    @property
    def whole(self) -> Poly:
        """The polynomial, or twice that, with integer multiples: as good where only the sign matters."""
        return self if all(isinstance(c, int) for c in self.terms.values()) else self * 2

    @property
    def half(self) -> Poly | None:
        """Half of a polynomial that is even, whatever integers its atoms are; None of another."""
        atoms = list(self.atoms)
        if self.whole is not self or len(atoms) > _ATOMS:
            return None
        for values in product((0, 1), repeat=len(atoms)):
            odd = {a for a, v in zip(atoms, values, strict=True) if v}
            if sum(c for m, c in self.terms.items() if odd.issuperset(m)) % 2:
                return None
        return self * Fraction(1, 2)

    def __repr__(self) -> str:
        return " + ".join(f"{c}*{'*'.join(map(str, m))}" if m else str(c) for m, c in self.terms.items()) or "0"


def size(c: Multiple) -> Multiple:
    """Return a number's magnitude."""
    return c if c >= 0 else -c


def _number(c: Fraction) -> Multiple:
    return c.numerator if c.denominator == 1 else c


def _terms(x: Poly | Multiple) -> Mapping[Monomial, Multiple]:
    return x.terms if isinstance(x, Poly) else {(): x}
