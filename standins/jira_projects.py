"""Projects and issue types of the sandbox Jira.

- OPS (classic software): Task and Bug need nothing extra; Incident demands a select and a textarea; Sub-task is no
  destination (needs a parent).
- HR ("next-gen", business): Request demands one field of every other kind; Escalation demands a cascading select.
- WEB: 64 issue types, and Campaign has more than 70 fields with a required one far behind, so paging at 50 is real.
- LEGAL: visible, but the token may not create in it; only `action=create` leaves it out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from standins.jira_fields import SYSTEM_FIELDS, Field, Option, options


@dataclass
class IssueType:
    """A type of issue in one project with the fields of its create screen."""

    id: str
    name: str
    fields: list[Field] = field(default_factory=lambda: list(SYSTEM_FIELDS))
    subtask: bool = False

    def as_json(self, base: str) -> dict[str, object]:
        """The type as createmeta lists it."""
        return {
            "self": f"{base}/rest/api/3/issuetype/{self.id}",
            "id": self.id,
            "name": self.name,
            "description": "",
            "iconUrl": f"{base}/images/{self.id}.svg",
            "subtask": self.subtask,
            "hierarchyLevel": -1 if self.subtask else 0,
        }


@dataclass
class Project:
    """A project; `creatable` is False where the token's owner may look but not create."""

    id: str
    key: str
    name: str
    kind: str = "software"
    next_gen: bool = False
    creatable: bool = True
    types: list[IssueType] = field(default_factory=list)
    last_number: int = 0

    def issue_type(self, wanted: object) -> IssueType | None:
        """The type with this id or name."""
        return next((t for t in self.types if wanted is not None and wanted in (t.id, t.name)), None)

    def as_json(self, base: str) -> dict[str, object]:
        """The project as project/search lists it."""
        return {
            "self": f"{base}/rest/api/3/project/{self.id}",
            "id": self.id,
            "key": self.key,
            "name": self.name,
            "avatarUrls": {"48x48": f"{base}/avatar/project-{self.id}.png"},
            "projectTypeKey": self.kind,
            "simplified": self.next_gen,
            "style": "next-gen" if self.next_gen else "classic",
            "isPrivate": False,
        }


SEVERITY = Field("customfield_10042", "Severity", "select", required=True, options=options(10, "High", "Medium", "Low"))
IMPACT = Field("customfield_10043", "Impact statement", "textarea", required=True)
OPTIONAL = [
    Field("customfield_10044", "Affected customers", "number"),
    Field(
        "customfield_10045", "Environment", "select", options=options(20, "Production", "Staging"), default={"id": "20"}
    ),
    Field("customfield_10046", "Runbook", "url"),
]
PLACES = (
    Option("60", "Europe", options(61, "Lisbon", "Berlin")),
    Option("70", "Americas", options(71, "Boston", "Lima")),
)
REQUEST_FIELDS = [
    Field("customfield_10050", "Cost centre", "text", required=True),
    Field("customfield_10051", "Head count", "number", required=True),
    Field("customfield_10052", "Needed by", "date", required=True),
    Field("customfield_10053", "Meeting time", "datetime", required=True),
    Field(
        "customfield_10054", "Benefits", "multi_select", required=True, options=options(50, "Car", "Phone", "Laptop")
    ),
    Field("customfield_10055", "Approver", "user", required=True),
    Field("customfield_10056", "Notes", "textarea"),
]
LOCATION = Field("customfield_10057", "Location", "cascading", required=True, options=PLACES)


def _ops() -> Project:
    incident = IssueType("10003", "Incident", [*SYSTEM_FIELDS, SEVERITY, IMPACT, *OPTIONAL])
    types = [IssueType("10001", "Task"), IssueType("10002", "Bug"), incident]
    return Project("10000", "OPS", "Operations", types=[*types, IssueType("10004", "Sub-task", subtask=True)])


def _hr() -> Project:
    request = IssueType("10102", "Request", [*SYSTEM_FIELDS, *REQUEST_FIELDS])
    escalation = IssueType("10103", "Escalation", [*SYSTEM_FIELDS, LOCATION])
    types = [IssueType("10101", "Task"), request, escalation]
    return Project("10100", "HR", "Human Resources", kind="business", next_gen=True, types=types)


def _web() -> Project:
    many = [Field(f"customfield_{11000 + n}", f"Tracking field {n:02}", "text") for n in range(1, 67)]
    budget = Field("customfield_11100", "Budget class", "select", required=True, options=options(90, "A", "B"))
    types = [IssueType("10201", "Task")]
    types += [IssueType(str(10201 + n), f"Landing page {n:02}") for n in range(1, 63)]
    types.append(IssueType("10299", "Campaign", [*SYSTEM_FIELDS, *many, budget]))
    return Project("10200", "WEB", "Website", types=types)


def projects() -> dict[str, Project]:
    """Fresh copies of all projects by key."""
    legal = Project("10300", "LEGAL", "Legal", creatable=False, types=[IssueType("10301", "Task")])
    return {project.key: project for project in (_ops(), _hr(), _web(), legal)}
