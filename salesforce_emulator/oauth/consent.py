"""The pages of the OAuth web flow."""

from collections.abc import Mapping
from html import escape

from starlette.responses import HTMLResponse

from salesforce_emulator.org.org import Org


def build_error_page(error: str, description: str) -> HTMLResponse:
    """Return the page that shows why authorization did not begin."""
    text = f"error={error}&error_description={description}"
    return HTMLResponse(f"<html><body><h1>OAuth Error</h1><p>{escape(text)}</p></body></html>", 400)


def build_consent_page(org: Org, parameters: Mapping[str, str], scopes: list[str]) -> str:
    """Return the page that asks the user; its form carries the request's parameters back."""
    hidden = "\n".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in parameters.items()
    )
    asked = "".join(f"<li>{escape(scope)}</li>" for scope in scopes)
    kind = "Sandbox" if org.profile.is_sandbox else "Production"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Allow Access? | Salesforce (local {kind} org)</title>
<style>body{{font:16px/1.5 system-ui;max-width:28rem;margin:4rem auto;padding:0 1rem}}
button{{font:inherit;padding:.5rem 1.5rem;margin-right:.5rem}}</style></head>
<body><h1>Allow Access?</h1>
<p><strong>Integration Center</strong> asks to use the local {kind} org of {escape(org.profile.company)}:</p>
<ul>{asked}</ul>
<form method="post" action="/services/oauth2/authorize">{hidden}
<p>Signed in as <strong>{escape(org.profile.username)}</strong></p>
<button name="decision" value="approve" autofocus>Allow</button>
<button name="decision" value="deny">Deny</button></form></body></html>"""
