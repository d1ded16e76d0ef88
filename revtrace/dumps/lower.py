"""What a program is compiled to: Python, LLVM and assembly.  Imports the code generator when asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from revtrace import codegen
from revtrace.codegen.script import script
from revtrace.program.nodes import Program
from revtrace.runs.call import Call

__all__ = ["lowered"]


def lowered(call: Call, form: str) -> str:
    """Return the program of a call as ``"python"``, ``"llvm"`` or ``"asm"``."""
    program = call.traced.program
    if form == "python":
        return _script(call, program)
    library = codegen.build(program).library
    return str(library.get_llvm_str() if form == "llvm" else library.get_asm_str())


def _script(call: Call, program: Program) -> str:
    source = codegen.emit(program)
    if "raise Deopt" not in source.text:
        return script(source) + "\n\n" + _example(call, source.name)
    # What runs where an assumption on sizes and indices does not hold.
    careful = codegen.emit(replace(program, name=f"{program.name}_careful"), careful=True)
    return script(source, careful) + "\n\n" + _example(call, source.name, careful.name)


def _example(call: Call, name: str, otherwise: str = "") -> str:
    """Return the lines that run the script on the call's inputs, where these are short."""
    lines = ['if __name__ == "__main__":']
    names = []
    for k, value in enumerate(call.inputs()):
        names.append(f"input{k}")
        if isinstance(value, np.ndarray):
            if value.size <= 64:
                text = f"np.array({value.tolist()!r}, dtype={value.dtype.name!r}).reshape({value.shape!r})"
            else:
                text = f"np.linspace(0.1, 1.0, {value.size}).astype({value.dtype.name!r}).reshape({value.shape!r})"
        else:
            text = repr(value.item() if isinstance(value, np.generic) else value)
        lines.append(f"    input{k} = {text}")
    given = ", ".join(names)
    if otherwise:
        lines += ["    try:", f"        print({name}({given}))", "    except Deopt:"]
        lines += ["        # What is assumed on sizes and indices does not hold for these."]
        lines += [f"        print({otherwise}({given}))"]
    else:
        lines.append(f"    print({name}({given}))")
    return "\n".join(lines) + "\n"
