"""Raw DEFLATE streams, RFC 1951, as in gzip, zip and PNG: without header or checksum."""

import zlib


def deflated(content: bytes, level: int = 9) -> bytes:
    """``content`` as such a stream."""
    return zlib.compress(content, level, wbits=-15)


def inflated(stream: bytes, size: int) -> bytes:
    """What :func:`deflated` was given, of which nothing beyond ``size`` bytes is unpacked.

    Raises:
        ValueError: it is no whole stream of so many bytes, or something follows.
    """
    unpacker = zlib.decompressobj(-15)
    try:
        content = unpacker.decompress(stream, size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(content) != size or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"it is not a stream of {size:,} bytes")
    return content
