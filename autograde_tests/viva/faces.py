"""Questions about helpers/faces.py as somebody has filled it in. See coursekit/viva/__init__.py for their form."""

STEPS = ["discriminator_step", "generator_step"]

QUESTIONS = {
    "seen pixels": dict(
        gap="receptive_field",
        code=["_s += (_k - 1) * _j", "(_k - 1) * _j", "_k + (_r - 1) * _s"],
        ask="What does your function give for two 3x3 convolutions with stride 1, and for stride 2 each? Why is the "
            "step multiplied?",
        model="5 and 7. A step of a later layer is as many pixels long as all strides before it multiplied."),
    "order of the two lines": dict(
        gap="receptive_field",
        code=["_j *= _s", "_j = _j * _s"],
        ask="What would change if this line came before the one that adds?",
        model="A layer's own stride would count for its own kernel: too large, as it only matters for layers behind "
              "it."),
    "label planes": dict(
        gap="concat_labels",
        code=["_l[:, :, None, None]", "_x.expand(...)", "_x.repeat(...)", "_l.view(...)", "_l.reshape(...)",
              "_l.unsqueeze(...)", "ones(...)", "expand_as(...)"],
        ask="Which shape comes out of `{found}`? Why a whole plane for one number?",
        model="Towards (N, K, h, w). A convolution looks at places: each of them has to be told the label."),
    "joined at": dict(
        gap="concat_labels",
        code=["cat(_x, ...)", "concat(_x, ...)"],
        ask="Along which axis is this joined, and what would an error there look like?",
        model="Channels, 1: (N, C + K, h, w). Along 0 the sizes of the channels do not fit, which raises, or N "
              "doubles."),
    "what is added": dict(
        gap="ResidualBlock.forward",
        code=["x + _y", "x.add(_y)", "add(x, _y)"],
        ask="What does a block give if its layers give 0? What does that mean for the gradient?",
        model="x itself. The gradient passes by the layers unchanged, so deep stacks can be trained."),
    "instance norm": dict(
        gap="StarGenerator.__init__",
        code="InstanceNorm2d(_c, ...)",
        ask="What does InstanceNorm average over, and why not over the batch?",
        model="Over the places of each channel of each image. An image's result does not depend on its neighbours in "
              "the batch, nor on the mode."),
    "channels of labels": dict(
        gap="StarGenerator.__init__",
        code=["3 + num_labels", "num_labels + 3", "3 + self.num_labels"],
        ask="Why `{found}` channels? What does the generator know of the expression in the image?",
        model="Three colours and a plane for each expression wanted. Of the one that is there it sees only the "
              "image."),
    "way back up": dict(
        gap="StarGenerator.__init__",
        code="ConvTranspose2d(...)",
        ask="What does `{found}` do to the size, and why a kernel of 4 with stride 2?",
        model="It doubles it. As 4 is a multiple of 2, each pixel gets as many contributions: no chessboard pattern."),
    "tanh": dict(
        gap="StarGenerator.__init__",
        code="Tanh()",
        ask="Why Tanh, and what would a missing one do in the first steps?",
        model="Images lie in [-1, 1]. Without it values leave that range, and the discriminator knows them by that."),
    "patch head": dict(
        gap="PatchDiscriminator.__init__",
        code=["Conv2d(_c, 1, ...)"],
        ask="How much of the image does one output of `{found}` see, and why judge patches?",
        model="70x70 pixels at full depth. It asks for sharp details everywhere with few weights; the whole image is "
              "kept in order by the other terms."),
    "mean over places": dict(
        gap="PatchDiscriminator.forward",
        code=["_f.mean(...)", "mean(_f, ...)", "adaptive_avg_pool2d(...)", "AdaptiveAvgPool2d(...)", "avg_pool2d(...)"],
        ask="Why a mean for the label and none for the patches?",
        model="The expression is one for the whole face; real or not is asked of each patch. With the mean the head "
              "takes images of any size."),
    "generator left alone": dict(
        gap="discriminator_step",
        code=["with no_grad(): ...", "_f.detach()"],
        ask="What does this keep from the generator, and what does it save?",
        model="No gradient reaches it, so it stays as it is. With no_grad its graph is not even made; detach() makes "
              "it and throws it away."),
    "real labels only": dict(
        gap="discriminator_step",
        code="cross_entropy(_a, _b, ...)",
        ask="Why do only real images have part in this term? What if generated ones did, too?",
        model="Their expression is only what the generator tried. D would learn from its faults, and could give it "
              "credit for artefacts."),
    "fooling": dict(
        gap="generator_step",
        code=["binary_cross_entropy_with_logits(_l, ones_like(_l), ...)", "softplus(_)"],
        ask="These are generated images: why the label 1?",
        model="The generator minimises -log D(G(x, c)), the non-saturating loss: it has a slope where D is sure that "
              "they are generated."),
    "and back": dict(
        gap="generator_step",
        code=["l1_loss(_a, _b, ...)", "L1Loss(...)", "_.abs().mean()", "mean(abs(_))"],
        ask="What would the generator do without this term? Why an absolute and not a squared difference?",
        model="Any face of that expression would do: nothing asks for the same person. Squares punish large errors "
              "most, and give blurred means."),
    "weights of the terms": dict(
        gap=STEPS,
        code=["reconstruction_weight * _", "label_weight * _"],
        ask="What do the images look like with a weight of 0 in `{found}`, and with a very large one?",
        model="reconstruction 0: other people; large: nothing changes. label 0: any expression will do; large: signs "
              "that convince the label head, and not the eye."),
    "left gradients": dict(
        gap=STEPS,
        code="_o.zero_grad(...)",
        ask="Which gradients are there before `{found}`, and who has put them there?",
        model="In D's: those of the generator's step, whose loss passes through D. Its next step would follow them, "
              "too."),
    "how often": dict(
        gap="train_round",
        code=["for _b in batches: ...", "batches[-1]"],
        ask="Why does the discriminator step more often than the generator? What if it were the other way round?",
        model="The generator's gradient is only as good as D's judgement. A generator that is ahead exploits a D that "
              "lags behind."),
    "one-hot": dict(
        gap="translate",
        code=["one_hot(_l, ...)", "eye(_n, ...)", "_.scatter_(...)"],
        ask="Which type has `{found}`, and what does the generator need? What is a label between two expressions?",
        model="one_hot gives int64; it must be floats on the images' device. For instance 0.5 in two places: planes "
              "take any numbers."),
}
