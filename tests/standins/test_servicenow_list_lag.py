"""Lists of the sandbox ServiceNow that run late, as when they are read from a copy of the database."""

from __future__ import annotations

from standins.servicenow import ServiceNowStandin
from tests.standins.servicenow_caller import INCIDENTS, Api


def test_a_late_list_leaves_a_new_record_out_without_a_trace() -> None:
    standin = ServiceNowStandin()
    with standin.serve() as server:
        api = Api(standin, server)
        standin.set(list_lag=3600)
        made = api.create().json()["result"]
        answer = api("GET", INCIDENTS, params={"sysparm_query": "correlation_id=pp-1"})
        assert (answer.json()["result"], answer.headers["X-Total-Count"]) == ([], "0")
        assert api("GET", f"{INCIDENTS}/{made['sys_id']}").status_code == 200
        standin.set(list_lag=0)
        assert [row["number"] for row in api.rows("correlation_id=pp-1")] == [made["number"]]
