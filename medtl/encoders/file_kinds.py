"""Recognise files that are no weights by their first bytes, and say what to do about them."""

from __future__ import annotations

from typing import Final

KINDS: Final[tuple[tuple[bytes, str, str], ...]] = (
    (
        b"version https://git-lfs",
        "it is a Git LFS pointer, a short text instead of the weights",
        "Fetch the file itself (git lfs pull), or download it from the page of the repository",
    ),
    (b"\x89HDF\r\n", "it is an HDF5 file, as Keras writes them", "Get the PyTorch or safetensors version"),
    (b"\x1f\x8b", "it is packed with gzip", "Unpack it first"),
    (b"BZh", "it is packed with bzip2", "Unpack it first"),
    (b"\xfd7zXZ", "it is packed with xz", "Unpack it first"),
    (b"7z\xbc\xaf", "it is a 7-Zip archive", "Unpack it first"),
    (b"Rar!", "it is a RAR archive", "Unpack it first"),
    (b"\x93NUMPY", "it is a NumPy array", "Get the PyTorch or safetensors version"),
    (b"GGUF", "it is a GGUF file, for language models", "Get the weights of a CNN encoder"),
)
"""First bytes, what the file is, what to do."""

PAGE_STARTS: Final = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body", b"<script")
HEAD_BYTES: Final = 1024


def other_kind(data: bytes) -> tuple[str, str] | None:
    """The kind of a file that is certainly no file of weights, and what to do; None otherwise."""
    if not data:
        return "it is empty (0 bytes)", "The download was cut off: get the file again"
    for start, what, advice in KINDS:
        if data.startswith(start):
            return what, advice
    head = data[:HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith(PAGE_STARTS):
        return (
            "it is a web page (HTML), not a file of weights",
            "The link led to a page, often one that asks to log in or to confirm: download the file itself",
        )
    if head.startswith((b"{", b"[")) and _is_text(data[:HEAD_BYTES]):
        return "it is a JSON text", "It may describe weights or be an error of the server: download the file itself"
    return None


def _is_text(head: bytes) -> bool:
    return all(byte in b"\t\n\r" or byte >= 32 for byte in head)
