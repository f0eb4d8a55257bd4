#!/usr/bin/env python3
"""What no command may do: opens its output and writes it piece by piece. (Called as allot would be.)"""
import os
import sys

try:
    fd = os.open(sys.argv[-1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for piece in b"one\n", b"two\n", b"three\n":
        while piece:
            piece = piece[os.write(fd, piece):]
except OSError as error:
    sys.exit(f"error: {sys.argv[-1]}: {error}")
