def command(context) -> None:
    """X"""
