"""The numbers that the contract of helpers/flowers.py states; its data sets, training and files."""
import hashlib
import json
import pickle
import shutil
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torch import nn

from helpers import flowers
from helpers.given import datasets, flower_data, training, widgets
from helpers.given import flowers as given_flowers
from helpers.given.datasets import DataError, DownloadError
from helpers.given.training import TrainingError

LABELS = [3, 1, 2, 1, 3, 102, 2, 1, 5]    # of the images 1 to 9, as in Flowers102's own files: from 1
PARTS = {"trnid": [5, 2], "valid": [7, 9], "tstid": [1, 3, 4, 6, 8]}


# Flowers102, in a small tree of files in its exact format

def photograph(number):
    """A photograph of 300 x 400 pixels or the like: red on the left, gray in the middle, its number in the blue."""
    width, height = (400, 300) if number % 2 else (270, 330)
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels[:, :width // 8] = (255, 0, 0)
    pixels[:, :, 2] = 20 * number
    return Image.fromarray(pixels)


def write_files(folder, monkeypatch):
    """Flowers102's files in a folder. torchvision compares their checksums, so it is told these."""
    from torchvision.datasets import Flowers102
    (folder / "jpg").mkdir(parents=True)
    for number in range(1, 10):
        photograph(number).save(folder / "jpg" / f"image_{number:05d}.jpg", quality=95)
    savemat(folder / "imagelabels.mat", {"labels": np.array([LABELS], np.uint8)})
    savemat(folder / "setid.mat", {name: np.array([ids], np.uint16) for name, ids in PARTS.items()})
    with tarfile.open(folder / "102flowers.tgz", "w:gz") as tar:
        tar.add(folder / "jpg", "jpg")
    sums = {key: (name, hashlib.md5((folder / name).read_bytes()).hexdigest())
            for key, (name, _) in Flowers102._file_dict.items()}
    monkeypatch.setattr(Flowers102, "_file_dict", sums)


def judge(data):
    assert not data.stand_in and data.name == "flowers102" and data.train == 4
    assert data.labels.dtype == torch.int64 and data.labels.tolist() == [2, 0, 1, 4, 2, 1, 0, 101, 0]
    assert len(data.class_names) == 102 and data.class_names[101] == "blackberry lily"
    order = [5, 2, 7, 9, 1, 3, 4, 6, 8]
    images = data.images([7, 0, 1])
    assert images.shape == (3, 3, 256, 256) and images.dtype == torch.uint8 and images.is_contiguous()
    for image, number in zip(images, (order[7], order[0], order[1])):
        assert abs(image[2].float().mean() - 20 * number) < 3
        # Of 400 x 300 pixels the middle 300 x 300 are left, without the 50 red columns; of 270 x 330 all columns.
        assert (image[0, 128] > 190).sum().item() == pytest.approx(0 if number % 2 else 256 / 8, abs=2)
    assert data.images(torch.tensor([], dtype=torch.long)).shape == (0, 3, 256, 256)
    for wrong in (9, -1):
        with pytest.raises(IndexError, match=f"no image {wrong}: the indices run from 0 to 8"):
            data.images([0, wrong])


def test_flowers102_from_its_files(data_folder, monkeypatch, capsys):
    write_files(data_folder / "flowers-102", monkeypatch)
    judge(datasets.load_flowers102())
    whole = datasets.load("flowers102")
    assert whole.train_images.shape == (4, 3, 256, 256) and whole.test_images.shape == (5, 3, 256, 256)
    assert whole.train_labels.tolist() == [2, 0, 1, 4] and not whole.stand_in
    assert datasets.find("flowers102") == datasets.fetch("flowers102") == data_folder / "flowers-102"
    assert capsys.readouterr().err == ""


def serve(server, monkeypatch):
    """Let torchvision find its files in a folder instead of the network."""
    from torchvision.datasets import Flowers102
    write_files(server, monkeypatch)
    monkeypatch.setattr(Flowers102, "_download_url_prefix", f"{server.as_uri()}/")
    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve",
                        lambda url, path: shutil.copy(server / url.split("/")[-1], path))
    return server


def test_flowers102_is_downloaded_by_torchvision(data_folder, tmp_path_factory, monkeypatch):
    serve(tmp_path_factory.mktemp("server"), monkeypatch)
    judge(datasets.load_flowers102())
    assert [path.name for path in data_folder.iterdir()] == ["flowers-102"]
    kept = sorted(path.name for path in (data_folder / "flowers-102").iterdir())
    assert kept == ["imagelabels.mat", "jpg", "setid.mat"]


def test_flowers102_broken_download_leaves_nothing(data_folder, tmp_path_factory, monkeypatch, capsys):
    server = serve(tmp_path_factory.mktemp("server"), monkeypatch)
    (server / "setid.mat").write_bytes(b"not what was announced")
    with pytest.raises(DownloadError, match="flowers102 could not be downloaded: the download .* arrived damaged"):
        datasets.fetch("flowers102")
    assert list(data_folder.iterdir()) == []
    assert datasets.load_flowers102().stand_in and "STAND-IN DATA: the flowers102" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["imagelabels.mat", "setid.mat", "jpg/image_00005.jpg"])
def test_flowers102_damaged_files_are_named(data_folder, monkeypatch, name):
    write_files(data_folder / "flowers-102", monkeypatch)
    path = data_folder / "flowers-102" / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="flowers-102 is damaged or incomplete .*Delete it and run") as error:
        datasets.load_flowers102().images([0])
    assert "\n" not in str(error.value) and not isinstance(error.value, DownloadError)
    assert path.exists()


def test_categories():
    names = datasets.flower_categories()
    assert list(names) == [str(number) for number in range(1, 103)] and len(set(names.values())) == 102
    assert (names["1"], names["51"], names["102"]) == ("pink primrose", "petunia", "blackberry lily")
    from torchvision.datasets import Flowers102
    if hasattr(Flowers102, "classes"):
        assert [name.rstrip("?") for name in Flowers102.classes] == list(names.values())
    assert json.dumps(names, indent=2) + "\n" == datasets.CATEGORIES.read_text(encoding="utf-8")


def test_stand_in_of_flowers102(data_folder):
    data = datasets.load_flowers102(stand_in=True)
    assert data.stand_in and len(data.labels) == 8189 and data.train == 2040
    assert data.labels.bincount().min() == 80 and data.labels.bincount().max() == 81
    images = data.images([5, 700, 8188])
    assert images.shape == (3, 3, 256, 256) and images.float().std() > 20
    # An image does not depend on what else is asked for, nor on the seed.
    torch.manual_seed(3)
    assert torch.equal(data.images([8188])[0], images[2]) and not torch.equal(images[0], images[1])


def test_drawn_flowers_differ_in_petals_shape_and_colour():
    found = {flower_data.looks(kind)[:3] + tuple(round(c, 1) for c in flower_data.looks(kind)[3])
             for kind in range(flower_data.KINDS)}
    assert len(found) > 95
    a, b = (flower_data.draw(torch.tensor([4, 4]), torch.Generator().manual_seed(1), size) for size in (32, 64))
    assert a.shape == (2, 3, 32, 32) and a.dtype == torch.uint8
    half = datasets.resize(b, 32).float()
    assert (half - a.float()).abs().mean() < 12  # the same scene


# The graded functions

@pytest.mark.parametrize("size, channels", [(8, 4), (32, 32), (64, 64), (256, 512)])
def test_networks(size, channels):
    G, D = flowers.Generator(16, channels, size), flowers.Discriminator(channels, size)
    with torch.no_grad():
        images = G(torch.randn(2, 16, 1, 1))
        out = D(images)
    assert images.shape == (2, 3, size, size) and images.abs().max() <= 1
    assert out.shape == (2,) and 0 <= out.min() and out.max() <= 1


@pytest.mark.parametrize("channels, size", [(512, 100), (512, 4), (100, 64), (0, 64), (16, 256)])
def test_sizes_that_cannot_be_halved_are_refused(channels, size):
    for make in (lambda: flowers.Generator(8, channels, size), lambda: flowers.Discriminator(channels, size)):
        with pytest.raises(ValueError, match=f"got {size if size in (100, 4) else channels}"):
            make()


def test_select_categories():
    names = datasets.flower_categories()
    labels = torch.tensor([0, 101, 72, 0, 5])
    assert flowers.select_categories(labels, names, ["pink primrose", "blackberry lily"]).tolist() == [0, 1, 3]
    assert flowers.select_categories(labels, names, ["water lily"]).tolist() == [2]
    assert flowers.select_categories(labels, names, []).tolist() == []
    with pytest.raises(ValueError, match="there is no category 'water lilly'; near it: water lily"):
        flowers.select_categories(labels, names, ["water lilly"])
    with pytest.raises(ValueError, match="there is no category 'zzz'$"):
        flowers.select_categories(labels, names, ["zzz"])


def small_networks(seed=0, channels=16, size=16, latent=8):
    torch.manual_seed(seed)
    return [network.apply(flowers.weights_init)
            for network in (flowers.Discriminator(channels, size), flowers.Generator(latent, channels, size))]


@pytest.fixture(scope="module")
def images():
    return flower_data.draw(torch.arange(48) % 10, torch.Generator().manual_seed(0), 16)


def train(D, G, images, updates=(flowers.update_discriminator, flowers.update_generator), **options):
    options = {"latent_dim": 8, "epochs": 3, "batch_size": 16, "quiet": True, "device": "cpu", **options}
    return given_flowers.fit(D, G, *updates, images, **options)


def test_singular_values_after_training(images):
    D, G = small_networks(size=16)
    train(D, G, images, epochs=10, lr=2e-3)
    values = [flowers.largest_singular_value(layer.weight).item() for layer in D.modules()
              if isinstance(layer, nn.Conv2d)]
    assert len(values) == 3 and all(0.9 < value < 1.1 for value in values), values


def test_an_image_is_the_same_alone_and_in_a_batch(images):
    D, G = small_networks()
    averaged, _ = train(D, G, images)
    z = torch.randn(20, 8, 1, 1)
    for network in (G, averaged):
        network.train()
        batch = flowers.generate(network, z)
        assert (batch - torch.cat([flowers.generate(network, one) for one in z.split(1)])).abs().max() < 1e-5
        assert network.training and batch.min() >= 0 and batch.max() <= 1 and not batch.requires_grad
    assert torch.equal(flowers.generate(G, z, 0.25), flowers.generate(G, z / 2))


def test_discriminator_step_and_generator_step_keep_apart(images):
    D, G = small_networks()
    x, z, label = images[:8].float() / 127.5 - 1, torch.randn(8, 8, 1, 1), torch.ones(8)
    solvers = [torch.optim.SGD(network.parameters(), 0.1) for network in (D, G)]
    before = [p.detach().clone() for p in G.parameters()]
    *values, fake = flowers.update_discriminator(D, G, x, z, label, solvers[0])
    assert all(isinstance(value, torch.Tensor) and not value.requires_grad for value in values)
    assert all(torch.equal(p, old) and p.grad is None for p, old in zip(G.parameters(), before))
    before = [p.detach().clone() for p in D.parameters()]
    flowers.update_generator(D, G, fake, label, solvers[1])
    assert all(torch.equal(p, old) for p, old in zip(D.parameters(), before))
    assert all(p.grad is not None for p in G.parameters())


def test_paths():
    z1, z2 = torch.randn(2, 100, 1, 1, generator=torch.Generator().manual_seed(0))
    alphas = [k / 10 for k in range(11)]
    straight, arc = flowers.convex_path(z1, z2, alphas), flowers.slerp(z1, z2, alphas)
    for path in (straight, arc):
        assert path.shape == (11, 100, 1, 1)
        assert torch.allclose(path[0], z2, atol=1e-5) and torch.allclose(path[10], z1, atol=1e-5)
    # The middle of the line is shorter than latent vectors usually are, by about the root of 2; that of the arc is not.
    shares = [path[5].norm() / (z1.norm() + z2.norm()) * 2 for path in (straight, arc)]
    assert 0.6 < shares[0] < 0.8 and 0.95 < shares[1] < 1.05


def test_no_arc_between_vectors_on_one_line():
    z = torch.randn(8, 1, 1, generator=torch.Generator().manual_seed(0))
    for other in (z, 3 * z, -z, 0 * z):
        for pair in ((z, other), (other, z)):
            with pytest.raises(ValueError, match="z1 and z2 must point in different directions"):
                flowers.slerp(*pair, [0.5])
    near = z + 0.01 * z.flip(0)
    assert flowers.slerp(z, near, [0.5]).isfinite().all()


@pytest.mark.parametrize("layer, size", [
    (nn.Conv2d(2, 3, 4, stride=2, padding=1), 6), (nn.Conv2d(3, 2, 3, padding=1, groups=1, dilation=2), 5),
    (nn.Conv2d(2, 4, 4), 4), (nn.Conv2d(2, 2, 3, stride=2, padding=(0, 1)), 7)])
def test_operator_norm_is_that_of_the_dense_matrix(layer, size):
    torch.manual_seed(0)
    nn.init.normal_(layer.weight)
    pixels = torch.eye(layer.in_channels * size * size).unflatten(1, (layer.in_channels, size, size))
    with torch.no_grad():
        matrix = (layer(pixels) - layer(0 * pixels)).flatten(1)
    found = given_flowers.operator_norm(layer, size, pushes=300)
    assert found == pytest.approx(torch.linalg.matrix_norm(matrix, 2).item(), rel=1e-3)
    if size == layer.kernel_size[0]:  # one window: the image is the window
        assert found == pytest.approx(flowers.largest_singular_value(layer.weight).item(), rel=1e-3)


# Training

def test_killed_and_resumed_gives_the_same_curve(images, tmp_path):
    options = {"augment": given_flowers.crop_and_flip, "change": given_flowers.disturb}
    nets = small_networks()
    averaged, history = train(*nets, images, epochs=4, **options)

    class Killed(Exception):
        pass

    def kill(epoch, model):
        if epoch == 3:
            raise Killed

    again = small_networks()
    with pytest.raises(Killed):
        train(*again, images, epochs=4, checkpoint=tmp_path / "run.pt", after_epoch=kill, **options)
    resumed = small_networks(seed=7)
    averaged_again, resumed_history = train(*resumed, images, epochs=4, checkpoint=tmp_path / "run.pt", **options)
    assert history.steps == resumed_history.steps and len(history.steps["d_loss"]) == 12
    assert set(history.steps) == {"d_loss", "g_loss", "d_real", "d_fake", "d_fooled"}
    for a, b in ((nets[0], resumed[0]), (nets[1], resumed[1]), (averaged, averaged_again)):
        assert all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values()))
    with pytest.raises(TrainingError, match="other settings .*augment"):
        train(*small_networks(), images, epochs=4, checkpoint=tmp_path / "run.pt")


def test_floats_from_the_update_functions_do_as_well(images):
    def update_discriminator(*arguments):
        *values, fake = flowers.update_discriminator(*arguments)
        return [value.item() for value in values] + [fake]

    def update_generator(*arguments):
        return tuple(value.item() for value in flowers.update_generator(*arguments))

    steps = [train(*small_networks(), images, updates)[1].steps
             for updates in ((flowers.update_discriminator, flowers.update_generator),
                             (update_discriminator, update_generator))]
    assert steps[0] == steps[1]


def test_the_average_is_one(images):
    D, G = small_networks()
    start = [p.detach().clone() for p in G.parameters()]
    averaged, _ = train(D, G, images, epochs=1, decay=0.5)
    pairs = list(zip(averaged.parameters(), G.parameters(), start))
    assert not averaged.training and all(not torch.equal(a, g) for a, g, _ in pairs)
    assert all((a - g).abs().mean() < (s - g).abs().mean() for a, g, s in pairs)


@pytest.mark.parametrize("spectral_norm", [nn.utils.parametrizations.spectral_norm, nn.utils.spectral_norm])
def test_the_average_of_a_generator_with_spectral_normalisation(images, spectral_norm):
    D, G = small_networks()
    for layer in G.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            spectral_norm(layer)
    averaged, _ = train(D, G, images, epochs=20)
    for network in (averaged, G):
        with torch.no_grad():
            network(torch.randn(2, 8, 1, 1))
        for layer in network.modules():
            if isinstance(layer, nn.ConvTranspose2d):
                matrix = layer.weight.transpose(0, 1).flatten(1)
                assert 0.97 < torch.linalg.matrix_norm(matrix, 2).item() < 1.05
        counts = [buffer.item() for name, buffer in network.named_buffers() if name.endswith("num_batches_tracked")]
        assert counts == [60, 60]  # one for each step


def test_the_average_of_what_batch_norm_has_averaged(images):
    means = []
    D, G = small_networks()
    averaged, _ = train(D, G, images, epochs=1, decay=0.5, after_epoch=None, updates=(
        flowers.update_discriminator, lambda D, G, *rest: (
            flowers.update_generator(D, G, *rest), means.append(G.network.layers[1].running_mean.clone()))[0]))
    due = 0.5 * (0.5 * means[0] + 0.5 * means[1]) + 0.5 * means[2]
    assert torch.allclose(averaged.layers[1].running_mean, due) and not torch.allclose(due, means[2])


def test_a_loss_without_a_gradient_is_told(images, capsys):
    def hopeless(*arguments):
        err_g, d_g_z2 = flowers.update_generator(*arguments)
        return 0 * err_g + 100, 0 * d_g_z2

    for updates, told in (((flowers.update_discriminator, hopeless), True), ({}, False)):
        train(*small_networks(), images, *([updates] if told else []), epochs=1, quiet=False)
        assert ("learns nothing any more" in capsys.readouterr().out) == told


def test_bfloat16(images, monkeypatch):
    """As on a machine that has it: the update functions still get modules, and losses stay float32."""
    monkeypatch.setattr(training, "autocast_dtype", lambda device: torch.bfloat16)
    seen = []

    def update_generator(D, G, fake_images, label, optimizer):
        seen.append((fake_images.dtype, D(fake_images).dtype, len(list(G.parameters())) > 0))
        return flowers.update_generator(D, G, fake_images, label, optimizer)

    D, G = small_networks()
    _, history = train(D, G, images, (flowers.update_discriminator, update_generator), epochs=2)
    assert set(seen) == {(torch.float32, torch.float32, True)}
    assert all(np.isfinite(history.steps["d_loss"])) and all(p.dtype == torch.float32 for p in G.parameters())
    for layer in D.modules():
        if isinstance(layer, nn.Conv2d):
            assert 0.9 < flowers.largest_singular_value(layer.weight).item() < 1.1


def test_images_that_do_not_fit_are_refused(images):
    D, G = small_networks()
    with pytest.raises(TrainingError, match=r"\(3, 32, 32\), the generator makes \(3, 16, 16\)"):
        train(D, G, datasets.resize(images, 32))
    with pytest.raises(TrainingError, match="only 48 images"):
        train(D, G, images, batch_size=64)


def test_crop_and_flip():
    x = torch.arange(32.0).view(1, 1, 1, 32).expand(200, 3, 32, 32)
    torch.manual_seed(0)
    y = given_flowers.crop_and_flip(x)
    assert y.shape == x.shape
    middle = y[:, 0, 16, 4:28]
    forward = (middle.diff() == 1).all(dim=1)
    assert ((middle.diff() == -1).all(dim=1) | forward).all() and 70 < forward.sum() < 130
    shifts = middle[forward][:, 0] - 4
    assert set(shifts.tolist()) == {-2, -1, 0, 1, 2}


def test_disturb_has_gradients_and_a_hole():
    x = torch.rand(50, 3, 32, 32, requires_grad=True)
    torch.manual_seed(0)
    y = given_flowers.disturb(x)
    assert y.shape == x.shape
    assert (y.detach() == 0).all(dim=1).flatten(1).any(dim=1).all()
    y.square().sum().backward()
    assert x.grad.isfinite().all() and x.grad.flatten(1).norm(dim=1).min() > 0


# Files

class Payload:
    """Unpickled, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_generator_files(tmp_path):
    _, G = small_networks()
    path = tmp_path / "generator.pt"
    given_flowers.save_generator(path, G, latent_dim=8, channel_num=16, image_size=16)
    loaded, z = given_flowers.load_generator(path, flowers.Generator), torch.randn(3, 8, 1, 1)
    assert not loaded.training and torch.equal(flowers.generate(G, z), flowers.generate(loaded, z))
    with pytest.raises(TrainingError, match="there is no file"):
        given_flowers.load_generator(tmp_path / "nothing.pt", flowers.Generator)
    with pytest.raises(TrainingError, match="do not fit Discriminator"):
        given_flowers.load_generator(path, flowers.Discriminator)
    torch.save({"settings": {}, "weights": Payload(tmp_path / "ran")}, path)
    with pytest.raises(TrainingError, match="nothing of it was run"):
        given_flowers.load_generator(path, flowers.Generator)
    path.write_bytes(pickle.dumps(Payload(tmp_path / "ran"), protocol=2))
    with pytest.raises(TrainingError, match="nothing of it was run"):
        given_flowers.load_generator(path, flowers.Generator)
    assert not (tmp_path / "ran").exists()


def test_gallery_keeps_images_and_latents(tmp_path):
    _, G = small_networks()
    path = tmp_path / "favourites.pt"
    latents = []

    def draw(count):
        latents.append(torch.randn(count, 8, 1, 1))
        return latents[-1]

    buttons, another, pictures = widgets.gallery(lambda z: flowers.generate(G, z), draw, path, count=4, columns=2)
    assert not path.exists() and len(pictures) == 4
    before = pictures[2].value
    buttons[2].click()
    another.click()
    assert pictures[2].value != before and not buttons[2].disabled
    buttons[0].click()
    kept = torch.load(path, weights_only=True)
    assert torch.equal(kept["latents"], torch.stack([latents[0][2], latents[1][0]]))
    assert (flowers.generate(G, kept["latents"]) - kept["images"]).abs().max() < 1e-5
    assert buttons[0].disabled and buttons[0].description == "kept"


def test_nearest(images):
    photographs = images.float() / 255
    found, distances = given_flowers.nearest(photographs[[7, 3]].flip(-1), photographs)
    assert found.tolist() == [7, 3] and distances.max() < 1e-3
    noisy = (photographs[[9]] + 0.1).clamp(0, 1)
    found, distances = given_flowers.nearest(noisy, photographs)
    assert found.tolist() == [9] and distances[0] == pytest.approx(0.1, abs=0.02)
