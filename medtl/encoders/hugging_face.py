"""Addresses of files on Hugging Face."""

from __future__ import annotations


def hugging_face_url(repository: str, file: str) -> str:
    """The address of a repository's file itself, as its main branch has it."""
    return f"https://huggingface.co/{repository}/resolve/main/{file}"
