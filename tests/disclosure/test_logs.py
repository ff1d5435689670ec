"""The library's log records hold no secrets, no forged lines and no frames."""

from __future__ import annotations

import logging

import pytest

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


class _Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("https://h/x?sig=Zq9SECRET\nforged")


@pytest.mark.parametrize("told", [True, False])
def test_a_handler_that_raises_fails_nothing(told: bool, capsys, monkeypatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", told)
    logger, handler = logging.getLogger("rastercollection.test"), _Broken()
    logger.addHandler(handler)
    try:
        log.error("nobody hears it")
    finally:
        logger.removeHandler(handler)
    expected = "--- Logging error --- RuntimeError: https://h/x?sig=REDACTED\\nforged\n"
    assert capsys.readouterr().err == (expected if told else "")
