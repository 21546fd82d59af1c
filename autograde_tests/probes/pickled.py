"""Reads weights that torch.save has written, behind the wall: such a file may be made to do harm. No student file is
loaded beside. What comes back is data to the grader, like any other observation."""
import io
import pickle

import torch


def weights(module, content, part, prefix):
    """The tensors of a file, {"tensors": {name: tensor}}, or {"problem": why there are none}.

    content: uint8 (N,), the file. part, prefix: what counts of a checkpoint of the course, see helpers.given.trained.
    """
    try:
        loaded = torch.load(io.BytesIO(content.numpy().tobytes()), weights_only=True, map_location="cpu")
    except pickle.UnpicklingError:
        return {"problem": "it holds other things than tensors and plain values, such as a whole model. Nothing of it "
                "was run"}
    except Exception as error:
        return {"problem": f"torch.load cannot read it ({type(error).__name__})", "damaged": True}
    inner = [loaded, *(value for value in loaded.values() if isinstance(value, dict))] if isinstance(loaded, dict) \
        else []
    if inner and isinstance(loaded.get("state"), dict):  # a checkpoint of the course
        state = loaded["state"].get(part)
        inner = [{name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}] \
            if isinstance(state, dict) else []
    found = [each for each in inner if each and all(isinstance(value, torch.Tensor) for value in each.values())]
    if len(found) != 1:
        return {"problem": f"it holds {len(found) or 'no'} sets of weights, expected one: that of state_dict()"}
    return {"tensors": {str(name): value.detach() for name, value in found[0].items()}}
