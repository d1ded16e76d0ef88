"""Running a Flow block by block must do what CPython does with the function.

The machine here gives the canonical instructions their plain meaning on Python values.  It
holds decoding (names, operands, stack layout, handlers) and structure (successors, folded copies)
to CPython itself, on whichever release runs the tests.
"""

# The corpus is odd on purpose.
# ruff: noqa: B023, C416, F821, F841, RET502, RET504, UP032

from __future__ import annotations

import builtins
import contextlib
import math
import operator
from types import CellType, FunctionType

import pytest

from revtrace.decode import decode
from revtrace.structure import analyse

NULL = object()
BINARY = {
    **{"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv},
    **{"%": operator.mod, "**": operator.pow, "@": operator.matmul, "&": operator.and_, "|": operator.or_},
    **{"^": operator.xor, "<<": operator.lshift, ">>": operator.rshift},
}
INPLACE = {
    **{"+": operator.iadd, "-": operator.isub, "*": operator.imul, "/": operator.itruediv, "|": operator.ior},
    **{"//": operator.ifloordiv, "%": operator.imod, "**": operator.ipow, "@": operator.imatmul},
    **{"&": operator.iand, "^": operator.ixor, "<<": operator.ilshift, ">>": operator.irshift},
}
COMPARE = {
    **{"<": operator.lt, "<=": operator.le, "==": operator.eq},
    **{"!=": operator.ne, ">": operator.gt, ">=": operator.ge},
}
UNARY = {"NEGATIVE": operator.neg, "POSITIVE": operator.pos, "INVERT": operator.invert, "NOT": operator.not_}
CONVERT = {"s": str, "r": repr, "a": ascii, None: lambda value: value}
JUMPS = {
    "JUMP_IF_FALSE": lambda value: not value,
    "JUMP_IF_TRUE": bool,
    "JUMP_IF_NONE": lambda value: value is None,
    "JUMP_IF_NOT_NONE": lambda value: value is not None,
}


def set_part(function, part, value):
    """Set a part of a function; annotations come as alternating names and values."""
    if part == "annotations" and isinstance(value, tuple):
        value = dict(zip(value[::2], value[1::2], strict=True))
    setattr(function, f"__{part}__", value)


class Machine:
    """Runs a Flow on plain Python values."""

    def __init__(self, function, args, steps=20_000):
        code = function.__code__
        self.function, self.steps = function, steps
        self.decoded = decode(code)
        self.flow = analyse(self.decoded)
        self.slots = dict(zip(code.co_varnames, args, strict=False))
        for name in self.decoded.cells:
            self.slots[name] = CellType(self.slots[name]) if name in self.slots else CellType()
        self.slots.update(zip(self.decoded.freevars, function.__closure__ or (), strict=True))
        self.stack = []

    def run(self):
        block, self.current = self.flow.blocks[0], None
        while True:
            assert len(self.stack) == block.depth
            jumped = False
            try:
                for instr in block.instrs:
                    self.steps -= 1
                    assert self.steps > 0, "does not end"
                    if instr.name == "RETURN":
                        return self.stack.pop()
                    jumped = self.step(instr)
            except Exception as error:
                if block.handler is None:
                    raise
                handler = self.decoded.handlers[instr.handler]
                del self.stack[handler.depth :]
                self.stack += [0] * handler.push_lasti + [error]
                block = self.flow.blocks[block.handler]
                continue
            block = self.flow.blocks[block.successors[jumped]]

    def popn(self, count):
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def call(self, values, keywords):
        below = self.popn(2)
        if NULL in below:
            (callee,) = (value for value in below if value is not NULL)
        else:
            callee, values = below[0], [below[1], *values]
        self.stack.append(callee(*values, **keywords))

    def step(self, instr):
        """Run one instruction; tell whether it jumps."""
        name, arg, stack = instr.name, instr.arg, self.stack
        if name in UNARY:
            stack.append(UNARY[name](stack.pop()))
        elif name in JUMPS:
            return bool(JUMPS[name](stack.pop()))
        elif name in ("JUMP_IF_FALSE_OR_POP", "JUMP_IF_TRUE_OR_POP"):
            if bool(stack[-1]) == (name == "JUMP_IF_TRUE_OR_POP"):
                return True
            stack.pop()
        elif name == "FOR_ITER":
            value = next(stack[-1], NULL)
            if value is NULL:
                if arg:
                    stack.pop()
                return True
            stack.append(value)
        else:
            getattr(self, "do_" + name.lower())(arg)
        return False

    def do_binary(self, arg):
        self.stack.append(BINARY[arg](*self.popn(2)))

    def do_inplace(self, arg):
        self.stack.append(INPLACE[arg](*self.popn(2)))

    def do_compare(self, arg):
        self.stack.append(COMPARE[arg](*self.popn(2)))

    def do_to_bool(self, arg):
        self.stack.append(bool(self.stack.pop()))

    def do_is(self, arg):
        left, right = self.popn(2)
        self.stack.append((left is right) != arg)

    def do_contains(self, arg):
        left, right = self.popn(2)
        self.stack.append((left in right) != arg)

    def do_load_const(self, arg):
        self.stack.append(arg)

    def do_load_local(self, arg):
        if arg not in self.slots:
            raise UnboundLocalError(arg)
        self.stack.append(self.slots[arg])

    def do_load_local_and_clear(self, arg):
        self.stack.append(self.slots.pop(arg, NULL))

    def do_store_local(self, arg):
        value = self.stack.pop()
        if value is NULL:
            self.slots.pop(arg, None)
        else:
            self.slots[arg] = value

    def do_delete_local(self, arg):
        del self.slots[arg]

    def do_make_cell(self, arg):
        self.slots[arg] = CellType(self.slots[arg]) if arg in self.slots else CellType()

    def do_load_closure(self, arg):
        assert isinstance(self.slots[arg], CellType)
        self.stack.append(self.slots[arg])

    def do_load_cell(self, arg):
        self.stack.append(self.slots[arg].cell_contents)

    def do_store_cell(self, arg):
        self.slots[arg].cell_contents = self.stack.pop()

    def do_load_global(self, arg):
        where = self.function.__globals__
        self.stack.append(where[arg] if arg in where else getattr(builtins, arg))

    def do_store_global(self, arg):
        self.function.__globals__[arg] = self.stack.pop()

    def do_push_null(self, arg):
        self.stack.append(NULL)

    def do_load_attr(self, arg):
        self.stack.append(getattr(self.stack.pop(), arg))

    def do_load_method(self, arg):
        self.stack += [getattr(self.stack.pop(), arg), NULL]

    def do_store_attr(self, arg):
        value, owner = self.popn(2)
        setattr(owner, arg, value)

    def do_delete_attr(self, arg):
        delattr(self.stack.pop(), arg)

    def do_subscr(self, arg):
        self.stack.append(operator.getitem(*self.popn(2)))

    def do_store_subscr(self, arg):
        value, container, key = self.popn(3)
        container[key] = value

    def do_delete_subscr(self, arg):
        operator.delitem(*self.popn(2))

    def do_build_slice(self, arg):
        self.stack.append(slice(*self.popn(arg)))

    def do_build_tuple(self, arg):
        self.stack.append(tuple(self.popn(arg)))

    def do_build_list(self, arg):
        self.stack.append(self.popn(arg))

    def do_build_set(self, arg):
        self.stack.append(set(self.popn(arg)))

    def do_build_map(self, arg):
        values = self.popn(2 * arg)
        self.stack.append(dict(zip(values[::2], values[1::2], strict=True)))

    def do_build_const_key_map(self, arg):
        keys = self.stack.pop()
        self.stack.append(dict(zip(keys, self.popn(arg), strict=True)))

    def do_build_string(self, arg):
        self.stack.append("".join(self.popn(arg)))

    def do_list_append(self, arg):
        value = self.stack.pop()
        self.stack[-arg].append(value)

    def do_list_extend(self, arg):
        value = self.stack.pop()
        self.stack[-arg].extend(value)

    def do_set_add(self, arg):
        value = self.stack.pop()
        self.stack[-arg].add(value)

    def do_set_update(self, arg):
        value = self.stack.pop()
        self.stack[-arg].update(value)

    def do_map_add(self, arg):
        key, value = self.popn(2)
        self.stack[-arg][key] = value

    def do_dict_update(self, arg):
        value = self.stack.pop()
        self.stack[-arg].update(value)

    do_dict_merge = do_dict_update

    def do_list_to_tuple(self, arg):
        self.stack.append(tuple(self.stack.pop()))

    def do_unpack(self, arg):
        values = list(self.stack.pop())
        if len(values) != arg:
            raise ValueError(arg)
        self.stack += values[::-1]

    def do_unpack_ex(self, arg):
        before, after = arg
        values = list(self.stack.pop())
        middle = values[before : len(values) - after]
        self.stack += [*values[:before], middle, *values[len(values) - after :]][::-1]

    def do_pop(self, arg):
        self.stack.pop()

    def do_copy(self, arg):
        self.stack.append(self.stack[-arg])

    def do_swap(self, arg):
        self.stack[-1], self.stack[-arg] = self.stack[-arg], self.stack[-1]

    def do_get_iter(self, arg):
        self.stack.append(iter(self.stack.pop()))

    def do_call(self, arg):
        count, names = arg
        values = self.popn(count)
        positional = count - len(names)
        self.call(values[:positional], dict(zip(names, values[positional:], strict=True)))

    def do_call_kw(self, arg):
        names = self.stack.pop()
        self.do_call((arg, names))

    def do_call_ex(self, arg):
        keywords = self.stack.pop() if arg else {}
        self.call(list(self.stack.pop()), keywords)

    def do_convert(self, arg):
        self.stack.append(CONVERT[arg](self.stack.pop()))

    def do_format(self, arg):
        conversion, has_spec = arg
        spec = self.stack.pop() if has_spec else ""
        self.stack.append(format(CONVERT[conversion](self.stack.pop()), spec))

    def do_make_function(self, arg):
        code = self.stack.pop()
        parts = dict(zip(arg, self.popn(len(arg)), strict=True))
        # A closure may come later; it cannot be changed once made.
        cells = parts.pop("closure", None) or tuple(CellType() for _ in code.co_freevars)
        made = FunctionType(code, self.function.__globals__, closure=cells)
        for part, value in parts.items():
            set_part(made, part, value)
        self.stack.append(made)

    def do_set_function_attribute(self, arg):
        value, made = self.popn(2)
        if arg == "closure":
            made = FunctionType(made.__code__, made.__globals__, closure=value)
        else:
            set_part(made, arg, value)
        self.stack.append(made)

    def do_import_name(self, arg):
        level, names = self.popn(2)
        self.stack.append(__import__(arg, self.function.__globals__, None, names, level))

    def do_import_from(self, arg):
        self.stack.append(getattr(self.stack[-1], arg))

    def do_load_assertion_error(self, arg):
        self.stack.append(AssertionError)

    def do_raise(self, arg):
        values = self.popn(arg)
        if not values:
            raise self.current
        error = values[0]() if isinstance(values[0], type) else values[0]
        raise error

    def do_reraise(self, arg):
        raise self.stack.pop()

    def do_before_with(self, arg):
        manager = self.stack.pop()
        self.stack.append(manager.__exit__)
        self.stack.append(manager.__enter__())

    def do_load_special(self, arg):
        self.stack += [getattr(self.stack.pop(), arg), NULL]

    def do_with_except_start(self, arg):
        error = self.stack[-1]
        leave = next(value for value in reversed(self.stack) if callable(value) and value is not error)
        self.stack.append(leave(type(error), error, error.__traceback__))

    def do_push_exc_info(self, arg):
        error = self.stack.pop()
        self.stack += [self.current, error]
        self.current = error

    def do_pop_except(self, arg):
        self.current = self.stack.pop()

    def do_check_exc_match(self, arg):
        kind = self.stack.pop()
        self.stack.append(isinstance(self.stack[-1], kind))

    def do_get_len(self, arg):
        self.stack.append(len(self.stack[-1]))

    def do_match_sequence(self, arg):
        self.stack.append(isinstance(self.stack[-1], (list, tuple)))

    def do_match_mapping(self, arg):
        self.stack.append(isinstance(self.stack[-1], dict))

    def do_match_keys(self, arg):
        subject, keys = self.stack[-2:]
        found = all(key in subject for key in keys)
        self.stack.append(tuple(subject[key] for key in keys) if found else None)

    def do_match_class(self, arg):
        subject, kind, names = self.popn(3)
        names = (*kind.__match_args__[:arg], *names) if arg else names
        self.stack.append(tuple(getattr(subject, name) for name in names) if isinstance(subject, kind) else None)


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)


# The corpus: (function, tuples of arguments).  Each function is one construct or a knot of several.


def arithmetic(a, b):
    c = a + b * 3 - a / 4 // 1 % 7**2
    c += a
    c -= b
    c *= 2
    c /= 3
    c //= 1
    c **= 2
    return -c, +a, ~b, not c, a << b, a >> 1, a & b, a | b, a ^ b


def inplace_bits(a, b):
    a &= 7
    a |= b
    a ^= 3
    a <<= 2
    a >>= 1
    a %= 5
    return a


def comparisons(a, b):
    return a < b, a <= b, a == b, a != b, a > b, a >= b, a is b, a is not b, a in (b,), a not in (b,), 0 < a < b


def logic(a, b, c):
    return (a and b) or (c and not a), a if b else c, (a or b) and c


def if_elif(x):
    if x > 10:
        y = 1
    elif x > 5 and x != 7:
        y = 2
    elif x is None or x < 0:
        return "negative"
    else:
        y = 3
    return y


def none_tests(a, b):
    if a is None:
        return b is not None
    if b is not None:
        return a
    return "b is None"


def for_break_else(n, stop):
    s = 0
    for i in range(n):
        if i == stop:
            break
        s += i
    else:
        s = -s
    return s


def for_continue(n):
    s = 0
    for i in range(n):
        if i % 2:
            continue
        if i > 6 and i != 8:
            continue
        s += i
    return s


def for_nested(n):
    found = []
    for i in range(n):
        for j in range(i):
            if j == 3:
                break
            if (i + j) % 2:
                continue
            found.append((i, j))
        else:
            found.append(i)
    return found


def for_return(rows, wanted):
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            if value == wanted:
                return i, j
    return None


def while_simple(n):
    s = 0
    while n > 0:
        s += n
        n -= 1
    return s


def while_and(a, b):
    steps = 0
    while a and b > 1:
        steps += 1
        if a == 4:
            a -= 2
            continue
        a -= 1
        b -= 1
    return a, b, steps


def while_or_else(a, b):
    while a > 0 or b > 0:
        a -= 1
        b -= 2
        if a == -3:
            break
    else:
        a = "else"
    return a, b


def while_chained(a, b):
    while 0 < a < b:
        a = a * 2
    return a


def while_ternary(a, b):
    while (a if b else b - 1) > 0:
        a -= 1
    return a


def while_walrus(values):
    out = []
    while (value := values.pop()) is not None:
        out.append(value)
    return out, value


def while_not(n):
    while not n > 5:
        n += 1
    return n


def while_true(n):
    while True:
        n += 1
        if n % 7 == 0:
            break
        if n > 100:
            return "far"
    return n


def while_true_two_exits(n):
    while True:
        while True:
            n += 3
            if n % 2:
                break
            if n > 50:
                return n
        if n > 20:
            break
    return -n


def while_nested(n):
    total = 0
    i = 0
    while i < n:
        j = i
        while j and j % 5:
            if j == 7:
                break
            j -= 1
            total += 1
            if total % 3 == 0:
                continue
            total += 2
        i += 1
        if total > 60:
            continue
        total += 1
    else:
        total += 1000
    return total


# fmt: off
def while_one_line(n):
    while n > 3: n -= 2  # noqa: E701
    return n
# fmt: on


def while_first(n):
    while n:
        n -= 1


def while_for_mixed(n):
    out = []
    while n > 0:
        for i in range(n):
            if i == 2:
                continue
            if i == 4:
                break
            out.append(i * n)
        n -= 1
    return out


def comprehensions(values):
    return (
        [x * 2 for x in values if x],
        {x % 3 for x in values},
        {x: y for x in values for y in range(x)},
        sum(x * x for x in values),
        [[x + y for y in values if y > x] for x in values],
    )


def comprehension_scopes(values):
    x = "kept"
    get = lambda: x  # noqa: E731
    a = [x for x in values]
    b = [f() for f in [lambda: x for x in values]]
    c = [sum(y * z for y in values) for z in values]
    return x, get(), a, b, c


def closures(a, b=2, *rest, c=3, **more):
    count = 0

    def add(k: int = 1, *, twice=False) -> int:
        nonlocal count
        count += k * (a + c) * (2 if twice else 1)
        return count

    add()
    add(b, twice=True)
    return add(k=5), count, rest, more


def calls(f, values, options):
    return (
        f(1, 2),
        f(1, y=2),
        f(*values),
        f(*values, **options),
        f(**{"x": 1, "y": 2}),
        f(*values[:1], **{**options, "y": 5}),
        "a-b".replace("-", "+").upper(),
        "{} {b}".format(1, b=2),
        max(3, *values, key=lambda v: -v),
    )


def containers(a, b):
    (p, q), *r = (a, b), 1, 2, 3
    first, *middle, last = [*r, *r]
    d = {"x": a, **{"y": b}, 3: r}
    s = {a, *r}
    s2 = {1, 2, 3, b}
    x = y = [p, q]
    x, z = z2, x = y, 5
    return p, q, r, first, middle, last, d, s, s2, x, y, z, z2, (*r, a)


def subscripts(values, i):
    values = list(values)
    values[i] = 10
    values[0] += 5
    values[1:3] = [7, 8, 9]
    values[i:] *= 2
    part = values[1:], values[:i], values[::2], values[:], values[-1]
    del values[0]
    del values[1:2]
    return values, part


def attributes(point):
    point.x += 1
    point.z = point.y * 2
    w = point.z
    del point.z
    return point.x, w, hasattr(point, "z")


def strings(a, b):
    return f"{a}", f"{a!r:>10}{b:{a}.2f}", f"{a!s}{b!a}x", f"{a=}"


def imports(x):
    import math as m
    import os.path
    from math import cos, sin

    return m.sqrt(x), cos(x), sin(x), os.path.join("a", "b")


def assertion(x):
    assert x > 0, "must be positive"
    assert x != 3
    return x


def raising(x):
    if x < 0:
        raise ValueError("negative")
    if x == 0:
        raise ZeroDivisionError
    return math.log(x)


def catching(a, b):
    try:
        c = a / b
    except ZeroDivisionError as error:
        c = str(error)
    except (TypeError, ValueError):
        c = "type"
    else:
        c += 1
    finally:
        a = "finally"
    return a, c


def catching_in_loop(values):
    out = []
    for v in values:
        try:
            if v == 1:
                continue
            if v == 9:
                break
            out.append(10 / v)
        except ZeroDivisionError:
            out.append("inf")
            continue
        finally:
            out.append("f")
        out.append("end")
    return out


def reraising(x):
    try:
        try:
            return 1 / x
        except ZeroDivisionError as error:
            raise KeyError("zero") from error
    except KeyError:
        if x == 0:
            raise
        return 5


def returning_finally(x):
    for _ in range(3):
        try:
            if x:
                return x
        finally:
            x += 1
    return -x


def managers(x):
    with contextlib.suppress(ZeroDivisionError):
        x = 1 / x
        return x
    with contextlib.nullcontext(5) as a, contextlib.nullcontext(a + 1) as b:
        x += a * b
    return x


def matching(x):
    match x:
        case 0 | 1:
            return "small"
        case [a, b, *rest] if a == b:
            return a, rest
        case {"k": v, **more}:
            return v
        case Point(px, y=py):
            return px, py
        case str():
            return "text"
        case _:
            return None


def deleting(x):
    y = x + 1
    del y
    try:
        return y
    except UnboundLocalError:
        return "gone"


def early(x, n):
    if not x:
        return
    for i in range(n):
        x += i
        if x > 5:
            if x == 8:
                return x
            break
    else:
        return "all"
    return -x


def constants(x):
    return 1 if x else 1.0, True, -0.0, ..., None, b"b", 1j, (1, (2, 3)), frozenset({1})


def adder(x, y):
    return x, y


def fresh(make):
    """Mark an argument to be made anew for each run, as the function changes it."""
    return ("fresh", make)


CASES = [
    (arithmetic, [(5, 3), (8, 1)]),
    (inplace_bits, [(5, 3), (8, 1)]),
    (comparisons, [(1, 2), (2, 1), (2, 2)]),
    (logic, [(a, b, c) for a in (0, 2) for b in (0, 3) for c in (0, 4)]),
    (if_elif, [(11,), (6,), (7,), (3,), (-1,)]),
    (none_tests, [(None, 1), (None, None), (1, 2), (1, None)]),
    (for_break_else, [(0, 1), (5, 3), (5, 7)]),
    (for_continue, [(0,), (12,)]),
    (for_nested, [(0,), (7,)]),
    (for_return, [([[1, 2], [3, 4]], 3), ([[1, 2], [3, 4]], 9), ([], 1)]),
    (while_simple, [(0,), (5,)]),
    (while_and, [(0, 5), (6, 5), (3, 9), (3, 1)]),
    (while_or_else, [(0, 0), (5, 1), (1, 20)]),
    (while_chained, [(1, 50), (-1, 3), (9, 3)]),
    (while_ternary, [(4, 1), (4, 0)]),
    (while_walrus, [(fresh(lambda: [1, None, 2, 3]),)]),
    (while_not, [(0,), (9,)]),
    (while_true, [(0,), (6,), (101,)]),
    (while_true_two_exits, [(0,), (1,), (48,)]),
    (while_nested, [(0,), (4,), (20,)]),
    (while_one_line, [(0,), (9,)]),
    (while_first, [(0,), (3,)]),
    (while_for_mixed, [(0,), (6,)]),
    (comprehensions, [([],), ([0, 1, 2, 5],)]),
    (comprehension_scopes, [([],), ([1, 2, 3],)]),
    (closures, [(1, 2, 3, (4,), {}), (2, 5, 1, (), {"k": 1})]),
    (calls, [(adder, [4, 5], {}), (lambda x=0, y=0: (y, x), [1], {"y": 2})]),
    (containers, [(1, 2)]),
    (subscripts, [([1, 2, 3, 4, 5], 2)]),
    (attributes, [(fresh(lambda: Point(1, 2)),)]),
    (strings, [(7, 2.5)]),
    (imports, [(2.0,)]),
    (assertion, [(1,), (0,), (3,)]),
    (raising, [(-1,), (0,), (2,)]),
    (catching, [(1, 2), (1, 0), ("a", 1)]),
    (catching_in_loop, [([],), ([2, 1, 0, 5],), ([2, 9, 4],)]),
    (reraising, [(1,), (0,)]),
    (returning_finally, [(0,), (-1,), (4,)]),
    (managers, [(0,), (4,)]),
    (matching, [(0,), ([1, 1, 2],), ([1, 2],), ({"k": 4},), (Point(3, 4),), ("s",), (9.5,)]),
    (deleting, [(1,)]),
    (early, [(0, 1), (1, 3), (1, 9), (5, 3), (7, 4)]),
    (constants, [(0,), (1,)]),
]


def outcome(call):
    try:
        result = call()
    except Exception as error:
        return type(error), str(error) if not isinstance(error, (UnboundLocalError, TypeError)) else ""
    return type(result), repr(result) if not isinstance(result, Point) else result


def make(args):
    return [arg[1]() if isinstance(arg, tuple) and arg[:1] == ("fresh",) else arg for arg in args]


def call_plainly(function, slots):
    """Call with the values of all parameters, as they are inside the function."""
    code = function.__code__
    named = dict(zip(code.co_varnames, slots, strict=False))
    positional = [named[name] for name in code.co_varnames[: code.co_argcount]]
    keywords = {
        name: named[name] for name in code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    }
    if len(slots) > code.co_argcount + code.co_kwonlyargcount:
        positional += slots[-2]
        keywords |= slots[-1]
    return function(*positional, **keywords)


RUNS = [
    pytest.param(function, args, id=f"{function.__name__}-{i}")
    for function, many in CASES
    for i, args in enumerate(many)
]


@pytest.mark.parametrize(("function", "args"), RUNS)
def test_machine_agrees_with_cpython(function, args):
    expected = outcome(lambda: call_plainly(function, make(args)))
    assert outcome(Machine(function, make(args)).run) == expected


@pytest.mark.parametrize(("function", "args"), RUNS)
def test_folding_more_than_copies_changes_nothing(function, args):
    """Without line numbers, places are the same that are no copies of each other."""
    bare = FunctionType(
        function.__code__.replace(co_linetable=b""),
        function.__globals__,
        argdefs=function.__defaults__,
        closure=function.__closure__,
    )
    expected = outcome(lambda: call_plainly(function, make(args)))
    assert outcome(Machine(bare, make(args)).run) == expected


def test_the_machine_would_notice_a_wrong_operator(monkeypatch):
    monkeypatch.setitem(BINARY, "*", operator.add)
    assert Machine(arithmetic, (5, 3)).run() != arithmetic(5, 3)
