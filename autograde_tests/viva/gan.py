"""Questions about helpers/gan.py as somebody has filled it in. See coursekit/viva/__init__.py for their form."""

LOSSES = ["discriminator_loss", "generator_loss"]
PAINTERS = ["generator", "build_dc_generator", "FashionGenerator.__init__"]

QUESTIONS = {
    "stretched noise": dict(
        gap="sample_noise",
        code=["2 * rand(...) - 1", "rand(...) * 2 - 1", "_ - 1"],
        ask="Which numbers can `{found}` give? What would change with torch.randn?",
        model="[-1, 1), uniform. randn is normal and without bounds: a generator could learn from it just as well, but "
              "training and sampling must draw from the same distribution."),
    "uniform_": dict(
        gap="sample_noise",
        code=["_x.uniform_(-1, 1, ...)", "uniform_(_x, -1, 1, ...)", "Uniform(-1, 1, ...)", "_x.uniform_(-1.0, 1.0)"],
        ask="What does `{found}` do, step by step? How would you get the same from torch.rand?",
        model="Numbers evenly spread over [-1, 1): 2 * torch.rand(...) - 1."),
    "width of the discriminator": dict(
        gap="discriminator",
        code="Linear(784, _w, ...)",
        ask="How did you find the width in `{found}`?",
        model="785 w + (w + 1) w + (w + 1) = w^2 + 787 w + 1 = 267,009, so w = 256."),
    "width of the generator": dict(
        gap="generator",
        code=["Linear(noise_dim, _w, ...)", "Linear(_w, 784, ...)"],
        ask="How did you find the width in `{found}`, and why does it not depend on noise_dim?",
        model="For noise_dim = 4: 5 w + (w + 1) w + 784 (w + 1) = w^2 + 790 w + 784 = 1,858,320, so w = 1024. The "
              "docstring fixes it for all noise_dim."),
    "leaky": dict(
        gap=["discriminator", "build_dc_classifier", "FashionDiscriminator.__init__"],
        code="LeakyReLU(...)",
        ask="Why LeakyReLU and not ReLU in the discriminator? Whom would a dead unit hurt?",
        model="Below 0 a ReLU passes no gradient. The generator learns only through the discriminator: what does not "
              "pass there does not reach it."),
    "tanh": dict(
        gap=PAINTERS,
        code=["Tanh()", "tanh(_)"],
        ask="What does the Tanh at the end demand of the real images? What if they stay in [0, 1]?",
        model="They must be scaled to [-1, 1]. Else the discriminator knows generated images by their negative pixels, "
              "and the generator has to learn to avoid half of its range."),
    "labels of the generator": dict(
        gap="generator_loss",
        code=["binary_cross_entropy_with_logits(_l, ones_like(_l), ...)",
              "binary_cross_entropy_with_logits(_l, ones(...), ...)"],
        ask="These images are generated, and you label them 1. Why? What is the other choice, and its drawback?",
        model="The generator wants them taken for real: -log D(G(z)). Minimising log(1 - D(G(z))) has hardly any slope "
              "where D is sure of itself, at the beginning: it saturates."),
    "both means": dict(
        gap="discriminator_loss",
        code=["binary_cross_entropy_with_logits(_l, zeros_like(_l), ...)",
              "binary_cross_entropy_with_logits(_l, zeros(...), ...)"],
        ask="Which value has your discriminator_loss if all logits are 0? What if the two batches were joined first?",
        model="2 ln 2 = 1.386: ln 2 for each mean. Joined, it is one mean over both, half of it for equal batches, and "
              "the larger batch would weigh more."),
    "softplus": dict(
        gap=LOSSES,
        code=["softplus(_)", "logsigmoid(_)"],
        ask="Why is `{found}` the term that the loss asks for? Show it.",
        model="-log(sigmoid(l)) = log(1 + exp(-l)) = softplus(-l), and -log(1 - sigmoid(l)) = softplus(l)."),
    "log of a sigmoid": dict(
        gap=LOSSES,
        code=["log(sigmoid(_))", "_.sigmoid().log()", "log(1 - sigmoid(_))", "(1 - sigmoid(_)).log()",
              "sigmoid(_).log()", "BCELoss(...)", "binary_cross_entropy(_, _, ...)"],
        ask="What comes out of this line for a logit of -200, and what should?",
        model="The sigmoid rounds to 0 in float32, its logarithm is -inf (binary_cross_entropy cuts it off at -100); "
              "200 is due. The with_logits form computes it without the detour."),
    "detached images": dict(
        gap="update",
        code="_f.detach()",
        ask="What would happen without the detach() in `{found}`?",
        model="d_loss would send gradients into G's weights, and its backward() would free G's graph: the generator's "
              "own backward() through the same images then raises a RuntimeError."),
    "images without a graph": dict(
        gap="update",
        code="with no_grad(): ...",
        ask="No graph is kept here. Can these images serve the generator's step? What do you do about it?",
        model="No: no gradient leads back to G. It has to make them again from the same noise, a second pass."),
    "asked again": dict(
        gap="update",
        code=["generator_loss(D(_f))", "_s = D(_f)"],
        ask="Why is D asked here, and not only once for both losses?",
        model="D has made its step, so its scores are others, and the earlier ones were computed of detached images: "
              "no gradient would reach G."),
    "whose gradients": dict(
        gap="update",
        code="_s.zero_grad(...)",
        ask="Which gradients does `{found}` clear, and which calls have put them there?",
        model="Those of its optimiser's weights. D's are filled by d_loss and also by g_loss, which passes through D: "
              "unless cleared before the next d_loss, D would step towards the generator's aim, too."),
    "inputs": dict(
        gap="update",
        code=["_l.backward(..., inputs=_w)", "grad(...)"],
        ask="What does this do that backward() alone does not? What is saved?",
        model="Only these weights get a gradient: D's stay as they are, although the gradient passes through D. What "
              "D's own would cost is saved."),
    "retained": dict(
        gap="update",
        code="_l.backward(retain_graph=True)",
        ask="Why retain_graph=True? Who needs the graph once more, and what does keeping it cost?",
        model="A second backward() through the same images. Memory; with detach() for the discriminator it is not "
              "needed."),
    "momentum": dict(
        gap="get_optimizer",
        code=["Adam(_p, ..., betas=_b)", "AdamW(_p, ..., betas=_b)"],
        ask="Why beta1 = 0.5 and not PyTorch's 0.9?",
        model="It averages over about 2 steps instead of 10. The opponent changes with each step, so old gradients "
              "mislead; with 0.9 DCGAN's training oscillated (Radford et al.)."),
    "batch norm": dict(
        gap=["build_dc_generator", "FashionGenerator.__init__", "FashionDiscriminator.__init__"],
        code=["BatchNorm1d(_c, ...)", "BatchNorm2d(_c, ...)"],
        ask="What does `{found}` compute in training, and what in evaluation? How many numbers does it learn?",
        model="Training: mean and variance of the batch, for each channel; evaluation: the running ones. It learns 2 "
              "for each channel, a scale and a shift."),
    "spread of the weights": dict(
        gap="initialize_weights",
        code=["normal_(_w, ...)", "xavier_normal_(_w, ...)", "kaiming_normal_(_w, ...)"],
        ask="Which standard deviation has a Linear layer from 1024 to 784 after `{found}`?",
        model="normal: 0.02. xavier: sqrt(2 / (1024 + 784)) = 0.033. kaiming: sqrt(2 / 1024) = 0.044."),
    "which layers": dict(
        gap="initialize_weights",
        code=["isinstance(_m, _t)", "_n.find(_t)"],
        ask="Which layers does `{found}` let through, and what would happen to a BatchNorm without this test?",
        model="Linear, Conv2d and ConvTranspose2d. A BatchNorm's scale would become about 0: it would pass on nothing "
              "but its shift."),
}
