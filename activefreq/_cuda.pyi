def click_maps(
    clicks: int,
    maps: int,
    batch: int,
    count: int,
    height: int,
    width: int,
    radius: float,
    device: int,
    stream: int,
    /,
) -> None: ...
def device_count() -> int: ...
def device_name(device: int, /) -> str: ...
