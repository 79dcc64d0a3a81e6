"""How fast does the explore page follow the hand, and does it show what Python gives?

Targets, of the default model of MNIST: over 200 moves of sliders, decoded and painted within 16 ms
in the exported page and within 50 ms through the server, the median and the 95th percentile. Of a
dense and of a convolutional model, through the server and in the exported page, the pixels of 200
codes: at most 1 grey level from Python's ``decode``, and 99.9 % equal. The same of a U-net, which
has no code to turn, for what it makes of pictures with noise.

The pages are shown by the Chromium on PATH without a window, driven by Playwright. A mouse drags
one slider after the other over its track, those that change the most first, and waits for each move
to be painted. A move takes from the page's ``input`` event until after the frame that shows it: the
decoder, what of the page follows the code (the sliders' numbers, the picture, its difference from
the item), style, layout and paint, and through the server the request. Browsers give such events
out at the start of a frame; the wait for that start, at 60 frames a second 8 ms on average, is no
work of the page's, and the second figure has it too: from when the browser got the mouse's move.
Putting the finished frame on a screen is in neither. Codes and pictures are put into the page by
its own link, and what is compared is what its canvas holds.

    python benchmarks/explore_latency.py [--model FILE] [--conv FILE] [--unet FILE] [--data DATA]
        [--moves N]

Without a model, it trains: the default one, and ``--preset conv`` and ``unet`` for a few epochs.
"""

import base64
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING, Any

import numpy as np

from common import (
    REPOSITORY,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    run_process,
    table,
    write_record,
)
from narrows_cli import NARROWS, fit

sys.path.append(str(REPOSITORY / "tests"))  # how tests start the browser
from helpers.browser import Watch, chromium, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LIMITS = {"export": 16, "server": 50}  # milliseconds
CODES, NOISY = 200, 50
# What is trained where no file is given.
OPTIONS: dict[str, tuple[str, ...]] = {
    "dense": (),
    "conv": ("--preset", "conv", "--epochs", "5"),
    "unet": ("--preset", "unet", "--noise", "gaussian:0.2", "--epochs", "1", "--no-detection"),
}
# Moves along one slider, as shares of its track.
DRAG = np.linspace(0.05, 0.95, 20)

# Notes when a slider moved, and when the frame that shows it was painted: what is posted while a
# frame is made arrives after it.
WATCH = """
const moves = [];
const paints = { count: 0 };
let moved = null;
let inFrame = false;
const after = (act) => {
  const channel = new MessageChannel();
  channel.port1.onmessage = act;
  channel.port2.postMessage(null);
};
const frame = () => {
  inFrame = true;
  after(() => { inFrame = false; });
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
let given = 0;
addEventListener("pointermove", (event) => { given = event.timeStamp; }, true);
addEventListener("input", (event) => {
  if (event.target.type === "range") moved ??= { at: performance.now(), given };
}, true);
const put = CanvasRenderingContext2D.prototype.putImageData;
CanvasRenderingContext2D.prototype.putImageData = function (...given) {
  put.apply(this, given);
  if (this.canvas.id !== "picture-code") return;
  const move = moved;
  moved = null;
  const shown = () => {
    paints.count += 1;
    if (move === null) return;
    const now = performance.now();
    moves.push([now - move.at, now - move.given]);
  };
  if (inFrame) after(shown);
  else requestAnimationFrame(() => after(shown));
};
const until = async (done) => {
  for (const end = performance.now() + 10000; !done(); ) {
    if (performance.now() > end) throw new Error("nothing was painted in 10 s");
    await new Promise((resume) => setTimeout(resume, 5));
  }
};
window.benchmark = {
  moves,
  painted: () => until(() => paints.count > 0),
  movedBeyond: (count) => until(() => moves.length > count),
  async decode(link) {
    const before = paints.count;
    await until(() => {
      // The page may just be writing the link of the code before over this one.
      if (location.hash !== `#${link}`) location.hash = link;
      return paints.count > before;
    });
    const { width, height } = document.getElementById("picture-code");
    const pen = document.getElementById("picture-code").getContext("2d");
    const levels = pen.getImageData(0, 0, width, height).data.filter((_, at) => at % 4 === 0);
    return [...levels];
  },
};
"""


@contextmanager
def served(model: Path, data: str) -> Iterator[str]:
    """The address of ``narrows explore MODEL DATA``."""
    command = [*NARROWS, "explore", str(model), data, "--port", "0", "--no-browser"]
    with Popen(command, stderr=PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "http://" in line:
                    yield "http://" + line.partition("http://")[2].strip()
                    return
            raise SystemExit(f"{' '.join(command)} said no address")
        finally:
            process.kill()


@contextmanager
def exported(model: Path, data: str) -> Iterator[str]:
    """The address of what ``narrows explore MODEL DATA --export`` writes."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        run_process([*NARROWS, "explore", str(model), data, "--export", str(page)])
        announce(f"  {page.stat().st_size / 1e6:.2f} MB")
        yield page.as_uri()


WAYS = {"export": exported, "server": served}


def open_page(browser: "Browser", address: str, watch: Watch) -> "Page":
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    watch.of(context)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(address)
    page.evaluate("benchmark.painted()")
    return page


def drag(page: "Page", count: int) -> np.ndarray:
    """Milliseconds of each move, from the page's event and from the mouse's: (count, 2)."""
    sliders = page.locator("#sliders input[type=range]").all()
    made = 0
    while made < count:
        slider = sliders[made // len(DRAG) % len(sliders)]
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        assert box is not None
        y = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 1, y)
        page.mouse.down()
        page.wait_for_timeout(300)  # until what follows the press is done
        for share in DRAG[: count - made]:
            seen = page.evaluate("benchmark.moves.length")
            page.mouse.move(box["x"] + share * box["width"], y)
            page.evaluate("(seen) => benchmark.movedBeyond(seen)", seen)
        page.mouse.up()
        made += len(DRAG)
    return np.array(page.evaluate("benchmark.moves")[-count:])


def pixels(page: "Page", links: list[str]) -> np.ndarray:
    """What the page's canvas holds at each link: uint8 (n, pixels)."""
    page.evaluate("(link) => benchmark.decode(link)", links[-1])
    page.wait_for_timeout(2000)  # until what was shown first is gone; then a link is painted once
    found = [page.evaluate("(link) => benchmark.decode(link)", link) for link in links]
    return np.array(found, np.uint8)


def link_of(code: np.ndarray) -> str:
    """The part of the page's address that holds a code, float32 (latent,)."""
    return "code=" + _text(code)


def link_of_picture(levels: np.ndarray) -> str:
    """The part of the page's address that holds a picture of one's own, uint8 (pixels,)."""
    return f"levels={_text(levels)}&name=noisy&noise=0"  # none is added to what it has


def _text(array: np.ndarray) -> str:
    return base64.urlsafe_b64encode(array.tobytes()).decode().rstrip("=")


def expected(model: Path, data: str) -> tuple[list[str], np.ndarray]:
    """Links, and what Python makes of what they hold, uint8 (n, pixels).

    They hold codes, half of them of items and half from anywhere in the range of the training
    codes; or for a model without, items with noise.
    """
    from narrows.tasks.denoise import denoise
    from narrows.tasks.explore.latent_numbers import turns
    from narrows.tasks.opening import load_for, open_autoencoder

    autoencoder, random = open_autoencoder(str(model)), np.random.default_rng(0)
    items = load_for(autoencoder, data).items
    if not turns(autoencoder.trained):
        clean = items[:NOISY].astype(np.float64)
        spoilt = np.rint(clean + random.normal(0, 51, clean.shape)).clip(0, 255).astype(np.uint8)
        links = [link_of_picture(item) for item in spoilt.reshape(len(spoilt), -1)]
        return links, denoise(autoencoder, spoilt).reshape(len(spoilt), -1)
    low, high = (autoencoder.trained.latent[end] for end in ("lowest", "highest"))
    some = items[: CODES // 2]
    anywhere = random.uniform(low, high, (CODES - len(some), len(low))).astype(np.float32)
    codes = np.concatenate([autoencoder.encode(some), anywhere])
    return [link_of(code) for code in codes], autoencoder.decode(codes).reshape(len(codes), -1)


def measure(browser: "Browser", models: dict[str, Path], data: str, moves: int) -> dict[str, Any]:
    """By model and way: milliseconds of moves (of the first model), and differences of pixels."""
    measured: dict[str, Any] = {}
    for name, model in models.items():
        links, items = expected(model, data)
        for way, opened in WAYS.items():
            announce(f"{name}, {way}")
            watch = Watch()
            with opened(model, data) as address:
                page = open_page(browser, address, watch)
                found: dict[str, Any] = {}
                if name == next(iter(models)):
                    drag(page, len(DRAG))  # warms up
                    found["milliseconds"] = drag(page, moves).tolist()
                off = np.abs(pixels(page, links).astype(int) - items)
                found |= {"largest": int(off.max()), "equal": float((off == 0).mean())}
                page.context.close()
            watch.check()
            measured[f"{name}, {way}"] = found
    return measured


def targets(measured: dict[str, Any]) -> list[Target]:
    found = []
    for name, result in measured.items():
        if "milliseconds" in result:
            times = np.array(result["milliseconds"])[:, 0]
            for what, share in (("median", 50), ("95th percentile", 95)):
                limit = LIMITS[name.rpartition(" ")[2]]
                value = float(np.percentile(times, share))
                found.append(Target(f"{name}: a move, ms, {what}", limit, value, at_least=False))
        found.append(Target(f"{name}: grey levels off, most", 1, result["largest"], at_least=False))
        found.append(Target(f"{name}: pixels equal, %", 99.9, 100 * result["equal"]))
    return found


def moves_table(measured: dict[str, Any]) -> str:
    rows = []
    for name, result in measured.items():
        for column, since in enumerate(("the page's event", "the mouse's move")):
            if "milliseconds" in result:
                times = np.array(result["milliseconds"])[:, column]
                told = [f"{np.percentile(times, share):.1f}" for share in (5, 50, 95, 100)]
                rows.append([f"{name}, since {since}", *told])
    return table(["a move, ms", "5th percentile", "median", "95th percentile", "longest"], rows)


def main() -> None:
    parser = argument_parser(
        __doc__, packages=["numpy", "jax", "starlette", "uvicorn", "playwright"]
    )
    parser.add_argument("--model", type=Path, help="the default model of MNIST; None to train it")
    parser.add_argument("--conv", type=Path, help="a convolutional one; None to train it")
    parser.add_argument("--unet", type=Path, help="a U-net that denoises; None to train it")
    parser.add_argument("--data", default="mnist:test", help="items of the page")
    parser.add_argument("--moves", type=int, default=200)
    arguments = parser.parse_args()
    program = chromium()
    if program is None:
        raise SystemExit("there is no chromium on PATH")
    with tempfile.TemporaryDirectory() as folder:
        models = {"dense": arguments.model, "conv": arguments.conv, "unet": arguments.unet}
        for name, path in models.items():
            if path is None:
                announce(f"training {name}")
                models[name] = Path(folder) / f"{name}.safetensors"
                fit("mnist", models[name], *OPTIONS[name])
        rates = [matrix_rate()]
        with running(program) as browser:
            version = browser.version
            measured = measure(browser, models, arguments.data, arguments.moves)
        rates.append(matrix_rate())
    write_record(
        "explore-latency",
        "The explore page under the hand",
        targets=targets(measured),
        sections=[
            moves_table(measured),
            f"{arguments.moves} moves of sliders a page, Chromium {version} without a window, "
            f"1280 x 900; {CODES} codes a model and page for the pixels, {NOISY} pictures where "
            "there are none to turn.",
        ],
        data={"chromium": version, "measured": measured},
        versions=arguments.versions,
        rates=rates,
    )


if __name__ == "__main__":
    main()
