"""The C extensions of edge, built for a root by the compilers of this machine; nothing is emulated for it."""

import contextlib
import importlib.util
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import roots

PROJECT = Path(__file__).resolve().parents[2]
# What the extensions are built against comes from the root, and the C library from this machine: it is the older one.
_HEADERS = ("openjpeg-2.*", "openjph", "jpeglib.h", "jmorecfg.h", "jerror.h", "python3.*", "*-linux-gnu/python3.*",
            "*-linux-gnu/jconfig.h")  # fmt: skip


def _module(name, path):
    spec = importlib.util.spec_from_file_location(name, PROJECT / path)
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def _builders():
    """Return (module, cffi builder) of every extension, as setup.py has them."""
    codecs = _module("edge_native_build", "native/build.py")
    bound = _module("edge_bound_build", "native/bound/build.py")
    return [
        ("_native", codecs.extension()), ("_openjpeg", bound.openjpeg()), ("_openjph", bound.openjph()),
        ("_jpeg", bound.jpeg()), ("_confine", bound.confine()),
    ]  # fmt: skip


def _gather(root, stage):
    """Copy the headers of the root that do not belong to its C library; return the folders to search."""
    include = root / "usr" / "include"
    for pattern in _HEADERS:
        for found in include.glob(pattern):
            target = stage / found.relative_to(include)
            target.parent.mkdir(parents=True, exist_ok=True)
            if found.is_dir():
                shutil.copytree(found, target, dirs_exist_ok=True)
            else:
                shutil.copy2(found, target)
    inner = [path for pattern in ("openjpeg-2.*", "python3.*", "*-linux-gnu") for path in stage.glob(pattern)]
    return [stage, *sorted(path for path in inner if not path.is_symlink())]


def build(root, processor, folder, work):
    """Build all extensions for the Python of `root` into `folder`; work: a folder for what comes between."""
    work.mkdir(parents=True)
    include = _gather(root, work / "include")
    commands = [_command(*each, root, processor, include, folder, work) for each in _builders()]
    with ThreadPoolExecutor() as together:
        for _ in together.map(roots.run, commands, [f"compiling {command[-1]}" for command in commands]):
            pass


def _command(name, builder, root, processor, include, folder, work):
    """Write the code of an extension, and return the command that compiles it."""
    _, _, _, options = builder._assigned_source
    is_cpp = options.get("language") == "c++"
    code = work / (name + (".cpp" if is_cpp else ".c"))
    with contextlib.redirect_stdout(None):  # it says what it writes
        builder.emit_c_code(str(code))
    compiler = f"{processor.triplet}-{'g++' if is_cpp else 'gcc'}"
    common = [
        "-fPIC", "-shared", "-g0", f"-ffile-prefix-map={PROJECT}/=", f"-ffile-prefix-map={work}/=",
        "-Wl,--build-id=none", "-Wl,-s", "-Wl,-z,relro,-z,now",
    ]  # fmt: skip
    folders = [PROJECT / each for each in options.get("include_dirs", ()) if not Path(each).is_absolute()]
    sources = [PROJECT / each for each in options["sources"]]
    libraries = [_library(root, processor, each) for each in options.get("libraries", ()) if each != "m"]
    return [
        compiler, *common, *options.get("extra_compile_args", ()),
        *(f"-I{each}" for each in folders), *(f"-isystem{each}" for each in include),
        code, *sources, *libraries, "-lm", "-o", folder / f"{name}.abi3.so",
    ]  # fmt: skip


def _library(root, processor, name):
    """Return the path of the shared library that `-lNAME` would be in the root."""
    return root / "usr" / "lib" / processor.triplet / f"lib{name}.so"
