"""Arithmetic of lengths, decided: what slices of arrays amount to.

Slices are clipped to the array, so ``u[1:-1]`` begins at ``min(1, n)`` and has
``max(max(n - 1, 0) - min(1, n), 0)`` elements.  Such a number is a function of one length
``n >= 0``; two that are the same function are one value, conditions that always hold go,
and inside a loop over the slice, where ``n`` is long enough for it to run, its beginning is
the constant 1.  Lengths that a check has found equal are one from there on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from revtrace.passes.affine import Form, combined, constant, identity
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Program, Stmt, Var, While, const
from revtrace.program.rebuild import fresh
from revtrace.program.types import BOOL, INT

__all__ = ["lengths"]


def lengths(program: Program) -> Program:
    """Return the program with the arithmetic of lengths simplified; results are the same."""
    program = fresh(program)
    walker = _Walker()
    body = walker.block(program.body, _Scope())
    return Program(program.name, program.inputs, body)


@dataclass(slots=True)
class _Scope:
    """What is known in a block.

    Attributes
    ----------
    least : dict
        Lengths and the smallest they can be here; zero where nothing is said.
    known : dict
        Values visible here by the function of a length they are.
    same : dict
        Lengths found equal to another, or to a number.
    stmts : list of Stmt
        What was written so far.
    """

    least: dict[Var, int] = field(default_factory=dict)
    known: dict[object, Var] = field(default_factory=dict)
    same: dict[Var, Operand] = field(default_factory=dict)
    stmts: list[Stmt] = field(default_factory=list)

    def inner(self) -> _Scope:
        return _Scope(dict(self.least), dict(self.known), dict(self.same))


class _Walker:
    def __init__(self) -> None:
        self.forms: dict[Var, Form] = {}
        self.became: dict[Var, Operand] = {}
        self.made: dict[Var, Op] = {}

    # values -------------------------------------------------------------------------------

    def form(self, x: Operand, scope: _Scope) -> Form | None:
        """Return an integer or a condition as a function of one length."""
        if isinstance(x, Const):
            return constant(int(x.value.real)) if x.type in (INT, BOOL) else None
        found = self.forms.get(x)
        while found is not None and found.base is not None and found.base in scope.same:
            other = scope.same[found.base]
            if isinstance(other, Const):
                return constant(found.at(int(other.value.real)))
            if other not in self.forms or self.forms[other].base is not other:
                break
            found = replace(found, base=other)
        return found

    def operand(self, x: Operand, scope: _Scope) -> Operand:
        """Return what stands for a value here."""
        while isinstance(x, Var):
            other = scope.same.get(x, self.became.get(x))
            if other is None:
                break
            x = other
        form = self.form(x, scope)
        if form is None or not isinstance(x, Var):
            return x
        return self.simpler(x, form, scope) or x

    def simpler(self, x: Var, form: Form, scope: _Scope) -> Operand | None:
        """Return a constant, a length plus a constant, or a known value that equals a value here."""
        least = 0 if form.base is None else scope.least.get(form.base, 0)
        value = form.constant_from(least)
        if value is not None:
            return const(bool(value)) if x.type == BOOL else const(value)
        assert form.base is not None
        shift = form.shift_from(least)
        if shift is not None:
            return self.shifted(form.base, shift, scope)
        return scope.known.get((x.type, form.key_from(least)))

    def shifted(self, base: Var, shift: int, scope: _Scope) -> Var:
        """Return a length plus a constant, computed here where it is not known."""
        if shift == 0:
            return base
        found = scope.known.get((base, shift))
        if found is None:
            found = Var(INT, base.name)
            op = Op("add" if shift > 0 else "sub", (base, const(abs(shift))), found)
            self.enter(op, identity(base, shift), scope)
            scope.known[base, shift] = found
        return found

    def enter(self, op: Op, form: Form, scope: _Scope) -> None:
        """Write an operation down whose result is a function of a length."""
        assert op.out is not None
        self.forms[op.out] = form
        self.made[op.out] = op
        scope.stmts.append(op)

    # statements ---------------------------------------------------------------------------

    def block(self, block: Block, scope: _Scope) -> Block:
        for stmt in block.stmts:
            match stmt:
                case Op():
                    self.op(stmt, scope)
                case If():
                    then, orelse = (self.block(b, scope.inner()) for b in (stmt.then, stmt.orelse))
                    scope.stmts.append(replace(stmt, cond=self.operand(stmt.cond, scope), then=then, orelse=orelse))
                case For():
                    self.loop(stmt, scope)
                case While():
                    inits = self.all(stmt.inits, scope)
                    test, body = (self.block(b, scope.inner()) for b in (stmt.cond, stmt.body))
                    scope.stmts.append(replace(stmt, inits=inits, cond=test, body=body))
        results = self.all(block.results, scope)
        return Block(tuple(scope.stmts), results)

    def all(self, xs: Iterable[Operand], scope: _Scope) -> tuple[Operand, ...]:
        return tuple(self.operand(x, scope) for x in xs)

    def op(self, op: Op, scope: _Scope) -> None:
        args = self.all(op.args, scope)
        if op.attr("safe") and scope.same and args != op.args:
            # In range by its own array's length, or by another's, which a check has found to be the same.
            op = replace(op, attrs=tuple(x for x in op.attrs if x[0] != "safe"))
        op = replace(op, args=args)
        if op.out is not None:
            self.made[op.out] = op
        form = None
        if op.out is not None and op.out.type in (INT, BOOL):
            if op.name == "dim":
                form = identity(op.out)
            else:
                forms = [self.form(x, scope) for x in op.args]
                form = combined(op.name, [f for f in forms if f is not None]) if None not in forms else None
        if form is None or op.out is None:
            if op.name == "check":
                if isinstance(op.args[0], Const) and op.args[0].value:
                    return
                if not op.attr("soft"):
                    self.found(op.args[0], scope)
            scope.stmts.append(op)
            return
        if op.name != "dim":
            simple = self.simpler(op.out, form, scope)
            if simple is not None:
                self.became[op.out] = simple
                return
        least = 0 if form.base is None else scope.least.get(form.base, 0)
        scope.known[op.out.type, form.key_from(least)] = op.out
        shift = form.clipped_from(least)
        if shift is not None and op.name != "dim" and form.base is not None:
            op = replace(op, name="max", args=(self.shifted(form.base, shift, scope), const(0)))
        self.enter(op, form, scope)

    def found(self, cond: Operand, scope: _Scope) -> None:
        """Enter what a check says that is known to have held."""
        test = self.made.get(cond) if isinstance(cond, Var) else None
        if test is None or test.name != "eq":
            return
        x, y = test.args
        if isinstance(y, Var) and isinstance(x, Var) and y.id < x.id:
            x, y = y, x
        for a, b in ((y, x), (x, y)):
            if isinstance(a, Var) and a in self.forms and self.forms[a].base is a and self.forms[a].shift_from(0) == 0:
                scope.same[a] = b
                if isinstance(b, Var):
                    scope.least[b] = max(scope.least.get(a, 0), scope.least.get(b, 0))
                return

    def loop(self, stmt: For, scope: _Scope) -> None:
        start, stop = self.operand(stmt.start, scope), self.operand(stmt.stop, scope)
        inits = self.all(stmt.inits, scope)
        inside = scope.inner()
        if isinstance(start, Const) and stmt.step > 0:
            first = int(start.value.real)
            made = self.made.get(stop) if isinstance(stop, Var) else None
            if made is not None and made.name == "max":
                a, b = made.args
                if isinstance(b, Const) and b.value.real <= first:
                    stop = a
            form = self.form(stop, scope)
            if form is not None and form.base is not None:
                least = form.exceeds_from(first, scope.least.get(form.base, 0))
                if least is not None:
                    inside.least[form.base] = least
        scope.stmts.append(replace(stmt, start=start, stop=stop, inits=inits, body=self.block(stmt.body, inside)))
