"""Which addresses the bot may call: https, or plain http on this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

PLATFORM_HOSTS = {
    # Hardware specifications live on the platform host of a region, not on its machine-learning
    # host. Source: PLATFORM_URLS_MAP in client.py of ibm-watsonx-ai 1.8.1 (2026).
    "us-south.ml.cloud.ibm.com": "api.dataplatform.cloud.ibm.com",
    "eu-de.ml.cloud.ibm.com": "api.eu-de.dataplatform.cloud.ibm.com",
    "eu-gb.ml.cloud.ibm.com": "api.eu-gb.dataplatform.cloud.ibm.com",
    "jp-tok.ml.cloud.ibm.com": "api.jp-tok.dataplatform.cloud.ibm.com",
    "au-syd.ml.cloud.ibm.com": "api.au-syd.dai.cloud.ibm.com",
    "ca-tor.ml.cloud.ibm.com": "api.ca-tor.dai.cloud.ibm.com",
}
_DEFAULT_PORTS = {"https": 443, "http": 80}


def check_base_url(url: str, *, setting: str = "WATSONX_URL") -> str:
    """Return the base address in canonical form: lower-case host, no default port, no trailing slash.

    An IBM Cloud machine-learning host is translated to the platform host of its region.

    Args:
        url: As configured; a path prefix is kept.
        setting: The setting's name, for the error.

    Raises:
        ValueError: One sentence that never repeats the address, which may hold a password.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ValueError(f"{setting} is not an address such as https://cpd.example.com.") from None
    if parts.scheme not in _DEFAULT_PORTS or not host or not _plain(host + parts.path):
        raise ValueError(f"{setting} is not an address such as https://cpd.example.com.")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            f"{setting} must not hold a user name or password; give them as settings of their own."
        )
    if parts.query or parts.fragment:
        raise ValueError(f"{setting} must end before any ? or #.")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"{setting} must be https; plain http is for loopback hosts only.")
    host = _platform_host(host, setting)
    shown = f"[{host}]" if ":" in host else host
    at = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{shown}{at}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can only mean this machine.

    Args:
        host: Without brackets and port.

    Returns:
        True for ``localhost``, names under it (RFC 6761), ``127.0.0.0/8`` and ``::1``.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _plain(text: str) -> bool:
    """Return whether a host or path can stand in a request line unescaped."""
    return text.isascii() and text.isprintable() and not any(c in text for c in ' "<>\\^`{|}%')


def _platform_host(host: str, setting: str) -> str:
    """Translate a machine-learning host of IBM Cloud, or refuse an unknown one."""
    if not host.endswith(".ml.cloud.ibm.com"):
        return host
    if host not in PLATFORM_HOSTS:
        raise ValueError(
            f"{setting} names a machine-learning host of IBM Cloud; hardware specifications live on the "
            "platform host of the region, such as https://api.<region>.dataplatform.cloud.ibm.com."
        )
    return PLATFORM_HOSTS[host]
