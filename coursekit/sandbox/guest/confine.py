"""Puts a process behind walls that it cannot take down again, then becomes another program.

Started by coursekit.sandbox.walls as `python -I -S confine.py SETTINGS COMMAND...`, inside bubblewrap or without it;
the guest imports it, too. What it can do, and SETTINGS (JSON) choose: become a user without a name and rights (root
only), lower limits, Landlock (Linux 6.12 or newer: files, TCP, signals), a filter of system calls, and a guard, which
ends all that is left when the program has ended. Nothing is imported but the standard library.

Landlock: https://docs.kernel.org/userspace-api/landlock.html. (Among packages, landlock 1.0.0.dev5 knows neither
signals nor sockets, and landlockpy is two months old: three system calls are not worth either.)
"""
import contextlib
import ctypes
import errno
import json
import os
import platform
import signal
import stat
import struct
import sys

try:
    import resource
except ImportError:  # Windows
    resource = None

SET_PDEATHSIG, SET_DUMPABLE, SET_SECCOMP, SET_CHILD_SUBREAPER, SET_NO_NEW_PRIVS = 1, 4, 22, 36, 38  # for prctl
NEW_NAMESPACE = 0x20000  # CLONE_NEWNS, for unshare
BIND, RECURSIVE, PRIVATE = 0x1000, 0x4000, 0x40000  # MS_..., for mount
BESIDE = 2000  # added to a user's number, it gives one that nobody has
SCOPED = 6  # the version of Landlock from which on it keeps signals in


def call(name, *arguments):
    """Call a function of the C library. Raises OSError if it fails."""
    result = getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def prctl(option, value):
    call("prctl", option, *(ctypes.c_ulong(number) for number in (value, 0, 0, 0)))


def end_with_parent():
    """Have this process killed when the one that has started it ends, also if that is killed. Linux only."""
    if sys.platform == "linux":
        prctl(SET_PDEATHSIG, signal.SIGKILL)


# ---------------------------------------------------------------------------------------------------------------
# Limits
# ---------------------------------------------------------------------------------------------------------------

def set_limits(limits):
    """Lower this process's limits for good. Names as in the resource module, without RLIMIT_."""
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)  # None on Windows, too
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some of them; the time limit still holds
            resource.setrlimit(kind, (value, value))


def go_first(score=1000):
    """If the machine runs out of memory, the kernel shall end this process and what it starts, and nothing else."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as stream:
        stream.write(str(score))


# ---------------------------------------------------------------------------------------------------------------
# Another user
# ---------------------------------------------------------------------------------------------------------------

def become(user):
    """For root: become a user for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)  # this takes the capabilities away, too


def mount(source, target, kind, flags, data):
    call("mount", source, os.fsencode(target), kind, ctypes.c_ulong(flags), data)


def show(paths, user):
    """Let a user get through to these paths, where a folder above is closed to them (Python in root's home).

    This process gets its own table of mounts. In it, a closed folder is replaced by an open and empty one, with only
    these paths in it. Needs CAP_SYS_ADMIN if there is a closed folder.
    """
    closed, shown = {}, []
    for path in sorted(map(os.path.realpath, paths), key=len):
        if any(os.path.commonpath((path, other)) == other for other in shown):
            continue  # what lies in it is its owner's business
        shown.append(path)
        above = [path]
        while above[0] != "/":
            above.insert(0, os.path.dirname(above[0]))
        for folder in above[:-1]:
            found = os.stat(folder)
            if not found.st_mode & (stat.S_IXUSR if found.st_uid == user else
                                    stat.S_IXGRP if found.st_gid == user else stat.S_IXOTH):
                closed.setdefault(folder, []).append(path)
                break
    if not closed:
        return
    try:
        call("unshare", NEW_NAMESPACE)
    except OSError as error:
        folder = next(iter(closed))
        raise OSError(error.errno, f"{folder} is closed to other users, and student code must not run as root",
                      closed[folder][0]) from None
    mount(None, "/", None, RECURSIVE | PRIVATE, None)
    os.umask(0o022)  # what is made here is for others, whatever root makes elsewhere
    for folder, inside in closed.items():
        opened = [(path, os.open(path, os.O_PATH)) for path in inside]
        mount(b"tmpfs", folder, b"tmpfs", 0, b"mode=755")
        for path, descriptor in opened:
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            os.makedirs(path if is_folder else os.path.dirname(path), mode=0o755, exist_ok=True)
            if not is_folder and not os.path.exists(path):
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            mount(f"/proc/self/fd/{descriptor}".encode(), path, None, BIND | RECURSIVE, None)
            os.close(descriptor)


# ---------------------------------------------------------------------------------------------------------------
# Landlock
# ---------------------------------------------------------------------------------------------------------------

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system calls, the same on all machines
EXECUTE, WRITE_FILE, READ_FILE, READ_FOLDER, TRUNCATE = 1, 2, 4, 8, 1 << 14  # LANDLOCK_ACCESS_FS_...
ALL_FILE_RIGHTS = (1 << 16) - 1  # beside those: make, remove and move all kinds of entries, ioctl
RIGHTS_OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE  # the others are for folders only
BIND_AND_CONNECT, SOCKETS_AND_SIGNALS = 3, 3  # LANDLOCK_ACCESS_NET_..., LANDLOCK_SCOPE_...


def landlock_version():
    """The version (ABI) of Landlock that this kernel has, 0 without it."""
    try:
        return call("syscall", CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    except (OSError, AttributeError, TypeError):
        return 0


def landlock(readable, writable):
    """Let this process and all that it starts reach nothing else: files and folders, TCP, processes to signal.

    Applied again, it takes more away and gives nothing back. Processes in an inner wall cannot signal those that are
    only in the outer one; these can signal them.
    """
    attributes = struct.pack("QQQ", ALL_FILE_RIGHTS, BIND_AND_CONNECT, SOCKETS_AND_SIGNALS)
    rules = call("syscall", CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    for rights, paths in ((EXECUTE | READ_FILE | READ_FOLDER, readable), (ALL_FILE_RIGHTS & ~EXECUTE, writable)):
        for path in paths:
            try:
                descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            rule = struct.pack("=Qi", rights if is_folder else rights & RIGHTS_OF_A_FILE, descriptor)
            call("syscall", ADD_RULE, rules, 1, rule, 0)
            os.close(descriptor)
    prctl(SET_NO_NEW_PRIVS, 1)
    call("syscall", RESTRICT_SELF, rules, 0)
    os.close(rules)


# ---------------------------------------------------------------------------------------------------------------
# System calls
# ---------------------------------------------------------------------------------------------------------------

# System calls and their numbers on (x86_64, aarch64). They act on other processes, or leave something behind that no
# kill removes, or open parts of the kernel that no exercise needs.
FORBIDDEN = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "memfd_create": (319, 279),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "mount_setattr": (442, 442), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "open_by_handle_at": (304, 265),
    "link": (86, None), "linkat": (265, 37),  # a second name for a file of somebody else's stays theirs
    # Only with a name to talk to: who is not in the sandbox might do something for us.
    "connect": (42, 203),
}
# Rights, owners, times and attributes of files, which Landlock does not look at: the grader's own user may change those
# of all their files. Honest programs set them, too (shutil.copy does), so there they seem to work, and nothing happens.
WITHOUT_EFFECT = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "removexattrat": (466, 466), "file_setattr": (469, 469),
}
# column, architecture, clone, prlimit64, socket, sched_setscheduler
MACHINES = {"x86_64": (0, 0xC000003E, 56, 302, 41, 144), "aarch64": (1, 0xC00000B7, 220, 261, 198, 119)}


def system_call_filter(machine, lame=False):
    """Return the seccomp program (classic BPF) that answers EPERM to FORBIDDEN; None for a machine not listed.

    lame: it answers to WITHOUT_EFFECT, too, as if they had worked.
    """
    if machine not in MACHINES:
        return None
    column, arch, clone, prlimit, socket, scheduler = MACHINES[machine]
    load, equal, at_least, any_bit, keep, answer = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
    allow, nothing, refuse, unknown = 0x7FFF0000, 0x50000, 0x50000 + errno.EPERM, 0x50000 + errno.ENOSYS
    number, architecture, first_argument, second_argument = 0, 4, 16, 24  # offsets in struct seccomp_data
    # A step is (what, steps to skip if true, if false, operand).
    program = [(load, 0, 0, architecture), (equal, 1, 0, arch), (answer, 0, 0, refuse),  # 32-bit numbering
               (load, 0, 0, number), (at_least, 0, 1, 0x40000000), (answer, 0, 0, unknown)]  # x32 numbering
    for calls, told in ((FORBIDDEN, refuse), (WITHOUT_EFFECT if lame else {}, nothing)):
        for numbers in calls.values():
            if numbers[column] is not None:
                program += [(equal, 0, 1, numbers[column]), (answer, 0, 0, told)]
    program += [(equal, 0, 1, 435), (answer, 0, 0, unknown),  # clone3 hides its flags; the C library takes clone then
                (equal, 0, 4, clone), (load, 0, 0, first_argument),
                (any_bit, 0, 1, 0x7E020000), (answer, 0, 0, refuse), (answer, 0, 0, allow),  # CLONE_NEW...: name spaces
                (equal, 0, 4, prlimit), (load, 0, 0, first_argument),
                (equal, 1, 0, 0), (answer, 0, 0, refuse), (answer, 0, 0, allow),  # only the caller's own limits
                (equal, 0, 4, scheduler), (load, 0, 0, second_argument),  # the usual one, which ZeroMQ asks for
                (equal, 1, 0, 0), (answer, 0, 0, refuse), (answer, 0, 0, allow),
                (equal, 0, 7, socket), (load, 0, 0, first_argument), (equal, 0, 3, 1),  # AF_UNIX
                (load, 0, 0, second_argument), (keep, 0, 0, 0xF), (equal, 1, 0, 1),  # SOCK_STREAM, no datagrams
                (answer, 0, 0, refuse), (answer, 0, 0, allow),
                (answer, 0, 0, allow)]
    return b"".join(struct.pack("HBBI", *step) for step in program)


def filter_system_calls(lame):
    """Take FORBIDDEN away from this process and all that it starts. Nothing happens on a machine not listed."""
    program = system_call_filter(platform.machine(), lame)
    if program:
        buffer = ctypes.create_string_buffer(program, len(program))
        pointer = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))  # struct sock_fprog
        prctl(SET_NO_NEW_PRIVS, 1)  # without which a filter is refused
        call("prctl", SET_SECCOMP, ctypes.c_ulong(2), ctypes.create_string_buffer(pointer, len(pointer)), None, None)


# ---------------------------------------------------------------------------------------------------------------
# Guard
# ---------------------------------------------------------------------------------------------------------------

def end_all(user=None):
    """Kill all other processes behind this one's wall, and wait for them: {process: exit status}.

    Behind bubblewrap this is process 1, behind the other walls it inherits orphans, too: when none is left, nobody is.
    user: for root, whose processes are meant, if it is not the kernel that keeps the signal behind the wall.
    """
    ended = {}
    with contextlib.suppress(ProcessLookupError, PermissionError), acting_as(user):
        os.kill(-1, signal.SIGKILL)
    while True:
        try:
            process, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return ended
        ended[process] = status


@contextlib.contextmanager
def acting_as(user):
    """For root: for a moment, signals reach this user's processes and nobody else's, and theirs do not reach us. (They
    would reach who has their number as the real one, so that is a number which nobody else has.)"""
    if user is None:
        yield
        return
    os.setresuid(user + BESIDE, user, 0)
    try:
        with contextlib.suppress(PermissionError):
            os.kill(1, 0)
            raise RuntimeError("a user without rights can signal process 1")
        yield
    finally:
        os.setresuid(0, 0, 0)


def guard(owner, user=None):
    """Fork. The parent stays behind as a guard and never returns: when the child ends, or it is told to end itself,
    or whoever started it does (`owner`, a process), it ends all that is left. The child returns. user: see end_all."""
    signals = {signal.SIGTERM, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    prctl(SET_CHILD_SUBREAPER, 1)
    prctl(SET_PDEATHSIG, signal.SIGTERM)  # after the change of user, which clears it
    child = os.fork() if os.getppid() == owner else os._exit(1)
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return
    for descriptor in (0, 1):  # else nobody would see that the child has closed them
        os.close(descriptor)
    ended, status = 0, 1 << 8
    while ended != child and signal.sigwait(signals) == signal.SIGCHLD:
        with contextlib.suppress(ChildProcessError):
            while ended != child and (found := os.waitpid(-1, os.WNOHANG))[0]:
                ended, status = found
    if ended != child:
        os.kill(child, signal.SIGKILL)
    end_all(user)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def confine(limits=None, user=None, paths=(), outer=None, inner=None, owner=None, guarded=None, filtered=False):
    """Put this process behind the walls that are named, in the order in which each is still allowed.

    user: whom it becomes. paths: what root must get to as another user. outer, inner: readable and writable paths.
    guarded: a user; a guard that stays root is to end that user's processes.
    """
    if guarded is not None:
        guard(owner, guarded)
    if paths and os.geteuid() == 0:
        show(paths, user if user is not None else guarded)
    if user is not None:
        become(user)
    if limits:
        set_limits(limits)
    if outer:
        landlock(*outer)
        guard(owner)
    if inner:
        landlock(*inner)  # what is in it can reach the guard neither by signals nor otherwise
    if filtered:
        filter_system_calls(lame=bool(outer))


def main():
    owner = os.getppid()
    settings, command = json.loads(sys.argv[1]), sys.argv[2:]
    environment, folder = settings.pop("environment"), settings.pop("folder")
    try:
        confine(owner=owner, **settings)
        if folder:
            os.chdir(folder)
        os.execve(command[0], command, environment)
    except OSError as error:
        sys.exit(f"{error.strerror}: {error.filename}" if error.filename else error.strerror)


if __name__ == "__main__":
    main()
