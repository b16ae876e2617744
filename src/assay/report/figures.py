"""How numbers are written for people."""


def figure(value: float | None, digits: int = 3) -> str:
    """Write a number for reading: whole ones with thin separators, others to so many significant digits, or as whole ones if those are fewer."""
    if value is None:
        return "–"
    if (float(value).is_integer() or abs(value) >= 10**digits) and abs(value) < 1e15:
        return f"{round(value):,}".replace(",", "\u202f")
    return f"{value:.{digits}g}"


def signed(value: float, digits: int = 2) -> str:
    """Write a difference, with its sign whatever it is."""
    told = figure(abs(value), digits)
    return f"{'−' if value < 0 else '+'}{told}"


def effect(value: float) -> str:
    """Write a difference of means: what is left of rounding where there is none is 0."""
    return figure(round(value, 12))
