"""Git repositories for tests: a student's, which grows, and git without a wall to read them."""
import os
import subprocess

from coursekit.handins import lay


class Here:
    """Stands for a walls.Room: git runs without a wall."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def give(self, path):
        pass

    def wrap(self, command, readable=(), environment=()):
        return ["/usr/bin/env", *(f"{name}={value}" for name, value in environment.items()), *map(str, command)]

    def environment(self):
        return {"PATH": os.environ["PATH"]}


class Work:
    """A git repository that is made step by step: each commit a day after the one before, from 2026-03-01 noon on."""

    def __init__(self, folder):
        self.folder, self.day = folder, 0
        folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *command):
        """What git prints."""
        date = f"2026-03-{self.day or 1:02}T12:00:00+00:00"
        return subprocess.run(["git", "-C", str(self.folder), "-c", "user.name=a", "-c", "user.email=a@b.c", *command],
                              check=True, capture_output=True, text=True,
                              env={**os.environ, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}).stdout.strip()

    def commit(self, **files):
        self.day += 1
        for name, content in files.items():
            lay(self.folder, {f"helpers/{name}.py": content})
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "step")

    def bare(self):
        self.git("clone", "-q", "--bare", ".", f"{self.folder}.git")
        return self.folder.with_name(f"{self.folder.name}.git")
