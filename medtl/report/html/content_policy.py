"""What a page may do: show what it carries, load nothing, and run at most one script, ours, known by its hash.

In: the script of a page or none. Out: the content security policy (W3C, CSP Level 3) that stands in its head.
"""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

NOTHING_BUT_PICTURES = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
NO_WAY_OUT = "base-uri 'none'; form-action 'none'"


def content_policy(*, script: str) -> Markup:
    """The policy of a page with this script, byte for byte; an empty script allows none."""
    allowed = f"; script-src '{hash_of(script)}'" if script else ""
    return Markup(f"{NOTHING_BUT_PICTURES}{allowed}; {NO_WAY_OUT}")


def hash_of(script: str) -> str:
    """A script's hash as the policy writes it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}"
