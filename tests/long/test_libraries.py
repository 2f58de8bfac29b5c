"""Every form that real libraries write, in every language, from both releases."""

from __future__ import annotations

import pytest

from lab.life.session import Lab
from tests.lab.test_libraries import shop  # noqa: F401 - fixture
from tests.libraries import delivery, letters
from tests.libraries.letters import LIBRARIES, Library


@pytest.mark.parametrize("name", ["mail1", "mail2"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_every_form_in_every_language(
    library: Library,
    name: str,
    shop: Lab,  # noqa: F811 - the fixture
) -> None:
    assert delivery.trial(shop, name, library, list(letters.every(library))) == []
