"""The data sets: reading .npz files, downloading, the stand-in. No test leaves this machine."""
import dataclasses
import gzip
import hashlib
import io
import os
import pickle
import socket
import tarfile
import threading
from dataclasses import FrozenInstanceError
from errno import ENOSPC
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch

from helpers.given import datasets, flower_data
from helpers.given.__main__ import data_list, find_data
from helpers.given.datasets import DataError, DownloadError

ARRAYS = ("mnist", "fashion_mnist", "cifar10")    # downloaded and kept as .npz; test_flowers.py has Flowers102
REAL_FOLDER = os.environ.get("COURSE_DATA")    # read before the fixture below points it elsewhere


@pytest.fixture(autouse=True)
def folder(data_folder, monkeypatch):
    """An empty data folder; small stand-ins; every connection that leaves this machine fails as without a network."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(datasets, "STAND_IN_TRAIN", 200)
    monkeypatch.setattr(datasets, "STAND_IN_TEST", 50)
    monkeypatch.setattr(flower_data, "SPLITS", {"train": 5, "val": 3, "test": 12})
    resolve = socket.getaddrinfo

    def only_loopback(host, *args, **kwargs):
        if host != "127.0.0.1":
            raise socket.gaierror(-2, "Name or service not known")
        return resolve(host, *args, **kwargs)
    monkeypatch.setattr(socket, "getaddrinfo", only_loopback)
    return data_folder


def arrays_for(name, train=7, test=3, seed=0):
    """Random images and labels in the layout of the .npz file."""
    random = np.random.default_rng(seed)
    size = {"cifar10": (32, 32, 3), "flowers64": (64, 64, 3)}.get(name, (28, 28))
    return {"train_images": random.integers(0, 256, (train, *size), dtype=np.uint8),
            "train_labels": random.integers(0, 10, train, dtype=np.uint8),
            "test_images": random.integers(0, 256, (test, *size), dtype=np.uint8),
            "test_labels": random.integers(0, 10, test, dtype=np.uint8)}


def assert_one_line(error):
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


# ---------------------------------------------------------------------------------------------------------------
# Reading
# ---------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("name, shape", [("mnist", (1, 28, 28)), ("fashion_mnist", (1, 28, 28)),
                                         ("cifar10", (3, 32, 32)), ("flowers64", (3, 64, 64))])
def test_npz_becomes_tensors(folder, name, shape, save):
    arrays = arrays_for(name)
    save(folder / f"{name}.npz", **arrays)
    data = datasets.load(name)
    assert (data.name, data.stand_in) == (name, False)
    assert data.train_images.shape == (7, *shape) and data.test_images.shape == (3, *shape)
    for part in ("train", "test"):
        images, labels = getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")
        assert images.dtype == torch.uint8 and labels.dtype == torch.int64
        assert images.is_contiguous()
        assert labels.tolist() == arrays[f"{part}_labels"].tolist()
        on_disk = arrays[f"{part}_images"]
        on_disk = on_disk[:, None] if on_disk.ndim == 3 else np.moveaxis(on_disk, 3, 1)
        assert np.array_equal(images.numpy(), on_disk)


def test_the_npz_of_keras_is_taken(folder):
    arrays = arrays_for("mnist")
    np.savez(folder / "mnist.npz", **{keras: arrays[ours] for keras, ours in datasets.KERAS.items()})
    data = datasets.load("mnist")
    assert not data.stand_in
    assert np.array_equal(data.train_images[:, 0].numpy(), arrays["train_images"])
    assert data.test_labels.tolist() == arrays["test_labels"].tolist()


def test_dataset_is_frozen_and_prints_no_pixels(folder):
    np.savez(folder / "mnist.npz", **arrays_for("mnist"))
    data = datasets.load("mnist")
    assert data.class_names == tuple("0123456789")
    assert "tensor" not in repr(data)
    with pytest.raises(FrozenInstanceError):
        data.name = "other"


def test_search_order(folder, monkeypatch):
    own = datasets.REPOSITORY / "data"
    own.mkdir(parents=True)
    assert datasets.find("mnist") is None
    np.savez(own / "mnist.npz", **arrays_for("mnist", train=5))
    assert datasets.find("mnist") == own / "mnist.npz"
    np.savez(folder / "mnist.npz", **arrays_for("mnist", train=6))
    assert datasets.find("mnist") == folder / "mnist.npz"
    assert len(datasets.load("mnist").train_labels) == 6
    monkeypatch.delenv("COURSE_DATA")
    assert datasets.data_folder() == own
    assert len(datasets.load("mnist").train_labels) == 5


def test_downloads_do_not_go_into_a_shared_folder_that_is_read_only(folder, monkeypatch):
    assert datasets.data_folder() == folder
    monkeypatch.setattr(datasets.os, "access", lambda path, mode: path != folder)  # not by chmod: root writes anywhere
    assert datasets.data_folder() == datasets.REPOSITORY / "data"


def test_course_data_that_does_not_exist(folder, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(folder / "nowhere"))
    for call in (lambda: datasets.load("mnist"), lambda: datasets.fetch("mnist"), datasets.data_folder,
                 lambda: datasets.find("mnist")):
        with pytest.raises(DataError, match="COURSE_DATA is set to .*nowhere.* no such folder") as error:
            call()
        assert_one_line(error)


@pytest.mark.parametrize("name, near", [("mnits", "mnist"), ("MNIST", "mnist"), ("fashion-mnist", "fashion_mnist"),
                                        ("cifar", "cifar10")])
def test_unknown_name_lists_the_names_and_the_nearest(name, near):
    for call in (datasets.load, datasets.fetch, datasets.find):
        with pytest.raises(DataError, match=f"'{name}'.*mean '{near}'.*mnist, fashion_mnist, cifar10") as error:
            call(name)
        assert_one_line(error)


def test_unknown_name_near_nothing():
    with pytest.raises(DataError, match="no data set 'zzz'. The names are: mnist"):
        datasets.load("zzz")


class Payload:
    """Unpickled, it would make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def change(**changes):
    """What to write: good arrays, some of them replaced (or with None left out)."""
    def write(path):
        arrays = arrays_for("mnist") | changes
        np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    return write


def cut(path):
    change()(path)
    path.write_bytes(path.read_bytes()[:-700])


def flip_one_bit(path):
    change()(path)
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)


def plain_npy(path):
    with open(path, "wb") as file:
        np.save(file, np.zeros((3, 28, 28), np.uint8))


def pickled_object(path):
    objects = np.empty(7, dtype=object)
    objects[:] = [Payload(path.with_name("executed"))] * 7
    change(train_labels=objects)(path)


BAD = {
    "cut": (cut, "damaged or not an .npz"),
    "one bit flipped": (flip_one_bit, "damaged"),
    "empty": (lambda path: path.write_bytes(b""), "damaged"),
    "a web page": (lambda path: path.write_text("<html>sign in first</html>"), "damaged or not an .npz"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps(Payload(path.with_name("executed")))), "damaged"),
    "one .npy array": (plain_npy, "damaged or not an .npz"),
    "object array": (pickled_object, "damaged.*Object arrays"),
    "key missing": (change(test_labels=None), r"holds the arrays .*, expected \['test_images', 'test_labels'"),
    "keys of Keras, one missing": (lambda path: np.savez(path, **{
        keras: arrays_for("mnist")[ours] for keras, ours in list(datasets.KERAS.items())[:3]}), "holds .*'x_test'"),
    "key too many": (change(extra=np.zeros(3)), "holds the arrays .*'extra'.*, expected"),
    "float images": (change(train_images=np.zeros((7, 28, 28), np.float32)), "train_images of dtype float32.*uint8"),
    "int64 labels": (change(test_labels=np.zeros(3, np.int64)), "test_labels of dtype int64, expected uint8"),
    "wrong size": (change(test_images=np.zeros((3, 28, 27), np.uint8)), r"\(3, 28, 27\), expected \(N, 28, 28\)"),
    "colour": (change(train_images=np.zeros((7, 28, 28, 3), np.uint8)), r"\(7, 28, 28, 3\), expected \(N, 28, 28\)"),
    "one-hot labels": (change(train_labels=np.zeros((7, 10), np.uint8)), r"\(7, 10\), expected \(N\)"),
    "scalar": (change(train_labels=np.uint8(3)), r"train_labels of shape \(\), expected \(N\)"),
    "lengths differ": (change(train_labels=np.zeros(6, np.uint8)), "7 train_images and 6 train_labels"),
    "no images": (change(test_images=np.zeros((0, 28, 28), np.uint8), test_labels=np.zeros(0, np.uint8)),
                  "0 test_images and 0 test_labels.* at least one"),
    "label too large": (change(test_labels=np.array([0, 10, 3], np.uint8)), "test label 10, expected 0 to 9"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_npz_is_named_and_never_replaced(folder, kind):
    make, what = BAD[kind]
    path = folder / "mnist.npz"
    make(path)
    before = path.read_bytes()
    for call in (datasets.load, datasets.fetch):
        with pytest.raises(DataError, match=what) as error:
            call("mnist")
        assert_one_line(error)
        assert str(path) in str(error.value)
        assert "Delete it and run `./course data fetch mnist`" in str(error.value)
        assert not isinstance(error.value, DownloadError)
    assert list(folder.iterdir()) == [path] and path.read_bytes() == before    # also: no payload was executed


def test_npz_cut_anywhere_is_a_data_error(folder):
    path = folder / "mnist.npz"
    np.savez_compressed(path, **arrays_for("mnist"))
    whole = path.read_bytes()
    for end in range(1, len(whole), len(whole) // 60):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match="damaged"):
            datasets.load("mnist")


def test_npz_that_may_not_be_read(folder, monkeypatch):
    np.savez(folder / "mnist.npz", **arrays_for("mnist"))

    def refuse(*args, **kwargs):    # not by chmod: root reads everything
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr(np, "load", refuse)
    with pytest.raises(DataError, match="mnist.npz may not be read by this user"):
        datasets.load("mnist")


def test_first_labels_of_the_real_mnist(monkeypatch):
    if not REAL_FOLDER or not Path(REAL_FOLDER, "mnist.npz").is_file():
        pytest.skip("no real MNIST: COURSE_DATA names no folder with an mnist.npz")
    monkeypatch.setenv("COURSE_DATA", REAL_FOLDER)
    data = datasets.load("mnist")
    assert data.train_images.shape == (60_000, 1, 28, 28) and data.test_images.shape == (10_000, 1, 28, 28)
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


# ---------------------------------------------------------------------------------------------------------------
# Downloading, from a server on this machine that has small files in the official formats
# ---------------------------------------------------------------------------------------------------------------

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests.append(self.path)
        if server.mode == "silent":
            server.over.wait(10)
            return
        if isinstance(server.mode, int):
            return self.send_error(server.mode)
        body = server.files[self.path]
        if server.mode == "damaged":
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:len(body) // 2] if server.mode == "closes early" else body)

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


def idx_gz(array):
    """The format of MNIST: magic number with dtype and dimensions, sizes as big-endian int32, bytes; gzipped."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return gzip.compress(header + array.tobytes())


def md5(content):
    return hashlib.md5(content).hexdigest()


def tar_gz(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def server(monkeypatch):
    """Serves all three data sets; torchvision is told that they are there. `server.mode` makes it misbehave."""
    from torchvision.datasets import CIFAR10, MNIST, FashionMNIST
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.mode, server.over = [], None, threading.Event()
    url = f"http://127.0.0.1:{server.server_port}/"

    server.files = {}
    for kind, name in ((MNIST, "mnist"), (FashionMNIST, "fashion_mnist")):
        arrays, resources = arrays_for(name, seed=len(name)), []
        for key, file in zip(datasets.KEYS, ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                             "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")):
            content = server.files[f"/{name}/{file}"] = idx_gz(arrays[key])
            resources.append((file, md5(content)))
        monkeypatch.setattr(kind, "mirrors", [f"{url}{name}/"])
        monkeypatch.setattr(kind, "resources", resources)

    arrays = arrays_for("cifar10", train=10, seed=len("cifar10"))
    rows = {key: array.transpose(0, 3, 1, 2).reshape(len(array), -1)
            for key, array in arrays.items() if key.endswith("images")}
    batches = {f"data_batch_{i + 1}": {"data": rows["train_images"][2 * i:2 * i + 2],
                                       "labels": arrays["train_labels"][2 * i:2 * i + 2].tolist()} for i in range(5)}
    batches["test_batch"] = {"data": rows["test_images"], "labels": arrays["test_labels"].tolist()}
    batches["batches.meta"] = {"label_names": ["airplane"]}
    batches = {name: pickle.dumps(batch) for name, batch in batches.items()}
    server.files["/cifar-10-python.tar.gz"] = tar_gz(batches)
    monkeypatch.setattr(CIFAR10, "url", f"{url}cifar-10-python.tar.gz")
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(server.files["/cifar-10-python.tar.gz"]))
    monkeypatch.setattr(CIFAR10, "train_list", [[n, md5(b)] for n, b in batches.items() if n.startswith("data")])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5(batches["test_batch"])]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5(batches["batches.meta"])})

    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def fetched(name):
    """What the server has for `name`."""
    return arrays_for(name, train=10 if name == "cifar10" else 7, seed=len(name))


@pytest.mark.parametrize("name", ARRAYS)
def test_download_becomes_an_npz(folder, server, name, capsys):
    path = datasets.fetch(name)
    assert path == folder / f"{name}.npz"
    assert list(folder.iterdir()) == [path]
    with np.load(path) as file:
        assert {key: file[key].dtype for key in file} == dict.fromkeys(datasets.KEYS, np.dtype("uint8"))
        for key, array in fetched(name).items():
            assert np.array_equal(file[key], array), key
    lines = [line for line in capsys.readouterr().err.splitlines() if "Fetching" in line]
    assert len(lines) == 1 and name in lines[0] and str(folder) in lines[0]


def test_load_downloads_once(folder, server, capsys):
    first = datasets.load("mnist")
    assert server.requests and not first.stand_in
    assert "STAND-IN" not in capsys.readouterr().err
    server.requests.clear()
    second = datasets.load("mnist")
    assert datasets.fetch("mnist") == folder / "mnist.npz"
    assert server.requests == []
    assert torch.equal(first.train_images, second.train_images)


def test_download_makes_the_data_folder(server, monkeypatch):
    monkeypatch.delenv("COURSE_DATA")
    datasets.REPOSITORY.mkdir()
    assert datasets.fetch("mnist") == datasets.REPOSITORY / "data" / "mnist.npz"


FAILURES = {403: "the server answered .HTTP Error 403: Forbidden", 404: "HTTP Error 404: Not Found",
            "closes early": "broke off or arrived damaged", "damaged": "broke off or arrived damaged",
            "silent": "the server does not answer .*timed out", "gone": "no network, or the server does not answer"}


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
@pytest.mark.parametrize("mode", FAILURES)
def test_failed_download_leaves_nothing_and_load_draws(folder, server, name, mode, monkeypatch, capsys):
    from torchvision.datasets import CIFAR10, MNIST
    monkeypatch.setattr(datasets, "DOWNLOAD_TIMEOUT", 0.2)
    server.mode = mode
    if mode == "gone":
        with socket.create_server(("127.0.0.1", 0)) as closed:
            gone = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        monkeypatch.setattr(MNIST, "mirrors", [gone])
        monkeypatch.setattr(CIFAR10, "url", gone)

    with pytest.raises(DownloadError, match=FAILURES[mode]) as error:
        datasets.fetch(name)
    assert_one_line(error)
    assert f"copy {name}.npz from another machine into {folder}" in str(error.value)
    assert list(folder.iterdir()) == []
    assert socket.getdefaulttimeout() is None

    capsys.readouterr()
    data = datasets.load(name)
    assert data.stand_in
    assert list(folder.iterdir()) == []
    notice = [line for line in capsys.readouterr().err.splitlines() if "STAND-IN" in line]
    assert len(notice) == 1 and name in notice[0] and f"no {name}.npz in {folder}" in notice[0]
    assert "could not be downloaded" in notice[0] and f"./course data fetch {name}" in notice[0]


def test_no_network_says_so(folder):
    """With the official addresses: the fixture above lets no name be resolved."""
    for name in (*ARRAYS, "flowers102"):
        with pytest.raises(DownloadError, match="no network") as error:
            datasets.fetch(name)
        assert_one_line(error)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("error", [
    URLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate"),
    RuntimeError("Error downloading x:\nTried https://a, got:\n<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED]>")])
def test_a_missing_certificate_is_no_missing_network(folder, monkeypatch, error):
    def refused(*_):
        raise error
    monkeypatch.setitem(datasets.SPECS, "mnist", dataclasses.replace(datasets.SPECS["mnist"], download=refused))
    with pytest.raises(DownloadError, match="no certificate to know.*Install Certificates.command") as told:
        datasets.fetch("mnist")
    assert_one_line(told)
    assert "no network" not in str(told.value)


def test_what_cannot_be_downloaded_says_so(folder, capsys):
    with pytest.raises(DownloadError, match=f"cannot be downloaded. Copy flowers64.npz into {folder}") as error:
        datasets.fetch("flowers64")
    assert_one_line(error)
    assert datasets.load("flowers64").stand_in
    assert f"copy flowers64.npz into {folder}; data/README.md says what is in it." in capsys.readouterr().err


def disk_full(path, *args, **kwargs):
    Path(path).write_bytes(b"the first part")
    raise OSError(ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", [datasets.fetch, datasets.load])
@pytest.mark.parametrize("while_", ["downloading", "saving"])
def test_disk_full(folder, server, monkeypatch, while_, call):
    if while_ == "saving":
        monkeypatch.setattr(np, "savez_compressed", disk_full)
    else:
        monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", lambda url, path: disk_full(path))
    with pytest.raises(DataError, match="mnist was not saved: the disk is full. Make room") as error:
        call("mnist")
    assert_one_line(error)
    assert not isinstance(error.value, DownloadError)    # that would be answered by the stand-in
    assert list(folder.iterdir()) == []


def test_folder_that_cannot_be_written_to(server, monkeypatch):
    monkeypatch.delenv("COURSE_DATA")
    datasets.REPOSITORY.mkdir()
    (datasets.REPOSITORY / "data").write_text("a file, not a folder")
    with pytest.raises(DataError, match="mnist was not saved: cannot write to .*data .*File exists") as error:
        datasets.fetch("mnist")
    assert_one_line(error)


def test_interrupt_leaves_nothing(folder, server, monkeypatch):
    def interrupt(path, *args, **kwargs):
        Path(path).write_bytes(b"the first part")
        raise KeyboardInterrupt
    monkeypatch.setattr(np, "savez_compressed", interrupt)
    with pytest.raises(KeyboardInterrupt):
        datasets.fetch("mnist")
    assert list(folder.iterdir()) == []


def test_npz_appears_only_when_whole(folder, server, monkeypatch):
    seen, replace = [], os.replace

    def watch(source, target):
        seen.append((Path(target).exists(), sorted(np.load(source))))
        replace(source, target)
    monkeypatch.setattr(os, "replace", watch)
    datasets.fetch("mnist")
    assert seen == [(False, sorted(datasets.KEYS))]


def test_smoke_never_opens_a_connection(folder, server, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "smoke")

    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in datasets.NAMES:
        assert datasets.load(name).stand_in
    assert server.requests == []


def test_smoke_reads_an_npz_that_is_there(folder, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    np.savez(folder / "mnist.npz", **arrays_for("mnist"))
    assert not datasets.load("mnist").stand_in


# ---------------------------------------------------------------------------------------------------------------
# One entry of SPECS is all that a new data set needs
# ---------------------------------------------------------------------------------------------------------------

def draw_stripes(labels, generator):
    """Label 0 lies, label 1 stands; (N, 1, 8, 8)."""
    rows = (torch.arange(64).view(8, 8) // 8 % 2 * 255).byte()
    noise = torch.randint(0, 9, (len(labels), 1, 8, 8), generator=generator)
    return (torch.stack((rows, rows.T))[labels][:, None] // 2 + noise).byte()


def stripes(folder):
    """What a download of stripes gives."""
    images = draw_stripes(torch.tensor([0, 1, 1]), torch.Generator().manual_seed(0))[:, 0].numpy()
    labels = np.array([0, 1, 1], np.uint8)
    return {"train_images": images, "train_labels": labels, "test_images": images[:1], "test_labels": labels[:1]}


def test_a_new_data_set_is_one_entry(folder, monkeypatch, capsys):
    entry = datasets.Spec((1, 8, 8), ("lying", "standing"), draw_stripes, stripes, megabytes=1)
    monkeypatch.setitem(datasets.SPECS, "stripes", entry)
    drawn = datasets.load("stripes", stand_in=True)
    assert drawn.stand_in and drawn.train_images.shape == (200, 1, 8, 8) and drawn.class_names == ("lying", "standing")
    assert "the stripes images are drawn" in capsys.readouterr().err and "stripes" in datasets.stand_ins

    assert "stripes" in datasets.NAMES and datasets.find("stripes") is None
    data_list(None)
    assert "stripes        not here" in capsys.readouterr().out
    assert [advice for name, _, _, advice in find_data() if name == "data stripes"] == [
        "Run `./course data fetch stripes`."]
    with pytest.raises(DataError, match="mean 'stripes'"):
        datasets.load("stripe")

    assert datasets.fetch("stripes") == datasets.find("stripes") == folder / "stripes.npz"
    data = datasets.load("stripes")
    assert not data.stand_in and data.train_labels.tolist() == [0, 1, 1]
    assert np.array_equal(data.train_images[:, 0].numpy(), stripes(folder)["train_images"])
    data_list(None)
    assert str(folder / "stripes.npz") in capsys.readouterr().out
    (folder / "stripes.npz").write_bytes(b"")
    with pytest.raises(DataError, match="Delete it and run `./course data fetch stripes`"):
        datasets.load("stripes")


def test_a_new_data_set_that_is_a_folder(folder, monkeypatch, capsys):
    def read(path):
        if not (path / "page" / "one.txt").is_file():
            raise ValueError("has no page/one.txt in it")
        return stripes(path)
    monkeypatch.setitem(datasets.SPECS, "pages", datasets.Spec(
        (1, 8, 8), lambda: ["lying", "standing"], draw_stripes, file="book", holds="page", read=read,
        how_to_get="Print it, and put it into {folder}."))
    (folder / "book").mkdir()
    assert datasets.find("pages") is None and datasets.load("pages").stand_in
    assert f"To get the real one, print it, and put it into {folder}." in capsys.readouterr().err
    (folder / "book" / "page").mkdir()
    with pytest.raises(DataError, match="book has no page/one.txt in it"):
        datasets.load("pages")
    (folder / "book" / "page" / "one.txt").touch()
    assert datasets.find("pages") == folder / "book" and datasets.load("pages").class_names == ("lying", "standing")


def test_a_new_data_set_that_is_too_large_for_memory(folder, monkeypatch):
    def opened(*_):
        return torch.tensor([1, 0, 1]), 2, lambda index: torch.full((3, 256, 256), index, dtype=torch.uint8)
    monkeypatch.setitem(datasets.SPECS, "walls", datasets.Spec(
        (3, 256, 256), ("low", "high"), None, file="walls", photographs=(opened, opened)))
    for stand_in in (True, False):
        data = datasets.load_photographs("walls")
        assert data.stand_in == stand_in and data.images([2]).unique().tolist() == [2]
        assert datasets.load("walls").test_labels.tolist() == [1]
        (folder / "walls").mkdir(exist_ok=True)
    with pytest.raises(DataError, match="mnist fits into memory"):
        datasets.load_photographs("mnist")


# ---------------------------------------------------------------------------------------------------------------
# The stand-in
# ---------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, shape", [("mnist", (1, 28, 28)), ("fashion_mnist", (1, 28, 28)),
                                         ("cifar10", (3, 32, 32)), ("flowers64", (3, 64, 64))])
def test_stand_in_has_the_layout_of_the_real_data(name, shape):
    data = datasets.load(name, stand_in=True)
    assert data.stand_in and len(data.class_names) == 10
    for part, count in (("train", 200), ("test", 50)):
        images, labels = getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")
        assert images.shape == (count, *shape) and images.dtype == torch.uint8 and images.is_contiguous()
        assert labels.shape == (count,) and labels.dtype == torch.int64
        assert labels.bincount().tolist() == [count // 10] * 10
        assert (labels.diff() % 10).bincount(minlength=10).max() < 0.4 * count    # neither sorted nor 0 1 2 ...
        assert len(images.flatten(1).unique(dim=0)) == count       # no image twice
        assert images.min() < 40 and images.max() > 215
    assert not (data.test_images[:, None] == data.train_images[None]).flatten(2).all(-1).any()


@pytest.mark.parametrize("name", datasets.NAMES)
def test_stand_in_is_the_same_each_time_and_leaves_the_global_seed_alone(name):
    torch.manual_seed(1)
    first, drawn_after = datasets.load(name, stand_in=True), torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), drawn_after)
    torch.manual_seed(2)
    second = datasets.load(name, stand_in=True)
    for key in datasets.KEYS:
        assert torch.equal(getattr(first, key), getattr(second, key)), key


@pytest.mark.parametrize("name, least", [("mnist", 0.8), ("fashion_mnist", 0.8), ("cifar10", 0.5),
                                         ("flowers64", 0.5)])
def test_stand_in_can_be_learned(name, least, monkeypatch):
    """The nearest class mean, the simplest classifier, is far above the 0.1 of chance."""
    monkeypatch.setattr(datasets, "STAND_IN_TRAIN", 2000)
    monkeypatch.setattr(datasets, "STAND_IN_TEST", 500)
    data = datasets.load(name, stand_in=True)
    train, test = data.train_images.flatten(1).float(), data.test_images.flatten(1).float()
    means = torch.stack([train[data.train_labels == label].mean(0) for label in range(10)])
    accuracy = (torch.cdist(test, means).argmin(1) == data.test_labels).float().mean().item()
    assert accuracy > least


def test_stand_in_digits_sit_like_mnist():
    images = datasets.load("mnist", stand_in=True).train_images[:, 0].float()
    rows, columns = images.amax(2) > 100, images.amax(1) > 100
    assert 18 < rows.sum(1).float().mean() < 22                    # about 20 pixels high
    for on in (rows, columns):                                     # in the middle, to within two pixels
        middle = (on * torch.arange(28)).sum(1) / on.sum(1)
        assert abs(middle.mean() - 13.5) < 0.5 and (middle - 13.5).abs().max() < 4
    assert (images[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()  # black ground
    assert 0.08 < images.mean() / 255 < 0.2                        # MNIST: 0.13


def test_stand_in_says_so_once_for_each_name(capsys):
    datasets.load("mnist", stand_in=True)
    notice = capsys.readouterr().err
    assert notice.startswith("STAND-IN DATA: the mnist images are drawn by code") and notice.count("\n") == 1
    assert "it was asked for" in notice and "`./course data fetch mnist`" in notice
    datasets.load("mnist", stand_in=True)
    assert capsys.readouterr().err == ""
    datasets.load("fashion_mnist", stand_in=True)
    assert "the fashion_mnist images" in capsys.readouterr().err


def test_smoke_notice_gives_its_reason(folder, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    datasets.load("mnist")
    notice = capsys.readouterr().err
    assert f"no mnist.npz in {folder}" in notice and "smoke profile downloads nothing" in notice


def test_smoke_draws_fewer_of_every_class(folder, monkeypatch):
    monkeypatch.setattr(datasets, "STAND_IN_SMOKE", (40, 20))
    assert len(datasets.load("mnist", stand_in=True).train_images) == 200
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    drawn = datasets.load("mnist", stand_in=True)
    assert drawn.train_labels.bincount().tolist() == [4] * 10 and drawn.test_labels.bincount().tolist() == [2] * 10
    again = drawn.train_images.clone()
    drawn.train_images.zero_()  # whoever has them may change them
    assert torch.equal(datasets.load("mnist", stand_in=True).train_images, again)
