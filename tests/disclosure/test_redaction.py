"""Secrets of every form are taken out of texts, and nothing else is."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.disclosure.redaction import holds_secret, redacted, redacted_values

SECRET = "Zq9x7SECRETk3v0"
FORMS = {
    "SAS in a query string": "https://a.blob.core.windows.net/c/x.tif?sv=2020&sig={}%2Bx%3D&se=2030",
    "AWS signature": "https://b.s3.amazonaws.com/x.tif?X-Amz-Credential={0}%2Faws&X-Amz-Signature={0}",
    "Google signature": "https://storage.googleapis.com/b/x?GoogleAccessId={0}&Signature={0}",
    "token in a query string": "https://x.org/y?x=1&token={}#part",
    "token in a fragment": "https://x.org/y#access_token={}",
    "function key": "https://x.azurewebsites.net/api/x?code={}",
    "percent-encoded address": "https%3A%2F%2Fx%3Fa%3Db%26sig%3D{}",
    "password in a database's address": "postgresql://user:{}@host/db?x=a@b",
    "password with slashes and an at sign": "postgresql://user:{}/x@y@host:5432/db",
    "password of a web server": "https://user:{}@host:80/a@2x.png",
    "token as the user": "https://{}@host/x",
    "AWS keys in an address": "s3://AKIAABCDEFGHIJKLMNOP:{}/x+y@bucket/k",
    "Azure address": "abfs://user:{}@host/x",
    "libpq's form": "host=h password={} user=u",
    "libpq's form, quoted": "host=h password='{} and more' user=u",
    "Azure connection string": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={}==;EndpointSuffix=x",
    "Azure connection string with SAS": "BlobEndpoint=https://x;SharedAccessSignature=sv=1&sig={}",
    "dict": "{{'key': 'a', 'secret': '{0}', 'password': '{0}'}}",
    "JSON": '{{"client_secret": "{}"}}',
    "nested dict": "{{'password': {{'password': '{0}', 'x': ['}}', '{0}']}}, 'n': 1}}",
    "nested list": '{{"tokens": ["a", ["{}"]], "n": 1}}',
    "nested dict as an argument": "open(secrets={{'a': '{}'}}, n=1)",
    "nested dict, cut": "{{'password': {{'a': '{}",
    "YAML": "aws_secret_access_key: {}",
    "YAML, more words": "password: {} and more",
    "YAML, quoted": "password: '{} and more'",
    "YAML, on the next line": "password:\n  {}",
    "YAML, block": "password: |\n  {}\nuser: x",
    "header": "X-Api-Key:{}",
    "bearer": "Authorization: Bearer {}",
    "environment": "AWS_SECRET_ACCESS_KEY={} python x.py",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    "private key, cut": "-----BEGIN PRIVATE KEY-----\n{}",
}
HARMLESS = [
    "abfs://container@account.dfs.core.windows.net/x",
    "https://host:8080/a@2x.png",
    "https://x.org/?page=3&collection=a",
    "postgresql://user@host:5432/db",
    "s3://bucket/tokens/key/x.tif",
    "/data/a b/user:x@y.tif",
    "mean=5; stddev=3; key=value",
    "The password is the secret of the tokens.",
    "EPSG:32642",
    "must not contain a password, key or signature: pass credentials in storage_options",
    "/data/secret: Permission denied",
    "Tokens: see below.",
    "20190714T100031_B04@10m.tif",
]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_secrets_by_their_form(form):
    shown = redacted(f"Cannot open {form.format(SECRET)!s}: no.")
    assert SECRET not in shown
    assert shown.startswith("Cannot open ")
    assert redacted(shown) == shown


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_secrets_inside_of_reprs_and_lists(form):
    text = form.format(SECRET)
    assert SECRET not in redacted(repr([text, {"url": text}]))
    assert SECRET not in json.dumps(redacted_values({"a": [text, (text,)], "password": SECRET, "n": 1}))


def test_an_ordinary_word_is_a_secret_too_where_nothing_follows():
    assert redacted("user: me\npassword: correcthorse\nport: 1") == "user: me\npassword: REDACTED\nport: 1"


@pytest.mark.parametrize("value", [{"password": {"a": SECRET}}, {"tokens": [SECRET]}, {"secret": (SECRET,)}])
def test_what_lies_below_the_name_of_a_secret_is_redacted_whole(value):
    assert set(redacted_values(value).values()) == {"REDACTED"}
    assert redacted(repr({**value, "n": 1})).endswith("'REDACTED', 'n': 1}")


@pytest.mark.parametrize(
    "key",
    [
        "AKIAABCDEFGHIJKLMNOP",
        "AIza" + "a1B2" * 9,
        "ghp_" + "a1B2" * 9,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3",
    ],
)
def test_keys_that_their_issuers_give_a_form(key):
    assert key not in redacted(f"refused {key} here")


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_stay_as_they_are(text):
    assert redacted(text) == text
    assert not holds_secret(text)


def test_secrets_that_are_known():
    assert redacted("user minio, minio123 refused", ["minio", "minio123"]) == "user REDACTED, REDACTED refused"


@given(st.text(alphabet="abcXYZ019-._~!$*+=%/", min_size=8), st.sampled_from(["postgresql", "s3", "redis"]))
def test_any_password_of_an_address(password, scheme):
    password = f"Q{password}Q"
    assert password not in redacted(f"{scheme}://user:{password}@host/x")


@given(st.text())
def test_redacting_twice_changes_nothing(text):
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize(
    "unit",
    [
        "a-",
        "://a:",
        "eyJ-",
        "token=",
        "'token':",
        "x://a:b",
        "password='",
        "-----BEGIN PRIVATE KEY-----",
        "token:",
        "token: ",
        "token={",
        "'token': {",
    ],
)
def test_no_text_takes_long(unit):
    began = time.process_time()
    redacted((unit * 2**16)[: 2**16])
    assert time.process_time() - began < 5
