"""What a camera makes of a drawn code: turned, seen at an angle, blurred, unevenly lit, noisy, and small."""

import numpy as np
import numpy.typing as npt

from gasolinera.drawing import QUIET_ZONE, Symbol

Picture = npt.NDArray[np.uint8]
Levels = npt.NDArray[np.float64]
_SAMPLES = 3  # each way, in a pixel: a sensor gathers light over an area


def printed(symbol: Symbol) -> Levels:
    """One value a module, quiet zone included: 0 black, 255 white."""
    modules = np.array([list(row) for row in symbol.rows], dtype=np.float64)
    return np.pad(255.0 * (1 - modules), QUIET_ZONE, constant_values=255.0)


def photo(
    symbol: Symbol,
    across: float,
    *,
    turn: float = 0.0,
    tilt: tuple[float, float] = (0.0, 0.0),
    blur: float = 0.0,
    noise: float = 0.0,
    light: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Picture:
    """`across`: pixels over the whole symbol; `turn` in radians; `tilt`: how much the far edge shrinks, as a part;
    `blur`: standard deviation in pixels; `light`: how much darker one side is; `noise`: standard deviation of 255.
    """
    paper = printed(symbol)
    side = paper.shape[0]
    canvas = int(across * 1.6) + 8
    step = (np.arange(canvas * _SAMPLES) + 0.5) / _SAMPLES - canvas / 2
    x, y = np.meshgrid(step, step)
    cos, sin = np.cos(turn), np.sin(turn)
    u, v = (cos * x + sin * y) / across, (cos * y - sin * x) / across  # about -0.5 to 0.5 on the symbol
    depth = 1 - tilt[0] * u - tilt[1] * v
    columns = np.floor((u / depth + 0.5) * side).astype(int)
    rows = np.floor((v / depth + 0.5) * side).astype(int)
    outside = (columns < 0) | (columns >= side) | (rows < 0) | (rows >= side)
    seen = np.where(outside, 200.0, paper[np.clip(rows, 0, side - 1), np.clip(columns, 0, side - 1)])
    picture: Levels = seen.reshape(canvas, _SAMPLES, canvas, _SAMPLES).mean(axis=(1, 3))
    if blur:
        picture = _blurred(picture, blur)
    picture *= np.linspace(1.0, 1.0 - light, canvas)[None, :]
    if noise:
        assert rng is not None, "noise is drawn from a seed that the caller knows"
        picture += rng.normal(0.0, noise, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _blurred(picture: Levels, deviation: float) -> Levels:
    reach = int(3 * deviation + 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    kernel /= kernel.sum()
    for _ in range(2):  # down, then, turned, across
        padded = np.pad(picture, ((reach, reach), (0, 0)), "edge")
        height = picture.shape[0]
        weighted = (weight * padded[at : at + height] for at, weight in enumerate(kernel.tolist()))
        picture = sum(weighted, np.zeros_like(picture)).T
    return picture


def held_by_hand(symbol: Symbol, across: float, rng: np.random.Generator, *, noise: float = 9.0) -> Picture:
    """As the research's harsh set: turned by up to 20 degrees, at an angle, blurred by 0.6 to 1.2 pixels."""
    return photo(
        symbol,
        across,
        turn=rng.uniform(-0.35, 0.35),
        tilt=(rng.uniform(-0.25, 0.25), rng.uniform(-0.25, 0.25)),
        blur=rng.uniform(0.6, 1.2),
        light=rng.uniform(0.0, 0.4),
        noise=noise,
        rng=rng,
    )
