"""Questions about any file: what a line does, why it is as it is. See coursekit/viva/__init__.py for their form."""

QUESTIONS = {
    "walk through": dict(
        code=None,
        ask="Walk me through this line: what does each part of it give, and in which shape?",
        model="From the inside to the outside: what goes in, what each call makes of it, and the shape of the result. "
              "Who wrote it can also say why it is needed, and what fails first without it."),
    "linear size": dict(
        code="Linear(_in, _out, ...)",
        ask="Why these two numbers in `{found}`? How many weights and biases does the layer have?",
        model="The first is what comes in for each sample; the second is free in a hidden layer, else what the next "
              "one needs. It has in * out weights and out biases (none with bias=False)."),
    "convolution size": dict(
        code="Conv2d(_in, _out, _k, ...)",
        ask="Which height and width come in here, and which go out? How many weights does `{found}` have?",
        model="(size + 2 * padding - kernel) // stride + 1, and in * out * kernel * kernel weights, besides out biases "
              "(none with bias=False)."),
    "transposed convolution": dict(
        code="ConvTranspose2d(_in, _out, _k, ...)",
        ask="Which height and width come in here, and which go out of `{found}`? Why not an ordinary convolution?",
        model="(size - 1) * stride - 2 * padding + kernel + output_padding. It makes images larger and learns how; a "
              "convolution with a stride makes them smaller."),
    "loop": dict(
        code="for _i in _all: ...",
        ask="How often does this loop run, and what is different in each pass? Could it be done without a loop?",
        model="As often as `{_all}` has entries. It can go where all passes can be computed at once on one tensor; not "
              "where one needs what the one before gave, or where memory would not hold all of it."),
    "condition": dict(
        code="if _when: ...",
        ask="Give an input for which `{_when}` is true, and one for which it is not. What happens in each case?",
        model="Two inputs, and the branch that each takes. Ask whether the course's notebook ever meets both."),
    "detach": dict(
        code="_x.detach()",
        ask="What does `{found}` change about the forward pass, and what about the backward pass?",
        model="Nothing forward: the numbers are the same, and the memory is shared. Backward it is a constant: no "
              "gradient passes on to what it was computed from."),
    "no gradient": dict(
        code="with no_grad(): ...",
        ask="What is not done in this block that would be done without it? What would it cost?",
        model="No graph is recorded, so nothing in it can be differentiated, and what the backward pass would need is "
              "not kept in memory. The numbers are the same."),
    "joined": dict(
        code=["cat(_x, ...)", "stack(_x, ...)"],
        ask="Which shapes go into `{found}`, and which one comes out? When is it cat, when stack?",
        model="cat joins along an axis that is there and adds its sizes up; stack makes a new axis and wants equal "
              "shapes."),
    "another shape": dict(
        code=["_x.view(...)", "_x.reshape(...)", "_x.flatten(...)", "_x.unsqueeze(_)", "_x.squeeze(...)",
              "_x.permute(...)", "_x.unflatten(...)"],
        ask="Which shape has it before, and which after `{found}`? What would come out if the batch had one image?",
        model="The shapes, with the batch in front. With one image the first axis stays, with size 1, unless a squeeze "
              "without an axis takes it away: a typical slip."),
    "device": dict(
        code=["_x.to(_where, ...)", "_x.cuda(...)"],
        ask="What does `{found}` do where everything is on the processor already, and what happens on a GPU without "
            "it?",
        model="Nothing: the tensor itself comes back. On a GPU an operation with tensors of two devices raises a "
              "RuntimeError."),
    "evaluation mode": dict(
        code="_m.eval()",
        ask="Which layers behave differently after `{found}`? Does it switch gradients off?",
        model="Dropout and BatchNorm (its running mean and variance take the place of the batch's). Gradients are not "
              "touched: that is no_grad's."),
    "zero_grad": dict(
        code="_o.zero_grad(...)",
        ask="What would the next step be made of without `{found}`?",
        model="backward() adds to what is in .grad: the step would follow the sum of this gradient and of all that "
              "were computed before."),
    "comprehension": dict(
        code=["[_e for _x in _all]", "(_e for _x in _all)"],
        ask="What is in `{found}`, entry by entry? How many are there?",
        model="One entry for each of `{_all}`, with its type and shape."),
    "reduction": dict(
        code=["_x.sum(...)", "_x.mean(...)", "sum(_x, ...)", "mean(_x, ...)"],
        ask="Over which axes does `{found}` go, and which shape is left? What if it were a mean, or a sum, instead?",
        model="All axes, unless dim says which. A sum grows with the number of entries, a mean does not; so it weighs "
              "against other terms, and against the learning rate, in another way."),
    "in place": dict(
        code=["_x += _y", "_x -= _y", "_x *= _y", "_x.add_(...)", "_x.mul_(...)", "_x.sub_(...)"],
        ask="Does this line change a tensor or make a new one? Who else would see the change?",
        model="On a tensor it works in place: whoever holds the same tensor sees it, a list of earlier states too, and "
              "backward() fails where it needs the old values. On a plain number it makes a new one."),
    "what it returns": dict(
        code="return _x",
        ask="What exactly does this function give back here: type, shape, and does it carry a gradient?",
        model="As its docstring says; a result of detach() or under no_grad() carries no gradient."),
    "a line left out": dict(
        code="_x = _y",
        ask="If this line were gone, what would fail first, and with which message?",
        model="The next line that uses `{_x}`: a NameError, or an AttributeError for self. If an earlier value of it "
              "is left, nothing fails, and the result is wrong: worth asking for."),
}
