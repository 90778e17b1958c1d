"""Execute notebooks on the workers of a Dask cluster."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from notmnist.errors import NotMNISTError, UsageError, needs_extra, say
from notmnist.files import PATIENCE_SECONDS
from notmnist.running.execution import Executed, Task, execute
from notmnist.schemas import fits
from notmnist.version import __version__

if TYPE_CHECKING:
    from distributed import Future

_ANSWER_SECONDS = 5
_STRANGER = "the server at {} is not a Dask scheduler: check the address of yours"


def finished(tasks: Iterable[Task], address: str) -> Iterator[tuple[Task, Executed]]:
    """Execute notebooks on a cluster, and yield each with its outputs as soon as it is finished.

    If a worker dies, its notebook starts again on another worker. After a failure, notebooks that
    have not started are dropped, and the others run to their end. While there are no workers, or
    the scheduler does not answer, a line on stderr says so every half minute.

    Parameters
    ----------
    tasks : iterable of Task
        The notebooks.
    address : str
        The address of the scheduler, such as ``10.0.0.1:8786``, or ``tls://10.0.0.1:8786`` if
        Dask's own configuration names the certificates.

    Yields
    ------
    (Task, Executed)

    Raises
    ------
    UsageError
        When the address is not valid.
    NotMNISTError
        When a notebook fails, dask.distributed is not installed, no scheduler answers, the
        connection to it is lost, or workers die or can't run the notebooks.
    """
    with needs_extra("distributed"):
        import distributed
    _identify(address)
    # These loggers repeat what the exceptions say.
    for logger in ("distributed.client", "distributed.comm"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    try:
        with distributed.Client(address) as client:
            futures = {client.submit(execute, task, pure=False): task for task in tasks}
            while futures:
                for future in _done(list(futures), address):
                    yield futures.pop(future), _checked(future.result())
    except NotMNISTError:
        raise
    except distributed.KilledWorker as error:
        raise NotMNISTError(
            f"{error.allowed_failures + 1} workers died one after another while running the same "
            "notebook: check their logs and their memory"
        ) from error
    except CancelledError as error:
        raise NotMNISTError(
            f"lost the scheduler at {address}: finished notebooks are in misc/, run the rest again"
        ) from error
    except (AttributeError, ImportError, RuntimeError) as error:
        raise NotMNISTError(
            f"the cluster can't run notmnist {__version__}: install this version for the scheduler "
            "and for every worker"
        ) from error


def _done(futures: list["Future"], address: str) -> Iterable["Future"]:
    """Wait until at least one future is done, and return those that are."""
    import distributed

    while True:
        try:
            return distributed.wait(futures, PATIENCE_SECONDS, "FIRST_COMPLETED").done
        except TimeoutError:
            try:
                if not _identify(address)["workers"]:
                    say(f"waiting for workers: start some with `dask worker {address}`")
            except NotMNISTError:
                say(f"waiting for the scheduler at {address}, which does not answer")


def _checked(executed: Any) -> Executed:
    sound = isinstance(executed, Executed) and isinstance(executed.notebook, str)
    if not (sound and fits(executed.outputs, {str: bytes})):
        raise NotMNISTError(
            "a worker sent something other than an executed notebook: install notmnist "
            f"{__version__} on every worker"
        )
    return executed


def _identify(address: str) -> dict[str, Any]:
    """Ask a scheduler to identify itself.

    Dask's own client would wait for ever if another program listened at the address.
    """
    from distributed.comm import get_address_host_port

    try:
        get_address_host_port(address)
    except ValueError as error:
        raise UsageError(f"{address!r} is not an address ({error}): give HOST:PORT") from error
    try:
        identity = asyncio.run(_ask(address))
    except NotMNISTError:
        raise
    except OSError as error:
        raise NotMNISTError(
            f"no scheduler answers at {address}: start one with `dask scheduler`, or check the "
            "address of yours"
        ) from error
    except Exception as error:  # another program's answer can violate Dask's protocol anywhere
        raise NotMNISTError(_STRANGER.format(address)) from error
    if identity.get("type") != "Scheduler":
        raise NotMNISTError(_STRANGER.format(address))
    return identity


async def _ask(address: str) -> dict[str, Any]:
    from distributed import rpc
    from distributed.security import Security

    arguments = Security().get_connection_args("client")
    if address.startswith(("tls:", "wss:")) and arguments["ssl_context"] is None:
        raise UsageError(
            f"{address} requires certificates: name their files in Dask's configuration, under "
            "distributed.comm.tls"
        )
    async with rpc(address, connection_args=arguments) as scheduler:
        return await asyncio.wait_for(scheduler.identity(), _ANSWER_SECONDS)
