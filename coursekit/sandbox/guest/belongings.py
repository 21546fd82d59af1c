"""What student code might replace of what probes work with, and how it is put back."""
import builtins
import importlib
import inspect
import operator
import re
import sys
import types
import warnings


class Belongings:
    """What a student's file finds and might replace: the names in the modules and classes that probes work with.

    Student code and probe share an interpreter. This undoes what a file replaced while it was imported, and notices
    what it replaced while it was called. It does not stop code that takes the interpreter apart: docs/instructor.md.
    """

    WHOLE = "builtins", "torch.nn.functional", "torch.nn.modules.module"  # of the others, the names that probes mention
    OTHERS = ("json", "math", "random", "struct", "inspect", "numpy", "numpy.random", "torch", "torch.nn",
              "torch.autograd", "torch.random", "torch.overrides", "safetensors.torch", __name__,
              f"{__package__}.wire", f"{__package__}.observe", "autograde_tests.probes",
              "helpers.given.checks.engine")

    def __init__(self, probes):
        importlib.import_module(probes)
        shared = f"helpers.given.checks.{probes.rpartition('.')[2]}"  # what some probes share with the public checks
        ours = *self.OTHERS[-5:], probes, *([shared] if shared in sys.modules else [])
        # Looking at an object costs a child a copy of its page, so we look at no more than is needed.
        self.modules = {name: importlib.import_module(name) for name in (*self.WHOLE, *self.OTHERS, *ours)}
        text = "".join(inspect.getsource(self.modules[name]) for name in ours)
        words = set(re.findall(r"\w+", text))
        self.kept, classes = [], {}
        for name, module in self.modules.items():
            mentioned = {key: value for key, value in module.__dict__.items() if name in self.WHOLE or key in words}
            self.kept.append((module, mentioned, set(module.__dict__)))
            if name != "builtins":
                classes.update((id(value), value) for value in mentioned.values() if isinstance(value, type))
        for owner in classes.values():
            mentioned = {key: value for key, value in owner.__dict__.items() if key in words or key.startswith("__")}
            self.kept.append((owner, mentioned, set(owner.__dict__)))
        self.code = [(value, value.__code__, value.__defaults__) for _, mentioned, _ in self.kept
                     for value in mentioned.values() if type(value) is types.FunctionType]
        core = self.modules["torch"]._C  # modes see every call of torch, and can answer it
        self.modes = ((core._len_torch_function_stack, core._pop_torch_function_stack),
                      (core._len_torch_dispatch_stack, core._pop_torch_dispatch_stack))
        self.finders, self.path = list(sys.meta_path), list(sys.path)
        self.tracers = sys.settrace, sys.setprofile

    def changed(self, any=any, map=map, is_not=operator.is_not):
        """Return (owner, name, the owner's names as they were) for all that is not as it was, or hides what was. (What
        looks for it is no name among the builtins: those may be replaced, too.)"""
        found = [(function, "__code__", {}) for function, code, _ in self.code if function.__code__ is not code]
        found += [(self.modules["torch"], "overrides", {}) for count, _ in self.modes if count()]
        for owner, mentioned, known in self.kept:
            now = owner.__dict__
            if any(map(is_not, map(now.get, mentioned), mentioned.values())):
                # torch itself replaces manual_seed when something first needs torch._dynamo, such as torch.optim.
                found += [(owner, name, mentioned) for name, value in mentioned.items() if now.get(name) is not value
                          and not (name == "manual_seed" and "torch._dynamo" in sys.modules)]
            if len(now) > len(known):
                hidden = owner.__mro__[1:] if isinstance(owner, type) else (builtins,)
                found += [(owner, name, mentioned) for name in now.keys() - known
                          if any(name in above.__dict__ for above in hidden)]
        return found

    def restore(self):
        """Put back what was replaced, as far as Python allows."""
        (module, names, _), *_ = self.kept
        module.__dict__.update(names)  # builtins first: what follows here uses them
        for tracer in self.tracers:
            tracer(None)
        for count, leave in self.modes:
            while count():
                leave()
        sys.modules.update(self.modules)
        sys.meta_path[:], sys.path[:] = self.finders, self.path
        for function, code, defaults in self.code:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                function.__code__, function.__defaults__ = code, defaults
        for owner, name, names in self.changed():
            try:
                if name in names:
                    setattr(owner, name, names[name])
                else:
                    delattr(owner, name)
            except (AttributeError, TypeError):
                pass
        torch = self.modules["torch"]
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)
        if torch.are_deterministic_algorithms_enabled():  # to ask is quick, to say so imports a compiler
            torch.use_deterministic_algorithms(False)
        torch.autograd.set_detect_anomaly(False)
        self.modules["numpy"].seterr(divide="warn", over="warn", under="ignore", invalid="warn")
        warnings.resetwarnings()  # none is an error here
