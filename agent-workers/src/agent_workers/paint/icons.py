"""The things a picture can show: what a subject's words name, and how each is drawn.

A drawing stands with its foot on (0, 0), is 100 units high, and names its colours by their role.
To teach the painter a new thing, add a drawing and a row in `WORDS`.
"""

# ruff: noqa: E501 - path data does not get clearer by breaking it

import re
from dataclasses import dataclass
from typing import Final, Literal

Place = Literal["ground", "sky", "water"]


@dataclass(frozen=True)
class Icon:
    """A thing that may stand in a scene, and where it belongs."""

    name: str
    place: Place
    shapes: str

    def drawn(self, colours: dict[str, str]) -> str:
        return self.shapes.format_map(colours)


def named_in(subject: str) -> Icon | None:
    """The first thing that the words of a subject name."""
    for word in re.findall(r"[a-z]+", subject.lower()):
        name = (
            WORDS.get(word)
            or WORDS.get(word.removesuffix("s"))
            or WORDS.get(word.removesuffix("es"))
        )
        if name:
            return ICONS[name]
    return None


def _line(path: str, width: float, role: str = "line") -> str:
    return (
        f'<path d="{path}" fill="none" stroke="{{{role}}}" stroke-width="{width:g}"'
        f' stroke-linecap="round" stroke-linejoin="round"/>'
    )


def _fill(path: str, role: str, opacity: float = 1.0) -> str:
    faint = "" if opacity >= 1 else f' opacity="{opacity:g}"'
    return f'<path d="{path}" fill="{{{role}}}"{faint}/>'


def _dot(x: float, y: float, radius: float, role: str, opacity: float = 1.0) -> str:
    faint = "" if opacity >= 1 else f' opacity="{opacity:g}"'
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{{{role}}}"{faint}/>'


DRAWINGS: Final[dict[str, tuple[Place, str]]] = {
    "tree": (
        "ground",
        _line("M0 0V-62M0 -26L-15 -44M0 -34L14 -54", 5)
        + _fill("M0 -100C24 -100 34 -80 32 -64C42 -52 34 -32 14 -34C6 -28 -8 -28 -14 -34C-36 -32 -42 -54 -31 -65C-34 -82 -22 -100 0 -100Z", "body")
        + _fill("M0 -100C24 -100 34 -80 32 -64C42 -52 34 -32 14 -34C26 -46 24 -84 0 -100Z", "shade", 0.55)
        + _line("M0 -30V-74M0 -46L-11 -58M0 -52L10 -65", 3, "light"),
    ),
    "fir": (
        "ground",
        _line("M0 0V-16", 6)
        + _fill("M0 -100L14 -72H8L22 -44H14L30 -12H-30L-14 -44H-22L-8 -72H-14Z", "body")
        + _fill("M0 -100L14 -72H8L22 -44H14L30 -12H0Z", "shade", 0.5),
    ),
    "cup": (
        "ground",
        _fill("M-46 -6C-46 0 46 0 46 -6L36 -10H-36Z", "shade")
        + _line("M24 -44C46 -48 46 -18 20 -20", 6, "body")
        + _fill("M-32 -52H28C28 -26 22 -9 4 -9H-8C-26 -9 -32 -26 -32 -52Z", "body")
        + _fill("M8 -52H28C28 -26 22 -9 4 -9H-2C8 -16 10 -34 8 -52Z", "shade", 0.5)
        + _fill("M-32 -52C-32 -57 28 -57 28 -52C28 -47 -32 -47 -32 -52Z", "light")
        + _line("M-14 -64C-22 -74 -6 -80 -13 -92M4 -64C-4 -76 12 -84 4 -98", 3.4, "steam"),
    ),
    "lamp": (
        "ground",
        _fill("M0 -84L54 -6H-54Z", "accent", 0.35)
        + _fill("M-22 0C-22 -8 22 -8 22 0Z", "shade")
        + _line("M0 -4V-56", 5, "line")
        + _fill("M-14 -96H14L32 -54H-32Z", "body")
        + _fill("M4 -96H14L32 -54H12Z", "shade", 0.45)
        + _fill("M-32 -54C-20 -49 20 -49 32 -54Z", "light"),
    ),
    "lantern": (
        "ground",
        _line("M-14 -80C-14 -104 14 -104 14 -80", 4)
        + _fill("M-22 0H22L18 -12H-18ZM-22 -68H22L12 -84H-12Z", "body")
        + _fill("M-18 -12H18V-68H-18Z", "light")
        + _fill("M0 -18C-12 -18 -11 -34 0 -56C11 -34 12 -18 0 -18Z", "accent")
        + _line("M-18 -12V-68M18 -12V-68M0 -12V-16", 4),
    ),
    "candle": (
        "ground",
        _dot(0, -80, 22, "accent", 0.4)
        + _fill("M-30 0C-30 -10 30 -10 30 0Z", "shade")
        + _fill("M-13 -5V-54C-13 -60 13 -60 13 -54V-5Z", "body")
        + _fill("M3 -5V-58C9 -58 13 -57 13 -54V-5Z", "shade", 0.45)
        + _line("M0 -58V-66", 2.6)
        + _fill("M0 -66C-12 -68 -8 -82 0 -98C8 -82 12 -68 0 -66Z", "accent")
        + _fill("M0 -68C-5 -69 -4 -77 0 -84C4 -77 5 -69 0 -68Z", "light"),
    ),
    "bird": (
        "sky",
        _fill("M-46 -58C-30 -74 -14 -70 0 -52C10 -74 30 -86 48 -84C34 -74 26 -62 20 -50C30 -44 38 -46 46 -50C40 -36 22 -26 4 -30C-14 -34 -24 -50 -46 -58Z", "body")
        + _fill("M0 -52C10 -74 30 -86 48 -84C34 -74 26 -62 20 -50C12 -42 2 -42 0 -52Z", "shade", 0.6),
    ),
    "stones": (
        "ground",
        _fill("M-40 0C-46 -16 -30 -24 0 -24C30 -24 46 -14 38 0Z", "shade")
        + _fill("M-28 -24C-34 -38 -18 -46 2 -45C26 -45 34 -36 28 -24C10 -20 -12 -20 -28 -24Z", "body")
        + _fill("M-20 -46C-24 -58 -10 -64 2 -63C18 -63 24 -54 18 -46C6 -42 -8 -42 -20 -46Z", "shade")
        + _fill("M-13 -64C-16 -74 -6 -79 2 -78C12 -78 16 -70 12 -64C4 -61 -6 -61 -13 -64Z", "body")
        + _fill("M-6 -79C-8 -86 -2 -90 2 -89C8 -89 10 -84 7 -79Z", "accent")
        + _line("M-20 -36C-16 -40 -8 -41 0 -41M-8 -72C-6 -75 -2 -75 2 -75", 2.4, "light"),
    ),
    "door": (
        "ground",
        _fill("M-36 0V-60C-36 -112 36 -112 36 -60V0Z", "light")
        + _fill("M-28 0V-58C-28 -100 28 -100 28 -58V0Z", "accent")
        + _fill("M-28 0V-58C-28 -84 -18 -94 0 -92V6L-28 0Z", "body")
        + _fill("M-22 -10V-34L-7 -32V-8ZM-22 -42V-60C-22 -72 -16 -80 -7 -82V-40Z", "shade", 0.6)
        + _dot(-5, -36, 2.6, "accent"),
    ),
    "window": (
        "ground",
        _fill("M-38 -6V-58C-38 -110 38 -110 38 -58V-6Z", "body")
        + _fill("M-31 -10V-56C-31 -101 31 -101 31 -56V-10Z", "light")
        + _fill("M-31 -30C-18 -42 -8 -34 4 -38C16 -44 22 -40 31 -36V-10H-31Z", "accent", 0.8)
        + _dot(12, -64, 9, "accent")
        + _line("M0 -10V-90M-31 -48H31", 4.4, "body")
        + _fill("M-46 0V-8H46V0Z", "shade"),
    ),
    "book": (
        "ground",
        _fill("M0 -6C-18 -18 -38 -18 -54 -12V-58C-38 -64 -18 -64 0 -52C18 -64 38 -64 54 -58V-12C38 -18 18 -18 0 -6Z", "shade")
        + _fill("M0 -12C-16 -22 -34 -22 -48 -17V-64C-34 -69 -16 -69 0 -58Z", "light")
        + _fill("M0 -12C16 -22 34 -22 48 -17V-64C34 -69 16 -69 0 -58Z", "paper")
        + _line("M-40 -54C-30 -57 -18 -56 -9 -51M-40 -43C-30 -46 -18 -45 -9 -40M-40 -32C-30 -35 -18 -34 -9 -29M9 -51C18 -56 30 -57 40 -54M9 -40C18 -45 30 -46 40 -43", 2.2, "body")
        + _line("M0 -12V-58", 2.4)
        + _fill("M26 -66L34 -67V-34L30 -39L26 -33Z", "accent"),
    ),
    "pen": (
        "ground",
        _fill("M-34 -4L-28 -26L20 -94C26 -102 42 -92 36 -82L-12 -12Z", "body")
        + _fill("M-34 -4L-28 -26L-12 -12Z", "light")
        + _fill("M-34 -4L-32 -12L-27 -8Z", "line")
        + _fill("M20 -94C26 -102 42 -92 36 -82L30 -74L14 -86Z", "accent")
        + _line("M-22 -2C-6 2 6 -8 18 -2C26 2 34 -4 44 -2", 3),
    ),
    "sprout": (
        "ground",
        _fill("M-38 0C-30 -12 30 -12 38 0Z", "shade")
        + _line("M0 -4C0 -30 -4 -40 2 -62", 4.4)
        + _fill("M0 -46C-10 -78 -34 -80 -46 -72C-42 -54 -26 -42 0 -46Z", "body")
        + _fill("M1 -56C8 -92 30 -100 46 -94C46 -74 28 -54 1 -56Z", "body")
        + _line("M0 -46C-16 -54 -26 -62 -36 -66M1 -56C14 -68 24 -78 36 -86", 2, "light"),
    ),
    "flower": (
        "ground",
        _line("M0 0C2 -24 -2 -36 0 -56M0 -16C-10 -34 -22 -36 -30 -34M1 -10C12 -26 20 -28 28 -26", 4)
        + _fill("M0 -70C-20 -58 -30 -76 -16 -82C-28 -96 -6 -106 0 -90C6 -106 28 -96 16 -82C30 -76 20 -58 0 -70ZM0 -72C-10 -54 10 -54 0 -72Z", "body")
        + _fill("M-2 -18C-14 -26 -26 -30 -36 -26C-28 -14 -14 -10 -2 -18ZM2 -12C12 -22 24 -24 32 -20C26 -8 12 -4 2 -12Z", "shade")
        + _dot(0, -80, 7.5, "accent"),
    ),
    "vase": (
        "ground",
        _line("M-4 -40C-6 -60 -20 -66 -22 -82M2 -40C2 -64 4 -74 2 -94M6 -40C10 -60 20 -64 26 -76", 3)
        + _fill("M-22 -82C-34 -84 -34 -98 -24 -100C-14 -98 -12 -88 -22 -82ZM2 -88C-8 -92 -6 -106 4 -108C12 -104 12 -92 2 -88ZM26 -76C20 -86 26 -96 36 -94C42 -86 36 -76 26 -76Z", "accent")
        + _fill("M-10 -54C-22 -54 -28 -60 -30 -68C-20 -68 -12 -64 -10 -54ZM8 -52C18 -50 26 -54 30 -60C20 -64 12 -60 8 -52Z", "shade")
        + _fill("M-11 -44H11C10 -36 24 -30 24 -14C24 -4 18 0 12 0H-12C-18 0 -24 -4 -24 -14C-24 -30 -10 -36 -11 -44Z", "body")
        + _fill("M4 -44H11C10 -36 24 -30 24 -14C24 -4 18 0 12 0H4C14 -8 14 -28 4 -44Z", "shade", 0.5),
    ),
    "moon": (
        "sky",
        _fill("M12 -94C-26 -92 -44 -58 -32 -30C-22 -8 8 0 32 -16C6 -16 -8 -34 -8 -54C-8 -72 0 -86 12 -94Z", "body")
        + _fill("M24 -78L27 -68L37 -65L27 -62L24 -52L21 -62L11 -65L21 -68ZM38 -44L40 -38L46 -36L40 -34L38 -28L36 -34L30 -36L36 -38Z", "accent"),
    ),
    "star": (
        "sky",
        _fill("M0 -98L10 -62L46 -50L10 -38L0 -2L-10 -38L-46 -50L-10 -62Z", "body")
        + _fill("M0 -98L10 -62L46 -50L10 -38L0 -2V-50Z", "shade", 0.5)
        + _dot(32, -84, 4, "accent")
        + _dot(-34, -18, 3, "accent"),
    ),
    "cloud": (
        "sky",
        _fill("M-34 -36C-54 -38 -52 -66 -30 -64C-26 -88 10 -92 16 -68C36 -76 54 -50 34 -36Z", "light")
        + _fill("M-34 -36C-44 -37 -48 -44 -47 -52C-34 -42 12 -42 42 -52C44 -46 42 -40 34 -36Z", "body", 0.5)
        + _line("M-22 -24L-26 -12M-4 -24L-8 -8M14 -24L10 -12M30 -24L27 -16", 3.4, "body"),
    ),
    "mountain": (
        "ground",
        _fill("M-58 0L-16 -82L4 -50L18 -66L58 0Z", "body")
        + _fill("M-16 -82L4 -50L-4 -38L10 0H58L18 -66L4 -50L-16 -82Z", "shade", 0.45)
        + _fill("M-16 -82L-27 -60L-20 -64L-15 -56L-9 -63L-3 -61ZM18 -66L11 -57L16 -59L20 -54L25 -55Z", "light")
        + _line("M-16 -82V-98", 2.4)
        + _fill("M-16 -98L0 -93L-16 -88Z", "accent"),
    ),
    "boat": (
        "water",
        _line("M0 -14V-98", 3.4)
        + _fill("M4 -96C30 -74 36 -46 34 -28H4Z", "light")
        + _fill("M-4 -86C-22 -66 -30 -46 -32 -28H-4Z", "accent")
        + _fill("M-46 -22H48C42 -8 32 0 18 0H-20C-34 0 -42 -8 -46 -22Z", "body")
        + _fill("M-46 -22H48L45 -15H-43Z", "shade", 0.6),
    ),
    "house": (
        "ground",
        _fill("M16 -92H28V-62H16Z", "shade")
        + _fill("M-34 0V-52H34V0Z", "light")
        + _fill("M-46 -48L0 -92L46 -48L40 -44H-40Z", "body")
        + _fill("M-10 0V-22C-10 -34 10 -34 10 -22V0Z", "shade")
        + _fill("M-27 -22V-38H-16V-22ZM16 -22V-38H27V-22Z", "accent")
        + _line("M22 -96C18 -102 28 -106 24 -114", 3, "steam"),
    ),
    "heart": (
        "sky",
        _fill("M0 -8C-62 -46 -46 -96 -18 -90C-8 -88 -2 -80 0 -72C2 -80 8 -88 18 -90C46 -96 62 -46 0 -8Z", "body")
        + _fill("M0 -8C62 -46 46 -96 18 -90C40 -76 32 -38 0 -8Z", "shade", 0.5)
        + _line("M-30 -66C-30 -74 -26 -79 -20 -80", 4, "light"),
    ),
    "key": (
        "sky",
        _line("M6 -50L44 -14M28 -30L38 -40M37 -21L46 -30", 7, "body")
        + _fill("M-12 -92a25 25 0 1 0 .1 0ZM-12 -78a11 11 0 1 1 -.1 0Z", "body")
        + _dot(-12, -67, 4, "accent"),
    ),
    "clock": (
        "ground",
        _fill("M-26 -6L-34 0H-22ZM26 -6L34 0H22Z", "shade")
        + _dot(0, -48, 46, "body")
        + _dot(0, -48, 37, "light")
        + _line("M0 -48V-74M0 -48L17 -38", 4)
        + _line("M0 -81V-79M0 -17V-15M33 -48H31M-33 -48H-31", 3, "body")
        + _dot(0, -48, 4, "accent"),
    ),
    "bench": (
        "ground",
        _line("M-42 0V-30M42 0V-30M-42 -30V-66M42 -30V-66", 5)
        + _fill("M-52 -26H52V-34H-52ZM-48 -44H48V-51H-48ZM-48 -58H48V-65H-48Z", "body"),
    ),
    "chair": (
        "ground",
        _line("M-22 0V-40M24 0V-40M-24 -40L-28 -92", 5)
        + _fill("M-30 -38H30V-47H-30Z", "body")
        + _fill("M-32 -94C-30 -98 12 -98 14 -94L10 -58H-28Z", "shade")
        + _fill("M-28 -47C-20 -54 20 -54 28 -47Z", "accent"),
    ),
    "kite": (
        "sky",
        _fill("M6 -100L36 -66L-2 -22L-26 -64Z", "body")
        + _fill("M6 -100L36 -66L-2 -22Z", "shade", 0.5)
        + _line("M-2 -22C-16 -12 6 -4 -8 4C-18 10 -10 16 -16 22", 2.4)
        + _fill("M-8 -8L2 -12V-3ZM-8 -8L-18 -11L-17 -3ZM-9 8L1 6L-1 14ZM-9 8L-19 4L-19 12Z", "accent"),
    ),
    "balloon": (
        "sky",
        _line("M-16 -38L-7 -14M16 -38L7 -14", 2)
        + _fill("M0 -104C36 -104 44 -62 18 -38H-18C-44 -62 -36 -104 0 -104Z", "body")
        + _fill("M0 -104C14 -98 14 -56 7 -38H-7C-14 -56 -14 -98 0 -104Z", "accent")
        + _fill("M0 -104C36 -104 44 -62 18 -38H7C32 -60 28 -98 0 -104Z", "shade", 0.45)
        + _fill("M-9 -14H9L7 0H-7Z", "shade"),
    ),
    "compass": (
        "sky",
        _dot(0, -50, 46, "body")
        + _dot(0, -50, 37, "light")
        + _fill("M18 -78L6 -44L-6 -56Z", "accent")
        + _fill("M-18 -22L-6 -56L6 -44Z", "shade")
        + _dot(0, -50, 3.6, "paper")
        + _line("M0 -84V-81M0 -19V-16M34 -50H31M-34 -50H-31", 2.6, "body"),
    ),
    "bridge": (
        "ground",
        _fill("M-78 0V-30C-40 -56 40 -56 78 -30V0H58C52 -34 -52 -34 -58 0Z", "body")
        + _fill("M58 0C52 -34 -52 -34 -58 0H-52C-42 -28 42 -28 52 0Z", "shade")
        + _line("M-78 -40C-40 -66 40 -66 78 -40M-60 -40V-50M-30 -50V-60M0 -52V-62M30 -50V-60M60 -40V-50", 3, "line"),
    ),
    "umbrella": (
        "ground",
        _line("M0 -88V-8C0 4 16 4 16 -8", 4)
        + _fill("M-48 -46C-46 -110 46 -110 48 -46C38 -54 26 -54 16 -46C10 -54 -10 -54 -16 -46C-26 -54 -38 -54 -48 -46Z", "body")
        + _fill("M-16 -46C-14 -76 -8 -90 0 -94C8 -90 14 -76 16 -46C10 -54 -10 -54 -16 -46Z", "accent")
        + _fill("M48 -46C46 -78 24 -94 0 -94C14 -88 16 -70 16 -46C26 -54 38 -54 48 -46Z", "shade", 0.5),
    ),
    "feather": (
        "sky",
        _fill("M-30 -10C-40 -52 -6 -92 40 -96C42 -52 16 -18 -30 -10Z", "body")
        + _fill("M-30 -10C0 -34 18 -60 40 -96C42 -52 16 -18 -30 -10Z", "shade", 0.5)
        + _line("M-44 4C-16 -22 6 -48 26 -78M-14 -24C-18 -32 -18 -40 -16 -46M2 -42C-2 -50 -2 -58 0 -64M-8 -30C2 -28 8 -28 14 -32", 2.4, "light"),
    ),
    "shell": (
        "ground",
        _fill("M0 -4C-18 -10 -52 -34 -46 -60C-40 -88 40 -88 46 -60C52 -34 18 -10 0 -4Z", "body")
        + _fill("M-12 -2H12L8 -14H-8Z", "shade")
        + _line("M0 -12V-74M-5 -13L-22 -68M5 -13L22 -68M-9 -16L-38 -54M9 -16L38 -54", 2.6, "light"),
    ),
    "butterfly": (
        "sky",
        _fill("M0 -50C-10 -92 -50 -96 -46 -68C-44 -52 -20 -46 0 -50C20 -46 44 -52 46 -68C50 -96 10 -92 0 -50Z", "body")
        + _fill("M0 -50C-22 -48 -40 -36 -32 -20C-22 -6 -4 -26 0 -50C4 -26 22 -6 32 -20C40 -36 22 -48 0 -50Z", "accent")
        + _line("M0 -64V-28M0 -64C-2 -74 -8 -80 -12 -82M0 -64C2 -74 8 -80 12 -82", 3.2)
        + _dot(-31, -71, 5, "light")
        + _dot(31, -71, 5, "light"),
    ),
    "lighthouse": (
        "ground",
        _fill("M0 -80L84 -104V-62ZM0 -80L-84 -104V-62Z", "accent", 0.45)
        + _fill("M-16 0L-10 -68H10L16 0Z", "light")
        + _fill("M-14.2 -20L-12.5 -38H12.5L14.2 -20ZM-10.9 -56L-10 -68H10L10.9 -56Z", "body")
        + _fill("M-8 -70H8V-88H-8Z", "accent")
        + _fill("M-12 -88L0 -102L12 -88ZM-14 -66H14V-72H-14Z", "shade"),
    ),
    "letter": (
        "sky",
        _fill("M-46 -80H46V-20H-46Z", "light")
        + _fill("M-46 -20L-8 -54H8L46 -20Z", "body", 0.55)
        + _fill("M-46 -80H46L4 -42C2 -40 -2 -40 -4 -42Z", "body")
        + _dot(0, -46, 8, "accent"),
    ),
    "bell": (
        "sky",
        _dot(0, -16, 8, "accent")
        + _fill("M-40 -22C-26 -32 -32 -84 0 -86C32 -84 26 -32 40 -22Z", "body")
        + _fill("M40 -22C26 -32 32 -84 0 -86C18 -76 12 -34 20 -22Z", "shade", 0.5)
        + _line("M0 -86V-94", 5),
    ),
    "bowl": (
        "ground",
        _fill("M-16 0H16L12 -10H-12Z", "shade")
        + _fill("M-46 -50H46C44 -22 28 -6 0 -6C-28 -6 -44 -22 -46 -50Z", "body")
        + _fill("M14 -50H46C44 -22 28 -6 0 -6C16 -16 18 -34 14 -50Z", "shade", 0.5)
        + _fill("M-46 -50C-46 -60 46 -60 46 -50C46 -42 -46 -42 -46 -50Z", "light")
        + _line("M-12 -66C-20 -76 -4 -82 -12 -94M10 -66C2 -76 18 -82 10 -94", 3.4, "steam"),
    ),
    "steps": (
        "ground",
        _fill("M-54 0V-18H-32V-36H-10V-54H12V-72H34V-90H54V0Z", "body")
        + _fill("M-54 -18H-32V-13H-54ZM-32 -36H-10V-31H-32ZM-10 -54H12V-49H-10ZM12 -72H34V-67H12ZM34 -90H54V-85H34Z", "light")
        + _dot(44, -106, 9, "accent"),
    ),
    "gate": (
        "ground",
        _fill("M-56 0V-70H-46V0ZM46 0V-70H56V0Z", "shade")
        + _line("M-44 -14H40M-44 -48H40M-36 -6V-64M-18 -6V-70M0 -6V-72M18 -6V-70M36 -6V-64", 4.4, "body")
        + _dot(-51, -76, 6, "accent")
        + _dot(51, -76, 6, "accent"),
    ),
    "mirror": (
        "ground",
        _line("M-20 0L-8 -24M20 0L8 -24", 5)
        + _fill("M0 -104C32 -104 38 -70 32 -46C28 -24 16 -16 0 -16C-16 -16 -28 -24 -32 -46C-38 -70 -32 -104 0 -104Z", "body")
        + _fill("M0 -97C26 -97 31 -68 26 -47C22 -30 13 -23 0 -23C-13 -23 -22 -30 -26 -47C-31 -68 -26 -97 0 -97Z", "light")
        + _line("M-12 -50L12 -80M-2 -44L16 -66", 3, "accent"),
    ),
    "basket": (
        "ground",
        _line("M-32 -42C-32 -104 32 -104 32 -42", 4.4, "shade")
        + _dot(-16, -46, 13, "accent")
        + _dot(10, -50, 14, "accent")
        + _fill("M-42 -42H42L32 0H-32Z", "body")
        + _line("M-38 -28H38M-36 -14H35M-20 -42L-16 0M0 -42V0M20 -42L16 0", 2.4, "light"),
    ),
    "drop": (
        "sky",
        _fill("M0 -98C24 -66 34 -50 34 -34C34 -14 18 0 0 0C-18 0 -34 -14 -34 -34C-34 -50 -24 -66 0 -98Z", "body")
        + _fill("M0 -98C24 -66 34 -50 34 -34C34 -14 18 0 0 0C22 -24 20 -60 0 -98Z", "shade", 0.45)
        + _line("M-20 -36C-20 -26 -14 -18 -6 -15", 4, "light"),
    ),
    "puzzle": (
        "sky",
        _fill("M-40 -90H-8C-16 -72 16 -72 8 -90H40V-60C22 -68 22 -36 40 -44V-10H-40Z", "body")
        + _fill("M40 -90V-60C22 -68 22 -36 40 -44V-10H0V-90H8Z", "shade", 0.4),
    ),
    "mitten": (
        "sky",
        _fill("M-30 -44C-30 -80 -6 -90 6 -88C26 -86 28 -64 26 -46C34 -56 46 -50 42 -38C38 -26 28 -22 24 -18H-22C-28 -24 -30 -34 -30 -44Z", "body")
        + _fill("M-24 -18H26V-2H-24Z", "light")
        + _line("M-18 -14V-6M-8 -14V-6M2 -14V-6M12 -14V-6M21 -14V-6", 2.4, "body"),
    ),
}  # fmt: skip

ICONS: Final = {name: Icon(name, place, shapes) for name, (place, shapes) in DRAWINGS.items()}

SPOKEN: Final = {
    "tree": "tree oak willow orchard branch root",
    "fir": "fir pine forest wood woods spruce",
    "cup": "cup tea coffee mug teacup kettle saucer breakfast",
    "lamp": "lamp desk lamplight",
    "lantern": "lantern light glow",
    "candle": "candle flame candlelight match",
    "bird": "bird swallow gull sparrow flight wing heron swan robin",
    "stones": "stone pebble cairn rock",
    "door": "door doorway threshold entrance doorstep porch",
    "window": "window windowsill sill pane curtain",
    "book": "book journal notebook page diary story",
    "pen": "pen pencil write writing note ink brush",
    "sprout": "sprout seed seedling sapling shoot plant pot soil",
    "flower": "flower bloom blossom rose daisy tulip poppy petal",
    "vase": "vase bouquet jar jug",
    "moon": "moon crescent night sleep dream moonlight",
    "star": "star spark",
    "cloud": "cloud rain storm weather drizzle",
    "mountain": "mountain peak summit ridge",
    "boat": "boat sail ship harbour harbor canoe rowboat",
    "house": "house home cottage cabin roof village",
    "heart": "heart love kindness",
    "key": "key lock keyhole",
    "clock": "clock time hour watch minute",
    "bench": "bench park",
    "chair": "chair armchair seat room",
    "kite": "kite wind breeze",
    "balloon": "balloon",
    "compass": "compass map direction north",
    "bridge": "bridge stream crossing",
    "umbrella": "umbrella shelter",
    "feather": "feather quill",
    "shell": "shell seashell beach shore",
    "butterfly": "butterfly moth cocoon",
    "lighthouse": "lighthouse beacon tower",
    "letter": "letter envelope postcard mail",
    "bell": "bell",
    "bowl": "bowl soup meal kitchen",
    "steps": "stair staircase stairs ladder steps",
    "gate": "gate fence garden",
    "mirror": "mirror reflection",
    "basket": "basket apple fruit harvest",
    "drop": "drop water dew glass",
    "puzzle": "puzzle piece jigsaw",
    "mitten": "mitten glove hand hands palm",
}
WORDS: Final = {word: name for name, spoken in SPOKEN.items() for word in spoken.split()}
