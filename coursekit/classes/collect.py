"""`./course collect`: clone or update the git repositories of a class, into a folder that `grade-class` takes.

In the folder stands collected.csv, the class: whose each repository is, which commit counts, and why one is not there.
A repository changes only when the newer state of it is there as a whole: the same command goes on where it was stopped.
"""
import collections
import dataclasses
import re
import shlex
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from coursekit.classes import lists
from coursekit.classes.downloads import Person
from coursekit.classes.entries import before_logins
from coursekit.classes.remote import (Address, FetchError, State, Stopped, address_of, clean_up, fetch, time_of,
                                      without_login)
from coursekit.classes.results import lock
from coursekit.classes.tables import expect_csv, read_table, write_rows
from coursekit.grading import command
from coursekit.grading.repository import day, is_bare_repository
from coursekit.sandbox import printable
from helpers.given.console import UserError, cannot_read, describe, examples

TABLE = "collected.csv"
WHO = {"name": "name", "id": "id", "number": "id number", "email": "email", "login": "login", "section": "section",
       "group": "group"}  # a field of Person: its column in the table
STATE = "branch", "commit", "committed", "collected", "problem", "note"
NOT_YET = "the run ended before"


@dataclass(frozen=True)
class Wanted:
    """A line of the list: who, and the Address of the repository, or why there is none."""

    person: Person
    address: Address | None
    problem: str = ""

    @property
    def who(self):
        return self.person.name or self.person.login or self.person.email or self.person.number or self.person.id


# The list

def read_wanted(path, template=None):
    """Who and which repositories a list names: [Wanted]. template: makes the addresses of what the list tells."""
    lines = from_csv(path, template) if path.suffix.lower() == ".csv" else from_text(path, template)
    found = []
    for person, address in lines:
        try:
            found.append(Wanted(person, address_of(address() if callable(address) else address)))
        except FetchError as error:
            shown = "" if callable(address) else without_login(address)
            found.append(Wanted(person if any(dataclasses.astuple(person)) else Person(shown or "?"), None, str(error)))
    # One repository may be written in two ways: vae-ada and vae-ada.git.
    found = list({(one.person, one.address.same if one.address else one.problem): one for one in found}.values())
    if not found:
        raise UserError(f"{path} names no repository: expected an address in each line, or a column 'repository'")
    taken = {}
    for one in found:  # as grade-class tells people in a list
        known = lists.known_by(one.person)
        if known and known in taken:
            these = " and ".join(other.address.text if other.address else other.problem
                                 for other in (taken[known], one))
            raise UserError(f"{path} has {printable(known)} twice, with {these}: keep the line that counts")
        taken[known] = one
    return found


def from_csv(path, template):
    """Pairs (Person, address, or a function that makes it)."""
    rows, (people, _, columns) = read_table(path), lists.read_list(path)
    titles = [title for title in (rows[0] if rows else ()) if title]
    make = maker(template, titles, path) if template else None
    if rows and not template and "path" not in columns:
        raise UserError(f"{path} has the columns {without_login(', '.join(titles))}, expected a column 'repository' "
                        "with addresses, or --address to make them of the others")
    for row, line in zip(rows, people, strict=True):
        person = Person(**{field: line[field] for field in WHO if field in line})
        if any(dataclasses.astuple(person)) or line.get("path"):
            yield person, (lambda row=row: make(row)) if make else line.get("path", "")


def from_text(path, template):
    """The same of a file with an address, or with logins, in each line. The logins of a line are a group's."""
    expect_csv(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise cannot_read(path, error) from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text in UTF-8: give a list with one address in each line, or a CSV file") \
            from None
    make = maker(template, ["login"], path) if template else None
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if line and not template:
            yield Person(), line
        logins = line.split() if template else ()
        whole = "-".join(sorted(logins))  # as RepoBee calls a group
        for login in map(printable, logins):
            person = Person(login, login=login, group=printable(whole) if len(logins) > 1 else "")
            yield person, (lambda whole=whole: make({"login": whole}))


def maker(template, titles, path):
    """A function that makes an address of a row. {username} stands for the column of this title, or meaning."""
    words = re.findall(r"\{([^{}]*)\}", template)
    if not words:
        raise UserError("--address is the same for all: write what differs as a column of the list, as {username}")
    columns = {}
    for word in words:
        known = lists.KNOWN.get(lists.bare(word), word)
        fits = [title for title in titles if lists.bare(title) == lists.bare(word)] \
            or [title for title in titles if lists.KNOWN.get(lists.bare(title)) == known]
        if not fits:
            raise UserError(f"--address asks for {{{word}}}, and {path} has no such column; it has: "
                            f"{without_login(', '.join(titles)) or 'none'}")
        columns[word] = fits[0]

    def make(row):
        def value(match):
            text = (row[columns[match[1]]] or "").strip()
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*", text):
                raise FetchError(f"the list has {without_login(text) or 'nothing'} for {{{match[1]}}}, so its address "
                                 "is not known")
            return text
        return re.sub(r"\{([^{}]*)\}", value, template)
    return make


def folders(addresses):
    """{what is the same of an Address: the name of its folder}. As the repository is called; where two are called
    alike, behind it what stands above them, as far as needed: vae-ada, also of ada/vae."""
    parts = {address.same: address.parts for address in addresses}
    depth = dict.fromkeys(parts, 1)
    while True:
        names = {same: re.sub(r"[^A-Za-z0-9.@+_-]+", "_", "-".join(reversed(all[-depth[same]:])))[:150].strip(".-")
                 or "repository" for same, all in parts.items()}
        count = collections.Counter(name.casefold() for name in names.values())
        alike = [same for same, name in names.items() if count[name.casefold()] > 1]
        if not alike:
            return names
        if all(depth[same] >= len(parts[same]) for same in alike):
            raise UserError(f"the folders of {' and '.join(alike[:2])} would be called alike: collect one of them "
                            "alone")
        for same in alike:
            depth[same] += 1


# The run

def add_arguments(parser):
    parser.add_argument("list", type=Path, metavar="LIST", help="a text file with the address of a repository in each "
                        "line (# begins a comment), or a CSV file with a column 'repository' and what is known of the "
                        "student; with --address, a text file of logins, or a CSV file of people such as the roster of "
                        "GitHub Classroom or Classroom 50")
    parser.add_argument("--address", metavar="TEMPLATE", help="of the repositories, with columns of the list in "
                        "braces: \"https://github.com/ORGANISATION/vae-{username}.git\"")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the repositories and "
                        f"{TABLE}; the same folder again updates them, or goes on where a run was stopped")
    command.add_commit(parser)
    parser.add_argument("--jobs", type=int, metavar="N", default=4, help="repositories at a time (default: "
                        "%(default)s)")
    parser.epilog = ("With --before each branch in DIR ends at its last commit of that moment, so grade-class needs no "
                     "--before;\nwith another one, or none, it moves there. The dates of commits are what the "
                     "student's machine says.\n"
                     "What was pushed later is kept out for certain by collecting at the deadline: the table says when "
                     "that was.\n\n" + examples(
                         "collect list.txt --out handed-in",
                         "collect roster.csv --address 'https://github.com/ORG/vae-{username}.git' --out handed-in",
                         "collect list.txt --out handed-in --before 2026-11-30T12:00"))


def main(args):
    """Run `./course collect`. Returns the exit code: 0 all are there, 1 some are not or not the newest, 2 none."""
    if args.jobs < 1:
        raise UserError(f"--jobs {args.jobs}: expected 1 or more")
    if shutil.which("git") is None:
        raise UserError("git is not installed")
    wanted = read_wanted(args.list, args.address)
    addresses = {one.address.same: one.address for one in wanted if one.address}
    names = folders(addresses.values())
    out = args.out.absolute()
    if out.is_dir() and any(path.name != ".lock" for path in out.iterdir()) and not (out / TABLE).is_file():
        raise UserError(f"{args.out} is there already, and nothing that was collected: choose another --out")
    with lock(out):
        clean_up(out)
        former = {row["path"]: row for row in read_table(out / TABLE)} if (out / TABLE).is_file() else {}
        states = {name: {**{title: former.get(name, {}).get(title, "") for title in STATE}, "problem": ""}
                  if is_bare_repository(out / name) else {"problem": NOT_YET} for name in names.values()}
        for same, name in names.items():
            if "commit" in states[name] and (other := of_another(out / name, same)):
                states[name] = {"problem": f"{name} holds another repository, {other}: choose another --out"}
        write_table(out, wanted, names, states)
        asked = {same: name for same, name in names.items() if states[name]["problem"] in ("", NOT_YET)}
        late, stopped = collect(out, addresses, asked, states, args)
        write_table(out, wanted, names, states)
    gone = [name for name in former if name and name not in states and (out / name).is_dir()]
    return tell(args, wanted, names, states, late, gone, stopped)


def of_another(place, same):
    """The address that a repository was cloned from, if it is not this one; or None. git notes it there."""
    settings = (place / "config").read_text(encoding="utf-8", errors="replace")
    noted = re.search(r"^\s*url = (.+)$", settings, re.MULTILINE)
    try:
        address = noted and address_of(noted[1])
    except FetchError:
        return None
    return address.text if address and address.same != same else None


def collect(out, addresses, names, states, args):
    """Fetch all, and put what came of it into states. Returns ({name: why it is not the newest state}, was it
    stopped)."""
    late, stop = {}, threading.Event()

    def one(same, name):
        try:
            state = fetch(addresses[same], out / name, stop, args.branch, args.before)
        except (FetchError, OSError) as error:
            there = is_bare_repository(out / name)
            if there and args.before is not None and time_of(out / name, addresses[same], stop) > args.before:
                states[name] = {"problem": f"it is there as of later, and cannot be put back: {describe(error)}"}
            elif there:
                late[name] = printable(describe(error))
                states[name]["note"] = f"not updated: {late[name]}"
            else:
                states[name] = {"problem": printable(describe(error))}
        else:
            states[name] = about(state)

    with ThreadPoolExecutor(args.jobs) as threads, \
            tqdm(total=len(names), desc="collect", unit="repository", smoothing=0) as bar:
        try:
            tasks = [threads.submit(one, same, name) for same, name in names.items()]
            for task in as_completed(tasks):
                task.result()
                bar.update()
        except (KeyboardInterrupt, Stopped):
            return late, True
        finally:
            stop.set()
            threads.shutdown(cancel_futures=True)
    return late, False


def about(state: State):
    """The columns of the table on what is there."""
    committed = "" if state.time is None else day(state.time)
    return {"branch": printable(state.branch), "commit": state.commit, "committed": committed,
            "collected": day(time.time()), "problem": "", "note": state.note}


def write_table(out, wanted, names, states):
    prefix = before_logins(list(names.values()))
    rows = []
    for one in wanted:
        name = names[one.address.same] if one.address else ""
        person = one.person
        if not one.who:
            login = name.removeprefix(prefix) if prefix else ""
            person = Person(login or name, login=login)
        state = states[name] if name else {"problem": one.problem}
        state = {**state, "problem": f"not collected: {state['problem']}" if state["problem"] else ""}
        rows.append([name, *(getattr(person, field) for field in WHO), one.address.text if one.address else "",
                     *(state.get(title, "") for title in STATE)])
    write_rows(out / TABLE, ["path", *WHO.values(), "address", *STATE], rows)


def tell(args, wanted, names, states, late, gone, stopped):
    """Say what is there and what is not. Returns the exit code."""
    of = {}  # {name of a folder: who}
    for one in wanted:
        if one.address:
            of.setdefault(names[one.address.same], []).append(one.who)
    lost = [(one.who, one.problem) for one in wanted if not one.address]
    for name, state in states.items():
        who = ", ".join(filter(None, of[name])) or name
        if state["problem"]:
            lost.append((who, state["problem"]))
        elif name in late:
            former = state["collected"] or "an earlier day"
            print(f"NOT UPDATED: {who}: {late[name]}. It stays as collected on {former}.", file=sys.stderr)
        elif state["note"]:
            print(f"{who}: {state['note']}")
    for who, problem in lost:
        if not (stopped and problem == NOT_YET):
            print(f"NOT COLLECTED: {who}: {problem}.", file=sys.stderr)
    if gone:
        print(f"in {args.out} and no longer in the list, so not in {TABLE}: {', '.join(map(printable, gone))}")
    there = sum(not state["problem"] for state in states.values())
    print(f"collected {there} of {there + len(lost)} to {args.out}", end="")
    table = shlex.quote(str(args.out / TABLE))
    print(f"; grade them with: ./course grade-class {table} --assignment NAME --out REPORTS" if there else "")
    if stopped:
        print("stopped. The same command goes on from here.", file=sys.stderr)
        return 130
    return (1 if there else 2) if lost or late else 0
