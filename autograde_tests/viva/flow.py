"""Questions about helpers/flow.py as somebody has filled it in. See coursekit/viva/__init__.py for their form."""

SOLVERS = ["euler", "heun"]

QUESTIONS = {
    "axes for the time": dict(
        gap="interpolate",
        code=["_t.reshape(...)", "_t.view(...)", "_t[:, None, None, None]", "_t[:, None]", "_t.unsqueeze(_)"],
        ask="What would happen with times (N,) and images (N, 1, 28, 28) without `{found}`?",
        model="They are aligned at the last axis: N times against 28 columns. It raises an error, or, with N = 28 or "
              "1, gives each column a time of its own in silence."),
    "which end is noise": dict(
        gap="interpolate",
        code=["(1 - _t) * _a", "(1.0 - _t) * _a", "lerp(...)", "_a + _t * _b"],
        ask="Where is x_t at t = 0 and at t = 1? Diffusion counts its steps the other way round: what is its t = 0?",
        model="Noise at 0, data at 1. In diffusion models t = 0 is (nearly) the image, and the last t pure noise."),
    "constant speed": dict(
        gap="interpolate",
        code=["x_1 - x_0", "x_1.sub(x_0)", "sub(x_1, x_0)"],
        ask="The velocity `{found}` does not depend on t. Why must the network still be told the time?",
        model="This is one pair's velocity. The network says the mean over all pairs that pass the same place, and "
              "which pairs those are changes with t."),
    "weights of the ends": dict(
        gap="exact_velocity",
        code=["softmax(...)", "logsumexp(...)", "exp(_)", "_x.exp()"],
        ask="What do these weights look like for t = 0, and for t close to 1? What does the velocity become there?",
        model="At t = 0 all are equal: it points to the mean of the data. Close to 1 one point has all the weight: the "
              "path goes to the nearest data point."),
    "squared by what": dict(
        gap="exact_velocity",
        code=["(1 - _t) ** 2", "(1 - _t).square()", "_x / (1 - _t)", "cdist(...)", "square(1 - _t)"],
        ask="Which distribution of x do your weights come from, and what has 1 - t to do with it?",
        model="x given x_1 is normal with mean t x_1 and standard deviation 1 - t, since x = (1 - t) x_0 + t x_1. So "
              "x_0 = (x - t x_1) / (1 - t), with density exp(-|x_0|^2 / 2)."),
    "from end to velocity": dict(
        gap="exact_velocity",
        code=["(_a - x) / (1 - _t)", "_w @ _x", "matmul(...)", "einsum(...)", "_x.sum(...)"],
        ask="How do you get from the mean of x_1 to the mean of x_1 - x_0? What happens to it as t goes to 1?",
        model="x_1 - x_0 = (x_1 - x) / (1 - t) on each path. The factor grows beyond all bounds, the way that is left "
              "shrinks with it: on a path the velocity stays finite."),
    "memorised": dict(
        gap="exact_velocity",
        code=["cdist(...)", "softmax(...)", "_x.exp()", "exp(_)", "logsumexp(...)"],
        ask="Samples made with this field are copies of the data. The network's loss has the same minimum: why are its "
            "samples not all copies?",
        model="A network of finite size, trained for a finite time, only comes near: it smooths the field. The more "
              "capacity and the fewer data, the more it copies."),
    "a time for each": dict(
        gap="flow_matching_loss",
        code=["rand(...)", "_x.uniform_(...)", "rand_like(...)", "_x.new_empty(...)"],
        ask="Why a time of its own for each sample? What would one time for the whole batch change about the gradient?",
        model="Its expectation would be the same, but it would vary more from step to step. t must be uniform in "
              "[0, 1], for points and for images."),
    "new noise": dict(
        gap="flow_matching_loss",
        code=["randn_like(...)", "randn(...)", "_x.normal_(...)"],
        ask="Is the same image always paired with the same noise? What would the network learn if it were?",
        model="No: noise is drawn anew at each call. With fixed pairs it would learn the flow of those few pairs. In "
              "reflow that is wanted, with pairs that an earlier flow has made."),
    "the target": dict(
        gap="flow_matching_loss",
        code=["mse_loss(_a, _b, ...)", "MSELoss(...)", "_x.square().mean()", "(_ ** 2).mean()", "mean(_ ** 2)"],
        ask="The loss does not go to 0, whatever the network. Why, and how can you tell that it has learned enough?",
        model="Many pairs pass the same place with different velocities; the best answer is their mean, and their "
              "variance remains. Samples tell, or the loss on the same noise and times compared with before."),
    "drawn or given": dict(
        gap="flow_matching_loss",
        code=["if _x is None: ...", "_a if _x is None else _b", "_a if _x is not None else _b",
              "if _x is not None: ..."],
        ask="Who gives x_0 to this function in the notebook, and why not `x_0 or randn_like(x_1)`?",
        model="Coupled noise, and the pairs of reflow. The truth value of a tensor with more than one number is an "
              "error, and of one number it asks whether that is 0."),
    "size of a step": dict(
        gap=SOLVERS,
        code=["then - now", "times[_k + 1] - times[_k]", "times[_k] - times[_k - 1]", "times.diff()", "diff(times)",
              "times[1:] - times[:-1]"],
        ask="What is the sign of `{found}` on the way from data to noise? What else has to change to go backwards?",
        model="Negative. Nothing else: the same velocity, walked against."),
    "the time of a step": dict(
        gap=SOLVERS,
        code=["_t.expand(...)", "full(...)", "full_like(...)", "_t.repeat(...)", "_x.new_full(...)", "_t * ones(...)",
              "_x * 0 + _t"],
        ask="Which times is the velocity asked at, from the first to the last call? Which shape has `{found}`?",
        model="Euler: the start of each step, so 0 but never 1. Heun: start and end of each. (N,): the same time for "
              "each sample."),
    "states kept": dict(
        gap=SOLVERS,
        code=["trajectory.append(_x)", "trajectory += [_x]"],
        ask="What would stand in the trajectory if x were changed with x += ... before `{found}`?",
        model="Each entry would be the same tensor, with the numbers of the end; and the caller's x would be changed, "
              "too."),
    "one step of Euler": dict(
        gap="euler",
        code=["_x + _dt * _v", "_x + _v * _dt", "add(...)", "_x.add(...)", "torch.addcmul(...)"],
        ask="Twice the steps: what happens to the error? For which flows is one single step enough?",
        model="It halves: first order. For those whose paths are straight and walked at constant speed: coupling, "
              "reflow and shortcuts aim at that."),
    "two looks": dict(
        gap="heun",
        code=["(_a + _b) / 2", "0.5 * (_a + _b)", "_dt / 2 * (_a + _b)", "_dt * (_a + _b) / 2", "(_a + _b) * _c / 2",
              "0.5 * _dt * (_a + _b)"],
        ask="At the same number of calls of the network, why is Heun mostly better than Euler? When is it not?",
        model="Its error falls with the square of the step, Euler's with the step; a step costs two calls. With two or "
              "four calls in all, or very straight paths, Euler may win."),
    "a look ahead": dict(
        gap="heun",
        code=["_x + _dt * _v", "_x + _v * _dt"],
        ask="At which place and which time is the second look? What would this method be if the time were the old one?",
        model="Where Euler's step would end, at its end's time. With the old time it still runs, but is of first order "
              "where the velocity depends on t."),
    "a gradient for each coordinate": dict(
        gap="divergence",
        code=["grad(...)", "jacobian(...)", "jacrev(...)", "jacfwd(...)", "jvp(...)", "vjp(...)"],
        ask="How many backward passes does this take for D coordinates? What is done for images, with D = 784?",
        model="D of them, as each one gives a row of the Jacobian and only its diagonal counts. For images it is "
              "estimated: the mean of e^T J e with random e (Hutchinson), one pass each."),
    "sum over the batch": dict(
        gap="divergence",
        code=["_v[:, _d].sum()", "sum(_v[:, _d])", "_v[..., _d].sum()"],
        ask="You differentiate `{found}`, a sum over all samples. Why do they not get mixed up? When would they?",
        model="Row i of the velocity depends on row i of x only, so the other rows' derivatives are 0. With BatchNorm "
              "in training mode, or coupling inside, they would mix."),
    "graph kept": dict(
        gap="divergence",
        code=["grad(..., retain_graph=True)", "grad(..., create_graph=True)", "_x.backward(..., retain_graph=True)"],
        ask="What happens at the second coordinate without this argument? What does create_graph do beyond it?",
        model="The graph is freed after the first pass: a RuntimeError. create_graph also records the gradient's own "
              "graph, which only a loss made of the divergence would need."),
    "place and sum together": dict(
        gap="log_likelihood",
        code=["cat(...)", "pad(...)", "hstack(...)", "column_stack(...)", "concat(...)", "concatenate(...)"],
        ask="Why does the solver carry the sum of the divergence as one more coordinate? Could it be added up "
            "afterwards?",
        model="Then it is summed by Heun, too, with the same order, at the same places. Afterwards only the "
              "trajectory is left: a sum over its states would be of another order, and cost more calls."),
    "density of noise": dict(
        gap="log_likelihood",
        code=["log(2 * pi)", "log(2 * _pi)", "Normal(...)", "MultivariateNormal(...)", "logpdf(...)",
              "log(2 * math.pi)"],
        ask="Which density is this, and at which end of the path? What is its value at 0, for D = 2?",
        model="N(0, I) at x_0, where the walk backwards ends. -log(2 pi) = -1.84 nats."),
    "sign of the divergence": dict(
        gap="log_likelihood",
        code="divergence(...)",
        ask="Where paths drift apart, does the density grow or fall on the way to the data? With which sign does "
            "`{found}` come into your result?",
        model="It falls: d log p / dt = -divergence. The walk is backwards, so the sum over falling times has the sign "
              "turned already: it is added to log p_0."),
    "over which axes": dict(
        gap="straightness",
        code=["_x.sum(...)", "_x.mean(...)", "_x.flatten(...)", "sum(_x, ...)", "mean(_x, ...)", "norm(...)",
              "_x.norm(...)"],
        ask="Over what is summed, and over what is the mean taken? How does the result grow with the size of images?",
        model="Summed over coordinates, mean over steps and samples: a squared length, so it grows with their number."),
    "velocity of a step": dict(
        gap="straightness",
        code=["_x[1:] - _x[:-1]", "_x.diff(...)", "diff(...)", "len(_x) - 1", "_x.shape[0] - 1", "_x.size(0) - 1"],
        ask="Can a path be a straight line, and this number still not be 0? How many steps does Euler need then?",
        model="Yes: walked at changing speed. One step of the speed at the start misses the end, so straight is not "
              "enough."),
    "whose order": dict(
        gap="couple",
        code=["linear_sum_assignment(...)", "x_0[_order]", "_x.index_select(...)", "argsort(...)"],
        ask="Which of the two is reordered, and why not the other one? What does an entry of the result of the "
            "assignment say?",
        model="The noise: labels belong to the data, noise has none. Entry i of the columns is the noise of row i, if "
              "the rows of the cost are the data."),
    "cost of a pair": dict(
        gap="couple",
        code=["cdist(...)", "_x ** 2", "_x.square()", "_x.pow(2)", "_x.flatten(1)", "pow(...)", "square(_)"],
        ask="How does the time of the assignment grow with the batch? What is still missing to the coupling of all "
            "noise with all data?",
        model="With the cube, about. Only within a batch is the pairing best; with a larger batch it comes nearer, "
              "above all in many dimensions."),
    "in parts": dict(
        gap="reflow_pairs",
        code=["range(0, _n, _step)", "min(_a, _b)", "split(...)", "chunk(...)"],
        ask="Why are not all paths walked at once? How many are there in the last part, for 2500 paths of 1000?",
        model="Memory: each state of the trajectory is kept. 500."),
    "noise and its end": dict(
        gap="reflow_pairs",
        code=["stack(...)", "cat(...)"],
        ask="Why is each noise kept together with its own end? What is a second flow worth that is trained on shuffled "
            "ends?",
        model="These pairs do not cross, so the second flow is nearly straight. With shuffled ends it is the first "
              "training again, with worse data."),
    "only as good as the first": dict(
        gap="reflow_pairs",
        code=["heun(...)", "randn(...)"],
        ask="Can the second flow be better than the first? What do its samples lack at most, and what is gained?",
        model="Not in what it can make: it learns the first one's ends, errors included. It needs fewer steps."),
    "guidance": dict(
        gap="guided_velocity",
        code=["scale * (_a - _b)", "scale * _a", "(1 - scale) * _b", "lerp(...)"],
        ask="What is the result for scale 0, 1 and 3? Is it still the velocity of some distribution's flow?",
        model="Without labels, with labels, beyond. For other scales in general not: it trades variety for images that "
              "are typical of their class."),
    "two questions": dict(
        gap="guided_velocity",
        code=["full_like(...)", "cat(...)", "full(...)", "_x.new_full(...)"],
        ask="How often do you ask the model, and about what? What does guidance cost in a step of Heun?",
        model="With the labels and with the null label: two calls, or one of 2 N. Four for a step of Heun."),
    "moved a little": dict(
        gap="update_average",
        code=["_a.lerp_(...)", "_a.mul_(...)", "_a.copy_(...)", "_a.add_(...)", "_a.data = _b", "_a += _b"],
        ask="With a decay of 0.999, over about how many steps is the mean? What is wrong with it after the first ten?",
        model="Some 1000. After ten it is still nearly the start. A smaller decay at the beginning helps, or a model "
              "that is trained already."),
    "buffers": dict(
        gap="update_average",
        code=["_m.buffers()", "_m.named_buffers()", "_m.state_dict()"],
        ask="Name a buffer. What would averaging do to one that counts batches?",
        model="BatchNorm's running mean and variance, and num_batches_tracked, a whole number: lerp_ raises an error "
              "for it, or rounding stops it from counting."),
    "in its place": dict(
        gap="update_average",
        code=["zip(...)"],
        ask="Why must the average's tensors be changed in place? What would `mean = decay * mean + ...` do in this "
            "loop?",
        model="It would bind a name to a new tensor: the average would stay as it was, with no error."),
    "the second step": dict(
        gap="shortcut_target",
        code=["_x + _d * _v", "t + d", "_x + _v * _d"],
        ask="Where, when, and with which step size is the model asked the second time? Why not with 2 d?",
        model="Where the first step ends, at t + d, with d: what it says for small steps teaches it large ones."),
    "mean of two": dict(
        gap="shortcut_target",
        code=["(_a + _b) / 2", "0.5 * (_a + _b)", "(_end - x) / _d", "_x.mean(...)", "lerp(...)"],
        ask="Why is the mean of the two velocities right for the step of 2 d? Would it be with steps of unequal size?",
        model="The way is d first + d second = 2 d times the mean. With unequal steps the mean is weighted by their "
              "sizes."),
    "what nobody tells": dict(
        gap="shortcut_target",
        code=["model(x, t, d)", "model(...)"],
        ask="If the model said 0 for all, its target would be 0, too. What keeps training from ending there?",
        model="The smallest steps are taught by a true velocity: that of a trained flow, or flow matching in a part of "
              "each batch (Frans et al.). They anchor the larger ones."),
}
