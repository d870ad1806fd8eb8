"""Lines of a pipe or a socket, for the tests of the MCP proxy."""
import os
import select
import time

PATIENCE = 30  # seconds


class Lines:
    """Lines from a file descriptor, as they come."""

    def __init__(self, fd):
        self.fd, self.rest = fd, b""

    def read(self, patience=PATIENCE):
        """The next line with its LF; what is left at the end; b"" after it; None: nothing came."""
        until = time.monotonic() + patience
        while b"\n" not in self.rest:
            if not select.select([self.fd], [], [], max(0, until - time.monotonic()))[0]:
                return None
            chunk = os.read(self.fd, 1 << 20)
            if not chunk:
                line, self.rest = self.rest, b""
                return line
            self.rest += chunk
        line, _, self.rest = self.rest.partition(b"\n")
        return line + b"\n"
