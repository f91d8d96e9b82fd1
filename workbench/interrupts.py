"""Interrupts: ending long work where it is whole, rather than in the middle of a step.

A KeyboardInterrupt comes between any two instructions, so that some of what belongs together is noted and some not.
Held back, it is asked for after each step; a second one does not wait.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Held:
    """Whether an interrupt came while they were held back."""

    came = False

    def handle(self, number: int, frame: Any) -> None:
        """Note an interrupt; the second ends the work at once."""
        if self.came:
            raise KeyboardInterrupt
        self.came = True


@contextmanager
def held() -> Iterator[Held]:
    """Hold back interrupts, where Python's own handler would raise them: in the main thread."""
    found = Held()
    theirs = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or theirs is not signal.default_int_handler:
        yield found
        return
    signal.signal(signal.SIGINT, found.handle)
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, theirs)
