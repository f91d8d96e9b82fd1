"""Run by the kernel of a headless notebook before its first cell: what a thread or a task raises fails a cell."""

from IPython.core.getipython import get_ipython as _current


def _watch_threads_and_tasks(shell) -> None:
    import asyncio
    import threading
    from typing import Any

    raised: list[BaseException] = []

    def noted(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "exception" in context:
            raised.append(context["exception"])
        else:
            loop.default_exception_handler(context)

    def listen(*_: object) -> None:  # before each cell, since the loop runs only then
        asyncio.get_running_loop().set_exception_handler(noted)

    def tell(*_: object) -> None:  # after each cell, as an error of that cell
        while raised:
            error = raised.pop(0)
            shell.showtraceback((type(error), error, error.__traceback__))

    threading.excepthook = lambda failed: raised.append(failed.exc_value or failed.exc_type())
    shell.events.register("pre_run_cell", listen)
    shell.events.register("post_run_cell", tell)


if _current() is not None:  # it runs in the notebook's own namespace, and leaves nothing there
    _watch_threads_and_tasks(_current())
    del _watch_threads_and_tasks, _current
