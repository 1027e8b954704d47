"""Fixtures: a scripted provider and a Weir in front of it, on directories that vanish afterwards."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import canned  # noqa: E402
from upstream import Upstream  # noqa: E402
from weir import Weir, config_for  # noqa: E402

SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared/data"


@pytest.fixture(scope="session")
def shared_data():
    if not SHARED.is_dir():
        pytest.skip("shared/data is not beside the project")
    return SHARED


@pytest.fixture(scope="module")
def provider():
    """One scripted provider for a file; tests that count its requests clear it first."""
    upstream = Upstream(canned.provider)
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def weir(provider, tmp_path_factory):
    """One Weir for a file, before `provider`."""
    program = Weir(tmp_path_factory.mktemp("weir"), config_for(provider.url))
    try:
        yield program.start()
    finally:
        program.close()


@pytest.fixture
def start_weir(tmp_path):
    """Starts Weirs that belong to one test: start_weir(config, name=…)."""
    started = []

    def start(config, name="weir", **options):
        program = Weir(tmp_path / name, config, options.pop("env", None))
        started.append(program)
        return program.start(**options)

    yield start
    for program in started:
        program.close()


@pytest.fixture
def upstream():
    """A scripted provider of one test."""
    own = Upstream(canned.provider)
    yield own
    own.close()


@pytest.fixture
def make_upstream():
    """Further scripted providers of one test."""
    made = []

    def make():
        made.append(Upstream(canned.provider))
        return made[-1]

    yield make
    for own in made:
        own.close()
