"""stub"""
from __future__ import annotations
from revtrace.codegen.plan import Plan
from revtrace.program.nodes import Program, Op, For, While, walk
from revtrace.codegen.plan import Room
from revtrace.codegen.poly import Poly
def analyse(program: Program, *, careful: bool) -> Plan:
    plan = Plan()
    for k, stmt in enumerate(walk(program.body)):
        if isinstance(stmt, Op) and stmt.name == 'push':
            plan.room[k] = [Room(stmt.args[0], ((Poly.of(1),),))]
    return plan
