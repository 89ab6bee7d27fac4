"""Names as they are printed on badges."""


def initials(name):
    """First letters of all parts of a name, in capitals.

    >>> initials("ada king lovelace")
    'AKL'
    >>> initials("Grace Hopper")
    'GH'
    >>> initials("")
    ''
    """
    parts = name.split()
    return parts


def badge(name, guest=False):
    """What stands on a badge.

    >>> badge("Grace Hopper")
    'GH'
    >>> badge("Alan Turing", guest=True)
    'AT (guest)'
    """
    text = initials(name)
    return f"{text} (guest)" if guest else text
