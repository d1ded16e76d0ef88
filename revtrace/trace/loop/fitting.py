"""Checking that values have the form that a loop's variables are assumed to have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Operand, Var, const
from revtrace.program.types import Scalar
from revtrace.trace.aliases import Stale
from revtrace.trace.inside import number_in
from revtrace.trace.loop.slots import Fields, kind_of
from revtrace.trace.numbers import as_num, promoted
from revtrace.trace.sameness import DEAD, filler_of, same, same_form, same_operand, same_shape, view_operands
from revtrace.trace.state import State
from revtrace.trace.values import Bound, Conflict, Maybe, Num, Ref, Static, Tup, Undef, View, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.loop.carry import Carried

__all__ = ["Fitting", "Misfit"]


class Misfit(Exception):
    """A value does not have the assumed form."""


class Fitting:
    """The values of a state, held against the form that a loop's variables are assumed to have.

    Parameters
    ----------
    carried : Carried
        What is assumed.
    st : State
        The state on entry, or at the end of the body.

    Attributes
    ----------
    found : dict
        What each parameter of the loop is in the state.
    stands_for : dict
        Which object each stand-in stands for (`revtrace.trace.loop.carried_objects`), by their places in the heap.
    failed : set
        Stand-ins whose object has another form.
    """

    def __init__(self, carried: Carried, st: State) -> None:
        self.t, self.carried, self.st = carried.t, carried, st
        self.found: dict[Var, Operand] = {}
        self.stands_for: dict[int, int] = {}
        self.failed: set[int] = set()

    def fit(self, h: Any, b: Any) -> None:
        """Note what the parameters in an assumed value ``h`` are where the state has ``b``.

        Raises
        ------
        Misfit
            The state's value has another form.
        """
        mine = self.carried.mine
        if b is DEAD:
            self._unread(h)
            return
        if h is DEAD:
            raise Misfit
        match h, b:
            case Conflict(), _:
                pass
            case Maybe(), _:
                self._maybe(h, b)
            case Fields(), _:
                self._fields(h, b)
            case Num(), _ if h.operand in mine:
                self._number(h, b)
            case Tup(), Tup() if h.cls is b.cls and len(h.items) == len(b.items):
                for p, q in zip(h.items, b.items, strict=True):
                    self.fit(p, q)
            case Bound(), Bound() if same(h.function, b.function):
                self.fit(h.self, b.self)
            case View(), View():
                self._view(h, b)
            case Ref(), Ref() if h.id in self.carried.objects.ids:
                self._object(h.id, b.id)
            case _:
                if not same(h, b):
                    raise Misfit

    def _unread(self, h: Any) -> None:
        """Give parameters whose value nobody reads any value."""
        for x in self.carried.operands(h):
            if x in self.carried.mine:
                assert isinstance(x, Var)
                self.found.setdefault(x, filler_of(x.type.dtype) if isinstance(x.type, Scalar) else x)

    def _number(self, h: Num, b: Any) -> None:
        b = number_in(self.t, b)
        if not is_numeric(b):
            raise Misfit
        dtype, weak = kind_of(self.t, b)
        joint = promoted((h.dtype, h.weak), (dtype, weak))
        if joint[0] != h.dtype or (h.weak and not weak):
            raise Misfit
        assert isinstance(h.operand, Var)
        self.found[h.operand] = self.t.b.cast(as_num(self.t, b).operand, h.dtype)

    def _object(self, stand_in: int, id: int) -> None:
        """Hold an object against a stand-in, which stands for one object wherever it is named."""
        if stand_in in self.failed or self.stands_for.get(stand_in, id) != id:
            raise Misfit
        if stand_in in self.stands_for:
            return
        self.stands_for[stand_in] = id
        try:
            self._fields(Fields(self.carried.state.heap[stand_in]), Fields(self.st.heap.get(id)))
        except Misfit:
            self.failed.add(stand_in)
            raise

    def _fields(self, h: Fields, b: Any) -> None:
        if isinstance(h.box, Stale):
            return
        if not isinstance(b, Fields) or not same_shape(h.box, b.box):
            raise Misfit
        misfit = False
        for x, y in zip(h.values, b.values, strict=True):
            try:
                self.fit(x, y)
            except Misfit:
                # The others are noted all the same.
                misfit = True
        if misfit:
            raise Misfit

    def _maybe(self, h: Maybe, b: Any) -> None:
        if isinstance(b, Maybe):
            if not same(h.missing, b.missing):
                raise Misfit
            value, flag = b.value, b.flag
        elif same(b, h.missing):
            value, flag = DEAD, const(False)
        elif isinstance(b, (Undef, Conflict)) or (isinstance(b, Static) and b.value is None):
            raise Misfit
        else:
            value, flag = b, const(True)
        if h.flag in self.carried.mine:
            assert isinstance(h.flag, Var)
            self.found[h.flag] = flag
        elif not same_operand(h.flag, flag):
            raise Misfit
        self.fit(h.value, value)

    def _view(self, h: View, b: View) -> None:
        mine, storage = self.carried.mine, self.carried.storage
        if storage.holds(h):
            self._operand(h.writeable, b.writeable)
            if not storage.fits(h, b, self.found):
                raise Misfit
            return
        if not same_form(h, b):
            raise Misfit
        if h.root in mine:
            assert isinstance(h.root, Var)
            self.found[h.root] = b.root
        elif h.root is not b.root:
            raise Misfit
        for x, y in zip(view_operands(h), view_operands(b), strict=True):
            self._operand(x, y)

    def _operand(self, x: Operand, y: Operand) -> None:
        if x in self.carried.mine:
            assert isinstance(x, Var)
            self.found[x] = y
        elif not same_operand(x, y):
            raise Misfit
