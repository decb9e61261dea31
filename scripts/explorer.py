#!/usr/bin/env python3
"""The explorer as its users meet it, in Chromium: asks, points, holds against, compares, and looks for what is broken.

    pip install playwright
    scripts/explorer.py [--program target/release/m2ib] [--chromium /usr/bin/chromium] [--pictures DIR]

Starts the program on a free port of the loopback, drops a scene on the page and goes through what the page can do, by
pointer and by keys. Then shows the same at 360, 1200 and 3840 pixels, light and dark. Fails at the first thing that is
not as it should be: an error in the browser's console, a page wider than its window, a control or picture without a name,
an answer that doesn't come. With --pictures it leaves a picture of each page for somebody to look at. The browser is the
system's; none is downloaded.
"""

import argparse
import pathlib
import re
import signal
import subprocess
import sys

from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCENE = ROOT / "crates/m2ib-emoji/scenes/scene0.png"
CAPTION, RIVAL = "a photo of a piano", "a photo of a money bag"
WIDTHS, THEMES = (360, 1200, 3840), ("light", "dark")
PATIENCE = 120_000

# As a file dropped on the page.
DROP = """([bytes, name]) => {
  const files = new DataTransfer();
  files.items.add(new File([Uint8Array.from(bytes)], name, { type: "image/png" }));
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
}"""

# What has no name for who doesn't see the page.
NAMELESS = """() => [...document.querySelectorAll("input, select, textarea, button, a, img, [role=img], [tabindex]")]
  .filter((it) => it.checkVisibility() && it.getAttribute("aria-hidden") !== "true")
  .filter((it) => it.tagName === "IMG" ? !it.hasAttribute("alt")
    : !(it.labels?.length || it.getAttribute("aria-label") || it.getAttribute("aria-labelledby") || it.textContent.trim()))
  .map((it) => it.outerHTML.slice(0, 120))"""


def expect(holds, what):
    if not holds:
        sys.exit(f"FAILED: {what}")


class Explorer:
    """A page, and what has to hold of it whatever is shown."""

    def __init__(self, browser, url, width=1200, theme="light", motion="no-preference", context=None):
        size = {"width": width, "height": max(900, width * 9 // 16)}
        self.context = context or browser.new_context(viewport=size, color_scheme=theme, reduced_motion=motion)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.wrong = []
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto(url)

    def done(self):
        """Waits for the answer to what was asked last."""
        self.page.wait_for_timeout(700)
        self.page.wait_for_selector("#running", state="hidden")
        self.page.wait_for_selector("#result:not(.stale)")
        self.sound("an answer")

    def sound(self, where):
        expect(not self.wrong, f"{where}: the browser says {self.wrong}")
        wide, window = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        expect(wide <= window, f"{where}: the page is {wide} pixels wide in a window of {window}")
        nameless = self.page.evaluate(NAMELESS)
        expect(not nameless, f"{where}: without a name: {nameless}")
        alert = self.page.locator("#alert")
        expect(alert.is_hidden(), f"{where}: {alert.text_content()}")

    def text(self, selector):
        return self.page.locator(selector).text_content()

    def colours(self, selector="#heat"):
        """What a canvas shows."""
        return self.page.locator(selector).first.evaluate("(canvas) => canvas.toDataURL()")


def ask(explorer):
    """A dropped picture and a caption: a map, words and numbers."""
    page = explorer.page
    page.select_option("#preset", "m2ib-fast")
    page.evaluate(DROP, [list(SCENE.read_bytes()), SCENE.name])
    page.get_by_label("Caption 1", exact=True).fill(CAPTION)
    explorer.done()
    expect(page.locator("#words .word").count() == 5, "the caption has five words")
    expect("Similarity" in explorer.text("#facts"), "the similarity is told")
    page.locator("#words .word").last.hover()
    expect("nats" in page.locator("#words .word .tip").last.text_content(), "a word that is pointed at says its nats")
    page.locator("#stack").hover()
    expect("Row" in explorer.text("#readout"), "a place that is pointed at says what it carries")
    page.mouse.move(0, 0)
    page.focus("#stack")
    before = explorer.text("#readout")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(explorer.text("#readout") not in ("", before), "arrow keys walk the map")


def together(explorer):
    """Which word goes with which patch, when its maps are there."""
    page = explorer.page
    # Of itself where that takes a moment, otherwise when it is asked for.
    there, offered = page.locator("#words .word[role=button]"), page.get_by_role("button", name="Compute them")
    there.or_(offered).first.wait_for()
    if offered.is_visible():
        offered.click()
    there.first.wait_for()
    plain = explorer.colours()
    page.locator("#words .word").last.press("Enter")
    expect(explorer.colours() != plain, "a word that is pressed shows its patches")
    page.locator("#words .word").last.press("Enter")
    page.locator("#words .word").last.blur()


def rather(explorer):
    """Held against another caption, in the map and by every method."""
    page = explorer.page
    page.click("#add")
    page.get_by_label("Caption 2", exact=True).fill(RIVAL)
    page.select_option("#rather-than", label=f"“{RIVAL}”")
    explorer.done()
    expect("instead of" in explorer.text("#contrast"), "the difference is told")
    expect(page.locator("#rival .word").count() == 6, "the rival's words are shown")
    for box in page.locator("#compare input").all():
        box.set_checked(box.get_attribute("value") in ("m2ib-fast", "chefer"))
    page.get_by_role("button", name="Compare").click()
    # Not by a condition in JavaScript: the page's policy lets nobody evaluate text.
    page.locator(".compared .opposed canvas").nth(1).wait_for()
    expect(RIVAL in explorer.text("#compare"), "the comparison says what against")
    expect(page.locator(".compared .rival").count() == 2, "every method has the rival's words")
    explorer.sound("side by side")
    page.select_option("#rather-than", "")
    explorer.done()
    expect(page.locator(".compared figure").count() == 0, "a comparison of another question is gone")


def seeds(explorer):
    """Seeds one after the other, and step by step for who wants no motion."""
    page = explorer.page
    page.select_option("#seeds", "4")
    explorer.done()
    mean = explorer.colours()
    page.click("#play")
    for _ in range(40):
        page.wait_for_timeout(250)
        if page.locator("#seed").input_value() == "3":
            break
    expect(page.locator("#seed").input_value() == "3", "seeds follow one another")
    page.click("#play")
    expect(explorer.colours() != mean, "a seed's map is its own")
    at = page.locator("#seed").input_value()
    page.wait_for_timeout(1500)
    expect(page.locator("#seed").input_value() == at, "seeds that are paused stay")
    page.focus("#seed")
    page.keyboard.press("Home")
    expect(explorer.colours() == mean, "the first place of the slider is the mean")
    explorer.sound("seeds")


def still(browser, link):
    """A link shows the same again; without motion, the button goes one seed on."""
    explorer = Explorer(browser, link, motion="reduce")
    explorer.done()
    page = explorer.page
    expect(page.get_by_label("Caption 1", exact=True).input_value() == CAPTION, "a link has the caption")
    page.click("#play")
    page.wait_for_timeout(1500)
    expect(page.locator("#seed").input_value() == "1", "nothing moves by itself where no motion is wanted")
    explorer.context.close()


def links(explorer):
    """What stands behind the address's # is the page's, its link's and the history's alike."""
    page, link = explorer.page, explorer.page.url
    page.evaluate("location.hash = 'captions'")
    page.wait_for_timeout(500)
    expect(page.url == link and page.locator("#result").is_visible(), "a place on the page is no link")
    page.locator(".skip").press("Enter")
    expect(page.evaluate("document.activeElement.type") == "text", "the skip link leads to the caption")
    expect(CAPTION in page.title(), "the title says the caption")
    for hash, alerted in (("", False), ("picture=" + 32 * "f" + "&caption=a+boot", True)):
        page.evaluate("(hash) => { location.hash = hash; }", hash)
        page.wait_for_timeout(1500)
        shown = [name for name in ("#stack", "#result") if page.locator(name).is_visible()]
        expect(not shown, f"a link without its picture still shows {shown}")
        expect(page.locator("#alert").is_visible() == alerted, "a picture that is gone is told, and nothing else")
        if alerted:
            page.click("#dismiss")
        page.evaluate("(url) => { location.href = url; }", link)
        explorer.wrong[:] = [said for said in explorer.wrong if "404" not in said]
        explorer.done()


def stray(explorer):
    """What is no file, no caption or no setting is told, where it belongs."""
    page = explorer.page
    prevented = page.evaluate("""() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.setData("text/uri-list", "https://example.org/a.png");
      const drop = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
      document.querySelector("footer").dispatchEvent(drop);
      return drop.defaultPrevented;
    }""")
    expect(prevented and "no file" in explorer.text("#alert"), "a link that is dropped does not lead elsewhere")
    page.click("#dismiss")
    seed = page.locator("#set-seed")
    page.locator("#more").evaluate("(more) => { more.open = true; }")
    for value in ("many", ""):
        seed.fill(value)
        seed.press("Enter")
        page.wait_for_timeout(1500)
        expect((seed.get_attribute("aria-invalid") == "true") == bool(value), "a setting that is wrong is marked, until it is right")
        expect(page.locator("#alert").is_visible() == bool(value), "so is the message")
    page.click("#add")
    page.locator("#captions input[type=text]").last.fill("\u0001")
    page.wait_for_timeout(2500)
    expect(page.locator("#captions .fit:visible").count() == 2, "captions beside an unreadable one keep their similarities")
    expect(page.locator("#captions .row").last.locator(".warning").is_visible(), "the unreadable one has the reason")
    page.locator("#captions .row").last.get_by_role("button").click()
    explorer.wrong[:] = [said for said in explorer.wrong if "422" not in said]
    explorer.done()
    with page.expect_download() as download:
        page.click("#png")
    expect(download.value.suggested_filename == "m2ib-a-photo-of-a-piano.png", "a download is named by its caption")


def stops(explorer):
    """A run that is cancelled says so, dims what is old, and keeps the focus."""
    page = explorer.page
    page.select_option("#method", "rise")
    explorer.done()
    page.locator("#more").evaluate("(more) => { more.open = true; }")
    page.fill("#set-masks", "90000")
    page.locator("#set-masks").press("Enter")
    page.wait_for_timeout(1500)
    page.locator("#cancel").press("Enter")
    expect("Cancelled" in explorer.text("#halted"), "a cancelled run says so")
    expect(page.evaluate("document.activeElement.id") == "again", "the focus goes to what asks again")
    expect(page.locator("#drop.stale").count() == 1, "the old map is dimmed with the old words")
    page.fill("#set-masks", "")
    page.locator("#set-masks").press("Enter")
    explorer.done()
    expect(page.locator(".stale").count() == 0, "a new answer is not")


def touched(browser, link):
    """By finger: a place that is tapped stays; tips of words stay in the window."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    explorer = Explorer(browser, link, width=360, context=context)
    explorer.done()
    page = explorer.page
    page.locator("#stack").scroll_into_view_if_needed()
    box = page.locator("#stack").bounding_box()
    said = []
    for share in (0.1, 0.8, 0.1):
        page.touchscreen.tap(box["x"] + share * box["width"], box["y"] + share * box["height"])
        page.wait_for_timeout(300)
        said.append(explorer.text("#readout"))
    expect(said[0] == said[2] != said[1] and "Row 1, column 1" in said[0], f"taps read {said}")
    for word in page.locator("#words .word").all():
        word.hover()
        tip = word.locator(".tip").bounding_box()
        expect(tip["x"] >= 0 and tip["x"] + tip["width"] <= 360, f"a tip lies at {tip}")
        explorer.sound("a tip")
    context.close()


def restarted(browser, program):
    """A server that ends while it computes is told; when it is back, so are picture and answer."""
    server, url = start(program)
    try:
        explorer = Explorer(browser, url)
        page = explorer.page
        page.select_option("#method", "rise")
        page.evaluate(DROP, [list(SCENE.read_bytes()), "another.png"])
        page.get_by_label("Caption 1", exact=True).fill(CAPTION)
        explorer.done()
        page.locator("#more").evaluate("(more) => { more.open = true; }")
        page.fill("#set-masks", "90000")
        page.locator("#set-masks").press("Enter")
        page.wait_for_timeout(1500)
        server.kill()
        server.wait()
        page.wait_for_selector("#alert", timeout=15_000)
        expect(page.locator("#running").is_hidden(), "nothing computes where there is no server")
        server, _ = start(program, url.rsplit(":", 1)[1])
        page.wait_for_selector("#alert", state="hidden", timeout=15_000)
        page.fill("#set-masks", "")
        page.locator("#set-masks").press("Enter")
        explorer.wrong.clear()
        explorer.done()
        explorer.context.close()
    finally:
        server.kill()
        server.wait(60)


def start(program, port=0):
    command = [program, "serve", "--address", f"127.0.0.1:{port}"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return server, re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=ROOT / "target/release/m2ib")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--pictures", type=pathlib.Path)
    arguments = parser.parse_args()
    server, url = start(arguments.program)
    try:
        with sync_playwright() as playwright:
            # The sandbox takes rights that containers don't have; the page is this repository's own.
            browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
            explorer = Explorer(browser, url)
            for step in (ask, together, rather, seeds, links, stray):
                step(explorer)
                print(f"{step.__name__}: {step.__doc__.splitlines()[0]}", flush=True)
            link = explorer.page.url
            stops(explorer)
            still(browser, link)
            touched(browser, link)
            restarted(browser, arguments.program)
            print("stopped, without motion, by finger, and with a server that began anew", flush=True)
            for width in WIDTHS:
                for theme in THEMES:
                    shown = Explorer(browser, link, width, theme)
                    shown.done()
                    if arguments.pictures:
                        arguments.pictures.mkdir(parents=True, exist_ok=True)
                        path = arguments.pictures / f"explorer-{width}-{theme}.png"
                        shown.page.screenshot(path=path, full_page=True)
                    shown.context.close()
                print(f"{width} pixels wide, light and dark", flush=True)
            browser.close()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


if __name__ == "__main__":
    main()
