"""HTML that cannot forget to escape: strings are escaped when they enter, `Markup` is not."""

import html
import re

_EMPTY = frozenset({"img", "meta", "wbr"})
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """A string that is HTML already."""

    __slots__ = ()


def printable(text: object) -> str:
    """`text` as a string without the characters that neither HTML nor XML can hold.

    >>> printable("road\\x00")
    'road\\ufffd'
    """
    return _UNPRINTABLE.sub("\ufffd", str(text))


def escape(text: object) -> Markup:
    """`text` as HTML; `Markup` goes through as it is.

    >>> escape("a < b"), escape(Markup("<b>a</b>"))
    ('a &lt; b', '<b>a</b>')
    """
    return text if isinstance(text, Markup) else Markup(html.escape(printable(text)))


def join(*content: object) -> Markup:
    """Pieces of HTML one after the other; strings among them are escaped."""
    return Markup("".join(escape(piece) for piece in content))


def tag(name: str, /, *content: object, **attributes: object) -> Markup:
    """One HTML element.

    Args:
      name: its name.
      *content: strings (escaped) and `Markup` (kept).
      **attributes: `class_` gives `class`, an underscore within a name gives a hyphen; true gives the bare
        attribute, false and None leave it out.

    Returns:
      The element.

    >>> tag("td", "mIoU > 40 & rising", class_="number", title='"')
    '<td class="number" title="&quot;">mIoU &gt; 40 &amp; rising</td>'
    >>> tag("details", tag("summary", "config"), open=True)
    '<details open><summary>config</summary></details>'
    """
    words = [name]
    for key, value in attributes.items():
        label = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(label)
        elif value is not None and value is not False:
            words.append(f'{label}="{escape(value)}"')
    opening = f"<{' '.join(words)}>"
    return Markup(opening if name in _EMPTY else f"{opening}{join(*content)}</{name}>")
