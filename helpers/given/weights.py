"""Loading weights into a network: all of them or none, and in words why they do not fit."""
from helpers.given.console import UserError

SHOWN = 3  # names in a message


def load(network, tensors):
    """Load weights into a network, all of them, in evaluation mode. Returns the network.

    Args:
        tensors: dict name -> tensor, as a file of weights has them.
    Raises:
        UserError: they are another network's. It says which are missing, which are too many, which have another shape.
    """
    if told := misfit({name: tuple(value.shape) for name, value in network.state_dict().items()},
                      {name: tuple(value.shape) for name, value in tensors.items()}):
        raise UserError(told)
    network.load_state_dict(tensors)
    return network.eval()


def misfit(wanted, found):
    """Why weights of these shapes do not fit a network that has those, in words; "" if they do. Both: {name: shape}."""
    def some(names):
        return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")

    def size(shape):
        return "x".join(map(str, shape)) or "one number"

    both = [name for name in wanted if name in found]
    other = [f"{name} ({size(found[name])}, expected {size(wanted[name])})" for name in both
             if wanted[name] != found[name]]
    parts = {"missing": [name for name in wanted if name not in found],
             "unexpected": [name for name in found if name not in wanted], "of another shape": other}
    told = "; ".join(f"{what}: {some(names)}" for what, names in parts.items() if names)
    if not both:
        return f"these are the weights of another network, no name fits ({told})"
    return told and f"these are the weights of another network, or of an earlier version of the class ({told})"
