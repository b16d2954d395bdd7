"""The page docs/guide/charset.md.

python -c "from workshop.training import charset_page as p; print(p.page(), end='')" > docs/guide/charset.md
"""

from __future__ import annotations

import unicodedata

from htr_utils.text.charset import LATIN, LETTERS, SIGNS


def page() -> str:
    """The characters of `latin` beyond ASCII with their names and the languages that write them, as Markdown."""
    rows = []
    for character in LATIN:
        if not character.isascii():
            small = character.lower()
            users = [language for language, letters in LETTERS.items() if small in letters]
            used = "sign" if character in SIGNS else ", ".join(users)
            name = unicodedata.name(character).capitalize()
            rows.append(f"| {character} | U+{ord(character):04X} | {name} | {used} |")
    head = (
        "# The charset `latin`",
        "",
        f"{len(LATIN)} characters, so {len(LATIN) + 1} classes with the blank: all 95 of printable ASCII, and those of "
        "this table.",
        "",
        "Curly quotes, long dashes and the ellipsis are not among them: transcriptions hardly ever tell them from "
        "plain ones, and a pen does not either. `Charset.fold` writes them plainly, and takes an accent off a letter "
        "that is not here (`ő` becomes `o`).",
        "",
        "| | code | name | who writes it |",
        "| --- | --- | --- | --- |",
    )
    return "\n".join([*head, *rows]) + "\n"
