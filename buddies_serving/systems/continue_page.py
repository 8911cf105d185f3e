"""The page on which listeners continue their playlists: what is typed goes to the calls of `sequences`."""

from fastapi import APIRouter, Request, Response
from fastapi.templating import Jinja2Templates

from buddies_serving.http.answers import PAGE_POLICY
from buddies_serving.routes.system import PAGE_FOLDER

router = APIRouter()
_templates = Jinja2Templates(PAGE_FOLDER)


@router.get("/continue", include_in_schema=False)
async def page(request: Request) -> Response:
    """The page, for everybody: its calls carry a key of their own."""
    headers = {"content-security-policy": PAGE_POLICY.decode()}
    return _templates.TemplateResponse(request, "continue.html", {"root": request.scope["root_path"]}, headers=headers)
