"""A photo or scan of a sheet -> the sheet seen from straight above, without shadow and rules.

    made = straighten(grey)
    made.image        # uint8 (H, W): 255 = paper, level lines, no rules
    made.to_given     # (3, 3): from its pixels to those of the given picture

Four steps, each a function of its own: `corners` (perspective), `flatten` (shadow), `skew` (turn),
`without_rules` (lined and squared paper).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

LONGEST = (
    3400  # pixels of the straightened sheet's longer side: a line of 40 on a page is then 80 high
)
_SMALL = 800  # pixels of the longer side that the sheet's outline is looked for at
_PAPER = 1000  # and the paper's tone
_LEVEL = 1600  # and the turn


@dataclass(frozen=True)
class Sheet:
    """image: uint8 (H, W), 255 = paper. to_given: (3, 3), its pixels -> those of the given picture."""

    image: np.ndarray
    to_given: np.ndarray


def straighten(grey: np.ndarray) -> Sheet:
    """All steps, for uint8 (H, W)."""
    height, width = grey.shape
    found = corners(grey)
    if found is None:
        found = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        to_given = np.eye(3)
    else:
        to_given = np.linalg.inv(_upright(found))
    size = _size(found)
    shrink = min(1.0, LONGEST / max(size))
    to_given = to_given @ np.diag([1 / shrink, 1 / shrink, 1])
    size = max(8, round(size[0] * shrink)), max(8, round(size[1] * shrink))
    image = flatten(_warp(grey, to_given, size))
    turned, size = _turn(skew(image), size)
    to_given = to_given @ turned
    image = without_rules(flatten(_warp(grey, to_given, size)))
    angle = skew(image)  # the writing may slope on straight rules
    if abs(angle) > 0.3:
        turned, size = _turn(angle, size)
        image, to_given = _warp(image, turned, size, 255), to_given @ turned
    return Sheet(image, to_given)


def _warp(
    grey: np.ndarray, matrix: np.ndarray, size: tuple[int, int], border: int | None = None
) -> np.ndarray:
    """Pixels (x, y) of the result, `size` = width and height, are at `matrix` @ (x, y, 1) of `grey`."""
    shrink = 1 / max(1e-6, abs(np.linalg.det(matrix[:2, :2])) ** 0.5)
    if shrink < 0.6:  # linear interpolation skips pixels; average them first
        fx, fy = (
            max(shrink, 1 / side) for side in grey.shape[::-1]
        )  # of a strip, one pixel is left
        grey = cv2.resize(grey, None, fx=fx, fy=fy, interpolation=cv2.INTER_AREA)
        matrix = np.diag([fx, fy, 1]) @ matrix
    mode = cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(
        grey, matrix, size, flags=flags, borderMode=mode, borderValue=border or 0
    )


def corners(grey: np.ndarray) -> np.ndarray | None:
    """The four corners of a light sheet on a darker ground: float32 (4, 2), x and y, clockwise from top left.

    Candidates are the light part at several thresholds and what strong edges enclose, each as convex hull and
    reduced to four points; the one whose sides best part light from dark is taken. Ratios of tones count,
    not differences, so that a shadow across sheet and table changes nothing. None when no candidate stands
    out, or when the sheet fills the picture anyway.
    """
    scale = min(1.0, _SMALL / max(grey.shape))
    if round(min(grey.shape) * scale) < 60:
        return None
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)), 7)
    tones = np.log(small.astype(np.float32) + 8)
    edges = np.hypot(cv2.Sobel(tones, cv2.CV_32F, 1, 0), cv2.Sobel(tones, cv2.CV_32F, 0, 1))
    level, _ = cv2.threshold(small, 0, 255, cv2.THRESH_OTSU)
    masks = [small > level * share for share in (1.0, 0.8, 0.65)]
    masks += [edges > share * np.percentile(edges, 99.5) for share in (0.3, 0.5)]
    quads = []
    for mask in masks:
        closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        largest = max(
            contours, key=lambda contour: cv2.contourArea(cv2.convexHull(contour)), default=None
        )
        quad = None if largest is None else _four(largest, small.shape)
        if (
            quad is not None
            and cv2.contourArea(quad) > 0.2 * small.size
            and not _fills(quad, small.shape)
        ):
            quads.append(quad)
    support = [_support(tones, quad) for quad in quads]
    if not quads or max(support) < 0.7:
        return None
    quad = quads[int(np.argmax(support))]
    quad = quad[np.argsort(np.arctan2(*(quad - quad.mean(0)).T[::-1]))]  # clockwise on the screen
    return (np.roll(quad, -int(np.argmin(quad.sum(1))), axis=0) / scale).astype(np.float32)


def _fills(quad: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether all four corners are those of the picture, but for 2 %."""
    height, width = shape
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    away = np.linalg.norm(quad[:, None] - frame, axis=2)
    return bool(away.min(0).max() < 0.02 * max(shape))


def _support(tones: np.ndarray, quad: np.ndarray) -> float:
    """The worst side's share, 0 to 1, of points with at least 1.2 times more light inside than outside.

    A side along the picture's edge has nothing outside and counts in full.
    """
    height, width = tones.shape
    centre, shares = quad.mean(0), []
    for a, b in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        inward = np.array([a[1] - b[1], b[0] - a[0]]) / max(1e-6, float(np.linalg.norm(b - a)))
        inward *= np.sign((centre - a) @ inward) or 1.0
        points = a + (b - a) * np.linspace(0.05, 0.95, 60)[:, None]
        outer, inner = points - 6 * inward, points + 6 * inward
        border = (outer < 1).any(1) | (outer > [width - 2, height - 2]).any(1)
        x, y = np.clip(
            np.stack([outer, inner]).round().astype(int), 0, [width - 1, height - 1]
        ).transpose(2, 0, 1)
        step = tones[y[1], x[1]] - tones[y[0], x[0]]
        shares.append(float((border | (step > np.log(1.2))).mean()))
    return min(shares)


def _four(contour: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """The four-sided shape that a contour (N, 1, 2) nearly is, float32 (4, 2), or None.

    A corner may lie outside the picture: then the picture's edge cuts it off, which makes five sides or more. The
    sides along the edge go, the others are lengthened until they meet. Each side is fitted to the contour near it.
    """
    hull = cv2.convexHull(contour)
    length = cv2.arcLength(hull, True)
    for tolerance in (0.006, 0.01, 0.015, 0.02, 0.03, 0.05):
        points = cv2.approxPolyDP(hull, tolerance * length, True)[:, 0].astype(float)
        if 4 <= len(points) <= 8:
            break
    else:
        return None
    ends = np.roll(points, -1, axis=0)
    far = np.array([shape[1], shape[0]]) - 1
    at_edge = ((np.maximum(points, ends) < 4) | (np.minimum(points, ends) > far - 4)).any(1)
    # Sides inside the picture first, the longer ones before the shorter.
    order = np.argsort(at_edge * 1e6 - np.linalg.norm(ends - points, axis=1))
    chosen = np.sort(order[:4])
    dense = contour[:, 0].astype(float)
    free = ((dense > 2) & (dense < far - 2)).all(1)
    sides = []
    for i in chosen:
        along = (ends[i] - points[i]) / np.linalg.norm(ends[i] - points[i])
        place = (dense - points[i]) @ along
        away = np.abs((dense - points[i]) @ [along[1], -along[0]])
        near = dense[
            free
            & (away < 0.008 * length)
            & (place > 0)
            & (place < np.linalg.norm(ends[i] - points[i]))
        ]
        x, y = points[i]
        if len(near) > 20:
            along[0], along[1], x, y = cv2.fitLine(
                near.astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01
            ).ravel()
        sides.append(np.cross([x, y, 1], [x + along[0], y + along[1], 1]))
    meeting = np.cross(sides, np.roll(sides, -1, axis=0))
    if (np.abs(meeting[:, 2]) < 1e-9).any():
        return None
    quad = (meeting[:, :2] / meeting[:, 2:]).astype(np.float32)
    reach = 0.35 * far
    inside = bool(((quad > -reach) & (quad < far + reach)).all())
    return quad if inside and cv2.isContourConvex(quad.reshape(-1, 1, 2).astype(np.int32)) else None


def _size(quad: np.ndarray) -> tuple[int, int]:
    """Width and height of the sheet in pixels: the longer of opposite sides each."""
    sides = np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1)
    return round(float(max(sides[0], sides[2]))), round(float(max(sides[1], sides[3])))


def _upright(quad: np.ndarray) -> np.ndarray:
    """The matrix from a picture to its sheet (four-point perspective)."""
    width, height = _size(quad)
    inset = 0.006 * max(width, height)  # the sheet's edge and its shadow stay outside
    target = np.array(
        [
            [-inset, -inset],
            [width + inset, -inset],
            [width + inset, height + inset],
            [-inset, height + inset],
        ]
    )
    return cv2.getPerspectiveTransform(quad.astype(np.float32), target.astype(np.float32))


def flatten(grey: np.ndarray) -> np.ndarray:
    """Divide by the paper's own tone, so that shadows go: uint8 (H, W), 255 = paper.

    The paper under the ink is a grey closing, as in `images.normalise`, but of the whole page.
    """
    scale = min(1.0, _PAPER / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (19, 19))
    paper = cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE)
    paper = cv2.GaussianBlur(cv2.medianBlur(paper, 15), (0, 0), 3)
    paper = cv2.resize(paper, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.divide(grey, paper, scale=255)


def ink_mask(image: np.ndarray) -> np.ndarray:
    """Where there is ink on a flattened sheet: uint8 (H, W), 0 or 1.

    The level is Otsu's between faint and dark, of what is darker than the paper's grain.
    """
    soft = cv2.GaussianBlur(image, (0, 0), 0.7)
    sample = soft[::3, ::3].astype(np.int16)
    paper = int(np.median(sample))
    grain = 1.4826 * float(np.median(np.abs(sample - paper)))
    floor = int(paper - max(18.0, 5 * grain))
    dark = soft[soft < floor]
    if dark.size < 20:
        return np.zeros(image.shape, np.uint8)
    typical = float(np.percentile(dark, 20))
    level = min(floor, typical + 0.6 * (255 - typical))
    return (soft < level).astype(np.uint8)


def skew(image: np.ndarray, most: float = 8.0) -> float:
    """By how many degrees the rows rise to the right, from -`most` to `most`.

    Of all turns it is the one at which the row profile of the ink has the steepest steps (Postl 1986, ICPR:
    the sum of squared differences of neighbouring rows), first coarse, then fine.
    """
    scale = min(1.0, _LEVEL / max(image.shape))
    ink = ink_mask(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    y, x = np.nonzero(ink)
    if y.size < 100:
        return 0.0
    chosen = np.random.default_rng(0).permutation(y.size)[:120_000]
    x, y = x[chosen] - ink.shape[1] / 2, y[chosen].astype(float)

    def steepness(angle: float) -> float:
        rows = y + np.tan(np.deg2rad(angle)) * x
        profile = np.bincount((rows - rows.min()).astype(int) // 2).astype(float)
        return float((np.diff(profile) ** 2).sum())

    best = max(np.arange(-most, most + 0.1, 0.5), key=steepness)
    best = max(np.arange(best - 0.5, best + 0.51, 0.1), key=steepness)
    # A single line's profile says little: a turn must be worth something.
    return float(best) if steepness(best) > 1.05 * steepness(0.0) else 0.0


def _turn(angle: float, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    """The matrix from a picture turned level to the one whose rows rise by `angle` degrees, and its size."""
    width, height = size
    cos, sin = float(np.cos(np.deg2rad(angle))), float(np.sin(np.deg2rad(angle)))
    new = round(width * cos + height * abs(sin)), round(width * abs(sin) + height * cos)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    to = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1]])
    back = np.array([[1, 0, -new[0] / 2], [0, 1, -new[1] / 2], [0, 0, 1]])
    return to @ turn @ back, new


def without_rules(image: np.ndarray) -> np.ndarray:
    """Take the rules of lined or squared paper out of a flattened, level sheet: uint8 (H, W).

    On a rule, and there only, each column is closed from above to below: the thin rule goes, a stroke that
    crosses it stays, and so does what is much darker than the rule.
    """
    clean = _without_horizontal(image)
    return np.ascontiguousarray(_without_horizontal(np.ascontiguousarray(clean.T)).T)


def _without_horizontal(image: np.ndarray) -> np.ndarray:
    height, width = image.shape
    strip = max(24, width // 20)
    count = width // strip
    if count < 8 or height < 60:  # a single line or word: no way to tell a rule from a stroke
        return image
    thickest = max(7, height // 160) | 1
    thin = cv2.morphologyEx(image, cv2.MORPH_BLACKHAT, np.ones((thickest, 1), np.uint8))
    clean = image.copy()
    x = np.arange(width)
    offsets = np.arange(-thickest, thickest + 1)[:, None]
    for rows in _rule_rows(thin, strip, count):
        middle = np.interp(x, (np.arange(count) + 0.5) * strip, rows)
        y = np.clip(middle.round().astype(int) + offsets, 0, height - 1)
        profile = np.median(thin[y, x], axis=1)  # writing covers less than half of a row
        thick = np.flatnonzero(profile > max(0.3 * profile.max(), 2.0))
        if not thick.size:
            continue
        core = y[max(0, thick[0] - 1) : thick[-1] + 2]
        tones = 255 - image[core, x]
        tone = float(np.median(tones, axis=1).max())
        size = min(2 * thickest + 1, len(core) + 2) | 1
        band = image[max(0, y.min() - size) : y.max() + size + 1]
        closed = cv2.morphologyEx(band, cv2.MORPH_CLOSE, np.ones((size, 1), np.uint8))
        there = tones < 1.6 * tone + 12  # what is much darker than the rule is ink
        across = np.broadcast_to(x, core.shape)[there]
        clean[core[there], across] = closed[core[there] - max(0, y.min() - size), across]
    return clean


def _rule_rows(thin: np.ndarray, strip: int, count: int) -> list[np.ndarray]:
    """For each rule its row in each of `count` strips of `strip` columns; `thin`: what is dark and thin (H, W).

    A Hough transform over nearly level lines. A rule covers every strip of the page from end to end; writing
    leaves gaps in each row, and paper beside it.
    """
    height = thin.shape[0]
    step = cv2.dilate(cv2.blur(thin, (5, 1)), np.ones((3, 1), np.uint8))  # a rule may tilt by a row
    low = np.percentile(step[:, : count * strip].reshape(height, count, strip), 30, axis=2)
    most = max(2, round(0.015 * strip * count))
    padded = np.pad(low, ((most, most), (0, 0)))
    drops = 2 * np.arange(-(most // 2), most // 2 + 1)
    along = np.linspace(0, 1, count)
    index = np.arange(height)[:, None] + most
    score = np.stack(
        [
            np.percentile(
                padded[index + (drop * (along - 0.5)).round().astype(int), np.arange(count)],
                15,
                axis=1,
            )
            for drop in drops
        ]
    )
    base = float(np.median(score))
    # Rules run side by side: their common slope, found where most of the page agrees, keeps writing out.
    common = int(np.minimum(np.maximum(score - base - 5, 0), 10).sum(1).argmax())
    score[: max(0, common - 2)] = score[common + 3 :] = 0
    best = score.max(0).astype(np.float32)
    peak = cv2.dilate(best[:, None], np.ones((11, 1), np.uint8)).ravel()
    rows = np.flatnonzero((best >= 0.9 * peak) & (best > base + 5))
    found = []
    for group in np.split(rows, np.flatnonzero(np.diff(rows) > 5) + 1) if rows.size else []:
        row = int(group[len(group) // 2])  # the middle of a thick rule
        line = row + drops[int(score[:, row].argmax())] * (along - 0.5)
        near = np.clip(line.round().astype(int) + np.arange(-2, 3)[:, None], 0, height - 1)
        strong = low[near, np.arange(count)]
        moved = (near * strong).sum(0) / np.maximum(strong.sum(0), 1e-6)
        found.append(np.where(strong.max(0) > base + 5, moved, line))
    return found
