"""Filling in the ticket dialog as a browser without scripts would: choose, Continue, choose, until all is chosen."""

from __future__ import annotations

from html.parser import HTMLParser

from bench.browser import Browser, Unexpected
from bench.load import ASSIGNEE

WANTED = {"project": "OPS", "issue_type": "Task"}
MOST_LOOKS = 4


class Form(HTMLParser):
    """Names and values a browser would send, and the choices (value, text) of each drop-down."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.choices: dict[str, list[tuple[str, str]]] = {}
        self._select = self._area = ""
        start = page.find("<dialog")
        self.feed(page[start : page.find("</dialog>", start)])
        if "form_key" not in self.values:
            raise Unexpected("the ticket dialog is not there: " + page[start : start + 300])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a field or a choice."""
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "input" and name:
            self.values.setdefault(name, given.get("value", ""))
        elif tag == "textarea":
            self._area = name
            self.values[name] = ""
        elif tag == "select":
            self._select = name
            self.choices[name] = []
        elif tag == "option" and self._select:
            self._option(given)

    def _option(self, given: dict[str, str]) -> None:
        value = given.get("value", "")
        self.choices[self._select].append((value, ""))
        if "selected" in given:
            self.values[self._select] = value

    def handle_endtag(self, tag: str) -> None:
        """A field is over."""
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        """Text of a choice or of a text area."""
        if self._area:
            self.values[self._area] += data
        elif self._select and self.choices[self._select]:
            value, text = self.choices[self._select][-1]
            self.choices[self._select][-1] = value, text + data.strip()

    def choose(self) -> bool:
        """Choose in every empty drop-down what is wanted there, else the first choice. Says whether all is chosen."""
        for name, choices in self.choices.items():
            if not self.values.get(name):
                wanted = WANTED.get(name, "")
                usable = [value for value, text in choices if value and wanted in text]
                self.values[name] = next(iter(usable), "")
        return set(WANTED) <= set(self.choices) and all(self.values.get(name) for name in self.choices)


def filled(browser: Browser, incident_id: int) -> dict[str, str]:
    """The fields of the dialog of an incident, ready to be sent. Raises Unexpected when it cannot be filled in."""
    path = f"/incidents/{incident_id}/tickets/new"
    form = Form(browser.page(f"{path}?person_search={ASSIGNEE}").text)
    for _ in range(MOST_LOOKS):
        if form.choose():
            return {**form.values, "person_search": ASSIGNEE}
        form = Form(browser.post_form(path, {**form.values, "person_search": ASSIGNEE}).text)
    raise Unexpected(f"the ticket dialog cannot be filled in: {form.values}")
