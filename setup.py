"""Build the optional C extension `edge._native`; everything else about the package stands in pyproject.toml."""

from setuptools import setup

setup(cffi_modules=["native/build.py:extension"])
