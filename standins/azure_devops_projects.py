"""Projects of the sandbox Azure DevOps, with the types, states and fields of their processes.

- Ops: Agile. Bug shows repro steps; Test Suite and Code Review Request are hidden types, Epic is disabled.
- Basic Board: Basic, a blank in its name. It has Issue, not Bug; states To Do, Doing, Done.
- Factory: a process of its own. Incident demands a field of every kind; Checklist has no description; Audit demands a
  field nobody can draw.
- Secret: the token's owner may not see it. Fresh: not ready yet.

Source of the shapes: Microsoft's REST 7.1 description.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from standins.azure_devops_people import guid

AGILE = (("New", "Proposed"), ("Active", "InProgress"), ("Resolved", "Resolved"), ("Closed", "Completed"),
         ("Removed", "Removed"))  # fmt: skip
BASIC = (("To Do", "Proposed"), ("Doing", "InProgress"), ("Done", "Completed"))
PRIORITY, SEVERITY = "Microsoft.VSTS.Common.Priority", "Microsoft.VSTS.Common.Severity"
REPRO_STEPS, DESCRIPTION = "Microsoft.VSTS.TCM.ReproSteps", "System.Description"


@dataclass
class Field:
    """A field of a type; `kind` is the vendor's name of its type."""

    name: str
    label: str
    kind: str = "string"
    required: bool = False
    default: Any = None
    allowed: list[str] = field(default_factory=list)
    read_only: bool = False

    def of_type(self, base: str) -> dict[str, Any]:
        """The field as a work item type lists it."""
        return {
            "alwaysRequired": self.required,
            "defaultValue": self.default,
            "allowedValues": list(self.allowed),
            "helpText": "",
            "dependentFields": [],
            "referenceName": self.name,
            "name": self.label,
            "url": f"{base}/_apis/wit/fields/{self.name}",
        }

    def in_general(self, base: str) -> dict[str, Any]:
        """The field as the list of all fields has it."""
        return {
            "name": self.label,
            "referenceName": self.name,
            "type": self.kind,
            "usage": "workItem",
            "readOnly": self.read_only,
            "canSortBy": True,
            "isQueryable": True,
            "supportedOperations": [{"referenceName": "SupportedOperations.Equals", "name": "="}],
            "isIdentity": self.kind == "identity",
            "isPicklist": self.kind.startswith("picklist"),
            "isPicklistSuggested": False,
            "url": f"{base}/_apis/wit/fields/{self.name}",
        }  # fmt: skip


@dataclass
class ItemType:
    """A work item type of one project."""

    name: str
    fields: list[Field]
    states: tuple[tuple[str, str], ...] = AGILE
    disabled: bool = False
    hidden: bool = False

    def field(self, name: str) -> Field | None:
        """The field with this reference name, whatever its case."""
        return next((each for each in self.fields if each.name.lower() == name.lower()), None)

    def category(self, state: str) -> str:
        """The category of a state, "" for a state it does not have."""
        return dict(self.states).get(state, "")


@dataclass
class Project:
    """A project."""

    name: str
    types: list[ItemType] = field(default_factory=list)
    areas: tuple[str, ...] = ()
    visible: bool = True
    state: str = "wellFormed"

    @property
    def id(self) -> str:
        """The id that stays when the project is renamed."""
        return guid(f"project/{self.name}")

    @property
    def all_areas(self) -> Iterator[str]:
        """Area paths as System.AreaPath has them."""
        yield self.name
        yield from (f"{self.name}\\{area}" for area in self.areas)

    def type(self, name: str) -> ItemType | None:
        """The type with this name, whatever its case."""
        return next((each for each in self.types if each.name.lower() == name.lower()), None)


def system_fields(*, description: bool = True) -> list[Field]:
    """What every type has; some fields are required, yet filled by the product itself."""
    plain = [
        Field("System.Id", "ID", "integer", read_only=True),
        Field("System.Title", "Title", required=True),
        Field("System.State", "State", required=True, default="New"),
        Field("System.Reason", "Reason", default="New"),
        Field("System.AreaPath", "Area Path", "treePath"),
        Field("System.AreaId", "Area ID", "integer", required=True),
        Field("System.IterationPath", "Iteration Path", "treePath"),
        Field("System.IterationId", "Iteration ID", "integer", required=True),
        Field("System.AssignedTo", "Assigned To", "identity"),
        Field("System.Tags", "Tags", "plainText"),
        Field("System.History", "History", "history"),
        Field("System.TeamProject", "Team Project", read_only=True),
        Field("System.WorkItemType", "Work Item Type", read_only=True),
    ]
    return plain + ([Field(DESCRIPTION, "Description", "html")] if description else [])


def priority(*, default: Any = 2) -> Field:
    """The field Priority."""
    return Field(PRIORITY, "Priority", "integer", default=default, allowed=["1", "2", "3", "4"])


def severity() -> Field:
    """The field Severity of bugs."""
    levels = ["1 - Critical", "2 - High", "3 - Medium", "4 - Low"]
    return Field(SEVERITY, "Severity", default="3 - Medium", allowed=levels)


def _agile() -> list[ItemType]:
    value_area = Field("Microsoft.VSTS.Common.ValueArea", "Value Area", required=True, default="Business",
                       allowed=["Architectural", "Business"])  # fmt: skip
    bug = [*system_fields(), Field(REPRO_STEPS, "Repro Steps", "html"), priority(), severity(), value_area]
    return [
        ItemType("Bug", bug),
        ItemType("Task", [*system_fields(), priority()]),
        ItemType("User Story", [*system_fields(), priority(), value_area]),
        ItemType("Issue", [*system_fields(), priority()]),
        ItemType("Epic", system_fields(), disabled=True),
        ItemType("Test Suite", system_fields(), hidden=True),
        ItemType("Code Review Request", system_fields(), hidden=True),
    ]


def _basic() -> list[ItemType]:
    return [ItemType(name, [*system_fields(), priority()], BASIC) for name in ("Epic", "Issue", "Task")]


def _custom() -> list[ItemType]:
    demanded = [
        Field("Custom.Impact", "Impact", "picklistString", True, allowed=["One team", "Everybody"]),
        Field("Custom.Cause", "Probable cause", "html", True),
        Field("Custom.Machines", "Machines", "integer", True),
        Field("Custom.Due", "Due", "dateTime", True),
        Field("Custom.Owner", "Service owner", "identity", True, allowed=["Dana Reyes"]),
        Field("Custom.Confirmed", "Confirmed", "boolean", True),
        Field("Custom.Site", "Site", "string", True),
        Field("Custom.Stamp", "Stamp", "string", True, read_only=True),
    ]
    return [
        ItemType("Incident", [*system_fields(), priority(), *demanded]),
        ItemType("Checklist", system_fields(description=False)),
        ItemType("Audit", [*system_fields(), Field("Custom.Place", "Place", "treePath", True)]),
    ]


def projects() -> dict[str, Project]:
    """Fresh copies of all projects by name."""
    everything = (
        Project("Ops", _agile(), ("Web", "Database", "Database\\Primary")),
        Project("Basic Board", _basic()),
        Project("Factory", _custom()),
        Project("Secret", _basic(), visible=False),
        Project("Fresh", _basic(), state="createPending"),
    )
    return {project.name: project for project in everything}
