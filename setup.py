"""Build the optional C extensions; everything else about the package stands in pyproject.toml."""

from setuptools import setup

setup(
    cffi_modules=[
        "native/build.py:extension",
        "native/bound/build.py:openjpeg",
        "native/bound/build.py:openjph",
        "native/bound/build.py:jpeg",
        "native/bound/build.py:confine",
    ]
)
