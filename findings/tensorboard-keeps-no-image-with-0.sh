#!/usr/bin/env bash
# TensorBoard 2.21.0 with tensorboard-data-server 0.7.2: `--samples_per_plugin images=0` shows none of the images of a
# run, without a word. For its own EventAccumulator a size of 0 means "keep all", and the same file then has all 25. The
# server as it is shows 10 of 25, chosen at random; with a number that is large enough it shows all.
# Fails if this changes: then 0 may stand for "all".
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q tensorboard==2.21.0 tensorboard-data-server==0.7.2 setuptools==80.9.0 2>/dev/null
cat >"$folder/try.py" <<'PY'
import io, json, os, socket, subprocess, sys, time, urllib.request
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter

logs = sys.argv[1]
writer = EventFileWriter(os.path.join(logs, "run"))
png = io.BytesIO()
Image.new("L", (4, 4)).save(png, "PNG")
for step in range(25):
    image = summary_pb2.Summary.Image(height=4, width=4, colorspace=1, encoded_image_string=png.getvalue())
    value = summary_pb2.Summary.Value(tag="samples", image=image)
    writer.add_event(event_pb2.Event(step=step, wall_time=step, summary=summary_pb2.Summary(value=[value])))
writer.close()


def shown(*options):
    """How many of the images a server with these options has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "tensorboard.main", "--logdir", logs, "--port", str(port),
                               *options], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/data/plugin/images/images?run=run&tag=samples&sample=0"
    try:
        count = 0
        for _ in range(60):
            time.sleep(0.5)
            try:
                count = len(json.load(urllib.request.urlopen(address)))
            except OSError:
                pass
            if count:
                break
        return count
    finally:
        server.terminate()
        server.wait()


accumulator = EventAccumulator(os.path.join(logs, "run"), size_guidance={"images": 0}).Reload()
print(len(accumulator.Images("samples")), shown(), shown("--samples_per_plugin", "images=1000"),
      shown("--samples_per_plugin", "images=0"))
PY
found="$("$folder/env/bin/python" "$folder/try.py" "$folder/logs")"
echo "images of 25: $found (EventAccumulator with 0; server as it is; with images=1000; with images=0)"
[ "$found" = "25 10 25 0" ]
