"""Questions about helpers/diffusion.py as somebody has filled it in. See coursekit/viva/__init__.py for their form."""

SCHEDULES = ["linear_schedule", "cosine_schedule"]
SAMPLERS = ["sample_ddpm", "sample_ddim"]

QUESTIONS = {
    "one jump": dict(
        gap="closed_form",
        code=["prod(_a, ...)", "_a.prod(...)", "cumprod(...)", "_a.cumprod(...)", "exp(...)", "_x *= _a"],
        ask="Why is the variance one minus this product, and not the product of the single variances?",
        model="Each step shrinks what is there by alpha and adds 1 - alpha: v' = alpha v + 1 - alpha, so 1 - v' = "
              "alpha (1 - v). It starts at v = 0."),
    "few steps": dict(
        gap="linear_schedule",
        code=["linspace(0.0001, 0.02, ...)", "linspace(_, _, steps, ...)"],
        ask="What is alpha-bar at the end for 1000 steps, roughly, and for 100? Why does it matter?",
        model="4e-5, and 0.36. Sampling starts from pure noise; with 100 steps of these betas the last x_t still holds "
              "much of the image, so the network has never seen such noise."),
    "digits": dict(
        gap=SCHEDULES,
        code=["linspace(..., dtype=double)", "linspace(..., dtype=float64)", "_.double()"],
        ask="Why in float64, if float32 is given back?",
        model="Rounding errors of a product of 1000 factors add up; 1 - f(t) / f(t - 1) also loses digits where both "
              "are close. Rounded once at the end they do no harm."),
    "clipped": dict(
        gap="cosine_schedule",
        code=["_b.clamp(...)", "clamp(_b, ...)", "_b.clip(...)", "clip(_b, ...)", "minimum(...)", "_b.clamp_(...)"],
        ask="You clip the betas. Which of them meets the limit, and what happens in sampling if it does not?",
        model="The last one would be 1 (f(T) = 0), its alpha 0: sampling divides by sqrt(alpha). The lower limit "
              "concerns the first few."),
    "not clipped": dict(
        gap="cosine_schedule",
        code=["cos(_)", "_.cos()"],
        without=["_.clamp(...)", "clamp(...)", "_.clip(...)", "clip(...)", "minimum(...)", "_.clamp_(...)", "min(...)",
                 "maximum(...)", "max(...)"],
        ask="You do not clip the betas. What is the last one, and what does sampling do with it?",
        model="f(T) = cos^2(pi / 2) = 0, so beta = 1 and alpha = 0: sample_ddpm divides by sqrt(0), and all becomes "
              "NaN or infinite in its first step."),
    "one more place": dict(
        gap="cosine_schedule",
        code=["steps + 1"],
        ask="Why `{found}` places for as many betas as there are steps?",
        model="A beta is made of two neighbours, f(t - 1) and f(t): T betas need f at 0, 1, ..., T."),
    "noise like the batch": dict(
        gap="add_noise",
        code=["randn_like(_x)", "randn(...)", "_x.normal_(...)"],
        ask="What must hold of this noise, number by number? Why does the function give it back, too?",
        model="N(0, 1), each independent of all others, drawn anew in each call. It is the target that the network is "
              "to guess."),
    "axes for alpha-bar": dict(
        gap="add_noise",
        code=["_x.reshape(...)", "_x.view(...)", "_x[:, None, None, None]", "_x.unsqueeze(_)", "_x.expand(...)"],
        ask="What would happen with (N,) numbers and images (N, 1, 28, 28) without `{found}`?",
        model="They are aligned at the last axis: 28 columns against N numbers. It raises an error, or, with N = 28 or "
              "1, noises by column in silence."),
    "a step for each": dict(
        gap="noise_prediction_loss",
        code=["randint(...)", "_.random_(...)", "randperm(...)"],
        ask="Why a step of its own for each sample? Which steps can `{found}` give?",
        model="One step for all would make a noisier gradient. Its upper end is not included: 0 to T - 1."),
    "what is guessed": dict(
        gap="noise_prediction_loss",
        code=["mse_loss(_a, _b, ...)", "MSELoss(...)", "_.square().mean()", "(_ ** 2).mean()", "mean(_ ** 2)"],
        ask="The network guesses the noise. How do you get x_0 of that guess, and for which t is it worst?",
        model="x_0 = (x_t - sqrt(1 - alpha_bar) eps) / sqrt(alpha_bar). For large t: an error in eps is multiplied by "
              "sqrt(1 - alpha_bar) / sqrt(alpha_bar)."),
    "backwards": dict(
        gap="sample_ddpm",
        code=["reversed(_)", "range(_a, -1, -1)", "flip(...)"],
        ask="Which t comes first and which last in `{found}`? What would the samples be in the other order?",
        model="T - 1 first, 0 last. Forwards the network would be told that pure noise is nearly an image: nothing "
              "useful comes out."),
    "no noise at the end": dict(
        gap="sample_ddpm",
        code=["if _t > 0: ...", "_a if _t > 0 else _b", "if _t == 0: ...", "if _t: ...", "if _t != 0: ..."],
        ask="Why does the last step add no noise? What would be seen if it did?",
        model="x_0 is the sample: noise on it would only stay on it. With beta_0 = 1e-4 it would be a fine grain of "
              "0.01."),
    "sigma": dict(
        gap="sample_ddpm",
        code=["betas[_t].sqrt()", "sqrt(betas[_t])", "betas[_t] ** 0.5"],
        ask="Is `{found}` a variance or a standard deviation? Which other choice does the paper have?",
        model="A standard deviation: sigma^2 = beta. The posterior variance beta-tilde = (1 - alpha_bar_{t-1}) / (1 - "
              "alpha_bar_t) * beta is smaller; samples differ little."),
    "states kept": dict(
        gap=SAMPLERS,
        code=["trajectory.append(_x)"],
        ask="What would stand in the trajectory if x were changed with x += ... before `{found}`?",
        model="Each entry would be the same tensor as the one before it: in place there is only one, so earlier states "
              "change along with it."),
    "dropped by chance": dict(
        gap="drop_labels",
        code=["_ < p", "_ <= p", "bernoulli(...)"],
        ask="How many labels of 100 does this drop? What would be different with always exactly 10?",
        model="10 on average, each independently. With exactly 10 of a batch they would depend on each other, and a "
              "batch of 4 could never have one dropped."),
    "guidance": dict(
        gap="guided_noise",
        code=["scale * (_a - _b)", "scale * _a", "(1 - scale) * _b", "lerp(...)"],
        ask="What is the result for scale 0, 1 and 5? What happens to the images for a very large one?",
        model="Without labels, with labels, beyond. Large scales make images more typical of their class and less "
              "varied, at last oversaturated."),
    "two questions": dict(
        gap="guided_noise",
        code=["full_like(...)", "cat(...)", "full(...)"],
        ask="How often do you ask the model, and about what? Could it be done in one call?",
        model="With the labels and with the null label. Yes: both as one batch of 2 N, then split."),
    "the last visit": dict(
        gap="sample_ddim",
        code=["ones_like(_)", "_a if _c else _b", "tensor(1.0, ...)", "ones(...)"],
        ask="What is b after the last step, and what does the formula for x become then, with eta = 0?",
        model="b = 1: the next x is x_0, the guess itself, and no noise is left."),
    "eta": dict(
        gap="sample_ddim",
        code="eta * _",
        ask="What does eta = 0 make of the sampling, and what can be done with it that DDPM cannot?",
        model="Nothing is drawn on the way: the first noise decides the image. So few steps do, and a path between two "
              "noises gives a path between two images."),
}
