"""The outbound door speaks verified TLS only, whatever its callers ask for."""

import ssl

import pytest

from providers import errors
from providers.addresses import Policy
from providers.http import Door
from tests.providers.door import open_door, refused_by, url
from tests.providers.raw_server import OK, RawServer, keep_alive, make_certificate, server_tls

pytestmark = pytest.mark.usefixtures("no_idle_lines")


def test_a_good_certificate_of_an_extra_authority(authority, certificate):
    with RawServer(keep_alive(OK), tls=server_tls(certificate("acme.example", "127.0.0.1"))) as server:
        door = open_door(server, ca_file=str(authority[0]))
        assert door.session().get(url(server, scheme="https")).ok
        assert door.session().get(url(server, scheme="https")).ok
        assert server.connections == 1
        assert door.session().get(url(server, scheme="https", host="127.0.0.1")).ok


def test_an_unreadable_authority_file_is_named(tmp_path):
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("empty.pem", "absent.pem"):
        with pytest.raises(ValueError, match=name):
            Door(Policy(), recorder=None, ca_file=str(tmp_path / name))


@pytest.mark.parametrize(
    ("names", "options", "trusted", "words"),
    [
        (["acme.example"], {}, False, "not known here"),
        (["acme.example"], {"issuer": None}, True, "self-signed"),
        (["acme.example"], {"days": (-9, -1)}, True, "expired"),
        (["acme.example"], {"days": (1, 9)}, True, "not valid yet"),
        (["other.example"], {}, True, "another name"),
        (["*.acme.example"], {}, True, "another name"),
    ],
)
@pytest.mark.parametrize("verify", [True, False])
def test_bad_certificates_are_refused_also_with_verify_off(
    authority, tmp_path, ledger, names, options, trusted, words, verify
):
    path = make_certificate(tmp_path, names, **({"issuer": authority} | options))[0]
    with RawServer(keep_alive(OK), tls=server_tls(path)) as server:
        door = open_door(server, ledger, ca_file=str(authority[0]) if trusted else None)
        error = refused_by(errors.Unreachable, door, "GET", url(server, scheme="https"), verify=verify, stream=True)
        assert server.requests == []
    assert "certificate" in error.cause
    assert words in error.cause
    assert not error.sent
    assert ledger.rows[0]["outcome"] == "certificate"


def test_a_common_name_is_no_replacement_for_the_names_of_a_certificate(authority, tmp_path):
    path = make_certificate(tmp_path, ["acme.example"], issuer=authority)[0]
    with RawServer(keep_alive(OK), tls=server_tls(path)) as server:
        door = open_door(server, ca_file=str(authority[0]))
        error = refused_by(errors.Unreachable, door, "GET", url(server, scheme="https", host="127.0.0.1"))
    assert "another name" in error.cause


def test_old_tls_and_no_tls_are_refused(authority, certificate):
    old = server_tls(certificate("acme.example"))
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    for tls in (old, None):
        with RawServer(keep_alive(OK), tls=tls) as server:
            door = open_door(server, ca_file=str(authority[0]), deadline=1)
            error = refused_by(errors.Unreachable, door, "POST", url(server, scheme="https"))
        assert not error.sent
