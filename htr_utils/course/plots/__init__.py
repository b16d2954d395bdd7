"""Every figure of the course: one palette, labelled axes, alt text in the output's metadata, a line of facts.

`base` shows figures; the other modules draw, one a topic.
"""

from htr_utils.course.plots.base import BLUE, COLOURS, DASHES, GREY, ORANGE, figure, lines, show

__all__ = ["BLUE", "COLOURS", "DASHES", "GREY", "ORANGE", "figure", "lines", "show"]
