"""Questions about helpers/flowers.py as somebody has filled it in. See coursekit/viva/__init__.py for their form."""

UPDATES = ["update_discriminator", "update_generator"]

QUESTIONS = {
    "numbers from 1": dict(
        gap="select_categories",
        code=["int(_n) - 1", "_n - 1"],
        ask="Why `{found}`? Which flowers would be trained without the minus 1?",
        model="names counts from 1, the labels from 0. Without it those of the next category: nothing fails, and the "
              "images are of other flowers."),
    "which images": dict(
        gap="select_categories",
        code=["isin(_l, _w, ...)", "nonzero(_)", "_.nonzero(...)", "where(_)", "_l == _w"],
        ask="What has `{found}` for a shape and a type, for 8,189 labels?",
        model="isin and == give as many booleans; nonzero gives (M, 1) whole numbers, where a tuple with (M,)."),
    "how many layers": dict(
        gap=["Generator.__init__", "Discriminator.__init__"],
        code=["while _c: ...", "for _i in range(_n): ...", "for _i in _n: ..."],
        ask="How many convolutions does your network have for images of 64 pixels? Follow size and channels.",
        model="Five: 4 -> 8 -> 16 -> 32 pixels take one and three more, the last one makes 64; channels are halved "
              "each time. The discriminator is its mirror."),
    "spectral norm": dict(
        gap="Discriminator.__init__",
        code="spectral_norm(_l, ...)",
        ask="What does spectral_norm do to the layer in each forward pass, and why only in the discriminator?",
        model="It divides the weight by an estimate of its largest singular value (power iteration). So D cannot "
              "change faster than its layers allow, its slope stays bounded, and G gets a useful gradient."),
    "leaky": dict(
        gap="Discriminator.__init__",
        code="LeakyReLU(...)",
        ask="Why LeakyReLU here and ReLU in the generator?",
        model="G's gradient passes through D: a ReLU would stop it wherever a unit is off. DCGAN found ReLU good in "
              "the generator."),
    "no bias": dict(
        gap=["Generator.__init__", "Discriminator.__init__"],
        code=["ConvTranspose2d(..., bias=False)", "Conv2d(..., bias=False)"],
        ask="Why no bias here, and where would it be missed?",
        model="The BatchNorm behind it subtracts the mean, with any bias, and has a shift of its own. It would be "
              "missed in layers without BatchNorm: the first of D, the last ones."),
    "probabilities": dict(
        gap="Discriminator.__init__",
        code="Sigmoid()",
        ask="D ends with a Sigmoid, and the loss is a binary cross entropy. What is the drawback, and the "
            "alternative?",
        model="Far from 0 the sigmoid is 0 or 1 in float32: the logarithm is cut off and the gradient gone. Logits "
              "with F.binary_cross_entropy_with_logits stay exact."),
    "as a matrix": dict(
        gap="largest_singular_value",
        code=["weight.flatten(1)", "weight.view(_, -1)", "weight.reshape(_, -1)", "weight.flatten(start_dim=1)"],
        ask="Which shape has `{found}` for a convolution from 64 to 128 channels with 4x4 kernels?",
        model="(128, 64 * 4 * 4) = (128, 1024): a row for each output channel."),
    "the largest": dict(
        gap="largest_singular_value",
        code=["matrix_norm(...)", "svdvals(...)", "svd(...)", "norm(...)", "_.max()", "eigvalsh(...)"],
        ask="What does the largest singular value say about the layer? Which is it for a diagonal matrix?",
        model="By how much it can stretch a vector at most. The largest absolute value on the diagonal."),
    "first weights": dict(
        gap="weights_init",
        code=["normal_(_w, ...)", "_w.normal_(...)"],
        ask="Why is the mean 0 for convolutions and 1 for BatchNorm?",
        model="A BatchNorm's weight is a factor: with 0 it would pass on nothing but its shift. Convolutions start "
              "small and without a preferred sign."),
    "which layers": dict(
        gap="weights_init",
        code=["isinstance(_m, _t)", "_n.find(_t)", "_t in _n"],
        ask="Which layers does `{found}` let through? How does apply get to all of them?",
        model="network.apply calls the function for each submodule, inner ones first, and for itself."),
    "detached": dict(
        gap="update_discriminator",
        code="_f.detach()",
        ask="Why detach() in `{found}`, and why is G(z) given back without it?",
        model="The discriminator's loss shall leave G alone and keep its graph. The generator's step then goes back "
              "through the same images to its weights."),
    "two backwards": dict(
        gap="update_discriminator",
        code=["(_a + _b).backward(...)", "_e.backward()"],
        ask="One backward() of the sum, or one for each term: what is the difference in the result?",
        model="None, but for rounding: gradients add up in .grad, as long as zero_grad() does not come in between."),
    "labels": dict(
        gap=UPDATES,
        code=["binary_cross_entropy(_p, _l, ...)", "BCELoss(...)"],
        ask="Which labels do the images get here, and which number is the loss if D says 0.5 to all of them?",
        model="D: 1 for real and 0 for generated images; G: 1 for its own. -log 0.5 = 0.69 for each term."),
    "asked again": dict(
        gap="update_generator",
        code="discriminator(fake_images)",
        ask="D has judged these images already. Why is it asked again?",
        model="It has made a step since, and then it saw a detached copy: without asking again no gradient reaches "
              "G."),
    "root of the temperature": dict(
        gap="generate",
        code=["temperature ** 0.5", "sqrt(temperature)", "_.sqrt()", "temperature ** (1 / 2)"],
        ask="Why `{found}`, and what do images look like at temperature 0.5?",
        model="T is to be the variance, and a factor c makes it c^2. Latent vectors lie nearer to 0: more typical "
              "flowers, less variety."),
    "to show them": dict(
        gap="generate",
        code=["(_x + 1) / 2", "_x * 0.5 + 0.5", "0.5 * (_x + 1)"],
        ask="What does `{found}` do, and what would imshow show without it?",
        model="From Tanh's [-1, 1] to [0, 1]. Negative values would be cut off to 0: dark, hard images."),
    "alone or in a batch": dict(
        gap="generate",
        code="_g.eval()",
        ask="How would an image change with the others in its batch if `{found}` were left out?",
        model="BatchNorm would take mean and variance of this batch: the image depends on its neighbours, and one "
              "alone looks wrong."),
    "middle of the line": dict(
        gap="convex_path",
        code=["1 - _a", "lerp(...)"],
        ask="How long is the vector in the middle of the straight line, compared with its ends? Why does it matter?",
        model="Two independent ones are nearly orthogonal in 128 dimensions: it has 0.7 of their length. Draws from "
              "N(0, I) nearly all have length of about sqrt(128), so the generator has not seen it."),
    "angle": dict(
        gap="slerp",
        code=["acos(_)", "arccos(_)", "_.acos()", "_.arccos()"],
        ask="What can the argument of `{found}` be, with rounding, and what comes out then? What if omega is near 0?",
        model="Slightly beyond 1: NaN. Near 0 both sines vanish and the division loses all digits; check_directions "
              "refuses such vectors."),
}
