"""Questions about helpers/vae.py as somebody has filled it in. See coursekit/viva/__init__.py for their form."""

NETWORKS = ["VAE.__init__", "CVAE.__init__", "ConvVAE.__init__"]

QUESTIONS = {
    "eps on the processor": dict(
        gap="reparametrize",
        code=["randn(_x.shape)", "randn(_x.size())", "randn(*_x.shape)", "randn(*_x.size())",
              "randn(_x.shape[0], _x.shape[1])", "randn(_x.size(0), _x.size(1))"],
        without=["_.to(...)", "_.cuda(...)", "_.type_as(_)"],
        ask="You draw eps with `{found}`: what happens on a GPU, or with a model in float64?",
        model="It is drawn on the processor, in the default dtype. With {_x} on a GPU the sum raises a RuntimeError "
              "(two devices); with float64 eps has float32's digits only. torch.randn_like({_x}) takes both from it."),
    "randn_like": dict(
        gap="reparametrize",
        code="randn_like(_x)",
        ask="What does `{found}` take from {_x}, and what not? What would come of torch.rand_like?",
        model="Shape, dtype and device; not the values, and no gradient. rand_like is uniform in [0, 1): its mean is "
              "0.5, so z would be shifted, and its variance is 1/12."),
    "half of logvar": dict(
        gap="reparametrize",
        code=["exp(0.5 * _l)", "(0.5 * _l).exp()", "exp(_l / 2)", "(_l / 2).exp()", "exp(_l * 0.5)"],
        ask="Where does the half in `{found}` come from? What would the model do without it?",
        model="logvar = log(sigma^2), so sigma = exp(logvar / 2). Without it eps is scaled by the variance: wrong "
              "unless sigma is 1, and the KL term then belongs to another distribution than the draw."),
    "root of exp": dict(
        gap="reparametrize",
        code=["sqrt(exp(_l))", "exp(_l).sqrt()", "_l.exp().sqrt()", "sqrt(_l.exp())", "_l.exp() ** 0.5",
              "exp(_l) ** 0.5"],
        ask="`{found}` could be one call. Which, and when do the two differ?",
        model="exp(logvar / 2). For a logvar beyond about 89 float32's exp is infinite and its root, too, where the "
              "half would still be finite; below about -104 it is 0."),
    "rsample": dict(
        gap="reparametrize",
        code="_d.rsample(...)",
        ask="You use rsample(). What is different about sample(), and what would training do with it?",
        model="sample() draws without a way back: no gradient reaches the encoder from the reconstruction. rsample() "
              "computes mean + sigma * eps."),
    "sum, then mean": dict(
        gap="loss_function",
        code=["binary_cross_entropy(_a, _b, reduction='sum')", "binary_cross_entropy(_a, _b, None, None, None, 'sum')",
              "BCELoss(reduction='sum')"],
        ask="Your reconstruction sums over the pixels before it is averaged over the images. What changes with "
            "reduction=\"mean\"?",
        model="The term is 784 times smaller (N * 784 entries instead of N). The KL weighs 784 times as much: the "
              "encoder collapses to N(0, I) and all reconstructions look alike. It is no longer the ELBO."),
    "pixel by pixel": dict(
        gap="loss_function",
        code="binary_cross_entropy(_a, _b, reduction='none')",
        ask="What has `{found}` for a shape, and what do you do with it afterwards? Which reduction would do both?",
        model="That of the images. It is summed over the pixels and averaged over the batch: reduction=\"sum\" divided "
              "by N."),
    "order of the two": dict(
        gap="loss_function",
        code="binary_cross_entropy(_a, _b, ...)",
        ask="What comes out if the two arguments of `{found}` are swapped?",
        model="-x_hat log(x) - (1 - x_hat) log(1 - x): infinite where x is 0 or 1, but PyTorch cuts the logarithm off "
              "at -100. The first is the prediction, the second the target."),
    "KL": dict(
        gap="loss_function",
        code=["-0.5 * _", "0.5 * _", "_ / 2", "kl_divergence(...)"],
        ask="Which value has your KL term for mu = 0 and logvar = 0, and for mu = 1? Where does the formula come from?",
        model="0: then q is N(0, I). 1/2 for each latent number with mu = 1. It is E_q[log q - log p] of two normal "
              "distributions, which can be computed (Kingma and Welling, appendix B)."),
    "divided by N": dict(
        gap="loss_function",
        code=["_ / _x.shape[0]", "_ / _x.size(0)", "_ / len(_x)"],
        ask="You divide by the number of images in the batch. What changes in training if you do not?",
        model="Loss and gradient grow with the batch. Adam hardly notices a constant factor, SGD would need another "
              "learning rate; numbers of different batch sizes can no longer be compared."),
    "kl_weight": dict(
        gap="loss_function",
        code="kl_weight * _",
        ask="What do reconstructions and samples look like with kl_weight 0, 1 and 50?",
        model="0: an autoencoder, sharp reconstructions, but draws from N(0, I) meet nothing. 1: the ELBO. 50: codes "
              "near N(0, I), little of x in them, blurred and alike."),
    "sigmoid": dict(
        gap=NETWORKS,
        code=["Sigmoid()", "sigmoid(_)"],
        ask="Why does the decoder end with a sigmoid? What happens to the loss without it?",
        model="Pixels are probabilities in [0, 1] for the binary cross entropy. Without it loss_function raises a "
              "ValueError (F.binary_cross_entropy, too); the alternative is logits and its with_logits form."),
    "no activation": dict(
        gap=NETWORKS,
        code=["self.mu_layer = Linear(...)", "self.logvar_layer = Linear(...)"],
        ask="Nothing follows this layer: what would a ReLU behind it do?",
        model="mu could not be negative, so codes would lie in one corner; a logvar of at least 0 means sigma of at "
              "least 1: no code could be precise."),
    "z in evaluation": dict(
        gap=["VAE.forward", "CVAE.forward", "ConvVAE.forward"],
        code="reparametrize(_m, _l)",
        ask="You draw z in evaluation mode, too. What would change with mu in its place?",
        model="The reconstruction would look better, but the loss would not be the negative ELBO, which is an average "
              "over draws from q(z given x)."),
    "class in both": dict(
        gap="CVAE.forward",
        code="cat(_x, ...)",
        ask="The class goes in here. Why do encoder and decoder both need it?",
        model="The decoder must make the class that it is told. The encoder that knows it need not keep it in z: so z "
              "holds the style, and any class can be asked for with the same z."),
    "ends of the walk": dict(
        gap="interpolate",
        code=["linspace(0, 1, _n, ...)", "linspace(0.0, 1.0, _n, ...)", "linspace(0, 1, ..., steps=_n)"],
        ask="Which weights does `{found}` give for 5 steps? What would torch.arange(0, 1, 1 / steps) give?",
        model="0, 0.25, 0.5, 0.75, 1: both ends. arange leaves out the end, so the last point would not be z1."),
    "in batches": dict(
        gap="get_mu_logvar",
        code=["_i.split(_n)", "split(_i, _n)", "range(0, _, _n)", "DataLoader(...)"],
        ask="Why in batches, if the result is the same? How many calls of the model is it for 60,000 images?",
        model="Memory: the inner layers of all images at once do not fit. 60,000 divided by the batch size, rounded "
              "up."),
    "rows and columns": dict(
        gap="sample_on_grid",
        code="meshgrid(...)",
        ask="Which of the two latent numbers grows from left to right in your grid? Which line of yours decides it?",
        model="The first one, with the column. It is decided by indexing (\"ij\": the first result varies with the "
              "row) and by the order in which the two are stacked."),
}
