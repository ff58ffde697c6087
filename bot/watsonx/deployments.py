"""Parses deployments from the API's answers, and finds the address of that API.

Source: https://cloud.ibm.com/apidocs/machine-learning#deployments-list. The API cannot filter by hardware
specification, so ``entity.hardware_spec.id`` is compared here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from bot.watsonx.url import PLATFORM_HOSTS
from bot.workflow.ports import Deployment

if TYPE_CHECKING:
    from bot.watsonx.responses import Answer

PATH = "/ml/v4/deployments"
VERSION = "2024-03-14"
_ML_HOSTS = {platform: ml for ml, platform in PLATFORM_HOSTS.items()}


def deployments_url(base_url: str) -> str | None:
    """Return the base address of the deployments of a cluster, or of a platform host's region.

    >>> deployments_url("https://api.dataplatform.cloud.ibm.com"), deployments_url("https://cpd.example.com")
    ('https://us-south.ml.cloud.ibm.com', 'https://cpd.example.com')

    Returns:
        None for a platform host of IBM Cloud whose machine-learning host is unknown.
    """
    host = urlsplit(base_url).hostname or ""
    if host in _ML_HOSTS:
        return f"https://{_ML_HOSTS[host]}"
    return None if host.endswith(".cloud.ibm.com") else base_url


def deployments_in(answer: Answer) -> list[Deployment] | None:
    """Parse one page.

    Returns:
        The deployments that name a hardware specification; None if the answer is no list, or an entry cannot be read:
        a spec must not look unused because an entry is unreadable.
    """
    body = answer.json()
    resources = body.get("resources") if isinstance(body, dict) else None
    if not isinstance(resources, list):
        return None
    deployments: list[Deployment] = []
    for resource in resources:
        metadata, entity = _part(resource, "metadata"), _part(resource, "entity")
        if metadata is None or entity is None:
            return None
        spec_id = (_part(entity, "hardware_spec") or {}).get("id")
        if isinstance(spec_id, str):
            name = metadata.get("name") or entity.get("name")
            deployment_id = str(metadata.get("id") or "")
            deployments.append(Deployment(deployment_id, str(name or deployment_id), spec_id))
    return deployments


def next_page(answer: Answer) -> dict[str, str] | None:
    """Return the parameters of the next page, None after the last. The link's host is ignored."""
    href = (_part(answer.json(), "next") or {}).get("href")
    if not isinstance(href, str) or not href:
        return None
    return dict(parse_qsl(urlsplit(href).query))


def _part(value: object, key: str) -> dict[str, Any] | None:
    part = value.get(key) if isinstance(value, dict) else None
    return part if isinstance(part, dict) else None
