"""Panels with sliders. Each also leaves a picture, so that a reader without a kernel sees something."""
import io
import os
from pathlib import Path

import torch
from matplotlib import image as mpl_image

from helpers.given import board, plotting, training

SERVERS = {}  # folder -> (process, port): the TensorBoards that this kernel has started


def enlarged_png(image, side=196):
    """Return an image (C, h, w) in [0, 1] as PNG of about side x side: a browser would smooth the few pixels."""
    pixels = plotting.as_pixels(image)
    scale = max(1, side // image.shape[-1])
    pixels = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    png = io.BytesIO()
    mpl_image.imsave(png, pixels, format="png", **plotting.GRAY)
    return png.getvalue()


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
        picture.value = enlarged_png(images_at(z[None], chooser.index if class_names else 0)[0])

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


def walk_panel(generators, noise_dim, sample_noise, reach=6, alt=""):
    """Walk between two noise vectors, at any epoch, and freeze an image to compare it with the next.

    Args:
        generators: dict name, such as "epoch 3" -> function: noise (N, noise_dim) -> images (N, C, h, w) in [0, 1].
        sample_noise: function (batch_size, noise_dim) -> noise.
        reach: how many noise vectors there are to choose the two ends from.
        alt: text that stands for the static picture: one walk, a row for each generator.
    """
    import ipywidgets
    from IPython.display import display

    ends = sample_noise(reach, noise_dim)

    def images_at(name, start, end, weights):
        noise = torch.stack([torch.lerp(ends[start], ends[end], weight) for weight in weights])
        with torch.inference_mode():
            return generators[name](noise).cpu()

    def redraw(_=None):
        moving.value = enlarged_png(images_at(epoch.value, start.value, end.value, [position.value])[0])

    def freeze(_=None):
        frozen.value = moving.value
        caption.value = f"frozen: {epoch.value}, from {start.value} to {end.value}, at {position.value:.2f}"

    epoch = ipywidgets.SelectionSlider(options=list(generators), value=list(generators)[-1], description="generator")
    start, end = (ipywidgets.IntSlider(value=k, min=0, max=reach - 1, description=name)
                  for k, name in enumerate(("from", "to")))
    position = ipywidgets.FloatSlider(value=0, min=0, max=1, step=0.05, description="position")
    button = ipywidgets.Button(description="freeze", tooltip="keep this image beside the next ones")
    moving, frozen = (ipywidgets.Image(format="png") for _ in range(2))
    caption = ipywidgets.Label()
    for control in (epoch, start, end, position):
        control.observe(redraw, names="value")
    button.on_click(freeze)
    redraw()
    freeze()
    controls = ipywidgets.VBox([epoch, start, end, position, button])
    display(ipywidgets.HBox([controls, moving, ipywidgets.VBox([frozen, caption])]))

    steps = torch.linspace(0, 1, 10).tolist()
    rows = torch.cat([images_at(name, 0, 1, steps) for name in generators])
    plotting.show(plotting.image_grid(rows, columns=len(steps), title="From one noise vector to another",
                                      row_labels=list(generators),
                                      column_labels=[f"{step:.1f}" for step in steps]), alt)
    return epoch, start, end, position, button, moving, frozen


def gallery(make, draw, path, count=10, columns=5, alt=""):
    """Generated images with a button below each: a click keeps the image and its latent vector in a file.

    Args:
        make: function: latent vectors (N, ...) -> images (N, C, h, w) in [0, 1].
        draw: function: N -> as many latent vectors. The button "new ones" calls it again.
        path: the file. torch.load(path, weights_only=True) gives {"images": (K, C, h, w), "latents": (K, ...)}. What an
            earlier gallery kept in it stays.
        count: images shown at once.
        alt: text that stands for the static picture: the first images.
    """
    import ipywidgets
    from IPython.display import display

    def redraw(_=None):
        latents = draw(count)
        shown.update(latents=latents.cpu(), images=make(latents).cpu())
        for image, picture, button in zip(shown["images"], pictures, buttons):
            picture.value, button.disabled, button.description = enlarged_png(image, 128), False, "keep"

    def keep(button):
        k = buttons.index(button)
        kept = torch.load(path, weights_only=True) if Path(path).exists() else {}
        kept = {name: torch.cat([kept[name], values[k:k + 1]] if kept else [values[k:k + 1]])
                for name, values in shown.items()}
        training.save_atomically(kept, path)
        button.disabled, button.description = True, "kept"
        caption.value = f"{len(kept['images'])} kept in {path}"

    shown = {}
    pictures = [ipywidgets.Image(format="png") for _ in range(count)]
    buttons = [ipywidgets.Button(description="keep", layout={"width": "128px"}) for _ in range(count)]
    another, caption = ipywidgets.Button(description="new ones"), ipywidgets.Label()
    for button in buttons:
        button.on_click(keep)
    another.on_click(redraw)
    redraw()
    boxes = [ipywidgets.VBox(pair) for pair in zip(pictures, buttons)]
    display(ipywidgets.VBox([ipywidgets.GridBox(boxes, layout={"grid_template_columns": f"repeat({columns}, 140px)"}),
                             ipywidgets.HBox([another, caption])]))
    plotting.show(plotting.image_grid(shown["images"], columns=columns), alt)
    return buttons, another, pictures


def figure_panel(draw, sliders, dpi=75, alt=""):
    """Sliders with whole numbers, and a figure that is drawn anew when one of them moves.

    Args:
        draw: function of the sliders' values, in their order -> matplotlib figure. The first one is written twice, in
            two resolutions.
        sliders: dict name -> (lowest, highest, step, where it starts).
        dpi: resolution of the moving figure; the finer, the slower.
        alt: text that stands for the static picture: the figure where the sliders start.
    """
    import ipywidgets
    from IPython.display import display

    def redraw(_=None):
        figure = draw(*(control.value for control in controls))
        png = io.BytesIO()
        plotting.write(figure, png, dpi, format="png")
        picture.value = png.getvalue()
        return figure

    controls = [ipywidgets.IntSlider(value=start, min=low, max=high, step=step, description=name,
                                     continuous_update=False) for name, (low, high, step, start) in sliders.items()]
    picture = ipywidgets.Image(format="png")
    for control in controls:
        control.observe(redraw, names="value")
    figure = redraw()
    display(ipywidgets.HBox([ipywidgets.VBox(controls), picture]))
    plotting.show(figure, alt)
    return controls, picture


def tensorboard(log_dir, height=800):
    """Show TensorBoard in the notebook, on a folder of logs. The folder may be empty yet.

    A server that this kernel has started for the folder is used again; no other is touched. It ends with the kernel.
    Where nobody watches (the `smoke` profile, `./course run`) none is started.

    Args:
        height: of the frame, in pixels.
    Raises:
        UserError: TensorBoard is not installed, or does not start.
    """
    from IPython.display import IFrame, display

    if training.profile() == "smoke" or os.environ.get("COURSE_HEADLESS"):
        print("Nobody watches, so no TensorBoard is started. To see the logs: ./course board")
        return
    folder = Path(log_dir).resolve()
    process, port = SERVERS.get(folder, (None, None))
    if process is None or process.poll() is not None:
        process, port = SERVERS[folder] = board.start(folder)
    print(board.advice(port) or f"TensorBoard, also at {board.address(port)}")
    display(IFrame(board.address(port), "100%", height))
