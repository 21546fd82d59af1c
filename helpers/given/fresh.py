"""`%load_ext helpers.given.fresh`: what you save in helpers/*.py holds from the next cell on.

Before each cell, a graded file that has changed since it was loaded is executed anew, whole and in the same module, and
what came out of it before is replaced:

- Names in the notebook and in other graded files, whatever they are called there (`from helpers.vae import VAE as V`),
  also in lists, tuples and dicts, get the new functions, classes and values.
- Functions that something else holds (a default, a functools.partial) get the new code.
- Models and other objects made before run the new methods, with the layers and weights that they have. If `__init__`
  has changed, a line says that they should be made anew.
- A name that is no longer in the file goes from the module. The notebook keeps what it had, and a line says so.
- A file that cannot be loaded (a syntax error, an error on the way) says so once, in a line. Until it is mended, cells
  run what was there before, and its checks fail.

helpers/given is not watched: nobody changes it. (IPython's %autoreload compiles single functions of a changed file, so
that errors name wrong lines, and decorated functions stay as they were.)
"""
import ast
import gc
import linecache
import sys
import time
import types
from pathlib import Path

failed = {}  # name of a module -> why its file, as it is now, could not be loaded
PLAIN = (int, float, complex, str, bytes, type(None))
FUNCTION = "__code__", "__defaults__", "__kwdefaults__", "__doc__", "__annotations__"


class Watch:
    """Watches the graded modules that an IPython shell has imported."""

    def __init__(self, shell):
        self.shell = shell
        self.tried = {}  # full name of a module -> the bytes of its file when it was last looked at
        self.loaded = {}  # full name of a module -> the bytes that run
        self.gone = {}  # full name of a module -> {name: what its file had once}
        self.began = 0  # when the last cell began

    def before_cell(self, info=None):
        """Load anew each graded module whose file has changed."""
        for module in graded():
            path = Path(module.__file__)
            try:
                text, saved = path.read_bytes(), path.stat().st_mtime
            except OSError:
                text, saved = None, 0
            if module.__name__ not in self.tried and text is not None and saved < self.began:
                self.tried[module.__name__] = self.loaded[module.__name__] = text  # the last cell has imported it
            if module.__name__ not in self.tried or self.tried[module.__name__] != text:
                self.tried[module.__name__] = text
                self.load(module, path, text)
        self.began = time.time()

    def load(self, module, path, text):
        """Execute a file's text in its module and replace what came out of it before; or say why that failed."""
        short = f"{path.parent.name}/{path.name}"
        before = dict(vars(module))
        try:
            execute(module, path, text)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            vars(module).clear()
            vars(module).update(before)
            failed[path.stem] = f"{short} cannot be loaded: {describe(error, str(path))}"
            print(f"{failed[path.stem]}\nUntil it is mended, cells run what was there before.")
            return
        failed.pop(path.stem, None)
        old = {**self.gone.get(module.__name__, {}), **own(before, module)}
        after = dict(vars(module))
        lost = self.gone[module.__name__] = {name: value for name, value in old.items() if name not in after}
        pairs = [(value, after[name]) for name, value in old.items()
                 if name in after and after[name] is not value and not isinstance(value, PLAIN)]
        new = {id(value): now for value, now in pairs}
        for space in [self.shell.user_ns, *map(vars, graded())]:
            for name, value in list(space.items()):
                # One number may be many things: its name has to agree, too.
                same = isinstance(value, PLAIN) and name in old and value is old[name] and space is not vars(module)
                now = after.get(name, value) if same else renewed(value, new)
                if now is not value:
                    space[name] = now
        for value, now in pairs:
            renew_function(value, now)
        stale = renew_objects({value: now for value, now in pairs if isinstance(value, type) and isinstance(now, type)})
        last, self.loaded[module.__name__] = self.loaded.get(module.__name__, text), text
        if stale := [name for name in stale if how_made(last, name) != how_made(text, name)]:
            print(f"{short}: __init__ of {', '.join(stale)} has changed. What was made before has the layers of that "
                  "time: make it anew.")
        held = {id(value) for value in self.shell.user_ns.values()}
        if missed := [name for name, value in lost.items() if id(value) in held and not isinstance(value, PLAIN)]:
            print(f"{short} has no {', '.join(missed)} any more; this notebook keeps what it had.")


def graded():
    """The modules of helpers/*.py that are imported. Files in helpers/given are not watched."""
    return [module for name, module in list(sys.modules.items()) if name.startswith("helpers.") and name.count(".") == 1
            and getattr(module, "__file__", None) and not hasattr(module, "__path__")]


def execute(module, path, text):
    """Execute the text of a file in its module, which is emptied before."""
    if text is None:
        raise FileNotFoundError("it is not there")
    code = compile(text, str(path), "exec", dont_inherit=True)
    for name in [name for name in vars(module) if not name.startswith("__")]:
        del vars(module)[name]
    linecache.cache.pop(str(path), None)  # what reads the source meanwhile, such as torch.jit, gets this one
    exec(code, vars(module))


def own(names, module):
    """Of a module's names those that it has not imported."""
    code = type, types.FunctionType, types.BuiltinFunctionType
    return {name: value for name, value in names.items() if not name.startswith("__")
            and not isinstance(value, types.ModuleType)
            and not (isinstance(value, code) and value.__module__ != module.__name__)}


def describe(error, path):
    """Say in one line what went wrong with a file, and where in it."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == path:
            line = step.tb_lineno
        step = step.tb_next
    text = getattr(error, "msg", None) or str(error)
    return f"{type(error).__name__}: {text}" + ("" if line is None else f", line {line}")


def renewed(value, new, depth=3):
    """Return a value with what is old in it replaced: itself, if nothing is, or if it is a list or a dict.

    new: {id of the old object: the new one}. depth: so many containers deep.
    """
    if id(value) in new:
        return new[id(value)]
    if depth and type(value) is dict:
        for key, part in list(value.items()):
            if (now := renewed(part, new, depth - 1)) is not part:
                value[key] = now
    elif depth and type(value) is list:
        for place, part in enumerate(value):
            if (now := renewed(part, new, depth - 1)) is not part:
                value[place] = now
    elif depth and type(value) is tuple:
        parts = [renewed(part, new, depth - 1) for part in value]
        return tuple(parts) if any(a is not b for a, b in zip(value, parts)) else value
    return value


def renew_function(old, new):
    """Give an old function, which something else may still hold, the code of the new one, decorators included."""
    if not isinstance(old, types.FunctionType) or not isinstance(new, types.FunctionType):
        return
    if len(old.__closure__ or ()) != len(new.__closure__ or ()):
        return  # one of them is decorated
    for name in FUNCTION:
        setattr(old, name, getattr(new, name))
    vars(old).update(vars(new))
    for cell, now in zip(old.__closure__ or (), new.__closure__ or ()):
        cell.cell_contents = now.cell_contents


def renew_objects(classes):
    """Make all objects and subclasses of old classes such of the new ones. classes: {old: new}. Returns the names of
    the classes that had objects."""
    found = set()
    for thing in gc.get_referrers(*classes) if classes else ():
        if type(thing) in classes:
            found.add(type(thing).__name__)
            try:
                thing.__class__ = classes[type(thing)]
            except TypeError:
                pass  # it has other __slots__, and stays as it was
    for old in classes:
        for below in old.__subclasses__():
            if below not in classes:
                below.__bases__ = tuple(classes.get(base, base) for base in below.__bases__)
    return sorted(found)


def how_made(text, name):
    """Return the `__init__` of a class in a file's text, in a form in which line numbers and comments do not count."""
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef) and node.name == name]
    return [ast.dump(part) for node in found for part in node.body
            if isinstance(part, ast.FunctionDef) and part.name == "__init__"]


watch = None


def load_ipython_extension(shell):
    """Begin to watch. What is loaded already is loaded anew: nobody knows how old it is."""
    global watch
    unload_ipython_extension(shell)
    watch = Watch(shell)
    watch.before_cell()
    shell.events.register("pre_run_cell", watch.before_cell)


def unload_ipython_extension(shell):
    """Stop watching."""
    global watch
    if watch is not None:
        watch.shell.events.unregister("pre_run_cell", watch.before_cell)
        watch = None
        failed.clear()
