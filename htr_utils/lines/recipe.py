"""What `images.prepare` does, told to programs that read with a model and not with this package."""

from __future__ import annotations

from typing import Any

from htr_utils.lines import images


def steps(preparation: images.Preparation) -> list[dict[str, Any]]:
    """The steps in order, as plain values."""
    height = preparation.height
    rows = {"if_rows_over": images.SHRINK[0] * height, "to_rows": images.SHRINK[1] * height}
    crop = {"crop_to_ink": "a box around rows and columns of writing, and a margin", "blur": 3}
    return [
        {"grey": "0 black to 255 white, dark ink on light paper"},
        {"shrink": "keeping the aspect, averaging areas", **rows},
        {
            "paper": "grey closing, then mean over the same square, edges repeated",
            "square": f"max(3, min(rows // 2, {images.KERNEL})) | 1",
        },
        {"darker": "clip((paper - grey) / max(paper, 1), 0, 1)"},
        {
            "stroke": "mean of what is darker than half the peak, among what is darker than the grain",
            "grain": images.GRAIN,
            "peak": "95th percentile of what is darker than the grain; under 1.5 grains: no writing",
        },
        {
            "ink": f"clip((darker - {images.FLOOR} stroke) / ({images.TOP - images.FLOOR:.1f} stroke), 0, 1)"
        },
        *(
            [
                crop
                | {"strong": images.STRONG, "pixels": images.PIXELS}
                | {"margin_above_below": images.MARGIN, "margin_left_right": images.SIDE}
            ]
            if preparation.crop
            else []
        ),
        {
            "scale": f"to {height} rows, keeping the aspect"
            + (f", within {preparation.width} columns" if preparation.width else ""),
            "interpolation": "area when shrinking, else linear",
        },
        {"round": "to steps of 1/255"},
    ]
