"""Lists of people, as platforms export them: who they are, and whose submission is whose."""
import collections
import dataclasses
import re
import unicodedata

from coursekit.classes.downloads import BLIND, Person
from coursekit.classes.tables import read_table
from coursekit.sandbox import printable
from helpers.given.console import UserError

# What columns are called in what Moodle, Canvas, ILIAS, OLAT, GitHub Classroom and Classroom 50 export (their
# interfaces in English, German, French, Spanish, Italian), and in lists that people write. Without signs and accents.
TITLES = {
    "path": "path, submission, folder, file, repository, ordner, datei, pfad, abgabe",
    "name": "name, student, student name, students name, full name, fullname, display name, participant, "
            "vollstandiger name, studierende, teilnehmer, teilnehmerin, nom complet, nombre completo, "
            "apellidos y nombre, nome completo, cognome e nome, etudiant, estudiante, studente, alumno",
    "first": "first name, firstname, given name, givenname, forename, vorname, vornamen, rufname, prenom, nombre, "
             "nombres, nombre s, nome",
    "last": "last name, lastname, surname, family name, familyname, nachname, familienname, zuname, nom, "
            "nom de famille, apellido, apellidos, apellido s, cognome",
    "id": "id, key, identifier, user id, userid, usr id, canvas user id, participant id, participant number, "
          "kennzeichen, teilnehmernummer, identifiant, identificador, identificativo, identificatore",
    "number": "id number, idnumber, student number, student id, student no, sis user id, sis id, sid, org defined id, "
              "orgdefinedid, matriculation number, matriculation, registration number, matrikelnummer, matrikel nr, "
              "matr nr, matrikel, immatrikulationsnummer, id nummer, institution identifier, institutional identifier, "
              "institutionsnummer, numero d identification, numero d etudiant, numero etudiant, numero de id, "
              "numero de identificacion, numero de matricula, matricula, numero id, numero di matricola, matricola, "
              "codice identificativo, numero identificativo",
    "email": "email, e mail, email address, e mail address, mail, e mail adresse, email adresse, mailadresse, "
             "adresse de courriel, courriel, adresse e mail, adresse electronique, adresse mail, correo, "
             "direccion de correo, correo electronico, direccion de email, indirizzo email, indirizzo e mail, "
             "posta elettronica",
    "login": "login, login id, username, user name, user, sis login id, net id, netid, uid, account, github username, "
             "github login, github user, github, benutzername, benutzerkennung, nutzername, nutzerkennung, "
             "anmeldename, kennung, nom d utilisateur, utilisateur, nombre de usuario, usuario, nome utente, utente",
    "section": "section, sections, sektion, abschnitt, tutorium, seccion, sezione",
    "group": "group, groups, group name, team, teams, team name, gruppe, gruppen, gruppenname, groupe, groupes, "
             "equipe, grupo, grupos, equipo, gruppo, gruppi, squadra",
    "problem": "problem",  # why it is not there, in what `course collect` writes
}
KNOWN = {title: column for column, titles in TITLES.items() for title in titles.split(", ")}
TELLING = "id", "number", "login", "email", "name"  # from what is surest
NOBODY = re.compile(r"\s*points possible\s*|student, test|test student", re.IGNORECASE)  # in what Canvas exports
GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "ł": "l"})


def known_by(person, what=TELLING):
    """What tells a person, the first of these that is known, or ""."""
    return next(filter(None, (getattr(person, each) for each in what)), "")


def read_list(path):
    """A list of people: (its lines, see `tidy`; titles that are not understood; the columns of TITLES that it has)."""
    rows = read_table(path)
    titles = [title for title in (rows[0] if rows else ()) if title and title.strip()]  # None: too much in a line
    columns = {title: KNOWN.get(bare(title)) for title in titles}
    taken = set(columns.values())
    if "name" in taken and "first" in taken and "last" not in taken:  # Name, Vorname
        columns.update({title: "last" for title, column in columns.items() if column == "name"})
    if "last" in taken and not taken & {"first", "name"}:  # Nom
        columns.update({title: "name" for title, column in columns.items() if column == "last"})
    if "first" in taken and not taken & {"last", "name"}:  # Nome
        columns.update({title: "name" for title, column in columns.items() if column == "first"})
    lines = []
    for row in rows:
        said = collections.defaultdict(list)
        for title, column in columns.items():
            text = row[title] or ""
            if column and (text := text.strip() if column == "path" else printable(text)):
                said[column].append(text)
        lines.append(tidy(said))
    known = {"name" if column in ("first", "last") else column for column in columns.values() if column}
    return lines, [title for title, column in columns.items() if column is None], known


def bare(title):
    """A title without accents, signs and case."""
    text = unicodedata.normalize("NFKD", title.casefold())
    return " ".join("".join(letter if letter.isalnum() else "" if unicodedata.combining(letter) else " "
                            for letter in text).split())


def tidy(said):
    """{column: texts} as {column: text}, and "logins": all of them."""
    said, logins = dict(said), said.get("login", [])
    names = [" ".join(said.get("first", ()))] + [" ".join(said.get("last", ()))]
    line = {column: texts[0] for column, texts in said.items() if column not in ("first", "last")}
    if any(names):
        line["name"] = " ".join(filter(None, names))
    elif "name" in line:
        line["name"] = re.sub(r"^=\"(.*)\"$", r"\1", line["name"])
    known = line.get("id", "")
    if match := BLIND.fullmatch(known) or re.fullmatch(r"[^\W\d]\D* (\d+)", known):  # Moodle's, in any language
        line["id"] = f"Participant {match[1]}"
    elif "@" in known and "email" not in line:  # GitHub Classroom's identifier is what the teacher has chosen
        line["email"] = line.pop("id")
    elif known and not re.fullmatch(r"[\w.@-]*\d[\w.@-]*", known) and "name" not in line:
        line["name"] = line.pop("id")
    return {**line, "logins": tuple(logins)}


def roster(path):
    """Who should have handed in: [(Person, all logins)], and lines that say what was not understood.

    Raises UserError for a list that tells of nobody.
    """
    lines, unknown, columns = read_list(path)
    if lines and not columns & set(TELLING):
        raise UserError(f"{path} has the columns {', '.join(unknown) or 'none'}, expected one that tells who: name, "
                        "id, id number, login or email")
    fields = [field.name for field in dataclasses.fields(Person)]
    people, lines_of = [], {}
    for line in lines:
        person = Person(**{field: line[field] for field in fields if field in line})
        known = tuple(getattr(person, what) for what in TELLING)
        if any(known[:-1]) and known in lines_of:  # a line for each group. Of a name alone there may be two
            place = lines_of[known]
            groups = dict.fromkeys(filter(None, [*people[place][0].group.split(", "), person.group]))
            people[place] = dataclasses.replace(people[place][0], group=", ".join(groups)), people[place][1]
        elif any(known) and not NOBODY.fullmatch(person.name):
            lines_of[known] = len(people)
            people.append((person, line["logins"]))
    if not people:
        raise UserError(f"{path} tells of nobody: expected a line for each person below the titles")
    told = [f"{len(people)} {'person' if len(people) == 1 else 'people'} in {path.name}"]
    if unknown:
        shown = ", ".join(map(printable, unknown[:8])) + (f" and {len(unknown) - 8} more" if len(unknown) > 8 else "")
        told[0] += f"; columns that say nothing here: {shown}"
    return people, told


# Whose is whose

def match(people, known):
    """Find those of a list among those who have handed in. Nobody is found by a guess.

    A value counts only where one has it here and one has it there. A number that bears quite another name is another
    system's, or a group's; a login that was cut out of a name may be cut wrongly.

    Args:
        people: [(Person, the name that the login was cut out of, "" if the platform says which it is)] of what was
            handed in.
        known: [(Person, logins)] of the list.
    Returns:
        {place in people: place in known}; {place in people: places in known that fit as well, or nearly}; and where a
        number fits and the name does not, [(place in people, place in known)].
    """
    found, doubts, odd = {}, {}, []
    for what in ("id", "number", "end", "login", "email", "name"):
        there, taken = collections.defaultdict(set), set(found.values())
        for place, (person, logins) in enumerate(known):
            if place not in taken:
                for value in of_known(what, person, logins):
                    there[value].add(place)
        fits = {place: set().union(*(there.get(value, ()) for value in of_found(what, person, whole, there)))
                for place, (person, whole) in enumerate(people) if place not in found}
        back = collections.Counter(other for others in fits.values() for other in others)
        for place, others in fits.items():
            if len(others) > 1 or any(back[other] > 1 for other in others):
                doubts[place] = others
            for other in others if place not in doubts or len(others) == back[min(others)] == 1 else ():
                person, whole = people[place]
                said = "" if person.name in (person.login, whole) else person.name
                guessed = what in ("id", "end") or what == "login" and whole
                if guessed and differ(said, known[other][0].name):
                    odd.append((place, other))
                else:
                    found[place] = other
    taken = set(found.values())
    left = collections.defaultdict(list)
    for place, (person, _) in enumerate(known):
        for words in near_words(person, "") if place not in taken else ():
            for word in words:
                left[word].append((place, words))
    for place, (person, whole) in enumerate(people):  # a name more or less, a number behind, zeros before a number
        if place not in found and place not in doubts:
            if near := {other for ours in near_words(person, whole) for word in ours
                        for other, theirs in left.get(word, ()) if ours <= theirs or theirs <= ours}:
                doubts[place] = near
    doubts = {place: others - taken for place, others in doubts.items() if place not in found and others - taken}
    return found, doubts, [(place, other) for place, other in odd if place not in found and other not in taken]


def known_of_found(person, whole):
    """What is known of somebody who has handed in and could tell this person from those of a list, of whom the same is
    known: a set. person, whole: see `match`."""
    known = {"number": person.number or re.search(r"\d{4}", whole), "email": person.email or "@" in whole,
             "login": person.login or whole, id_kind(person): person.id}
    if not BLIND.fullmatch(person.name) and not person.name == "anon":  # so Canvas calls who shall not be known
        is_name = not whole and person.name != person.login
        known |= {kind: is_name or kind == name_kind(person) for kind in ("one word", "words")}
    return frozenset(kind for kind, there in known.items() if there)


def known_of_listed(person, logins):
    """The same of somebody of a list."""
    known = {"number": person.number, "email": person.email, "login": "".join(logins), id_kind(person): person.id,
             name_kind(person): person.name}
    return frozenset(kind for kind, there in known.items() if there)


def id_kind(person):
    return "id of digits" if person.id.isdigit() else "id"


def name_kind(person):
    return "words" if len(words_of(person.name)) > 1 else "one word"


def folded(text):
    return unicodedata.normalize("NFC", text).casefold()


def of_known(what, person, logins):
    """What somebody of the list may be found by."""
    if what == "name":
        return name_forms(person.name, True)
    texts = {"login": logins, "end": [*logins, person.number, person.email]}.get(what) or [getattr(person, what)]
    return {folded(text) for text in texts if text}


def of_found(what, person, whole, there):
    """What somebody who has handed in may be found by. there: what is looked for."""
    if what == "name":
        return name_forms(person.name, False)
    if what == "end":  # <assignment>-<login>: the longest that fits
        whole = folded(whole)
        ends = [whole, *(whole[match.end():] for match in re.finditer(r"[-_ ]", whole))]
        return [end for end in ends if end in there][:1] if whole else []
    return [folded(getattr(person, what))] if getattr(person, what) else []


def name_forms(name, run_together):
    """A name as it may be written: its words in any order, with accents, without, and as Goedel.

    run_together: also as one word, which Canvas makes of it.
    """
    forms = set()
    text = folded(name)
    stripped = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    for text in (text, stripped, text.translate(GERMAN)):
        last, comma, first = text.partition(",")
        words = words_of(text)
        if words:
            forms.add(" ".join(sorted(words)))
        if words and run_together:
            first, last = (words_of(first), words_of(last)) if comma else (words[:-1], words[-1:])
            forms |= {"".join(first + last), "".join(last + first)}
    return forms


def near_words(person, whole):
    """What tells who this may be: sets of words. Of a number only its value, as spreadsheets leave out zeros."""
    numbers = {text.lstrip("0") for text in (person.number, person.login, whole) if text.isdigit()}
    return {frozenset(form.split()) for form in name_forms(person.name, False)} \
        | {frozenset([number]) for number in numbers}


def words_of(text):
    return re.findall(r"\w+", re.sub("['’]", "", text).replace("_", " "))


def differ(ours, theirs):
    """Are these surely the names of two? Where one is not told, or a word and a number stand for it, nobody can say."""
    if not ours or not theirs or BLIND.fullmatch(ours):
        return False
    whole = ["".join(form.split()) for form in name_forms(ours, True)]
    words = {word for form in name_forms(theirs, False) for word in form.split() if len(word) > 1 or not word.isascii()}
    return bool(words) and not any(word in form for word in words for form in whole)
