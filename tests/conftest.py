"""For every test: one thread for each process, and examples judged by what they show, never by how soon."""

import gc
import os
import sys
import tempfile
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.forked_workers import ImportedWorkers

# Tiny models on many threads spend their time waiting for one another. Read by torch when it is imported, here and in
# every process that a test starts.
for library in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[library] = "1"
# As a worker that is kept offline has it: so all workers have one environment, and one process to be forked from.
os.environ["TRANSFORMERS_OFFLINE"] = "1"
# Models in the cache of whoever runs the tests are none of theirs. Read here and in every process that a test starts.
os.environ["HF_HUB_CACHE"] = os.path.join(tempfile.gettempdir(), "darkroom-tests-have-no-hub-cache")  # noqa: PTH118
if "torch" in sys.modules:
    sys.modules["torch"].set_num_threads(1)

settings.register_profile(
    "darkroom",
    max_examples=int(os.environ.get("DARKROOM_TEST_EXAMPLES", "50")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("darkroom")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing of what is imported is garbage, and nobody need look at it again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def imported_workers() -> Iterator[ImportedWorkers]:
    """Processes that have imported what a worker imports."""
    opened = ImportedWorkers()
    yield opened
    opened.close()


@pytest.fixture(scope="module", autouse=True)
def forked_workers(imported_workers: ImportedWorkers) -> Iterator[None]:
    """Workers' fork servers are forked themselves; where they are what is tested, an empty fixture stands in for it."""
    with imported_workers.forking():
        yield
