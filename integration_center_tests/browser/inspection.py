"""What must hold for every page as it is rendered: no axe-core violation, light and dark, and no sideways scrolling."""

import os
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, ViewportSize

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
"""axe-core as its npm package has it."""
WIDE = ViewportSize(width=1280, height=800)
TABLET = ViewportSize(width=768, height=1024)
NARROW = ViewportSize(width=360, height=740)
RUN = "options => axe.run(document, options)"
EVERYTHING: dict[str, Any] = {"resultTypes": ["violations"]}
COLOURS: dict[str, Any] = {"runOnly": ["color-contrast", "link-in-text-block"], "resultTypes": ["violations"]}
"""What another colour scheme can change."""
SIDEWAYS = """
async () => {
  // A page hears of its new width with the next frame, and an open list is laid out again then.
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  return [document.documentElement.scrollWidth - window.innerWidth,
    [...document.querySelectorAll("body *")]
      .filter(each => each.getBoundingClientRect().right > window.innerWidth + 1)
      .slice(0, 5).map(each => each.outerHTML.slice(0, 120))];
}
"""


def find_violations(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe-core objects to on the page, a line each."""
    if not page.evaluate("() => typeof window.axe === 'object'"):
        page.evaluate(AXE)
    found = page.evaluate(RUN, options)["violations"]
    return [
        f"{violation['id']} ({violation['impact']}): {violation['help']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in found
        for node in violation["nodes"]
    ]


@dataclass
class Inspection:
    """Inspects pages, and keeps pictures of them where `INTEGRATION_CENTER_SCREENSHOTS` names a folder.

    Attributes:
        names: the pages inspected so far.
    """

    folder: Path | None = field(default_factory=lambda: _read_folder())
    names: list[str] = field(default_factory=list)

    def inspect(self, page: Page, name: str) -> None:
        """Look at the page wide and light, wide and dark, on a tablet, and narrow; leaves it wide and light."""
        self.names.append(name)
        objections = [f"light: {line}" for line in find_violations(page, EVERYTHING)]
        self._photograph(page, f"{name}-light")
        page.emulate_media(color_scheme="dark")
        objections += [f"dark: {line}" for line in find_violations(page, COLOURS)]
        self._photograph(page, f"{name}-dark")
        page.emulate_media(color_scheme="light")
        for size in (TABLET, NARROW):
            page.set_viewport_size(size)
            overflow, guilty = page.evaluate(SIDEWAYS)
            if overflow > 0:
                objections.append(f"at {size['width']} px the page is {overflow} px too wide: {guilty}")
        self._photograph(page, f"{name}-narrow")
        page.set_viewport_size(WIDE)
        assert not objections, f"{name} ({page.url}):\n" + "\n".join(objections)

    def _photograph(self, page: Page, name: str) -> None:
        if self.folder is not None:
            page.screenshot(path=self.folder / f"{name}.png", full_page=True)


def _read_folder() -> Path | None:
    given = os.environ.get("INTEGRATION_CENTER_SCREENSHOTS")
    if not given:
        return None
    folder = Path(given)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
