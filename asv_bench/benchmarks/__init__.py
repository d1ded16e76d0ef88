"""Speed and memory of compiled gradients, measured against hand-written adjoints of the same loops."""
