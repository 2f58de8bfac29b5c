"""Mail that real libraries write arrives as it was meant, whichever release it leaves from."""

from __future__ import annotations

import pytest

from lab.life.session import Lab
from lab.mail import libraries
from tests.libraries import delivery, letters
from tests.libraries.letters import LIBRARIES, Library

# Of each language. The long form takes every form (tests/long/test_libraries.py).
EACH = 3


@pytest.fixture(scope="module")
def shop(deployed: Lab) -> Lab:
    """The estate, and the libraries on the application's host."""
    libraries.ready(deployed.app.guest)
    return deployed


@pytest.mark.parametrize("name", ["mail1", "mail2"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_what_libraries_write_arrives_as_it_was_meant(
    library: Library, name: str, shop: Lab
) -> None:
    assert delivery.trial(shop, name, library, list(letters.some(library, EACH))) == []
