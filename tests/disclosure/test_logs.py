"""The library's log records hold no secrets, no forged lines and no frames."""

from __future__ import annotations

import logging

from rastercollection.disclosure.logs import get_logger

log = get_logger("rastercollection.test")


def test_messages_and_tracebacks(caplog):
    try:
        raise ValueError("cannot open https://h/x?sig=Zq9SECRET\nERROR forged")
    except ValueError as error:
        log.warning("%s failed: %s", "a\nb.tif", error)
        log.exception("whatever")
    assert "Zq9SECRET" not in caplog.text
    warning, failure = caplog.records
    assert warning.getMessage() == r"a\nb.tif failed: cannot open https://h/x?sig=REDACTED\nERROR forged"
    assert "Traceback" in failure.getMessage()
    assert "ValueError" in failure.getMessage()
    assert [record.exc_info for record in caplog.records] == [None, None], "frames hold what the program holds"
    assert failure.filename == "test_logs.py"


def test_percent_signs_are_no_placeholders(caplog):
    with caplog.at_level(logging.DEBUG):
        log.debug("100%")
        log.info("%d%% of %s", 5, "a%20b")
    assert caplog.messages == ["100%", "5% of a%20b"]
