"""Panels with sliders. Each also leaves a picture, so that a reader without a kernel sees something."""
import io

import numpy as np
import torch
from matplotlib import image as mpl_image

from helpers.given import plotting


def latent_panel(decode, latent_size, sliders=(0, 1), class_names=(), reach=2.5, seed=0, alt=""):
    """Sliders move through the latent space, the decoded image follows.

    Args:
        decode: function z (N, Z) -> images (N, 1, h, w); with class_names: function (z, labels (N,)) -> images.
        latent_size: Z.
        sliders: indices of the latent numbers that get a slider from -reach to reach. The others keep a value that is
            drawn once (seed).
        class_names: names to choose from, for a CVAE.
        alt: text that stands for the static picture.
    """
    import ipywidgets
    from IPython.display import display

    base = torch.randn(latent_size, generator=torch.Generator().manual_seed(seed)) * 0.7
    sliders = list(sliders)
    base[sliders] = 0

    def images_at(z, label):
        with torch.inference_mode():
            images = decode(z, torch.full((len(z),), label)) if class_names else decode(z)
        return images.cpu()

    def redraw(_=None):
        z = base.clone()
        z[sliders] = torch.tensor([control.value for control in controls])
        pixels = plotting.as_pixels(images_at(z[None], chooser.index if class_names else 0)[0])
        png = io.BytesIO()
        enlarged = np.kron(pixels, np.ones((7, 7)))  # a browser would smooth the few pixels of the original
        mpl_image.imsave(png, enlarged, format="png", **plotting.GRAY)
        picture.value = png.getvalue()

    controls = [ipywidgets.FloatSlider(value=0, min=-reach, max=reach, step=0.1, description=f"z{k + 1}")
                for k in sliders]
    picture = ipywidgets.Image(format="png")
    chooser = ipywidgets.Dropdown(options=list(class_names), description="class") if class_names else None
    for control in controls + ([chooser] if chooser else []):
        control.observe(redraw, names="value")
    redraw()
    left = ipywidgets.VBox(([chooser] if chooser else []) + controls)
    display(ipywidgets.HBox([left, picture]))

    steps = torch.linspace(-reach, reach, 9)
    strips = []
    for k in sliders:
        z = base.repeat(len(steps), 1)
        z[:, k] = steps
        strips.append(images_at(z, 0))
    what = f", class {class_names[0]}" if class_names else ""
    figure = plotting.image_grid(torch.cat(strips), columns=len(steps), title=f"What each slider does{what}",
                                 row_labels=[f"z{k + 1}" for k in sliders],
                                 column_labels=[f"{value:.1f}" for value in steps.tolist()])
    plotting.show(figure, alt)
    return controls, chooser, picture
