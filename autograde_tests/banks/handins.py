"""Classes as platforms hand them out and as students hand in, and what is fair. `./course audit handins` runs them.

CLASSES is a list of dicts:

kind: what it is an example of.
tree: {path: content} of what an instructor gives to `grade-class`. A text is a file, and these words stand for one:
    SOLUTION and OTHER (right, and not the same), SKELETON (as released), FORMATTED (the same as another program
    formats it), BEGUN (with a line of one's own in it), NOTEBOOK (answered), BLANK (as released). A
    pair is such a word and an encoding. A dict is an archive: its name says of which kind. A list is a git repository:
    its commits, (branch, tree) each. A path that ends with / is an empty folder.
fair: {name: what comes of it}, of each submission. "nothing" and "released" have no points; of "open: words" nobody can
    tell, and the reason holds the words; else the word of the file that counts. Or a dict, with "what" and more of what
    is told: id, number, email, login, late, members; words in notes and in unread (why the answers may not be all);
    the number of answers. Nobody is late or a group who is not called so here.
nobody: names that are told as nobody's. told: words that are told of the class. people: the text of a list (--roster).
refused: words of the reason why the class is not taken.
mixes: True if it can stand in one folder with others, again and again: each * becomes other letters there, or other
    digits after a digit. The class itself has none.
"""
MERGED = "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> main\n"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
SEVEN, RAR = b"7z\xbc\xaf\x27\x1c rest", b"Rar!\x1a\x07\0 rest"
COURSE = {"helpers/vae.py": "SOLUTION", "notebooks/2_vae.ipynb": "NOTEBOOK"}
EVERY = {"what": "SOLUTION", "answers": 4}


def below(folder, tree):
    return {f"{folder}/{name}": content for name, content in tree.items()}


def of(what="SOLUTION", **more):
    return {"what": what, **more}


CLASSES = [
    # Archives, wherever they stand and whatever made them
    dict(kind="archives beside others", mixes=True, tree={
        "Ngozi Okafor*_810*_assignsubmission_file_/work.zip": COURSE,
        "Ngozi Okafor*_810*_assignsubmission_file_/report.pdf": "%PDF",
        "Tomás Rivera*_811*_assignsubmission_file_/WORK.Zip": {"helpers/vae.py": "SOLUTION"},
        "Mei Tanaka*_812*_assignsubmission_file_/x/y/work.zip": {"course/helpers/vae.py": "SOLUTION"},
        "Jonas Weiß*_813*_assignsubmission_file_/outer.zip": {
            "inner.zip": {"innermost.tar.gz": {"vae.py": "SOLUTION"}}, "__MACOSX/._inner.zip": "x"},
        "Zeynep Kaya*_814*_assignsubmission_file_/work.tgz": COURSE,
        "Igor Sokolov*_815*_assignsubmission_file_/code.zip": {"helpers/vae.py": "SOLUTION"},
        "Igor Sokolov*_815*_assignsubmission_file_/notebook.zip": {"2_vae.ipynb": "NOTEBOOK"},
        "Lena Fischer*_816*_assignsubmission_file_work.zip": COURSE,
        "Paul Dubois*_817*_assignsubmission_file_/work.tar": {"./helpers/vae.py": "SOLUTION"},
    }, fair={"Ngozi Okafor*": of(answers=4, id="Participant 810*"), "Tomás Rivera*": "SOLUTION",
             "Mei Tanaka*": "SOLUTION", "Jonas Weiß*": "SOLUTION", "Zeynep Kaya*": EVERY, "Igor Sokolov*": EVERY,
             "Lena Fischer*": EVERY, "Paul Dubois*": "SOLUTION"}),
    dict(kind="archives that are not read", mixes=True, tree={
        "sara*.zip": SEVEN, "omar*.rar": RAR, "ines*.tar.xz": {"helpers/vae.py": "SOLUTION"},
        "noor*.tar.bz2": {"helpers/vae.py": "SOLUTION"}, "luca*.tar.gz": COURSE, "ewa*.tgz": COURSE,
        "finn*.zip": "no zip", "aino*.zip": LFS, "remy*/work.7z": SEVEN, "remy*/helpers/vae.py": "SOLUTION",
        "kim*/work.7z": SEVEN, "kim*/vae.py": "SKELETON"},
        fair={"sara*": "open: is a 7z archive: hand in a zip", "omar*": "open: is a rar archive: hand in a zip",
              "ines*": "open: is a xz archive", "noor*": "open: is a bzip2 archive", "luca*": EVERY, "ewa*": EVERY,
              "finn*": "open: is not a readable zip", "aino*": "open: is a pointer of Git LFS",
              "remy*": of(notes="not looked at: work.7z is a 7z archive", unread="work.7z is a 7z archive"),
              "kim*": "open: work.7z is a 7z archive"}),
    dict(kind="backslashes", mixes=True, tree={
        "dana*.zip": {"work\\helpers\\vae.py": "SOLUTION", "work\\notebooks\\2_vae.ipynb": "NOTEBOOK", "work\\": ""},
        "yuki*/helpers\\vae.py": "SOLUTION", "abel*.zip": {"helpers\\vae.py": "SKELETON", "vae.py": "SOLUTION"},
        "rosa*.zip": {"..\\..\\helpers\\vae.py": "SOLUTION"}},
        fair={"dana*": EVERY, "yuki*": "SOLUTION", "abel*": "SOLUTION", "rosa*": "open: leads elsewhere"}),

    # Platforms
    dict(kind="ILIAS", mixes=True, tree={
        "Okonkwo*_Chidi_cokonkwo*_820*/Consegna in ritardo - vae.py": "SOLUTION",
        "Berg*_Astrid_aberg*_821*/Försenad inlämning - vae.py": "SOLUTION",
        "Weiss*_Max_mweiss*_822*/vae.py": "OTHER", "Weiss*_Max_mweiss*_822*/vae (2).py": "SOLUTION",
        "Novak*_Jana_jnovak*_823*/work.zip": {"vae.py": "SKELETON"},
        "Novak*_Jana_jnovak*_823*/work (2).zip": {"helpers/vae.py": "SOLUTION"},
        "Le*_Van Anh_vle*_824*/vae (2).py": "OTHER", "Le*_Van Anh_vle*_824*/Retard - vae.py": "SOLUTION",
        "Team 83*/Horvat*_Ana_ahorvat*_825*/vae.py": "SOLUTION",
        "Team 83*/Papp*_Bence_bpapp*_826*/2_vae.ipynb": "NOTEBOOK",
        "Team 84*/Horn*_Uli_uhorn*_827*/vae.py": "SOLUTION", "Team 84*/Lang*_Ida_ilang*_828*/vae.py": "OTHER",
        "status.xlsx": "x"},
        fair={"Chidi Okonkwo*": of(late=True, id="820*", login="cokonkwo*", notes="handed in late"),
              "Astrid Berg*": of(late=True),
              "Max Weiss*": of(notes="the newest"), "Jana Novak*": "SOLUTION", "Van Anh Le*": of(late=True),
              "Team 83* (Ana Horvat*, Bence Papp*)": of(answers=4, members=("Ana Horvat*", "Bence Papp*"), id=""),
              "Team 84* (Uli Horn*, Ida Lang*)": of("open: 2 different vae.py", members=("Uli Horn*", "Ida Lang*"))},
        nobody=("status.xlsx",)),
    dict(kind="ILIAS", tree={
        "VAE/Abgaben/Okonkwo_Chidi_cokonkwo_820/vae.py": "SOLUTION",
        "VAE/Abgaben/Berg_Astrid_aberg_821/Late Submission - vae.py": "SOLUTION", "VAE/status.xlsx": "x"},
        fair={"Chidi Okonkwo": "SOLUTION", "Astrid Berg": of(late=True)}, told="an ILIAS download of 2 people, 1 late"),
    dict(kind="groups of Moodle", tree={
        "Team Rot_27_assignsubmission_file_/vae.py": "SOLUTION", "Die Eulen_28_assignsubmission_file_/vae.py": "OTHER",
        "Gruppo predefinito_assignsubmission_file_/vae.py": "SOLUTION",
        "Ngozi Okafor_810_assignsubmission_file_/vae.py": "SOLUTION"},
        fair={"Team Rot": of(id=""), "Die Eulen": of("OTHER", id=""), "Gruppo predefinito": of(id=""),
              "Ngozi Okafor": of(id="Participant 810")}, told="groups whose members are not known"),
    dict(kind="groups of Moodle", tree={
        "Team Rot_27_assignsubmission_file_/vae.py": "SOLUTION", "Die Eulen_28_assignsubmission_file_/vae.py": "OTHER",
        "Gruppo predefinito_assignsubmission_file_/vae.py": "SOLUTION"},
        people="Nome;Cognome;Numero ID;Gruppi\nMei;Tanaka;1;Team Rot\nIgor;Sokolov;2;Team Rot\nZeynep;Kaya;3;Die Eulen"
               "\nPaul;Dubois;4;\n",
        fair={"Team Rot (Mei Tanaka, Igor Sokolov)": of(members=("Mei Tanaka", "Igor Sokolov")),
              "Die Eulen (Zeynep Kaya)": of("OTHER", members=("Zeynep Kaya",)),
              "Gruppo predefinito (Paul Dubois)": of(members=("Paul Dubois",))}),
    dict(kind="Moodle", mixes=True, tree={
        "Participant 890*_assignsubmission_file_/vae.py": "SOLUTION",
        "Deelnemer_891*_assignsubmission_file_vae.py": "SOLUTION",
        "Ana María de la Cruz*_892*_assignsubmission_onlinetext_/onlinetext.html": "<p>see my repository</p>",
        "Sean O'Hara*_893*_assignsubmission_file_/vae.py": "SOLUTION",
        "Sean O'Hara*_893*_assignsubmission_onlinetext_/onlinetext.html": "<p>my file</p>",
        "Anne-Marie Roy*_894*_assignsubmission_file_2_vae.ipynb": "NOTEBOOK",
        "Anne-Marie Roy*_894*_assignsubmission_file_vae.py": "SOLUTION"},
        fair={"Participant 890*": of(id="Participant 890*"), "Participant 891*": of(id="Participant 891*"),
              "Ana María de la Cruz*": "open: onlinetext.html: look into it",
              "Sean O'Hara*": of(notes="an online text was handed in, too"), "Anne-Marie Roy*": EVERY}),
    dict(kind="Canvas", mixes=True, tree={
        "okaforngozi*_710*_9501*_vae.py": "SOLUTION", "tanakamei*_711*_text.html": "<p>on GitHub</p>",
        "sokolovigor*_LATE_712*_link.html": "<a href='https://example.org'>",
        "kayazeynep*_713*_9504*_runs.zip": {"run.json": "{}"}, "kayazeynep*_713*_9505*_vae.py": "SOLUTION",
        "duboispaul*_714*_9506*_code.zip": {"helpers/vae.py": "SOLUTION"},
        "duboispaul*_714*_9507*_notebook.zip": {"notebooks/2_vae.ipynb": "NOTEBOOK"},
        "fischerlena*_LATE_715*_9508*_vae-2.py": "SOLUTION", "riveratomas*_716*_9509*_vae.py": "OTHER",
        "riveratomas*_716*_9510*_vae-1.py": "SOLUTION",
        "weijonas*_717*_9512*_report.pdf": "%PDF", "bergastrid*_718*_9513*_vae.py": "SKELETON"},
        fair={"okaforngozi*": of(id="710*"), "tanakamei*": "open: text.html: look into it",
              "sokolovigor*": of("open: link.html: look into it", late=True), "kayazeynep*": "SOLUTION",
              "duboispaul*": EVERY, "fischerlena*": of(late=True, id="715*"), "riveratomas*": of(notes="the newest"),
              "weijonas*": "open: report.pdf: look into it", "bergastrid*": "released"}),
    dict(kind="Canvas", tree={"anon_x1_9511_vae.py": "SOLUTION", "LATE_Tanaka_mei_72_9512_vae.py": "SOLUTION"},
         fair={"anon": of(id="x1"), "Tanaka_mei": of(late=True, id="72")}),
    dict(kind="OLAT", mixes=True, tree={
        "Lind*_Sara_slind*/1_task/vae.py": "SKELETON", "Lind*_Sara_slind*/2_submissions/vae.py": "SOLUTION",
        "Lind*_Sara_slind*/3_corrections/vae.py": "OTHER", "Moreau*_Luc_lmoreau*/2_submissions/vae.py": "OTHER",
        "Moreau*_Luc_lmoreau*/4_revisions_1/work.zip": COURSE, "Moreau*_Luc_lmoreau*/5_corrections_1/vae.py": "OTHER",
        "Ito*_Ken_kito*/1_task/vae.py": "SOLUTION", "van der Berg*_Piet_pberg*/1_submissions/vae.py": "SOLUTION"},
        fair={"Sara Lind*": of(login="slind*"), "Luc Moreau*": of(answers=4, notes="revision 1 counts"),
              "Ken Ito*": "nothing", "Piet van der Berg*": "SOLUTION"}),
    dict(kind="OLAT", tree={
        "Lind_Sara_slind/2_submissions/vae.py": "SOLUTION", "solutions/vae.py": "SOLUTION", "results.xlsx": "x"},
        fair={"Sara Lind": "SOLUTION"}, nobody=("results.xlsx", "solutions")),
    dict(kind="Blackboard", mixes=True, tree={
        "2 VAE_hkimura*_attempt_2026-05-01-12-30-45_vae.py": "OTHER",
        "2 VAE_hkimura*_attempt_2026-05-01-12-30-45.txt": "Name: Hana Kimura* (hkimura*)\n",
        "2 VAE_hkimura*_attempt_2026-05-02-09-00-00_vae.py": "SOLUTION",
        "2 VAE_hkimura*_attempt_2026-05-02-09-00-00_2_vae.ipynb": "NOTEBOOK",
        "2 VAE_hkimura*_attempt_2026-05-02-09-00-00.txt": "Name: Hana Kimura* (hkimura*)\n",
        "2 VAE_isok*_attempt_2026-05-01-08-00-00_work.zip": COURSE,
        "2 VAE_obi*_attempt_2026-05-01-08-00-00_2 VAE_isok*_attempt_2027-01-01-00-00-00_vae.py": "OTHER",
        "2 VAE_darslan*_attempt_2026-05-01-08-00-00.txt": "Name: Deniz Arslan* (darslan*)\nComments: see my mail\n"},
        fair={"Hana Kimura*": of(answers=4, login="hkimura*", notes="the last of 2 attempts"), "isok*": EVERY,
              "obi*": of("OTHER", login="obi*"),
              "Deniz Arslan*": "open: look into it"}),
    dict(kind="Brightspace", mixes=True, tree={
        "810*-44 - Farid Karimi* - Mar 1, 2026 1230 PM/vae.py": "SOLUTION",
        "810*-44 - Farid Karimi* - Mar 1, 2026 959 AM/vae.py": "OTHER",
        "811*-44 - Olga Ivanova* - Mar 2, 2026 800 AM/work.zip": COURSE,
        "812*-44 - Nadia Petrova* - Mars 2, 2026 1000/vae.py": "OTHER",
        "812*-44 - Nadia Petrova* - Mars 3, 2026 1000/vae.py": "OTHER", "index.html": "x"},
        fair={"Farid Karimi*": of(notes="the last of 2 attempts"), "Olga Ivanova*": EVERY,
              "Nadia Petrova*": of("OTHER", notes="the last of 2 attempts")}, nobody=("index.html",)),
    dict(kind="Gradescope", tree={
        "export/submission_metadata.yml": "---\nsubmission_7:\n  :submitters:\n  - :name: Ngozi Okafor\n    :sid: 17\n"
        "    :email: no@example.org\n  :created_at: 2026-03-01 12:00:00 Z\nsubmission_8:\n  :submitters:\n"
        "  - :name: Mei Tanaka\n    :sid: '08'\n  - :name: Igor Sokolov\n    :sid: 19\n",
        "export/submission_7/vae.py": "SOLUTION", "export/submission_8/helpers/vae.py": "SOLUTION"},
        fair={"Ngozi Okafor": of(number="17", email="no@example.org"),
              "Mei Tanaka, Igor Sokolov": of(members=("Mei Tanaka", "Igor Sokolov"))}),
    dict(kind="clones", tree={
        "vae-nokafor": [("main", {"helpers/vae.py": "SKELETON"}), ("main", COURSE)],
        "vae-mei-t": [("main", {"helpers/vae.py": "SKELETON"}), ("dev", {"helpers/vae.py": "SOLUTION"})],
        "vae-isok": [], "vae-zk": [("main", {"helpers/vae.py": LFS})], "vae-late": [("main", {"readme.md": "x"})]},
        fair={"nokafor": of(answers=4, login="nokafor"), "mei-t": "open: branch dev holds another helpers/vae.py",
              "isok": "nothing", "zk": "open: is a pointer of Git LFS", "late": "nothing"}, told="clones of 5 people"),
    dict(kind="clones", tree={"vae-nokafor/vae.py": "SOLUTION", "vae-mei-t/vae.py": "SOLUTION"},
         people="identifier,github_username,github_id,name\nNgozi Okafor,nokafor,1,\nMei Tanaka,mei-t,2,\nI S,is,3,\n",
         fair={"Ngozi Okafor": of(login="nokafor"), "Mei Tanaka": of(login="mei-t"), "I S": "nothing"}),
    dict(kind="the download itself", tree={"VAE-77.zip": {
        "Ngozi Okafor_810_assignsubmission_file_/work.zip": COURSE,
        "Mei Tanaka_811_assignsubmission_file_/vae.py": "SKELETON"}},
        fair={"Ngozi Okafor": EVERY, "Mei Tanaka": "released"}),
    dict(kind="the download itself", tree={
        "submissions.zip": {"okaforngozi_71_501_vae.py": "SOLUTION", "tanakamei_72_502_2_vae.ipynb": "NOTEBOOK"}},
         fair={"okaforngozi": "SOLUTION", "tanakamei": of("nothing", answers=4)}),

    # Files under other names, and the released one
    dict(kind="near names", mixes=True, tree={
        "a a*/vae (2).py": "SOLUTION", "a b*/Vae.PY": "SOLUTION", "a c*/vae.py.txt": "SOLUTION",
        "a d*/helpers/vae-3.py": "SOLUTION", "a e*/Kopie von vae.py": "SOLUTION", "a f*/vae_okafor.py": "SOLUTION",
        "a g*/Variational Autoencoder.py": "SOLUTION", "a h*/course/helpers/vae.py": "SOLUTION",
        "a h*/course (1)/helpers/vae.py": "SOLUTION", "a i*/vae.py": "SOLUTION", "a i*/test_vae.py": "import vae\n",
        "a j*/vae.py": "OTHER", "a j*/vae (1).py": "SOLUTION", "a k*/old/vae.py": "OTHER",
        "a k*/helpers/vae.py": "SOLUTION", "a l*.py": "SOLUTION", "a m*/vae.py.py": "SOLUTION",
        "a n*/vae.pyw": "SOLUTION", "a o*/vae.py ": "SOLUTION", "a p*/Ubung\u0308/vae.py": "SOLUTION",
        "a q*/vae.py.icloud": "x", "a r*/vae": "SOLUTION", "a s*/gan.py": "SOLUTION", "a t*/gan.py": "x = 1\n"},
        fair={**{f"a {letter}*": of(notes="counted: ") for letter in "abcdefghms"},
              **{f"a {letter}*": "SOLUTION" for letter in "ikop"}, "a l*.py": "SOLUTION",
              "a j*": "open: 2 different vae.py", "a n*": "open: vae.pyw", "a q*": "open: vae.py.icloud",
              "a r*": "open: vae: look into it", "a t*": "nothing"}),
    dict(kind="encodings", mixes=True, tree={
        "b a*/vae.py": ("SOLUTION", "utf-16"), "b b*/vae.py": ("SOLUTION", "utf-8-sig"),
        "b c*/vae.py": ("SOLUTION", "utf-16-le"), "b d*/vae.py": "# caf\udce9\n", "b e*/vae.py": "",
        "b f*/vae.py": ("SOLUTION", "utf-32"), "b g*/2_vae.ipynb": ("NOTEBOOK", "utf-8-sig"),
        "b g*/vae.py": "SOLUTION"},
        fair={"b a*": "SOLUTION", "b b*": "SOLUTION", "b c*": "open: holds zero bytes",
              "b d*": "open: not a UTF-8 text file", "b e*": "a file", "b f*": "SOLUTION", "b g*": EVERY}),
    dict(kind="the released file", mixes=True, tree={
        "c a*/1_task/vae.py": "SKELETON", "c a*/2_abgabe/vae.py": "SOLUTION", "c b*/helpers/vae.py": "SKELETON",
        "c b*/notebooks/2_vae.ipynb": "NOTEBOOK", "c c*/vae.py": "SKELETON", "c c*/vae (1).py": "SOLUTION",
        "c d*/helpers/vae.py": "SKELETON", "c d*/work.zip": {"helpers/vae.py": "SOLUTION"},
        "c e*/helpers/vae.py": "SKELETON", "c e*/model.py": "class VAE:\n    pass\n",
        "c f*/helpers/vae.py": ("SKELETON", "utf-16"), "c g*/helpers/vae.py": "SKELETON",
        "c g*/work.ipynb": '{"cells": [{"cell_type": "code", "source": "%%writefile ../helpers/vae.py\\nx = 1"}]}',
        "c h*/vae.py": "SKELETON", "c h*/report.docx": "x", "c i*/": "", "c j*.zip": {},
        "c k*/first/vae.py": "SKELETON", "c k*/second/vae.py": "SOLUTION", "c l*/helpers/vae.py": "FORMATTED",
        "c l*/vae_final.py": "SOLUTION", "c m*/helpers/vae.py": "BEGUN", "c m*/vae_final.py": "SOLUTION",
        "c n*/helpers/vae.py": "SOLUTION", "c n*/vae_begun.py": "BEGUN", "c o*/helpers/vae.py": "BEGUN",
        "c p*/vae (1).py": "SKELETON"},
        fair={"c a*": "SOLUTION", "c b*": of("released", answers=4),
              "c c*": "SOLUTION", "c d*": "SOLUTION", "c e*": "open: some of what is asked for is in model.py",
              "c f*": "released", "c g*": "open: cell 1 of work.ipynb", "c h*": "released", "c i*": "nothing",
              "c j*": "nothing", "c k*": of(notes="first/vae.py is the released file, unchanged"),
              "c l*": of(notes="helpers/vae.py is the released file, unchanged"), "c m*": "open: 2 different vae.py",
              "c n*": of(notes="not vae_begun.py"), "c o*": "BEGUN", "c p*": "released"}),

    # Notebooks
    dict(kind="notebooks", mixes=True, tree={
        **{f"d {letter}*/helpers/vae.py": "SOLUTION" for letter in "abcdefghijklm"},
        "d a*/notebooks/2_vae_okafor.ipynb": "NOTEBOOK", "d b*/Copy of 2_vae.ipynb": "NOTEBOOK",
        "d c*/2_vae.ipynb.json": "NOTEBOOK", "d d*/notebooks/2_vae.ipynb": MERGED, "d e*/p/2_vae.ipynb": "NOTEBOOK",
        "d e*/q/2_vae.ipynb": "NOTEBOOK", "d g*/2_vae.ipynb": LFS, "d h*/2_vae.ipynb": '{"cells": [',
        "d i*/2_vae.ipynb": "BLANK", "d i*/2_vae (1).ipynb": "NOTEBOOK", "d j*/answers.ipynb": "NOTEBOOK",
        "d k*/2_vae.ipynb": "BLANK", "d l*/answers.docx": "x", "d m*/2_vae.ipynb.zip": {"2_vae.ipynb": "NOTEBOOK"}},
        fair={**{f"d {letter}*": {**EVERY, "unread": ""} for letter in "abceijm"},
              "d d*": of(answers=0, unread="holds a merge conflict"), "d f*": of(unread="no notebook was handed in"),
              "d g*": of(unread="is a pointer of Git LFS"), "d h*": of(unread="is cut off"), "d k*": of(answers=0),
              "d l*": of(unread="answers.docx: look into it")}),

    # Where the class is, and what is nobody's
    dict(kind="folders around", tree=below("2_vae/Submissions", {
        "Okafor_Ngozi_nokafor_820/vae.py": "SOLUTION", "Tanaka_Mei_mtanaka_821/helpers/vae.py": "SOLUTION"}),
        fair={"Ngozi Okafor": "SOLUTION", "Mei Tanaka": "SOLUTION"}, told="looked through Submissions"),
    dict(kind="folders around", tree={"VAE/ngozi/vae.py": "SOLUTION", "VAE/mei/vae.py": "SOLUTION"},
         fair={"ngozi": "SOLUTION", "mei": "SOLUTION"}),
    dict(kind="folders around", tree={f"g{n}.zip": {
        f"Ngozi O_{n}_assignsubmission_file_/vae.py": "SOLUTION", f"Mei T_{n}9_assignsubmission_file_/vae.py": "OTHER"}
        for n in (1, 2)}, refused="holds 2 classes"),
    dict(kind="folders around", tree={"VAE.zip": {
        "Ngozi O_1_assignsubmission_file_/vae.py": "SOLUTION", "Mei T_2_assignsubmission_file_/vae.py": "OTHER"},
        "igor/vae.py": "SOLUTION", "zed/vae.py": "SOLUTION"}, fair={"igor": "SOLUTION", "zed": "SOLUTION"},
        told="VAE.zip is the download of a class"),
    dict(kind="strays", mixes=True, tree={
        "Ida Holm*_870*_assignsubmission_file_/class.json": "{}", "Ida Holm*_870*_assignsubmission_file_/vae.py":
        "SOLUTION", "e a*/class.json": "{}", "e a*/vae.py": "SOLUTION"},
        fair={"Ida Holm*": "SOLUTION", "e a*": "SOLUTION"}),
    dict(kind="folders around", tree=below("ngozi", COURSE), fair={"ngozi": EVERY}),
    dict(kind="folders around", tree=COURSE, refused="is one submission"),
    dict(kind="folders around", tree={f"Gruppe {n}/Okafor_Ngozi_nokafor_82{n}/vae.py": "SOLUTION" for n in (1, 2)},
         refused="holds 2 classes"),
    dict(kind="strays", tree={
        "ngozi/helpers/vae.py": "SOLUTION", "index.html": "x", "submission_metadata.yml": "x", "notes.md": "x",
        "points.csv": "x", "status.ods": "x", "~$status.xlsx": "x", "Thumbs.db": "x", "__MACOSX/._ngozi": "x"},
        fair={"ngozi": "SOLUTION"},
        nobody=("index.html", "submission_metadata.yml", "notes.md", "points.csv", "status.ods")),

    # Who should have handed in
    dict(kind="lists", tree={"Ngozi Okafor_810_assignsubmission_file_/vae.py": "SOLUTION"},
         people="sep=;\nVollständiger Name;Matrikelnummer;Schuhgröße\nNgozi Okafor;1;40\nMei Tanaka;2;38\n",
         fair={"Ngozi Okafor": of(number="1"), "Mei Tanaka": of("nothing", number="2")}, told="Schuhgröße"),
    dict(kind="lists", tree={
        "Okafor_Ngozi_n_okafor_820/vae.py": "SOLUTION", "Okafor_Obi_okafor_821/vae.py": "OTHER"},
        people="name;login;student number\nNgozi Okafor;n_okafor;1\nObi Okafor;okafor;2\n",
        fair={"Ngozi Okafor": of(number="1", id="820"), "Obi Okafor": of("OTHER", number="2", id="821")}),
    dict(kind="lists", tree={"0012/vae.py": "SOLUTION"}, people="name,student number\nMei Tanaka,12\nZ K,13\n",
         fair={"0012": "SOLUTION", "Mei Tanaka": "open: 0012 may be theirs", "Z K": "nothing"}),
    dict(kind="lists", tree={"ngozi/vae.py": "SOLUTION"},
         people="login,name,group\nngozi,Ngozi Okafor,Tutorial 1\nngozi,Ngozi Okafor,Team Rot\nmei,Mei Tanaka,\n",
         fair={"Ngozi Okafor": of(login="ngozi"), "Mei Tanaka": "nothing"}, told="2 people in people.csv"),
    dict(kind="lists", tree={"Lee, Kim/vae.py": "SOLUTION", "ngozi/vae.py": "SOLUTION"},
         people="name,student number\nKim Lee,1\nLee Kim,2\nNgozi,3\nMei,4\n",
         fair={"Lee, Kim": "SOLUTION", "Kim Lee": of("open: may be theirs", number="1"), "Lee Kim": "open: may be",
               "Ngozi": of(number="3"), "Mei": "nothing"}),
]
