"""Why a source failed; what each failure of a download is called is in test_transfer_https.py."""

import requests

from stages.common import InputError
from stages.data.failures import LONGEST, phrase


def test_a_reason_of_any_length_is_told_in_a_phrase() -> None:
    for error in (InputError("long " * 1000), requests.RequestException("long\n" * 1000), OSError("long " * 1000)):
        assert len(phrase(error)) == LONGEST == 200
        assert phrase(error).startswith("long long ")
