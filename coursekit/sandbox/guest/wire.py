"""What travels between grader and guest: trees of plain values and tensors, in frames. Never pickle.

A tree is None, a bool, a number, a text, a tensor, or a list or dict of trees. JSON holds its structure and safetensors
its tensors. What comes from a guest may be anything: `unpack` refuses whatever `pack` does not make.
"""
import json
import struct

TENSOR = "$tensor"  # the key of a dict that stands for a tensor; no other dict has it
DEPTH, WIDTH = 32, 100_000  # dicts and lists in one another; values in all


def pack(tree):
    """A tree as bytes: length of the JSON, the JSON, the safetensors file. Tuples become lists.

    Raises TypeError for what is no tree, ValueError for one that is too deep or too wide or has the reserved key.
    """
    import torch
    from safetensors.torch import save
    tensors = {}

    def place(node):
        if isinstance(node, torch.Tensor):
            name = str(len(tensors))
            tensors[name] = node.detach().cpu().contiguous().clone()  # safetensors takes none that share memory
            return {TENSOR: name}

    text = json.dumps(_copy(tree, place)).encode()
    return struct.pack("<Q", len(text)) + text + save(tensors)


def unpack(payload, limit=None):
    """The opposite of `pack`. limit: of the JSON's length.

    Raises ValueError, KeyError, RecursionError and safetensors errors on garbage.
    """
    from safetensors.torch import load
    if len(payload) < 8:
        raise ValueError("too short")
    length, = struct.unpack("<Q", payload[:8])
    if length > len(payload) - 8 or limit is not None and length > limit:
        raise ValueError("cut off, or too long")
    tensors = load(payload[8 + length:])

    def tensor(node):
        if type(node) is dict and len(node) == 1 and type(node.get(TENSOR)) is str:
            return tensors.pop(node[TENSOR])

    tree = _copy(json.loads(payload[8:8 + length]), tensor)
    if tensors:
        raise ValueError(f"{len(tensors)} tensors without a place")
    return tree


def _copy(tree, replace):
    """A copy of a tree with replace(node) in the place of each node for which that is not None."""
    count = 0

    def copy(node, depth):
        nonlocal count
        count += 1
        if depth > DEPTH or count > WIDTH:
            raise ValueError(f"a tree of more than {DEPTH} levels or {WIDTH:,} values")
        if (other := replace(node)) is not None:
            return other
        if type(node) is dict:
            for key in node:
                if type(key) is not str or key == TENSOR:
                    raise ValueError(f"{key!r} cannot be a key: expected a text other than {TENSOR}")
            return {key: copy(value, depth + 1) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return [copy(value, depth + 1) for value in node]
        if node is None or isinstance(node, (bool, int, float, str)):
            return node
        raise TypeError(f"expected a tensor or plain data, got {type(node).__name__}")

    return copy(tree, 0)


def read_exactly(stream, count):
    """Read count bytes, or return None at the end of the stream."""
    chunks = []
    while count:
        chunk = stream.read(min(count, 1 << 20))
        if not chunk:
            return None
        chunks.append(chunk)
        count -= len(chunk)
    return b"".join(chunks)


def read_frame(stream, limit):
    """Read one frame (length, bytes). None at the end of the stream; ValueError if it is longer than the limit."""
    header = read_exactly(stream, 8)
    if header is None:
        return None
    length, = struct.unpack("<Q", header)
    if length > limit:
        raise ValueError(f"a message of {length} bytes, the limit is {limit}")
    return read_exactly(stream, length)


def write_frame(stream, payload):
    stream.write(struct.pack("<Q", len(payload)))
    rest = memoryview(payload)
    while rest:  # an unbuffered stream may take a part only
        rest = rest[stream.write(rest):]
    stream.flush()
