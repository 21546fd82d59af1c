"""A class that came as one zip file, unpacked into a folder of the run: with bounds, and nothing but plain files."""
import errno
import re
import shutil
import stat
import zipfile
from pathlib import Path

from coursekit.grading.files import COMPRESSIONS, MAX_DEPTH, MAX_ENTRIES
from coursekit.sandbox import printable
from helpers.given.console import UserError

MAX_BYTES = 64 << 30  # of all files together; more than is free is never written
MAX_FILE_BYTES = 2 << 30
SPARE = 1 << 30  # bytes of the disk that stay free


def unpack(archive, folder):
    """Unpack a zip file. Returns the names of what was left out: links, and what cannot be a file below the folder.

    Raises UserError for what is no zip file, or too large.
    """
    folder, left_out, written = Path(folder), [], 0
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            if len(entries) > MAX_ENTRIES:
                raise UserError(f"{archive} holds more than {MAX_ENTRIES} files: unpack it, and give the folder")
            most = min(MAX_BYTES, shutil.disk_usage(folder).free - SPARE)
            for entry in entries:
                parts = safe_parts(name_of(entry))
                if parts and (parts[0] == "__MACOSX" or parts[-1].startswith("._")):
                    continue
                if parts is None or stat.S_ISLNK(entry.external_attr >> 16) or entry.file_size > MAX_FILE_BYTES \
                        or entry.compress_type not in COMPRESSIONS or entry.flag_bits & 1:
                    left_out.append(printable(name_of(entry)))
                    continue
                written += entry.file_size
                if written > most:
                    raise UserError(f"{archive} holds more than {most >> 20} MB: unpack it, and give the folder")
                if not write_entry(opened, entry, folder.joinpath(*parts)):
                    left_out.append(printable(name_of(entry)))
    except UserError:
        raise
    except Exception as error:  # a damaged archive raises what its compression raises: zlib, lzma, struct, ...
        raise UserError(f"{archive} is not a readable zip file ({error}): unpack it, and give the folder") from None
    return left_out


def write_entry(opened, entry, path):
    """Write one file. False: another one stands there, or the system does not take the name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with opened.open(entry) as source, open(path, "xb") as target:  # Python ends where the size says so
            shutil.copyfileobj(source, target, 1 << 20)
    except (FileExistsError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.EINVAL):
            raise
        return False
    return True


def name_of(entry):
    """The name of an entry. Some programs write UTF-8 and do not say so."""
    if not entry.flag_bits & 0x800:
        try:
            return entry.orig_filename.encode("cp437").decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            pass
    return entry.orig_filename


def safe_parts(name):
    """The folders and the name of an entry below the folder that it is unpacked to, or None."""
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".")]
    if not parts or len(parts) > MAX_DEPTH or ".." in parts or name.startswith(("/", "\\")) or "\0" in name \
            or re.match(r"[A-Za-z]:", parts[0]):
        return None
    return parts
