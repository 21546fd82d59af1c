"""The training loop of the course, and what stands around it: profile, device, seeds, evaluation.

One loop serves all assignments. A notebook passes in the graded parts (model and loss, or an update step), calls `fit`
or `loop` once, and gets back what is needed for the figures. Data sets here fit in memory, so images stay uint8 and
there is no DataLoader.
"""
import ast
import hashlib
import inspect
import math
import os
import re
import shutil
import sys
import textwrap
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from helpers.given.console import UserError
from helpers.given.course import ROOT

PROFILES = ("smoke", "cpu", "gpu")


class TrainingError(UserError):
    """Training cannot go on. The message says why and what to do, in one line."""


def profile():
    """Return the profile in force: `smoke` (seconds, for tests), `cpu` (minutes) or `gpu` (full settings).

    The environment variable COURSE_PROFILE decides; without it the profile is `gpu` if there is one, else `cpu`.
    """
    name = os.environ.get("COURSE_PROFILE") or ("gpu" if torch.cuda.is_available() else "cpu")
    if name not in PROFILES:
        raise TrainingError(f"COURSE_PROFILE is {name!r}; it must be one of {', '.join(PROFILES)}")
    return name


def results(name):
    """Make the folder for what an assignment's notebook writes in this profile, runs/PROFILE/NAME, and return its path.

    What a `smoke` run made shows nothing and must not pass for a training, so in that profile the folder is emptied.
    """
    folder = ROOT / "runs" / profile() / name
    if profile() == "smoke":
        shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"cannot make the folder {folder} ({error.strerror}): work in a copy of the course that "
                            "you may write to") from None
    return folder


def pick_device(name=None):
    """Return the torch.device to train on: the one asked for, else CUDA, else MPS (Apple), else the CPU.

    The `smoke` profile always takes the CPU, so that it gives the same result everywhere.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name is None:
        return torch.device("cpu" if profile() == "smoke" else next(kind for kind, there in available.items() if there))
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or not available.get(device.type):
        there = ", ".join(kind for kind, is_there in available.items() if is_there)
        raise TrainingError(f"device {name!r} was asked for, but this machine has only: {there}")
    return device


def to_float(images):
    """Turn uint8 images 0..255 into float32 in [0, 1]. Float tensors are returned as they are."""
    return images.to(torch.float32).div_(255) if images.dtype == torch.uint8 else images


def autocast_dtype(device):
    """Return torch.bfloat16 where the device computes with it in hardware, else None. Elsewhere it would be slower."""
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        fast = cpu_computes_bfloat16()
    else:
        fast = False
    return torch.bfloat16 if fast else None


def cpu_computes_bfloat16():
    """True if this processor has instructions for bfloat16 that torch's convolutions and products of matrices use."""
    if not torch.backends.mkldnn.is_available():
        return False
    if hasattr(torch.cpu, "get_capabilities"):  # of newer versions of torch
        has = torch.cpu.get_capabilities()
        return any(has.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))  # the last is ARM's
    # Private names, but the only ones there were; a torch without them trains in float32.
    probes = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(probe() for probe in probes if probe)


def autocast(device):
    """Return a context in which networks compute in bfloat16 where the machine has it in hardware, else as ever."""
    dtype = autocast_dtype(device)
    return torch.autocast(device.type, dtype, enabled=dtype is not None)


@contextmanager
def mixed_precision(model, device, enabled=True):
    """Yield a callable that runs the model under bfloat16 autocast and returns float32, so losses stay exact.

    nn.Sigmoid gets float32 inputs meanwhile: bfloat16 has no number between 0.996 and 1, and a pixel of exactly 1
    has an infinite cross entropy and no gradient.
    """
    if not enabled or autocast_dtype(device) is None:
        yield model
        return
    hooks = [layer.register_forward_pre_hook(lambda _, args: tuple(a.float() for a in args))
             for layer in model.modules() if isinstance(layer, nn.Sigmoid)]
    lower = autocast(device)  # once: to ask the processor at every step would be work for nothing

    def call(*args):
        with lower:
            out = model(*args)
        return out.float() if isinstance(out, torch.Tensor) else tuple(part.float() for part in out)

    try:
        yield call
    finally:
        for hook in hooks:
            hook.remove()


class Average(AveragedModel):
    """An exponential moving average of a network's parameters, and of what its BatchNorm layers have averaged.

    All other buffers are copied. Such are counts of batches, which have to stay whole, and the two vectors of a
    spectral normalisation: an average of directions that turn is none of the averaged weights, nor has it length 1.

    Args:
        model: the network. Both must be on one device when the average is updated; `loop` sees to it.
        decay: share of the average that stays in each `update_parameters(model)`. The first of them copies the network.
    """

    def __init__(self, model, decay):
        super().__init__(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
        self.decay = decay

    @torch.no_grad()
    def update_parameters(self, model):
        mine = [value for name, value in self.module.named_buffers() if name.endswith(("running_mean", "running_var"))]
        before = [value.clone() for value in mine]
        first = self.n_averaged == 0
        super().update_parameters(model)  # which copies all buffers
        if not first:
            for value, old in zip(mine, before):
                value.copy_(old.lerp(value, 1 - self.decay))


def evaluate(terms, model, images, labels=None, batch_size=1000):
    """Average `terms` over a whole set, with the parameters held fixed and in evaluation mode.

    Args:
        terms: function (model, x, labels) -> dict of scalar tensors, each a mean over its batch.
        images: uint8 (N, C, h, w).
    Returns:
        dict of floats. A smaller last batch counts by its size.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    sums = {}
    try:
        with torch.inference_mode():
            for start in range(0, len(images), batch_size):
                x = to_float(images[start:start + batch_size].to(device))
                y = None if labels is None else labels[start:start + batch_size].to(device)
                for name, value in terms(model, x, y).items():
                    sums[name] = sums.get(name, 0) + value * len(x)
    finally:
        model.train(was_training)
    return {name: float(value) / len(images) for name, value in sums.items()}


class History(list):
    """One dict per epoch: means over the epoch's images (`loss`), `seconds` since the start, and what was evaluated.

    `steps` holds the same quantities step by step: a dict name -> list of floats.
    """

    def __init__(self, records=(), steps=None):
        super().__init__(records)
        self.steps = {} if steps is None else steps
        self.interrupted = False

    def column(self, name):
        """Return the values of one quantity, epoch by epoch."""
        return [record[name] for record in self]


def fit(model, loss, images, labels=None, *, epochs, batch_size=128, lr=1e-3, weight_decay=0.0, one_cycle=False,
        bf16=True, device=None, **options):
    """Train one model on one loss with Adam, and return its History. The model ends in evaluation mode.

    Args:
        model: nn.Module. It is moved to the device and stays there.
        loss: function (model, x, labels) -> scalar tensor, the mean over the batch. x is float32 in [0, 1]. The model
            it gets can only be called: it may run in bfloat16, and returns float32.
        images: uint8 (N, C, h, w); labels: int64 (N,) or None.
        lr: learning rate; with one_cycle=True its peak: it rises for a fifth of the steps, then falls to zero
            (Smith and Topin, "Super-Convergence", 2018).
        bf16: use bfloat16 where the machine has it in hardware.
        device: as for `pick_device`.
        options: those of `loop`: after_epoch, target, seed, checkpoint, code, keep, quiet.
    Raises:
        TrainingError: see `loop`.
    """
    device = pick_device(device)
    # The fused Adam is one kernel instead of a dozen for each parameter.
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay, fused=device.type != "mps")
    total_steps = epochs * math.ceil(len(images) / batch_size)
    if one_cycle and total_steps >= 10:  # shorter ones leave no step to rise in
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=total_steps, pct_start=0.2)
    else:
        schedule = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)

    with mixed_precision(model, device, bf16) as call:
        def step(x, labels):
            return descend(loss(call, x, labels), optimizer, schedule)

        return loop(step, images, labels, state={"model": model, "optimizer": optimizer, "schedule": schedule},
                    settings=dict(lr=lr, weight_decay=weight_decay, one_cycle=one_cycle),
                    epochs=epochs, batch_size=batch_size, device=device, **options)


def descend(loss, *parts):
    """One step of optimisers, then of their learning rate schedules. Returns what a step of `loop` returns."""
    for part in parts:
        if isinstance(part, torch.optim.Optimizer):
            part.zero_grad(set_to_none=True)
    loss.backward()
    for part in parts:
        part.step()
    return {"loss": loss.detach()}


def one_epoch(step, images, labels, batch_size, used, layout=torch.contiguous_format, bar=None):
    """Show every image to the step once, in random order, batch by batch: the heart of all training in this course.

    Args:
        step, images, labels: as for `loop`, on the device.
        used: how many of the images are shown; less than all of them if a smaller last batch is left out.
        layout: how the numbers of a batch lie in memory. bar: progress bar, or None.
    Returns:
        what the steps returned: dict name -> (steps,), on the CPU.
    """
    order = torch.randperm(len(images)).to(images.device)
    images = images[order]  # once for the whole epoch: cheaper than to gather each batch
    labels = None if labels is None else labels[order]
    seen = []
    for start in range(0, used, batch_size):
        x = to_float(images[start:start + batch_size]).contiguous(memory_format=layout)
        y = None if labels is None else labels[start:start + batch_size]
        seen.append(step(x, y))
        if bar is not None:
            bar.update()
    # The values stay on the device until here. To fetch each at once would make a GPU wait at every step.
    return {name: torch.stack([values[name] for values in seen]).cpu() for name in seen[0]}


def loop(step, images, labels=None, *, state, settings, epochs, batch_size, device, after_epoch=None, target=None,
         seed=0, checkpoint=None, code=(), keep=None, drop_last=False, log_dir=None, log_images=None, quiet=False):
    """Go over the images `epochs` times in random order, batch by batch, and return the History.

    This is the loop of all assignments: `fit` hands it the step of one model and one loss, a GAN its own. Its heart is
    `one_epoch`; what stands here around it keeps records, checkpoints and the errors in order.

    Args:
        step: function (x, labels) -> dict of scalar tensors, detached means over the batch. It updates the weights.
        images: uint8 (N, C, h, w); the step gets float32 in [0, 1]. labels: (N, ...) or None; the step gets the rows
            that belong to its images.
        state: dict name -> what has a state_dict: models, optimisers, schedules. The models are moved to the device.
        settings: dict of plain values; a checkpoint of other settings, or of other images, is refused.
        after_epoch: function (epoch, model) -> dict of floats for the history, or None. Epochs count from 1; model is
            the first one of the state.
        target: stop as soon as an epoch's mean "loss" is below it.
        seed: of PyTorch's random numbers, all of them: the training leaves the global generator changed.
        checkpoint: path. The whole state is written there after each epoch; if the file is already there, training
            goes on from it and gives the same result as if it had never stopped. So a finished one is only read.
        code: functions and classes that decide what is learned. If the source of one of them was another when the
            checkpoint was made, training starts anew and says so. What they call is not looked at: name it, too.
        keep: dict that after_epoch fills with tensors, plain values, and lists and dicts of them: copies, since the
            weights of a model change. It is part of the checkpoint; what is read from there is on the CPU.
        drop_last: leave out the last batch of an epoch if it is smaller than the others.
        log_dir: folder for TensorBoard: every step's values and the images of log_images. It replaces older logs there.
        log_images: function () -> images (N, C, h, w) in [0, 1], called after each epoch.
        quiet: no progress bar, and nothing printed but that a checkpoint was not used.
    Raises:
        TrainingError: a mean became NaN or infinite, memory ran out, the batches are too large, the checkpoint does not
            fit, or TensorBoard is not installed.
    Ctrl-C ends the training early, keeps the weights as they are and sets `History.interrupted`.
    """
    models = [part for part in state.values() if isinstance(part, nn.Module)]
    layers = [layer for model in models for layer in model.modules()]
    is_conv = any(isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) for layer in layers)
    turns_back = any(isinstance(layer, nn.InstanceNorm2d) for layer in layers)  # to channel by channel, each time
    layout = torch.channels_last if is_conv and not turns_back else torch.contiguous_format
    used = len(images) // batch_size * batch_size if drop_last else len(images)  # images in an epoch
    if not used:
        raise TrainingError(f"batch_size is {batch_size}, but there are only {len(images)} images: take a smaller one")
    steps = math.ceil(used / batch_size)
    settings = {name: plain(value) for name, value in settings.items()}
    settings = {**settings, "epochs": epochs, "batch_size": batch_size, "seed": seed, "images": len(images)}
    if images.dtype == torch.uint8:  # the stand-in and the real images may be equally many; points are drawn anew
        settings["images"] = f"{len(images)} ({digest(images)})"
    code, keep, history, told = fingerprints(code), {} if keep is None else keep, History(), set()
    for model in models:  # before a checkpoint is loaded: an optimiser puts its state where the weights are
        model.to(device, memory_format=layout)
    torch.manual_seed(seed)
    if checkpoint is not None and Path(checkpoint).exists():
        content = read_checkpoint(checkpoint)
        if changed := [name for name in code if content["code"].get(name) != code[name]]:
            print(f"{checkpoint} was made with another {', '.join(changed)}: training starts anew")
        else:
            history = restore(content, checkpoint, state, settings, keep)
            if not quiet:
                print(f"going on after epoch {len(history)}, from {checkpoint}")
    log = None if log_dir is None else open_log(log_dir, len(history) * steps)
    started = time.perf_counter() - (history[-1]["seconds"] if history else 0)
    bar = progress_bar(epochs * steps, len(history) * steps, quiet)
    try:
        for model in models:
            model.train()
        images = images.to(device)
        labels = None if labels is None else labels.to(device)
        for epoch in range(len(history) + 1, epochs + 1):
            if target is not None and history and history[-1]["loss"] < target:
                break
            values = one_epoch(step, images, labels, batch_size, used, layout, bar)
            sizes = torch.full((steps,), batch_size, dtype=torch.float64)  # each image counts alike
            sizes[-1] = used - (steps - 1) * batch_size
            record = {name: float((value * sizes).sum() / used) for name, value in values.items()}
            for name, mean in record.items():
                if not math.isfinite(mean):
                    raise TrainingError(_diverged(f"the {name} is {mean}", epoch))
            for line in stuck(values) if not quiet else ():
                if line not in told:
                    bar.write(f"epoch {epoch}: {line}")
                    told.add(line)
            record["seconds"] = time.perf_counter() - started
            if after_epoch is not None:
                record.update({name: plain(value) for name, value in (after_epoch(epoch, models[0]) or {}).items()})
                for model in models:
                    model.train()
            history.append(record)
            for name, value in values.items():
                history.steps.setdefault(name, []).extend(value.tolist())
            bar.set_postfix_str(", ".join(f"{name} {record[name]:.4g}" for name in values), refresh=False)
            if log is not None:
                write_log(log, values, (epoch - 1) * steps, epoch, None if log_images is None else log_images())
            if checkpoint is not None:
                save_checkpoint(checkpoint, state, settings, history, code, keep)
    except KeyboardInterrupt:
        history.interrupted = True
    except (ValueError, RuntimeError) as error:
        raise _explain(error, models, len(history) + 1, batch_size) from error
    finally:
        bar.close()
        if log is not None:
            log.close()
        for model in models:
            model.eval()
    if not quiet:
        print(summary(history, epochs))
    return history


def summary(history, epochs):
    """Say in one line how a training went."""
    if not history:
        return "stopped before the end of the first epoch; the weights are kept as they are"
    values = ", ".join(f"{name} {value:.4g}" for name, value in history[-1].items() if name != "seconds")
    stopped = "stopped early, the weights are kept as they are; " if history.interrupted else ""
    return f"{stopped}epoch {len(history)} of {epochs}: {values}; {history[-1]['seconds']:.1f} s"


def stuck(values):
    """Yield a line for each loss that no longer moves: one that is the same to the last digit, batch after batch.

    Args:
        values: dict name -> (steps,), what an epoch's steps returned. Losses are those with "loss" in their names.
    """
    for name, value in values.items():
        end = value[len(value) // 2:]
        if "loss" in name and len(end) >= 10 and (end == end[0]).all():
            line = f"the {name} stands at {end[0]:g}, to the last digit, whatever the batch: it has no gradient left"
            # F.binary_cross_entropy cuts log(0) off at -100; a sigmoid of 20 or more is 1 in float32.
            yield line + (". Compute it from logits, not from sigmoids" if end[0] >= 50 else "")


def _diverged(what, epoch):
    return (f"{what} in epoch {epoch}: training diverged. Try a smaller learning rate, and look for log(0), exp of "
            "large numbers or a division by zero in the loss")


def _explain(error, models, epoch, batch_size):
    """Return the TrainingError that a failed step stands for, or the error itself if it is not about training."""
    if isinstance(error, torch.OutOfMemoryError) or re.search("can't allocate|out of memory", str(error)):
        return TrainingError(f"memory ran out with batch_size={batch_size}: try half of it, or a smaller model")
    if isinstance(error, TrainingError):
        return error
    # A loss may refuse NaN before it could return one.
    if re.search(r"\bnan\b", str(error)) or not all(p.isfinite().all() for model in models for p in model.parameters()):
        return TrainingError(_diverged("there are NaN or infinite numbers", epoch))
    return error


def fingerprints(code):
    """Return a dict name -> digest of the source of functions and classes, without comments and layout."""
    found = {}
    for part in code:
        try:
            source = ast.dump(ast.parse(textwrap.dedent(inspect.getsource(part))))
        except (OSError, TypeError, SyntaxError):  # made without a file, or compiled: nothing can be said about it
            source = ""
        found[getattr(part, "__name__", repr(type(part)))] = hashlib.sha256(source.encode()).hexdigest()[:16]
    return found


def digest(*tensors):
    """Eight characters that tell data sets apart: of some five hundred rows of each tensor, spread over it."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(tensor[::max(1, len(tensor) // 500)].cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:8]


def plain(value):
    """A number of numpy's, or one in a tensor, as Python's own. Anything else as it is."""
    one = isinstance(value, np.generic) or isinstance(value, (np.ndarray, torch.Tensor)) and math.prod(value.shape) == 1
    return value.item() if one else value


def check_plain(value, where="keep"):
    """Raise TrainingError for what a checkpoint cannot hold: it would be written, and refused when it is read."""
    if isinstance(value, (list, tuple, dict)):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            check_plain(part, f"{where}[{name!r}]")
    elif not isinstance(value, (torch.Tensor, bool, int, float, str, type(None))) or isinstance(value, np.generic):
        raise TrainingError(f"{where} is of type {type(value).__name__}, which a checkpoint cannot hold: keep tensors "
                            "and plain numbers, of a model a copy of its state_dict()")


def save_checkpoint(path, state, settings, history, code, keep):
    """Write the state after an epoch. The file appears whole or not at all."""
    check_plain(keep)
    check_plain(list(history), "the history")
    content = {"settings": settings, "history": list(history), "steps": history.steps, "code": code, "keep": keep,
               "rng": torch.get_rng_state(),
               "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
               "state": {name: part.state_dict() for name, part in state.items()}}
    save_atomically(content, path)


def save_atomically(content, path):
    """torch.save to a neighbouring file, then rename it."""
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")  # another process may write the same file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, partial)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        raise TrainingError(f"cannot write {path}: {error}. Is the disk full?") from error
    finally:
        with suppress(OSError):  # it is not there, or the whole disk is read-only
            partial.unlink()


class NumberType:
    """Stands for numpy.dtype while a checkpoint is read: the name of a type of numbers, and their order of bytes."""

    def __init__(self, name, *_):
        self.name, self.order = name, "<"

    def __setstate__(self, state):
        self.order = state[1]


def number_of(kind, content):
    """Stands for what makes a number of numpy's there: it makes one of Python's, and nothing else."""
    if not re.fullmatch("[<>=|][fiub][1248]", kind.order + kind.name):
        raise ValueError(f"numpy's {kind.name} is no number")
    return np.frombuffer(content, kind.order + kind.name, 1)[0].item()


# Checkpoints of before have numbers of numpy's in their histories. (numpy 1 and 2 have different names for it.)
NUMBERS = [(NumberType, "numpy.dtype"), (number_of, "numpy.core.multiarray.scalar"),
           (number_of, "numpy._core.multiarray.scalar"), NumberType]


def read_checkpoint(path):
    """Read what `save_checkpoint` has written.

    Only tensors and plain values are read (weights_only): a checkpoint from the web cannot run code.
    """
    try:
        with torch.serialization.safe_globals(NUMBERS):
            content = torch.load(path, weights_only=True, map_location="cpu")
        if missing := {"settings", "history", "steps", "code", "keep", "rng", "cuda_rng", "state"} - set(content):
            raise KeyError(*missing)
    except Exception as error:
        raise TrainingError(f"{path} is not a whole checkpoint of this course ({type(error).__name__}): "
                            "delete it to start anew") from error
    return content


def restore(content, path, state, settings, keep):
    """Restore what `read_checkpoint` has read of a path, and return its history. keep: dict that gets what was kept."""
    saved = content["settings"]
    if saved != settings:
        differs = ", ".join(f"{key} {saved.get(key)} there, {value} here"
                            for key, value in settings.items() if saved.get(key) != value)
        raise TrainingError(f"{path} is from a training with other settings ({differs}): delete it to start anew")
    try:
        for name, part in state.items():
            part.load_state_dict(content["state"][name])
    except (RuntimeError, ValueError, KeyError) as error:
        raise TrainingError(f"{path} is from another model than this one: delete it to start anew") from error
    keep.update(content["keep"])
    torch.set_rng_state(content["rng"])
    if torch.cuda.is_available() and content["cuda_rng"]:
        torch.cuda.set_rng_state_all(content["cuda_rng"])
    return History(content["history"], content["steps"])


def open_log(folder, done_steps=0):
    """Return TensorBoard's writer for a folder. done_steps: those of a resumed training; 0 replaces what was there."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise TrainingError("TensorBoard is not installed: pip install tensorboard, or train without log_dir") from None
    try:
        if not done_steps:  # a second run in the same folder would be drawn over the first
            for old in Path(folder).glob("events.out.tfevents.*"):
                old.unlink()
        return SummaryWriter(str(folder), purge_step=done_steps + 1 if done_steps else None)  # that step goes, too
    except OSError as error:
        raise TrainingError(f"cannot write the TensorBoard log into {folder}: {error}") from None


def write_log(log, values, first_step, epoch, images):
    """Add an epoch's values, step by step, and its images to a TensorBoard log."""
    for name, value in values.items():
        for k, number in enumerate(value.tolist()):
            log.add_scalar(name, number, first_step + k + 1)
    if images is not None:
        from torchvision.utils import make_grid  # here, because torchvision takes a second to import
        log.add_image("samples", make_grid(images, nrow=8, padding=1, pad_value=1.0), epoch)
    log.flush()


def progress_bar(total, done=0, quiet=False):
    """A tqdm bar that leaves nothing behind: one line, rewritten in place, in a notebook as in a terminal."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    stream = _NotebookLine() if hasattr(shell, "kernel") and not quiet else sys.stderr
    return tqdm(total=total, initial=done, unit=" steps", leave=False, file=stream, disable=quiet or None,
                ncols=90, mininterval=0.5)  # None: no bar where nobody watches


class _NotebookLine:
    """A stream for tqdm that rewrites one cell output. Printed carriage returns would all be kept in the file."""

    def __init__(self):
        from IPython.display import Pretty, display
        self.wrap = Pretty
        self.handle = display(Pretty(""), display_id=True)

    def write(self, text):
        self.handle.update(self.wrap(text.strip("\r\n")))

    def flush(self):
        pass
