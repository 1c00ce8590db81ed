"""The crew as a table: which agent does which phase. One agent, one file."""

from typing import Final

from agent_workers.crews.content_curator import curation, outline
from agent_workers.crews.discovery import discovery
from agent_workers.crews.editor import editing
from agent_workers.crews.manager import editing_review, editorial_plan, proof, review
from agent_workers.crews.media import art_direction, illustration
from agent_workers.crews.onboarding import onboarding
from agent_workers.crews.pdf_builder import binding
from agent_workers.crews.platform_setup import preflight, publishing_pack
from agent_workers.crews.research import research
from agent_workers.desk import Crew

CREWS: Final[dict[str, Crew]] = {
    "preflight": preflight,
    "onboarding": onboarding,
    "editorial_plan": editorial_plan,
    "discovery": discovery,
    "research": research,
    "outline": outline,
    "curation": curation,
    "proof": proof,
    "review": review,
    "editing": editing,
    "editing_review": editing_review,
    "art_direction": art_direction,
    "illustration": illustration,
    "binding": binding,
    "publishing_pack": publishing_pack,
}
