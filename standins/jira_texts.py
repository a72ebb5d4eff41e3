"""Sentences of the sandbox Jira in English and German.

Jira answers in the language of the account; a caller pins English with `X-Force-Accept-Language: true` and
`Accept-Language: en`. Known from Atlassian's documentation or recorded answers: no_issue, no_project,
required, no_summary, long_summary, not_on_screen, label_space, bad_type, bad_project, unknown_user, not_assignable,
bad_json, max_results, title. The wording of all others, and all German, is a plausible one: never match on it.
"""

from __future__ import annotations

EN = {
    "no_issue": "Issue does not exist or you do not have permission to see it.",
    "no_project": "No project could be found with key '{key}'.",
    "required": "{name} is required.",
    "no_summary": "You must specify a summary of the issue.",
    "long_summary": "Summary must be less than 255 characters.",
    "newline_summary": "The summary is invalid because it contains newline characters.",
    "not_on_screen": "Field '{field}' cannot be set. It is not on the appropriate screen, or unknown.",
    "label_space": "The label '{label}' contains spaces which is invalid.",
    "label_array": "data was not an array",
    "bad_type": "Specify a valid issue type",
    "bad_project": "valid project is required",
    "no_create": "You do not have permission to create issues in this project.",
    "anonymous_create": "Anonymous users do not have permission to create issues in this project."
    " Please try logging in first.",
    "subtask": "Issue type is a sub-task but parent issue key or id not specified.",
    "unknown_user": "Specified user does not exist or you do not have required permissions",
    "not_assignable": "User '{name}' cannot be assigned issues.",
    "gdpr": "'accountId' must be the only user identifying query parameter in GDPR strict mode.",
    "no_assign": "You do not have permission to assign issues.",
    "no_comment": "You do not have the permission to comment on this issue.",
    "comment_limit": "The limit of comments for this issue is reached.",
    "unfetchable": "The issue could not be fetched this time. Try again.",
    "bad_json": "There was an error parsing JSON. Check that your request body is valid.",
    "bad_transition": "Transition id '{id}' is not valid for this issue.",
    "bad_permission": "Unrecognized permissions: {key}",
    "no_permissions": "The 'permissions' query parameter is required.",
    "no_query": "A query parameter must be given.",
    "max_results": "Parameter 'maxResults' must not exceed the limit '200'",
    "title": "'title' is required.",
    "url": "'url' is required.",
}
DE = {
    "no_issue": "Der Vorgang existiert nicht oder Sie haben keine Berechtigung, ihn zu sehen.",
    "no_project": "Es wurde kein Projekt mit dem Schlüssel '{key}' gefunden.",
    "required": "{name} ist erforderlich.",
    "no_summary": "Sie müssen eine Zusammenfassung des Vorgangs angeben.",
    "long_summary": "Die Zusammenfassung muss kürzer als 255 Zeichen sein.",
    "not_on_screen": "Das Feld '{field}' kann nicht festgelegt werden. Es ist nicht auf dem Bildschirm oder unbekannt.",
    "label_space": "Das Stichwort '{label}' enthält Leerzeichen und ist ungültig.",
    "bad_type": "Geben Sie einen gültigen Vorgangstyp an",
    "bad_project": "gültiges Projekt ist erforderlich",
    "no_create": "Sie haben keine Berechtigung, in diesem Projekt Vorgänge zu erstellen.",
    "not_assignable": "Benutzer '{name}' können keine Vorgänge zugewiesen werden.",
    "unknown_user": "Der angegebene Benutzer existiert nicht oder Sie haben nicht die nötigen Berechtigungen",
}


def sentence(key: str, language: str, /, **values: object) -> str:
    """The sentence in this language, in English where there is no translation."""
    catalogue = DE if language == "de" else EN
    return catalogue.get(key, EN[key]).format(**values)
