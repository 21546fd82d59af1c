"""Makes helpers.<name> from a student's source text, as Python would from a file."""
import contextlib
import importlib
import importlib.abc
import importlib.util
import os
import re
import sys
import types

MOST_ABSENT = 10  # packages that one file may import although nobody has them


class Loader(importlib.abc.Loader):
    """Executes a source text that is nowhere on a disk, and shows it to what asks: inspect, linecache, dataclasses."""

    def __init__(self, path, source):
        self.path, self.source = path, source

    def exec_module(self, module):
        exec(compile(self.source, self.path, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name):
        return self.source


def load_module(name, source):
    """Make helpers.<name> from the student's source text. Returns it, and the names of what it imports and is not here.

    A package that is not here may well be a line that nothing needs. So if one is why the file cannot be imported, it
    is imported once more, with an `Absent` in the place of that package. Whoever asks whether it is there
    (`try: import cv2`) has heard by then that it is not.
    """
    helpers = importlib.import_module("helpers")
    path = os.path.join(*helpers.__path__[:1], f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"helpers.{name}", path, loader=Loader(path, source))
    absent = []
    while True:
        module = importlib.util.module_from_spec(spec)
        sys.modules[module.__name__] = module
        setattr(helpers, name, module)
        try:
            with stand_ins(absent, name):
                spec.loader.exec_module(module)
            return module, absent
        except ImportError as error:
            missing = missing_in(error)
            if missing is None or missing in absent or len(absent) == MOST_ABSENT:
                raise
            absent.append(missing)


def missing_in(error):
    """The name of the module that is not here, if that is what an ImportError says, else None. `from helpers import
    other` says it in other words than `import helpers.other`."""
    if isinstance(error, ModuleNotFoundError):
        return error.name if type(error.name) is str else None
    found = re.match(r"cannot import name '(\w+)' from 'helpers'", str(error)) if type(error) is ImportError else None
    return found and f"helpers.{found[1]}"


class Absent(types.ModuleType):
    """Stands for a package that is not here, or for something of it. While the file is imported, it may be called or
    inherited from, and gives another one. Later that raises ImportError: so what needs it fails, and nothing else."""

    file, loading = "", False

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}")

    def refused(self, *_, **__):
        raise ImportError(f"{Absent.file} uses {self.__name__}, which the grader does not have")

    def used(self, *_, **__):
        return Absent(self.__name__) if Absent.loading else self.refused()

    def __mro_entries__(self, bases):
        return type(self.__name__, (), {"__new__": self.refused}),

    __call__ = __getitem__ = __or__ = __ror__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = used
    __truediv__ = __rtruediv__ = __pow__ = __neg__ = __lt__ = __gt__ = __le__ = __ge__ = used
    __bool__ = __iter__ = __len__ = __contains__ = __float__ = __index__ = refused
    __enter__ = __exit__ = __instancecheck__ = __subclasscheck__ = refused


class Finder:
    """Finds an `Absent` for the packages of these names and all in them. Python asks it last: nothing is hidden."""

    def __init__(self, absent):
        self.absent = absent

    def find_spec(self, name, path=None, target=None):
        if any(f"{name}.".startswith(f"{each}.") for each in self.absent):
            return importlib.util.spec_from_loader(name, self, is_package=True)

    def create_module(self, spec):
        return Absent(spec.name)

    def exec_module(self, module):
        pass


@contextlib.contextmanager
def stand_ins(absent, name):
    """While helpers.<name> is imported: what is not here may be imported, and done without."""
    finder, Absent.file, Absent.loading = Finder(absent), f"{name}.py", bool(absent)
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        Absent.loading = False
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(finder)
