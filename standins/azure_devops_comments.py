"""The discussion of work items in the sandbox Azure DevOps: a preview route, under the item's own project alone."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from standins import azure_devops_wire as wire
from standins.azure_devops_knobs import Comment, WorkItem
from standins.azure_devops_state import sandbox
from standins.azure_devops_wire import needs

comments = Blueprint("comments", __name__)
MOST = 200


@comments.get("/sandbox/<project>/_apis/wit/workItems/<int:number>/comments")
@needs("vso.work")
def discussion(project: str, number: int) -> AnyResponse:
    """The comments of a work item in pages, the oldest first unless asked otherwise."""
    azure = sandbox()
    if "preview" not in request.args.get("api-version", ""):
        message = "The requested version “7.1” of the resource is under preview. The -preview flag must be supplied."
        return wire.refuse(400, message, "VssInvalidPreviewVersionException")
    place, item = azure.project(project), azure.visible(number)
    if place is None:
        return wire.no_project(project)
    if item is None or item.project != place.name:
        return wire.no_item(number)
    found = [each for each in item.comments if not each.deleted or request.args.get("includeDeleted") == "true"]
    if request.args.get("order", "asc").lower() == "desc":
        found.reverse()
    start = int(request.args.get("continuationToken") or 0)
    end = start + min(int(request.args.get("$top", MOST)), MOST, azure.knobs.comment_page)
    page = [_shown(item, each) for each in found[start:end]]
    answer: dict[str, Any] = {"totalCount": len(found), "count": len(page), "comments": page}
    return wire.answer(answer | ({"continuationToken": str(end)} if end < len(found) else {}))


def _shown(item: WorkItem, comment: Comment) -> dict[str, Any]:
    author = sandbox().people[comment.author].as_reference(wire.base_url())
    return {
        "workItemId": item.id,
        "id": comment.id,
        "version": 1,
        "text": comment.text,
        "createdBy": author,
        "createdDate": comment.created,
        "modifiedBy": author,
        "modifiedDate": comment.created,
        "isDeleted": comment.deleted,
        "url": f"{wire.base_url()}/_apis/wit/workItems/{item.id}/comments/{comment.id}",
    }
