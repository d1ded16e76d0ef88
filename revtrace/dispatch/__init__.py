"""What a call goes through: the table of specialisations, the trampoline before a kernel, the kernel, its failures."""
