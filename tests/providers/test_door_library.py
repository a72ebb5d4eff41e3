"""The session of a vendor's library behind the outbound door."""

import jira
import pytest

from providers import errors
from tests.providers.door import JSON, SECRET, open_door, url
from tests.providers.raw_server import OK, RawServer, answer, keep_alive, once, server_tls

pytestmark = pytest.mark.usefixtures("no_idle_lines")


def mounted(server, ledger, **options):
    client = jira.JIRA(
        server=url(server, ""),
        basic_auth=("u", SECRET),
        max_retries=0,
        get_server_info=False,
        options={"verify": False},
    )
    door = open_door(server, ledger, **options)
    door.mount(client._session)
    return client, door


def test_the_jira_library_goes_through_the_door(ledger):
    with RawServer(keep_alive(answer(200, b'{"accountId": "5"}', JSON), answer(401, b"{}", JSON))) as server:
        client, door = mounted(server, ledger)
        door.purpose = "check"
        assert client.myself() == {"accountId": "5"}
        with pytest.raises(jira.JIRAError) as caught:
            client._session.get(url(server, "/rest/api/2/other"))
        assert caught.value.response.attempt_id == 2
        client.close()
    assert [(row["purpose"], row["outcome"]) for row in ledger.rows] == [("check", "ok"), ("check", "refused")]


def test_the_jira_library_lets_our_errors_pass_and_repeats_nothing(ledger):
    with RawServer(once(b"")) as server:
        client, door = mounted(server, ledger)
        with pytest.raises(errors.Unreachable) as caught, door.creating():
            client.create_issue(fields={"project": {"id": "1"}, "issuetype": {"id": "2"}, "summary": "x"})
        assert len(server.requests) == 1
        client.close()
    assert caught.value.sent
    assert caught.value.attempt_id == len(ledger.rows) == 1


def test_the_jira_library_verifies_certificates_whatever_its_options_say(ledger, certificate):
    with RawServer(keep_alive(OK), tls=server_tls(certificate("acme.example"))) as server:
        client = jira.JIRA(
            server=url(server, "", scheme="https"), max_retries=0, get_server_info=False, options={"verify": False}
        )
        open_door(server, ledger).mount(client._session)
        with pytest.raises(errors.Unreachable, match="certificate"):
            client.myself()
        client.close()
