"""Numbers as people read them."""


def readable(value: float) -> str:
    """A measure with five significant digits, for people.

    >>> readable(1456.53), readable(0.0123456), readable(1234567.8), readable(60000)
    ('1,456.5', '0.012346', '1,234,568', '60,000')
    """
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:,.5g}"
