"""Questions about helpers/autoencoder.py as somebody filled it in. See coursekit/viva/__init__.py for their form."""

QUESTIONS = {
    "rounded down": dict(
        gap="conv_output_size",
        code=["_ // stride", "floor(_)", "int(_)"],
        ask="Why is `{found}` rounded down? Give a size where it matters.",
        model="The kernel has to fit wholly: what is left over at the border is not seen. Size 8, kernel 3, stride 2, "
              "padding 0: 5 / 2 = 2.5, so 3 places."),
    "two paddings": dict(
        gap="conv_output_size",
        code="2 * padding",
        ask="Why twice the padding? Which padding keeps the size with a kernel of 5 and stride 1?",
        model="It is added at both ends. 2: size + 4 - 5 + 1 = size."),
    "steps of the transposed one": dict(
        gap="conv_transpose_output_size",
        code=["(size - 1) * stride", "stride * (size - 1)"],
        ask="Where does `{found}` come from? Check it for 7 -> 14 with kernel 3, stride 2, padding 1.",
        model="size inputs lie stride apart, so the first and the last are (size - 1) * stride apart. 12 - 2 + 3 = 13, "
              "and output_padding 1 makes 14."),
    "what counts": dict(
        gap="count_parameters",
        code=["_p.numel()", "_p.nelement()"],
        ask="What does your count leave out, and what would it count twice?",
        model="Frozen weights and buffers (BatchNorm's running mean) are left out. parameters() gives a layer that is "
              "used twice once; a sum over layers would count it twice."),
    "98 numbers": dict(
        gap="ConvAutoencoder.__init__",
        code=["Linear(2 * 7 * 7, _z, ...)", "Linear(98, _z, ...)", "Linear(_z, 2 * 7 * 7, ...)", "Linear(_z, 98, ...)"],
        ask="Where does the 98 in `{found}` come from? Follow one image through the layers.",
        model="28 -> 14 -> 7 -> 7 -> 7 pixels (strides 2, 2, 1, 1), with 2 channels at the end: 2 * 7 * 7."),
    "output padding": dict(
        gap="ConvAutoencoder.__init__",
        code="ConvTranspose2d(..., output_padding=_n)",
        ask="What would come out of this layer without output_padding, and how do you know which one is right?",
        model="13 instead of 14, 27 instead of 28: a convolution with stride 2 gives the same size for two sizes of "
              "input; output_padding says which of them is meant."),
    "sigmoid": dict(
        gap="ConvAutoencoder.__init__",
        code="Sigmoid()",
        ask="Why a sigmoid at the end? What changes without it, as the loss is a squared error?",
        model="Pixels lie in [0, 1]. Without it the loss still works, but pixels may leave that range; with it the "
              "gradient is small where the output is near 0 or 1."),
    "relu before the code": dict(
        gap="ConvAutoencoder.__init__",
        code="Linear(_, latent_dim, ...)",
        ask="Nothing follows this layer. What would a ReLU behind it do to the latent space?",
        model="No code could be negative: one octant of the space instead of all of it, and numbers that are 0 for all "
              "images get no gradient any more."),
    "tanh": dict(
        gap="DenoisingAutoencoder.__init__",
        code="Tanh()",
        ask="Images lie in [0, 1], and yours end with Tanh. What can go wrong, and where is it mended?",
        model="Pixels can be slightly negative: they are clamped before they are shown. A pixel of 1 is only reached "
              "in the limit, as with a sigmoid."),
    "mean over what": dict(
        gap="reconstruction_loss",
        code=["mse_loss(_a, _b, ...)", "MSELoss(...)", "_.square().mean()", "(_ ** 2).mean()", "mean(_ ** 2)"],
        ask="Over what is `{found}` averaged? How large is it if every pixel is off by 0.1?",
        model="All pixels of all images: 0.01. Summed over 784 pixels it would be 7.84 for each image."),
    "shapes refused": dict(
        gap="reconstruction_loss",
        code=["_a.shape != _b.shape", "_a.size() != _b.size()"],
        ask="Which two shapes does this refuse that would give a number all the same?",
        model="(N, 1, 28, 28) and (N, 28, 28): they broadcast to (N, N, 28, 28), every image against every other one."),
    "every image alike": dict(
        gap="mean_loss",
        code=["_ * len(_x)", "_ * _x.shape[0]", "_ * _x.size(0)"],
        ask="Why times the size of the batch? What comes out without it, and when does nobody notice?",
        model="The last batch may be smaller; a plain mean of the batches' means would give its images more weight. If "
              "the number of images is a multiple of the batch size, both are the same."),
    "mode put back": dict(
        gap=["mean_loss", "encode_all"],
        code=["_m.train(_was)", "_m.train()"],
        ask="What does `{found}` do for a model that was in evaluation mode before?",
        model="With the mode that was kept it stays in evaluation mode. model.train() alone would switch it to "
              "training, and its next use would be another one."),
    "in batches": dict(
        gap=["mean_loss", "encode_all"],
        code=["_i.split(_n)", "split(_i, _n)", "range(0, _, _n)", "DataLoader(...)"],
        ask="Why in batches, and does the size that you chose change the result?",
        model="All images at once do not fit into memory. In evaluation mode an image's result does not depend on the "
              "others of its batch, so only rounding differs."),
    "ends of the grid": dict(
        gap="latent_grid",
        code="linspace(_a, _b, ...)",
        ask="Which points does `{found}` give for 3 steps? Which images are to be expected at the corners of the grid?",
        model="Both ends and the middle. Corners combine extremes of three numbers that hardly any image has together: "
              "the decoder has seen nothing there."),
    "one number for each pixel": dict(
        gap="add_salt_and_pepper",
        code=["rand(...)", "rand_like(...)"],
        ask="How do the numbers of `{found}` decide between salt, pepper and nothing?",
        model="Below amount / 2: 0; from 1 - amount / 2 on: 1; else the pixel stays. So one uniform number is enough, "
              "and no pixel is both."),
    "images kept": dict(
        gap="add_salt_and_pepper",
        code=["_x.clone()", "_x.masked_fill(_c, _v)", "where(_c, _a, _b)"],
        ask="Are the caller's images changed by this line? How would you show it?",
        model="No: a new tensor comes back. Compare the images with a copy from before the call."),
}
