"""Fields of a work item type as destination fields, and typed values as what Azure DevOps wants to get.

Sources: workitemtypes/{type}/fields (what a type demands and allows) and wit/fields (of which kind a field is), both
REST 7.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from providers.azure_devops.texts import safe_html
from providers.values import Choice, DestinationField, DestinationFieldKind, DestinationSchema

AREA_PATH = "System.AreaPath"
# The fields an incident's severity may decide, where a type has them.
SEVERITY_FIELDS = ("Microsoft.VSTS.Common.Priority", "Microsoft.VSTS.Common.Severity")
# Filled by us or by Azure DevOps itself on every work item. Everything else that is required must be asked for.
OURS_PREFIX = "System."
OURS = frozenset({"Microsoft.VSTS.TCM.ReproSteps"})
_KINDS = {
    "string": DestinationFieldKind.TEXT,
    "plainText": DestinationFieldKind.TEXT,
    "guid": DestinationFieldKind.TEXT,
    "picklistString": DestinationFieldKind.TEXT,
    "html": DestinationFieldKind.TEXTAREA,
    "integer": DestinationFieldKind.NUMBER,
    "double": DestinationFieldKind.NUMBER,
    "picklistInteger": DestinationFieldKind.NUMBER,
    "picklistDouble": DestinationFieldKind.NUMBER,
    "dateTime": DestinationFieldKind.DATE,
    "boolean": DestinationFieldKind.SELECT,
    "identity": DestinationFieldKind.USER,
}
_YES_NO = (Choice("True", "Yes"), Choice("False", "No"))

Entry = Mapping[str, Any]


def name_of(entry: Entry) -> str:
    """The name a field is addressed by."""
    return str(entry.get("referenceName") or "")


def names(entries: Iterable[Entry]) -> frozenset[str]:
    """The names of all fields of a type."""
    return frozenset(name_of(entry) for entry in entries)


def _is_ours(name: str) -> bool:
    return name.startswith(OURS_PREFIX) or name in OURS


def _has_default(entry: Entry) -> bool:
    return entry.get("defaultValue") not in (None, "")


def _demanded(entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.get("alwaysRequired") and not _is_ours(name_of(entry))]


def of_unknown_kind(entries: Iterable[Entry]) -> list[str]:
    """Fields whose kind must be asked for before they can be drawn."""
    unknown = (entry for entry in _demanded(entries) if not (_has_default(entry) and entry.get("allowedValues")))
    return [name_of(entry) for entry in unknown if name_of(entry) not in SEVERITY_FIELDS]


def schema(entries: Sequence[Entry], kinds: Mapping[str, Entry], areas: Sequence[Choice] | None) -> DestinationSchema:
    """What a work item type demands and what it offers besides.

    `kinds` has the general description of the fields that need one; `areas` is None where they could not be read.
    """
    demanded = [entry for entry in _demanded(entries) if not kinds.get(name_of(entry), {}).get("readOnly")]
    wanted = [entry for entry in demanded if not _has_default(entry)]
    open_names = {name_of(entry) for entry in wanted}
    offered = [entry for entry in demanded if _has_default(entry)]
    offered += [e for e in entries if name_of(e) in SEVERITY_FIELDS and not (e in offered or name_of(e) in open_names)]
    optional = [_field(entry, kinds, required=False) for entry in offered]
    drawable = [field for field in optional if field.kind is not DestinationFieldKind.UNSUPPORTED]
    return DestinationSchema(
        fields=tuple(_field(entry, kinds, required=True) for entry in wanted),
        assignee_on_create=True,
        optional=(*_area(entries, areas), *drawable),
        severity_fields=tuple(name for name in SEVERITY_FIELDS if name in names(entries)),
    )


def _area(entries: Sequence[Entry], areas: Sequence[Choice] | None) -> Iterator[DestinationField]:
    entry = next((each for each in entries if name_of(each) == AREA_PATH), None)
    if entry is not None:
        kind = DestinationFieldKind.SELECT if areas else DestinationFieldKind.TEXT
        yield DestinationField(AREA_PATH, _label(entry), kind, False, tuple(areas or ()), "treePath")


def _label(entry: Entry) -> str:
    return str(entry.get("name") or name_of(entry))


def _field(entry: Entry, kinds: Mapping[str, Entry], *, required: bool) -> DestinationField:
    general = kinds.get(name_of(entry), {})
    vendor_kind = str(general.get("type") or "string")
    kind = _KINDS.get(vendor_kind, DestinationFieldKind.UNSUPPORTED)
    allowed = [str(value) for value in entry.get("allowedValues") or [] if value not in (None, "")]
    choices = tuple(Choice(value, value) for value in allowed)
    if general.get("isIdentity") or kind is DestinationFieldKind.USER:
        kind, choices = DestinationFieldKind.USER, ()
    elif choices and kind is not DestinationFieldKind.UNSUPPORTED:
        kind = DestinationFieldKind.SELECT
    elif vendor_kind == "boolean":
        choices = _YES_NO
    return DestinationField(name_of(entry), _label(entry), kind, required, choices, vendor_kind)


def area_choices(node: Mapping[str, Any], above: str = "") -> Iterator[Choice]:
    """The area paths of a project, from its tree. Values are paths as System.AreaPath has them ("Ops\\Web")."""
    path = f"{above}\\{node['name']}" if above else str(node["name"])
    yield Choice(path, path)
    for child in node.get("children") or []:
        yield from area_choices(child, path)


def payload(kind: DestinationFieldKind, value: Any) -> Any:
    """A typed value in the form Azure DevOps takes for a field of this kind."""
    if kind is DestinationFieldKind.TEXTAREA:
        return safe_html(str(value))
    if kind is DestinationFieldKind.NUMBER:
        number = float(value)
        return int(number) if number.is_integer() else number
    if kind is DestinationFieldKind.DATE:
        # At noon: midnight would be shown as the day before to everybody west of Greenwich.
        return f"{value}T12:00:00Z"
    if kind is DestinationFieldKind.DATETIME:
        return f"{value}:00Z" if len(str(value)) == 16 else str(value)
    if kind is DestinationFieldKind.MULTI_SELECT:
        return ";".join(str(entry) for entry in value)
    return str(value)
